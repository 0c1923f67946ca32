"""Frozen dataclasses that are made quickly: a walk makes dozens of them for every person.

Rules
- `dataclass(frozen=True)` fills each field through `object.__setattr__`: for 22 fields 5.8 microseconds on the machine
  of docs/cluster.md, where plain fields take 0.8. A `quick` class is filled while it is a plain one of the same fields,
  and is the frozen one before anybody sees it: 1.2.
- `altered` is `dataclasses.replace` for them, in a seventh of the time; a field that is not there is a TypeError.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, field, fields, make_dataclass
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")
_become: Callable[[object, type], None] = object.__dict__["__class__"].__set__
_parts: dict[type, tuple[Callable[[Any], tuple[Any, ...]], dict[str, int]]] = {}


def quick(kind: type[T]) -> type[T]:
    """Decorate a frozen dataclass with slots, two fields or more and no `__post_init__`: it is made more quickly."""
    own = fields(kind)  # type: ignore[arg-type]
    plain = make_dataclass(kind.__name__, [(one.name, Any, _default(one)) for one in own], slots=True)
    fill: Callable[..., None] = plain.__init__  # type: ignore[misc]

    def __init__(self: object, *values: Any, **named: Any) -> None:  # noqa: N807
        _become(self, plain)
        fill(self, *values, **named)
        _become(self, kind)

    setattr(kind, "__init__", __init__)  # noqa: B010 - mypy knows the one that the dataclass has
    names = [one.name for one in own]
    _parts[kind] = attrgetter(*names), {name: place for place, name in enumerate(names)}
    return kind


def _default(one: Field[Any]) -> Any:
    if one.default_factory is not MISSING:
        return field(default_factory=one.default_factory)
    return field() if one.default is MISSING else field(default=one.default)


def altered(value: T, **changes: Any) -> T:
    """Return a `quick` value with other values in some of its fields."""
    kind = type(value)
    parts, places = _parts[kind]
    found = list(parts(value))
    for name, other in changes.items():
        if name not in places:
            raise TypeError(f"{kind.__name__} has no field {name!r}")
        found[places[name]] = other
    return kind(*found)
