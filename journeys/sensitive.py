"""Which sensitive attributes a condition asks for, itself or by a segment that it names: the ground of lint S130."""

from __future__ import annotations

from typing import TYPE_CHECKING

from journeys.expression import Expression

if TYPE_CHECKING:
    from journeys.project import Data


def named(expression: Expression, data: Data) -> set[str]:
    """Return the attributes that an expression looks at, its segments' included."""
    seen: set[str] = set()
    found = set(expression.attributes)
    left = list(expression.segments)
    while left:
        name = left.pop()
        if name not in seen and name in data.segments:
            seen.add(name)
            found |= data.segments[name].attributes
            left += data.segments[name].segments
    return found & data.attributes.keys()


def sensitive(expression: Expression | None, data: Data) -> list[str]:
    """Return the sensitive ones among them, in the order of their names."""
    asked = named(expression, data) if expression is not None else set()
    return sorted(name for name in asked if data.attributes[name].sensitive)
