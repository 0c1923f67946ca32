"""What sojourn.yaml says of the world around: audiences for ad platforms, webhooks on segments, who may see what.

Rules
- An audience names its segment and where it goes: files in `folder` (csv, json, google, meta), or a `webhook`.
- `as` says how addresses are written before they are hashed; google and meta say it themselves.
- `every` lets it be handed over by itself; without it `sojourn audience push` does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from journeys.fields import ID, Fields
from journeys.node import Node
from journeys.place import Place
from journeys.project import Data
from journeys.sensitive import sensitive
from journeys.spot import read_segment

TARGETS = ("csv", "json", "google", "meta", "webhook")
STYLES = ("plain", "google", "meta")
ROLES = ("operator", "marketer")
_KEYS = ("segment", "to", "folder", "webhook", "as", "phone", "calling_code", "every")


@dataclass(frozen=True, slots=True)
class Outlet:
    """An audience that others are told of. `folder` is beside sojourn.yaml unless it is absolute."""

    name: str
    segment: str
    to: str  # one of TARGETS
    style: str  # one of STYLES
    folder: str = ""
    webhook: str = ""  # of `webhooks`
    phone: str = ""  # attribute that holds a telephone number; "" = none is told
    calling_code: str = ""  # of numbers that are written without one: 33
    every: timedelta | None = None
    place: Place | None = None


def read_outlets(top: Fields, data: Data, webhooks: Mapping[str, Any]) -> dict[str, Outlet]:
    """Return the audiences of sojourn.yaml; what is wrong with them is on the page."""
    found = {}
    for key, node in top.pairs("audiences"):
        if not ID.fullmatch(key.raw):
            top.page.add("S112", key, f'"{key.raw}" is no name: small letters, digits and _, starting with a letter')
            continue
        fields = Fields(top.page, node, _KEYS, key.raw)
        if fields.needs("segment", "to"):
            found[key.raw] = _outlet(key, fields, data, webhooks)
    return found


def _outlet(key: Node, fields: Fields, data: Data, webhooks: Mapping[str, Any]) -> Outlet:
    page = fields.page
    segment = _segment(fields, data)
    to = fields.choice("to", TARGETS, "csv")
    hook, phone = fields.node_of("webhook"), fields.node_of("phone")
    if to == "webhook" and hook is None:
        page.add("S113", key, "`to: webhook` needs `webhook`: the name of one under `webhooks`")
    elif hook is not None and hook.raw not in webhooks:
        page.unknown("S112", hook, f'no webhook called "{hook.raw}" in sojourn.yaml', tuple(webhooks))
    if phone is not None and phone.raw not in data.attributes:
        page.unknown("S112", phone, f'no attribute called "{phone.raw}" in data.yaml', tuple(data.attributes))
    default = to if to in STYLES else "plain"
    return Outlet(
        key.raw, segment or "", to,
        style=fields.choice("as", STYLES, default),
        folder=fields.text("folder") or f"audiences/{key.raw}",
        webhook=hook.raw if hook else "",
        phone=phone.raw if phone else "phone" if "phone" in data.attributes else "",
        calling_code=_calling_code(fields),
        every=fields.span("every", timedelta(hours=1)) if "every" in fields else None,
        place=page.place(key),
    )  # fmt: skip


def _segment(fields: Fields, data: Data) -> str | None:
    node = fields.node_of("segment")
    segment = read_segment(fields.page, node, data)
    if segment is None or node is None:
        return None
    for name in sensitive(data.segments[segment], data):
        says = f'"{segment}" asks for {name}, which is sensitive: nobody is told of people by it'
        fields.page.add("S130", node, says, helps=("take another segment; data.yaml says what is sensitive",))
    return segment


def _calling_code(fields: Fields) -> str:
    node = fields.node_of("calling_code")
    said = node.raw.lstrip("+") if node is not None else ""
    if node is not None and not (said.isascii() and said.isdigit() and 1 <= len(said) <= 3):
        fields.page.add("S112", node, "`calling_code` is that of a country, one to three digits: 33")
        return ""
    return said


def read_roles(top: Fields) -> dict[str, str]:
    """Return user -> role: `roles: {ana@laptop: marketer, ben: marketer}`."""
    found = {}
    for key, node in top.pairs("roles"):
        if node.raw not in ROLES:
            top.page.unknown("S112", node, f'"{node.raw}" is no role: {", ".join(ROLES)}', ROLES)
        else:
            found[key.raw] = node.raw
    return found


def read_on(fields: Fields, data: Data) -> None:
    """Report what a webhook's `on` names that is no segment."""
    for item in fields.items("on"):
        read_segment(fields.page, item, data)
