"""data.yaml: what is known about contacts, which events there are, and the segments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, time
from typing import Any

from journeys.conditions import read_condition
from journeys.experiment import derived, read_experiments
from journeys.expression import Expression
from journeys.fields import ID, Fields
from journeys.names import Names
from journeys.node import Node, resolve
from journeys.page import Page
from journeys.project import Attribute, Data
from journeys.survey import read_said
from journeys.trade import read_trade

TYPES = ("text", "number", "flag", "date", "time", "timezone", "enum", "list")
_SENT = {"message": "text", "journey": "text", "state": "text", "channel": "text"}
BUILT_IN: Mapping[str, Mapping[str, str]] = {
    "clicked": {**_SENT, "link": "text"},
    "opened": _SENT,
    "unsubscribed": {**_SENT, "topic": "text"},
    "complained": _SENT,
    "bounced": {**_SENT, "class": "text"},
    "replied": _SENT,
    "delivered": _SENT,
}
KINDS = ("demographic", "psychographic", "geographic", "behavioural", "firm")
MARKS = ("required", "private", "sensitive", *KINDS)
_TYPE = re.compile(r"(?P<type>[a-z]+)(?:\((?P<choices>[^()]*)\))?(?P<marks>(?:\s+[a-z_]+)*)(?:\s*=\s*(?P<default>.+))?")
_KEYS = (
    "contact", "events", "segments", "sources", "buying", "visits", "interests", "value", "experiments", "surveys",
    "preferences",
)  # fmt: skip
_NOTHING = Data({}, BUILT_IN, {})


def read_data(page: Page, root: Node | None) -> Data:
    """Return what data.yaml declares; everything wrong with it is on `page`."""
    if root is None or root.kind == "none":
        return _NOTHING
    top = Fields(page, root, _KEYS, "data.yaml")
    attributes = {
        key.raw: found for key, node in top.pairs("contact") if _named(page, key) and (found := _attribute(page, node))
    }
    events = {**BUILT_IN}
    for key, node in top.pairs("events"):
        if _named(page, key):
            events[key.raw] = {**events.get(key.raw, {}), **_props(page, node, key.raw)}
    places = {key: page.place(node) for key, node in top.keys.items()}
    for section in ("contact", "events", "segments", "sources"):
        places.update({f"{section}.{key.raw}": page.place(key) for key, _ in top.pairs(section)})
    data = read_said(top, read_trade(top, Data(attributes, events, {}, places)))
    data = replace(data, segments=_segments(page, top, data))
    experiments = read_experiments(page, top, data)
    more = derived(page, data, experiments)
    places |= {f"segments.{name}": experiments[name].place for name in more}
    return replace(data, segments={**data.segments, **more}, experiments=experiments)


def _named(page: Page, key: Node) -> bool:
    if ID.fullmatch(key.raw):
        return True
    page.add("S112", key, f'"{key.raw}" is no name: small letters, digits and _, starting with a letter')
    return False


def _attribute(page: Page, node: Node) -> Attribute | None:
    found = _TYPE.fullmatch(node.raw) if node.kind == "text" else None
    if found is None:
        label = 'write for example "text", "number = 0" or "enum(a, b) = a"'
        page.add("S112", node, f'cannot read "{node.raw}" as a type', label=label)
        return None
    name, choices = found["type"], tuple(part.strip() for part in (found["choices"] or "").split(",") if part.strip())
    if name not in TYPES:
        word = Node("text", node.line, node.col, node.line, node.col + len(name), raw=name, plain=True)
        page.unknown("S112", word, f'"{name}" is no type: {", ".join(TYPES)}', TYPES)
        return None
    if (name == "enum") != bool(choices):
        says = "an enum lists its values: enum(basic, silver, gold)" if name == "enum" else f"{name} takes no values"
        page.add("S112", node, says)
        return None
    marks = _marks(page, node, found)
    default = _default(page, node, name, choices) if found["default"] else None
    return Attribute(
        name, "required" in marks, default, choices, page.place(node),
        private="private" in marks, sensitive="sensitive" in marks,
        kind=next((mark for mark in marks if mark in KINDS), ""),
    )  # fmt: skip


def _marks(page: Page, node: Node, found: re.Match[str]) -> frozenset[str]:
    """Return the words after the type, and report those that mean nothing."""
    words = [(node.col + found.start("marks") + at.start(), at[0]) for at in re.finditer(r"\S+", found["marks"])]
    for col, word in words:
        if word not in MARKS:
            spot = Node("text", node.line, col, node.line, col + len(word), raw=word, plain=True)
            page.unknown("S112", spot, f'"{word}" says nothing about an attribute: {", ".join(MARKS)}', MARKS)
    return frozenset(word for _, word in words)


def _default(page: Page, node: Node, type_name: str, choices: tuple[str, ...]) -> Any:
    raw = node.raw.partition("=")[2].strip()
    if raw[:1] in "\"'" and raw[-1:] == raw[:1] and len(raw) > 1:
        raw = raw[1:-1]
    kind, value = resolve(raw)
    if type_name == "list":
        return [part.strip().strip("\"'") for part in raw.strip("[]").split(",") if part.strip()]
    if type_name in ("number", "flag"):
        if kind == type_name:
            return value
    elif type_name in ("date", "time"):
        if _is(date if type_name == "date" else time, raw):
            return raw
    elif not choices or raw in choices:
        return raw
    wanted = f"one of {', '.join(choices)}" if choices else type_name
    page.add("S112", node, f'the default "{raw}" is not {wanted}')
    return None


def _is(type_: type[date | time], raw: str) -> bool:
    try:
        type_.fromisoformat(raw)
    except ValueError:
        return False
    return True


def _props(page: Page, node: Node, event: str) -> dict[str, str]:
    if node.kind == "none":
        return {}
    props = {}
    for key, value in Fields(page, node, [key.raw for key, _ in node.entries], event).values.items():
        found = _attribute(page, value) if value.kind != "broken" else None
        if found:
            props[key] = found.type
    return props


def _segments(page: Page, top: Fields, data: Data) -> dict[str, Expression]:
    nodes = {key.raw: node for key, node in top.pairs("segments") if _named(page, key)}
    names = Names(data, journey=False, segments=frozenset(nodes))
    found = {name: read_condition(page, node, names) for name, node in nodes.items()}
    known = {name: expression for name, expression in found.items() if expression is not None}
    for name in list(known):
        if _reaches(name, name, known, set()):
            page.add("R206", nodes[name], f'the segment "{name}" asks for itself')
            del known[name]
    return known


def _reaches(start: str, goal: str, segments: Mapping[str, Expression], seen: set[str]) -> bool:
    for name in segments[start].segments if start in segments else ():
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            if _reaches(name, goal, segments, seen):
                return True
    return False
