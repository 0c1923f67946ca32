"""Why somebody is in a segment or not: each part of its condition, what it sees, and until when that holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from engine.audience.facts import fact_of
from journeys.bits import Bit
from journeys.expression import Expression, Scope
from journeys.happenings import Asked

GROUPS = {"and": "all of", "or": "one of", "not": "not"}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a condition. `depth`: how far inside; `sees`: what it found; `until` None: till the person acts."""

    depth: int
    says: str
    holds: bool
    sees: str
    until: datetime | None


def parts(expression: Expression, scope: Scope, segments: Mapping[str, Expression]) -> list[Part]:
    """Return the parts of a condition for one person, the whole first."""
    if expression.root is None:
        return []
    return list(_parts(expression.root, expression.source, scope, (segments, 0)))


def _parts(bit: Bit, source: str, scope: Scope, where: tuple[Mapping[str, Expression], int]) -> Iterator[Part]:
    segments, depth = where
    value, until = fact_of(bit, segments)(scope)
    words = GROUPS.get(bit.op) or " ".join(source[bit.start : bit.end].split())
    yield Part(depth, words, value, "" if bit.op in GROUPS else sees(bit, source, scope), until)
    inner = bit.parts if bit.op in GROUPS else ()
    for part in inner:
        yield from _parts(part, source, scope, (segments, depth + 1))
    rule = segments.get(bit.about) if bit.op == "segment" else None
    if rule is not None and rule.root is not None:
        yield from _parts(rule.root, rule.source, scope, (segments, depth + 1))


def sees(bit: Bit, source: str, scope: Scope) -> str:
    """Return what a part looks at: "contact.age = 31", "viewed 3 times, last 12 Mar 18:02"."""
    said = list(dict.fromkeys(_seen(bit, source, scope)))
    return ", ".join(said)


def _seen(bit: Bit, source: str, scope: Scope) -> Iterator[str]:
    if isinstance(bit.about, Asked):
        yield _events(bit, scope)
    elif bit.op == "sequence":
        for step in bit.about:
            yield _times(step.asked.event, list(scope.history.get(step.asked.event, ())), scope)
    elif not bit.parts and not bit.const:
        yield f"{source[bit.start : bit.end]} = {shown(bit.run(scope))}"
    else:
        if bit.op in ("days_since_date", "next", "interest", "round", "lower"):
            yield f"{source[bit.start : bit.end]} = {shown(bit.run(scope))}"
        for part in bit.parts:
            yield from _seen(part, source, scope)


def _events(bit: Bit, scope: Scope) -> str:
    asked: Asked = bit.about
    found = list(asked.found(scope))[::-1]
    said = _times(asked.event, found, scope)
    if bit.op in ("sum", "last", "first"):
        return f"{bit.op} = {shown(bit.run(scope))} ({said})"
    return said


def _times(event: str, found: list[Any], scope: Scope) -> str:
    if not found:
        return f"no {event}"
    last = found[-1].at.astimezone(scope.zone)
    times = "once" if len(found) == 1 else f"{len(found)} times"
    return f"{event} {times}, last {last.day} {last:%b %Y %H:%M}"


def shown(value: Any) -> str:
    """Return a value as people write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    return str(value) if not isinstance(value, timedelta) else f"{value / timedelta(days=1):.4g} days"
