"""What an expression may name at its place in a file, and how each name is read from a Scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from journeys.bits import Run, always
from journeys.expression import Scope
from journeys.kinds import ANY, DATE, NUMBER, READERS, Kind, kind_of, kind_of_value
from journeys.project import Data

FIGURES = {
    "alive": "number", "orders_next": "number", "worth": "number", "recency": "number", "frequency": "number",
    "monetary": "number", "rfm": "text", "lead": "number", "tier": "text", "orders": "number", "spent": "number",
}  # fmt: skip
"""What `value.` says of a person, and of which type: see docs/segments.md."""

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Names:
    """Everything known at one place. `entry` and `event` map properties to types; None: not to be had here."""

    data: Data
    entry: Mapping[str, str] | None = None
    event: Mapping[str, str] | None = None
    vars: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    journey: bool = True  # False: outside of journeys (segments, project defaults)
    segments: frozenset[str] | None = None  # None: those of data


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name that is not known: what to say and the names that would be."""

    says: str
    among: tuple[str, ...]
    note: str = ""


def attribute(names: Names, name: str) -> tuple[Kind, Run] | Unknown:
    """Return `contact.<name>`."""
    known = names.data.attributes.get(name)
    if known is None:
        return Unknown(f'a contact has no attribute "{name}"', tuple(names.data.attributes), "attributes")
    default = known.default
    kind = kind_of(known.type, name, known.choices, maybe=default is None and not known.required)
    read = READERS.get(kind.name)
    if read is not None:
        fallback = read(default)
        return kind, lambda scope: _or(read(scope.contact.get(name)), fallback)
    if default is None:
        return kind, lambda scope: scope.contact.get(name)
    return kind, lambda scope: _or(scope.contact.get(name), default)


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def prop(root: str, props: Mapping[str, str] | None, name: str) -> tuple[Kind, Run] | Unknown:
    """Return `entry.<name>` or `event.<name>`."""
    if props is None:
        return Unknown(f"there is no `{root}` here", ())
    if name not in props:
        what = "the event that starts this journey" if root == "entry" else "this event"
        return Unknown(f'{what} has no property "{name}"', tuple(props))
    kind = kind_of(props[name], f"{root}.{name}", maybe=True)
    read = READERS.get(kind.name)
    if root == "entry":
        return kind, (lambda scope: read(scope.entry.get(name))) if read else (lambda scope: scope.entry.get(name))
    return kind, (lambda scope: read(scope.event.get(name))) if read else (lambda scope: scope.event.get(name))


def constant(root: str, known: Mapping[str, Any], name: str) -> tuple[Kind, Run] | Unknown:
    """Return `vars.<name>` or `params.<name>`: fixed when the journey is loaded, unless it is itself computed."""
    if name not in known:
        where = "vars has no" if root == "vars" else "this fragment has no parameter"
        return Unknown(f'{where} "{name}"', tuple(known))
    return kind_of_value(known[name], f"{root}.{name}"), always(known[name])


def moment(name: str) -> tuple[Kind, Run] | Unknown:
    """Return `now.<name>`, in the contact's zone."""
    found = _MOMENTS.get(name)
    return found or Unknown(f'now has no "{name}"', tuple(_MOMENTS))


_MOMENTS: dict[str, tuple[Kind, Callable[[Scope], Any]]] = {
    "hour": (NUMBER, lambda scope: scope.now.astimezone(scope.zone).hour),
    "weekday": (
        Kind("text", "weekday", WEEKDAYS),
        lambda scope: WEEKDAYS[scope.now.astimezone(scope.zone).weekday()],
    ),
    "date": (DATE, lambda scope: scope.now.astimezone(scope.zone).date()),
}


def figure(name: str) -> tuple[Kind, Run] | Unknown:
    """Return `value.<name>`: what was worked out about what the person is worth."""
    if name not in FIGURES:
        return Unknown(f'value has no "{name}"', tuple(FIGURES))
    return kind_of(FIGURES[name], f"value.{name}", maybe=True), lambda scope: scope.traits.get("value", {}).get(name)


def find(names: Names, root: str, name: str) -> tuple[Kind, Run] | Unknown:
    """Return what `root.name` is, or what to say when it is nothing."""
    match root:
        case "contact":
            return attribute(names, name)
        case "entry":
            return prop(root, names.entry, name)
        case "event":
            return prop(root, names.event, name)
        case "vars":
            return constant(root, names.vars, name)
        case "params":
            return constant(root, names.params, name)
        case "now":
            return moment(name)
        case "value":
            return figure(name)
        case "journey" if names.journey:
            return ANY, lambda scope: scope.journey.get(name)
        case _:
            return Unknown(f'nothing is called "{root}" here', ROOTS)


ROOTS = ("contact", "entry", "event", "journey", "vars", "params", "now", "value")
