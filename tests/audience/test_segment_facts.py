"""A condition's `until` is never late, and its value is the one that a journey would see.

`SOJOURN_EXAMPLES=1000 python -m pytest tests/audience/test_segment_facts.py` looks at a million cases.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from examples import examples
from segment_cases import DATA, NOW, Draw, Person, rule

from engine.audience.explaining import parts
from engine.audience.facts import fact_of
from journeys import parse_span
from journeys.names import Names

CASES, PEOPLE = 200, 5
INSTANT, DAY = timedelta(microseconds=1), timedelta(days=1)
FAR = NOW + timedelta(days=120)
SPANS = [span for word in ("45m", "3h", "1d", "7d", "30d") if (span := parse_span(word)) is not None]


def instants(person: Person, end: datetime, draw: Draw) -> Iterator[datetime]:
    """Yield where answers could turn: windows that end, midnights, random instants, and the last one before `end`."""
    yield end - INSTANT
    yield from (NOW + (end - NOW) * draw.dice.random() for _ in range(6))
    for _, at, _ in person.events:
        for span in SPANS:
            yield from (at + span, at + span + INSTANT)
    midnight = datetime(2027, 3, 28, tzinfo=ZoneInfo(person.zone))
    yield from ((midnight + n * DAY).astimezone(UTC) for n in range(12))


@pytest.mark.parametrize("turn", range(examples(1)))
def test_no_expiry_is_ever_late(turn: int) -> None:
    for seed in range(turn * CASES, (turn + 1) * CASES):
        draw = Draw(seed)
        expression = rule(draw.condition())
        look = fact_of(expression.root, {})
        for number in range(PEOPLE):
            person = draw.person(number)
            value, until = look(person.scope(NOW, {}))
            assert value is expression.holds(person.scope(NOW, {})), expression.source
            assert until is None or until > NOW
            end = until or FAR
            late = [
                at
                for at in instants(person, end, draw)
                if NOW < at < end and expression.holds(person.scope(at, {})) is not value
            ]
            assert late == [], (expression.source, seed, number, value, until)


def test_refunds_may_let_people_in_when_they_leave_the_window() -> None:
    expression = rule("sum(bought.total within 7d) > 50")
    bought = [(NOW - timedelta(days=6), -30), (NOW - timedelta(days=5), 60), (NOW - timedelta(days=1), 10)]
    person = Person("p", {}, "UTC", [("bought", at, {"total": total}) for at, total in bought], {})
    look = fact_of(expression.root, {})
    assert look(person.scope(NOW, {})) == (False, NOW + DAY + INSTANT)
    assert look(person.scope(NOW + DAY + INSTANT, {})) == (True, NOW + 2 * DAY + INSTANT)


def test_a_segment_inside_a_segment_turns_when_the_inner_one_does() -> None:
    inner = rule("any cart within 2d")
    names = Names(DATA, journey=False, segments=frozenset({"shopping"}))
    outer = rule("in_segment(shopping) and contact.age > 3", names)
    person = Person("p", {"age": 9}, "UTC", [("cart", NOW - DAY, {})], {})
    segments = {"shopping": inner}
    assert fact_of(outer.root, segments)(person.scope(NOW, segments)) == (True, NOW + DAY + INSTANT)
    said = parts(outer, person.scope(NOW, segments), segments)
    assert [(one.depth, one.says, one.holds) for one in said] == [
        (0, "all of", True), (1, "in_segment(shopping)", True), (2, "any cart within 2d", True),
        (1, "contact.age > 3", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "first", "then"),
    [
        ("sequence(viewed, cart within 1d, no bought within 2h)", False, True),
        ("sequence(viewed, no cart, bought)", False, False),
        ("sequence(viewed, cart, no bought)", True, True),
        ("sequence(viewed within 30h, cart)", True, False),
    ],
)
def test_a_sequence_is_one_thing_after_another(source: str, first: bool, then: bool) -> None:
    events = [("viewed", NOW - DAY, {}), ("cart", NOW - timedelta(hours=1), {})]
    person = Person("p", {}, "UTC", events, {})
    assert rule(source).holds(person.scope(NOW, {})) is first
    assert rule(source).holds(person.scope(NOW + timedelta(hours=9), {})) is then
