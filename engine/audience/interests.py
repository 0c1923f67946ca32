"""What a person is interested in: sums that fade, one multiply-add an event. Pure.

Rules
- A score is kept with the instant it is of: score' = score * 2^-(dt / half-life) + weight. An event that comes late
  adds what is left of its weight, so any order and any batches give the same sums (to rounding).
- A person's strongest KEPT topics count. A few more are held, so that one that rises again has not lost its past.
- Shares are shrunk: PSEUDO points are added, spread as popularity says (or to no topic), so one look is no passion.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from journeys.person import KEPT, PSEUDO
from journeys.project import Buying, Interests

HELD = 24
LONGEST = 100  # letters of a topic

Scores = Mapping[str, Sequence[float]]  # topic -> [score, microseconds since 1970 that it is of]
Shown = tuple[str, float, int]  # topic, points, microseconds since 1970

_MICROSECOND = timedelta(microseconds=1)
_NO_BUYING = Buying("")


def add(scores: Scores, shown: Iterable[Shown], half_life: timedelta) -> dict[str, list[float]]:
    """Return the scores with what was shown since; at most HELD topics, the strongest."""
    span = half_life // _MICROSECOND
    found = {topic: [one[0], int(one[1])] for topic, one in scores.items()}
    for topic, points, at in shown:
        score, of = found.get(topic, (0.0, at))
        if at >= of:
            found[topic] = [score * 2.0 ** ((of - at) / span) + points, at]
        else:
            found[topic] = [score + points * 2.0 ** ((at - of) / span), of]
    if len(found) <= HELD:
        return found
    return {topic: found[topic] for topic in _ranked(found, half_life)[:HELD]}


def strongest(scores: Scores, half_life: timedelta, most: int = KEPT) -> tuple[str, ...]:
    """Return the topics of a person, the strongest first; among equals the first by name.

    They all fade alike, so their order is the same at every instant.
    """
    return tuple(_ranked(scores, half_life)[:most])


def _ranked(scores: Scores, half_life: timedelta) -> list[str]:
    span = half_life // _MICROSECOND
    height = {topic: math.log2(one[0]) + one[1] / span for topic, one in scores.items() if one[0] > 0}
    return sorted(height, key=lambda topic: (-height[topic], topic))


def now_worth(scores: Scores, at: int, half_life: timedelta) -> dict[str, float]:
    """Return what the KEPT strongest scores have faded to at an instant (microseconds since 1970), strongest first."""
    span = half_life // _MICROSECOND
    return {
        topic: scores[topic][0] * 2.0 ** ((scores[topic][1] - at) / span) for topic in strongest(scores, half_life)
    }  # fmt: skip


def share(held: Mapping[str, float], topic: str, popular: float = 0.0) -> float:
    """Return `interest("topic")`, 0 to 1: the topic's part of all that is held of a person now, shrunk.

    `popular`: the topic's share among everybody; with 0 the share of who showed nothing is 0.
    """
    return (held.get(topic, 0.0) + PSEUDO * popular) / (sum(held.values()) + PSEUDO)


def crosses(
    held: Mapping[str, float], topic: str, limit: float, half_life: timedelta, popular: float = 0.0
) -> timedelta | None:
    """Return after how long time alone has taken `share` to the other side of `limit`; None: never.

    Shares only fade towards popularity: (s d + PSEUDO p) / (S d + PSEUDO) = limit has one answer d at most.
    """
    steep = held.get(topic, 0.0) - limit * sum(held.values())
    level = PSEUDO * (limit - popular)
    if steep == 0 or not 0.0 < level / steep < 1.0:
        return None
    return -math.log2(level / steep) * half_life


def topics_of(
    data: Mapping[str, Any], wanted: Interests, products: Mapping[str, str], buying: Buying | None = None
) -> frozenset[str]:
    """Return the topics that an event is about: its own property, else that of the product(s) it names.

    `products`: sku -> topic. An order is about each topic among its items, once.
    """
    how = buying or _NO_BUYING
    found = set(_texts(data.get(wanted.topic)))
    if not found:
        for one in _items(data, how):
            found.update(_texts(one.get(wanted.topic)) or [products[sku] for sku in _sku(one, how) if sku in products])
    return frozenset(found)


def skus_of(data: Mapping[str, Any], buying: Buying | None = None) -> Iterator[str]:
    """Yield the products that an event names."""
    how = buying or _NO_BUYING
    for one in _items(data, how):
        yield from _sku(one, how)


def _items(data: Mapping[str, Any], how: Buying) -> list[Mapping[str, Any]]:
    items = data.get(how.items or "items")
    return [data, *(one for one in items if isinstance(one, Mapping))] if isinstance(items, list) else [data]


def _sku(one: Mapping[str, Any], how: Buying) -> list[str]:
    sku = one.get(how.sku)
    return [str(sku)] if isinstance(sku, str | int) and not isinstance(sku, bool) else []


def _texts(value: Any) -> list[str]:
    if isinstance(value, str) and value.strip():
        return [value.strip()[:LONGEST]]
    return (
        [part.strip()[:LONGEST] for part in value if isinstance(part, str) and part.strip()]
        if isinstance(value, list)
        else []
    )
