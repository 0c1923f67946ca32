"""`run`: fragments are pasted in at compile time; `ask_why: {run: nps}` gives `ask_why.ask` and so on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from journeys.fields import ID, Fields, pairs, read_text, shaped
from journeys.forms import FRAGMENT
from journeys.journey import EXIT
from journeys.names import Names
from journeys.node import Node, resolve
from journeys.page import Page, near
from journeys.reader import read
from journeys.span import parse_span
from journeys.spot import RESERVED, Spot

Fetch = Callable[[str], str | None]  # "fragments/nps.yaml" -> its text
TYPES = ("text", "number", "flag", "date", "duration")
_PARAM = re.compile(r"(?P<type>[a-z]+)(?:\s*=\s*(?P<default>.+))?")
_MISSING = object()


@dataclass(slots=True)
class Shelf:
    """The files that a journey takes things from: each read once, remembered with its page."""

    fetch: Fetch
    known: tuple[str, ...] = ()  # fragments there are, for suggestions
    pages: dict[str, tuple[Page, Node | None]] = field(default_factory=dict)

    def open(self, file: str) -> tuple[Page, Node | None] | None:
        """Return page and root of a file, None when there is no such file."""
        if file not in self.pages:
            text = self.fetch(file)
            if text is None:
                return None
            page = Page(file, text)
            self.pages[file] = (page, read(page))
        return self.pages[file]


@dataclass(frozen=True, slots=True)
class _Level:
    """The states of one file: where they stand, what they may name, and where the last of them leads."""

    page: Page
    names: Names
    following: str
    falls: bool
    prefix: str = ""
    trail: tuple[str, ...] = ()  # the fragments that are being expanded


def spread(page: Page, states: Node, names: Names, shelf: Shelf) -> list[Spot]:
    """Return every state of a journey in order, those of its fragments included."""
    return _spots(states, _Level(page, names, EXIT, falls=True), shelf)


def _spots(states: Node, level: _Level, shelf: Shelf) -> list[Spot]:
    bodies = [(key, body) for key, body in pairs(states) if _nameable(level.page, key, body)]
    local = {key.raw: key for key, _ in bodies}
    spots: list[Spot] = []
    for at, (key, body) in enumerate(bodies):
        last = at + 1 == len(bodies)
        following = level.following if last else level.prefix + bodies[at + 1][0].raw
        falls = level.falls and last
        spot = Spot(level.page, key, body, level.names, following, falls, level.prefix, local)
        inner = _fragment(spot, level, shelf) if body.kind == "map" and body.get("run") else []
        spots.append(replace(spot, first=inner[0].name) if inner else spot)
        spots += inner
    return spots


def _nameable(page: Page, key: Node, body: Node) -> bool:
    if key.raw in RESERVED:
        message = body.get("send") if body.kind == "map" else None
        name = message.raw.rpartition("/")[2] if message is not None and message.kind == "text" else f"{key.raw}_"
        helps = (f'call it "{name}", and use `then: exit` to leave the journey',) if key.raw == EXIT else ()
        page.add("S110", key, f'"{key.raw}" is a reserved word and cannot name a state', helps=helps)
        return False
    if not ID.fullmatch(key.raw):
        page.add("S112", key, f'"{key.raw}" is no name: small letters, digits and _, starting with a letter')
        return False
    return body.kind == "none" or shaped(page, body, "map", "a state")


def _fragment(spot: Spot, level: _Level, shelf: Shelf) -> list[Spot]:
    node = spot.body.get("run")
    name = read_text(spot.page, node, "run") if node else None
    if node is None or name is None:
        return []
    if name in level.trail:
        way = " → ".join([*level.trail, name])
        spot.page.add("R206", node, f"fragments run each other in a circle: {way}")
        return []
    found = shelf.open(f"fragments/{name}.yaml") if ID.fullmatch(name) else None
    if found is None:
        guess = near(name, shelf.known)
        more: dict[str, Any] = (
            {"fix": spot.page.meant(node, guess), "label": f'did you mean "{guess}"?'} if guess else {}
        )
        notes = (f"looked for fragments/{name}.yaml",)
        spot.page.add("R205", node, f'no fragment called "{name}"', notes=notes, **more)
        return []
    page, root = found
    if root is None:
        return []
    fields = Fields(page, root, FRAGMENT.names, "a fragment")
    states = fields.node_of("states")
    if not fields.needs("fragment", "states") or states is None or not shaped(page, states, "map", "states"):
        return []
    return _pasted(spot, level, (page, fields, states), shelf)


def _pasted(spot: Spot, level: _Level, file: tuple[Page, Fields, Node], shelf: Shelf) -> list[Spot]:
    page, fields, states = file
    own = fields.node_of("fragment")
    name = page.file.rpartition("/")[2].removesuffix(".yaml")
    if own is not None and own.raw != name:
        page.add("S120", own, f'this file is called {name}.yaml, but its fragment "{own.raw}"')
    then = spot.body.get("then")
    inner = _Level(
        page,
        replace(level.names, params=_params(spot, fields)),
        spot.target(then, spot.following),
        falls=spot.falls and then is None,
        prefix=f"{spot.name}.",
        trail=(*level.trail, name),
    )
    return _spots(states, inner, shelf)


def _params(spot: Spot, fields: Fields) -> dict[str, Any]:
    """Return the values of a fragment's parameters: those of `with`, else their defaults."""
    given = spot.body.get("with")
    values = dict(pairs(given)) if given is not None and shaped(spot.page, given, "map", "with") else {}
    by_name = {key.raw: (key, value) for key, value in values.items()}
    params: dict[str, Any] = {}
    declared = {key.raw: node for key, node in fields.pairs("params")}
    for name, node in declared.items():
        found = _PARAM.fullmatch(node.raw) if node.kind == "text" else None
        if found is None or found["type"] not in TYPES:
            fields.page.add("S112", node, f'cannot read "{node.raw}" as a parameter', label="write for example text")
        elif name in by_name:
            params[name] = _given(spot, by_name[name][1], found["type"], name)
        elif found["default"] is not None:
            kind, value = resolve(found["default"].strip())
            params[name] = _fit(found["type"], kind, value, found["default"].strip().strip("\"'"))
            if params[name] is _MISSING:
                fields.page.add("S112", node, f"the default of {name} is not of type {found['type']}")
                params[name] = None
        else:
            at = given or spot.body.get("run") or spot.key
            spot.page.add("R205", at, f"this fragment needs `{name}`", helps=(f"add `with: {{{name}: …}}`",))
            params[name] = None
    for name, (key, _) in by_name.items():
        if name not in declared:
            spot.page.unknown("R205", key, f'this fragment has no parameter "{name}"', declared)
    return params


