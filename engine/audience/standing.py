"""Which segments a person is in, and until when: pure, for one person at one instant.

Rules
- A segment that asks for another one looks at what that one looks at: its events count as its own.
- Of several segments that are looked at, the contact's alarm is the earliest of their untils.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from hashlib import blake2b

from engine.audience.fact import Fact, Look
from engine.audience.facts import fact_of
from journeys.expression import Expression, Scope
from journeys.project import Data


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A segment, compiled. `history`: event -> how far back it looks (None: for ever), with those it asks for.

    `number` is its place among the bits; `version` changes when anything changes that could change who is in it.
    """

    name: str
    number: int
    version: str
    expression: Expression
    look: Look
    history: Mapping[str, timedelta | None]
    traits: bool


@dataclass(frozen=True)
class Rules:
    """All segments of a project that have a number."""

    every: tuple[Rule, ...]
    segments: Mapping[str, Expression]

    @cached_property
    def asking(self) -> dict[str, tuple[Rule, ...]]:
        """Return event -> the segments that look at it."""
        found: dict[str, list[Rule]] = {}
        for rule in self.every:
            for event in rule.history:
                found.setdefault(event, []).append(rule)
        return {event: tuple(rules) for event, rules in found.items()}


def rules(segments: Mapping[str, Expression], versions: Mapping[str, str], numbers: Mapping[str, int]) -> Rules:
    """Return the segments that have a number, compiled."""
    every = [
        Rule(
            name, numbers[name], versions[name], expression, fact_of(expression.root, segments),
            widest(expression, segments), any(one.traits for one in within(expression, segments)),
        )
        for name, expression in segments.items()
        if name in numbers and expression.root is not None
    ]  # fmt: skip
    return Rules(tuple(every), segments)


def stand(every: Iterable[Rule], scope: Scope) -> Iterator[tuple[Rule, Fact]]:
    """Yield for each segment whether the person is in it, and until when."""
    for rule in every:
        yield rule, rule.look(scope)


def versions(data: Data) -> dict[str, str]:
    """Return a hash for each segment of all that says who is in it: its words, those it asks for, the attributes."""
    known = {name: (one.type, one.default, one.choices) for name, one in data.attributes.items()}
    half_life = str(data.interests.half_life) if data.interests else ""
    found = {}
    for name, expression in data.segments.items():
        asked = sorted(within(expression, data.segments), key=lambda one: one.source)
        named = {attribute: known.get(attribute) for one in asked for attribute in sorted(one.attributes)}
        said = json.dumps([expression.source, [one.source for one in asked], named, half_life], default=str)
        found[name] = blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return found


def within(expression: Expression, segments: Mapping[str, Expression]) -> list[Expression]:
    """Return an expression and all segments that it asks for, through others as well."""
    found, names = [expression], list(expression.segments)
    seen: set[str] = set()
    while names:
        name = names.pop()
        if name in segments and name not in seen:
            seen.add(name)
            found.append(segments[name])
            names += segments[name].segments
    return found


def widest(expression: Expression, segments: Mapping[str, Expression]) -> dict[str, timedelta | None]:
    """Return which events an expression looks at, and how far back, with the segments that it asks for."""
    found: dict[str, timedelta | None] = {}
    for one in within(expression, segments):
        for event, back in one.needs.items():
            known = found.get(event, timedelta(0))
            found[event] = None if back is None or known is None else max(known, back)
    return found


def together(every: Iterable[Rule]) -> dict[str, timedelta | None]:
    """Return which events some segments look at, and how far back the furthest of them does."""
    found: dict[str, timedelta | None] = {}
    for rule in every:
        for event, back in rule.history.items():
            known = found.get(event, timedelta(0))
            found[event] = None if back is None or known is None else max(known, back)
    return found
