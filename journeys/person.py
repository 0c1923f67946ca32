"""What was worked out about a person, as expressions read it: interests that fade, and a sticky draw of lots.

Rules
- Without consent to profiling nothing was worked out: then interest() is 0, top_interest and value.* are none.
- An interest was `score` at an instant and is half of it a half-life later. All topics fade alike, so which is the
  strongest does not change with time.
- interest() is a share, 0 to 1: the topic's part of the KEPT strongest and of PSEUDO points that belong to none, so
  that one look is no passion.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from journeys.bits import Run
from journeys.expression import Scope
from journeys.project import Data

TOP_INTEREST = "top_interest"
KEPT = 12
PSEUDO = 5.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def interest(topic: str, half_life: timedelta) -> Run:
    """Return the closure for a topic: its share, shrunk."""

    def run(scope: Scope) -> float:
        mine, total = points(scope, topic, half_life)
        return mine / (total + PSEUDO)

    return run


def points(scope: Scope, topic: str, half_life: timedelta) -> tuple[float, float]:
    """Return what is left now of a topic's score, and of the KEPT strongest together."""
    topics: Mapping[str, Any] = scope.traits.get("interests", {})
    left = {name: faded(told, scope.now, half_life) for name, told in topics.items()}
    if len(left) > KEPT:
        left = dict(sorted(left.items(), key=lambda one: (-one[1], one[0]))[:KEPT])
    return left.get(topic, 0.0), sum(left.values())


def half_life(data: Data) -> timedelta:
    """Return how long it takes an interest to fade to half of it."""
    return data.interests.half_life if data.interests else timedelta(days=90)


def faded(told: Any, now: datetime, half_life: timedelta) -> float:
    """Return what is left now of [score, microseconds since 1970]; 0 for anything else."""
    if not isinstance(told, list | tuple) or len(told) != 2:
        return 0.0
    score, micros = told
    age = now - (_EPOCH + timedelta(microseconds=micros))
    return float(score * 2 ** -max(age / half_life, 0.0))


def top_interest(half_life: timedelta) -> Run:
    """Return the closure of top_interest: the strongest topic, of equal ones the first by name."""

    def run(scope: Scope) -> str | None:
        topics: Mapping[str, Any] = scope.traits.get("interests", {})
        newest = max((micros for _, micros in topics.values()), default=0)
        at = _EPOCH + timedelta(microseconds=newest)
        return min(topics, key=lambda topic: (-faded(topics[topic], at, half_life), topic), default=None)

    return run


def bucket(size: int, lot: str = "") -> Run:
    """Return the closure of a draw of lots: the person's own number, 0 to n - 1, the same for ever."""
    return lambda scope: draw(scope.who, size, lot)


def draw(who: str, size: int, lot: str = "") -> int:
    """Return a person's number among `size`; draws of different lots have nothing to do with each other."""
    return number_of(f"{lot}\n{who}" if lot else who) % size


def number_of(who: str) -> int:
    """Return the number that a contact's id comes to."""
    return int.from_bytes(blake2b(who.encode("utf-8", "surrogatepass"), digest_size=6, person=b"bucket").digest())