def _given(spot: Spot, node: Node, type_name: str, name: str) -> Any:
    value, kind, raw = node.value, node.kind, node.raw
    if node.kind == "text" and raw.startswith("="):
        root, _, inner = raw[1:].strip().partition(".")
        known = {"params": spot.names.params, "vars": spot.names.vars}.get(root, {})
        if inner not in known:
            spot.page.add("R205", node, "`with` takes fixed values: a literal, =vars.x or =params.x")
            return None
        value = known[inner]
        raw = str(value)
        kind = "flag" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "text"
        if isinstance(value, timedelta) and type_name == "duration":
            return value
    fitted = _fit(type_name, kind, value, raw)
    if fitted is _MISSING:
        spot.page.add("R205", node, f'`{name}` is of type {type_name}, and "{raw}" is not')
        return None
    return fitted


def _fit(type_name: str, kind: str, value: Any, raw: str) -> Any:
    """Return the value as the parameter's type, _MISSING when it is of another."""
    if type_name == "duration":
        return _or_missing(parse_span(raw))
    if type_name == "date":
        try:
            return date.fromisoformat(raw)
        except ValueError:
            return _MISSING
    if type_name == "text":
        return raw if kind in ("text", "number") else _MISSING
    return value if kind == type_name else _MISSING


def _or_missing(value: Any) -> Any:
    return _MISSING if value is None else value
