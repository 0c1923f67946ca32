"""One contact explained: what our journeys did with them, and why one of them says nothing now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine.cli.answer import Answer
from engine.cli.draw import journey_called
from engine.cli.text import columns, printable
from engine.path import Frame, Item, items, tree
from engine.store.copying import attributes_of
from engine.store.deploying import standing
from engine.store.history import timeline
from engine.telling import clock
from engine.versions import deployed
from engine.why import Reason, Why, why
from journeys.project import Definitions
from journeys.zones import zone_of

WEEK = timedelta(days=7)
WORDS = {
    "quiet_hours": "quiet hours", "no_consent": "no consent", "wait_for": "waiting", "after": "waiting",
    "enter.limit": "queued", "check": "not yet", "event": "not entered", "condition": "not entered",
    "segment": "not entered", "stale": "not entered", "seen": "not entered", "enter": "not entered",
    "reenter": "not again", "guard": "not eligible",
}  # fmt: skip


def answer(conn: sa.Connection, about: tuple[Definitions, datetime], contact_id: str, journey: str | None) -> Answer:
    """Return what happened to a contact; with one journey also every reason for its silence."""
    definitions, now = about
    only = journey_called(definitions, journey).name if journey else None
    attributes = attributes_of(conn, contact_id)
    zone = zone_of(attributes) or ZoneInfo(definitions.project.timezone if definitions.project else "UTC")
    path = items(timeline(conn, contact_id), Frame(definitions.journeys, zone, only))
    first = attributes.get("first_name")
    name = f"{first} ({contact_id})" if first else contact_id
    mine = [item for item in path if item.journey]
    running = deployed(conn, definitions) if standing(conn).versions else definitions
    found = why(conn, running, contact_id, only, now) if only else None
    lines = [_head(only, name, zone, (mine, now)), *tree(path if mine else [], zone)]
    if not mine:
        lines.append(f"nothing: {name} has not entered {only or 'any journey'} yet")
    if found is not None:
        lines += _now(found, zone)
    else:
        lines += [f"{only} is not deployed: sojourn plan"] if only else _each(definitions, contact_id)
    keys = list(dict.fromkeys(item.key for item in mine if item.sign in ("◆", "✉", "✗")))
    if keys:
        lines.append(f"More of one of them: sojourn explain {keys[-1]}")
    data = {"contact": contact_id, "journey": only, "zone": str(zone), "path": path, "why": found}
    return Answer(data, [printable(line) for line in lines])


def _head(only: str | None, name: str, zone: tzinfo, what: tuple[Sequence[Item], datetime]) -> str:
    """Ask what is asked: why nothing came of late, or what was done."""
    mine, now = what
    if only and not any(item.sign == "✉" and item.at > now - WEEK for item in mine):
        return f"Why did {name} hear nothing from {only} in the last 7 days? {zone}"
    return f"What {only or 'our journeys'} did with {name}, {zone}"


def _each(definitions: Definitions, contact_id: str) -> list[str]:
    names = " | ".join(definitions.journeys)
    return [f"Why nothing more comes, and when: sojourn explain {contact_id} --journey {names}"]


def _now(found: Why, zone: tzinfo) -> list[str]:
    """Return the reasons as of now, each with its rule, and the next instant at which something can change."""
    rows = [row for reason in found.reasons for row in _told(reason, zone)]
    lines = [f"Now, {clock(found.now, zone)}", *(f"  {line}" for line in columns(rows))]
    if not found.reasons:
        lines.append("  nothing stands in the way")
    if found.next_at is None:
        return [*lines, f"Next  {found.next_says}"]
    return [*lines, f"Next  {clock(found.next_at, zone)}: {found.next_says}"]


def _told(reason: Reason, zone: tzinfo) -> Iterator[tuple[str, str]]:
    """Yield a reason and, for a cap, which messages have used its slots."""
    until = f", until {clock(reason.until, zone)}" if reason.until is not None else ""
    place = f" ({reason.place})" if reason.place and reason.place not in reason.says else ""
    message = f"{reason.message}: " if reason.message else ""
    yield WORDS.get(reason.rule, reason.rule), f"{message}{reason.says}{until}{place}"
    for past in reason.used_by:
        yield "", f"  used by {past.message} {clock(past.at, zone)}"
