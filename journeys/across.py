"""How far to the right everything stands.

The places are those with the least squared length of all lines, found by turns, row by row; within a row the order
holds by isotonic regression (pool adjacent violators; Ayer et al. 1955). Then long lines are made straight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from journeys.layers import Rows
from journeys.picture import Link

ROUNDS = 60
WEIGHTS = (1.0, 2.0, 8.0)
"""How much a piece of a link pulls that has none, one or two bends as its ends: long lines want to be straight."""

MAIN = 12.0
"""How much more the way pulls that the file takes from state to state: it wants to run straight down."""

APART = {("box", "box"): 44.0, ("bend", "box"): 30.0, ("bend", "bend"): 26.0}
PLATES = 20.0
NEAR, SIDE = 40.0, 20.0

Pulls = Mapping[str, list[tuple[str, float]]]


def across(rows: Rows, wide: Mapping[str, float], links: Sequence[Link]) -> dict[str, float]:
    """Return the middle of every spot; `wide` is how much room each takes."""
    pulls = _pulls(rows, links)
    gaps = [[_gap(rows, wide, a, b) for a, b in pairwise(row)] for row in rows.rows]
    x = _packed(rows, gaps)
    for turn in range(ROUNDS):
        order = range(len(rows.rows)) if turn % 2 == 0 else range(len(rows.rows) - 1, -1, -1)
        for at in order:
            _settle(rows.rows[at], x, pulls, gaps[at])
        if turn > ROUNDS // 2:
            _straighten(rows, x, gaps, wide)
    _align(_Room(rows, x, gaps), [number for number, link in enumerate(links) if link.main])
    _straighten(rows, x, gaps, wide)
    return x


def _packed(rows: Rows, gaps: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return a first place of every spot: each row packed, its middle at 0."""
    x: dict[str, float] = {}
    for row, between in zip(rows.rows, gaps, strict=True):
        at = -sum(between) / 2
        for name, gap in zip(row, [*between, 0.0], strict=False):  # a row can be empty
            x[name] = at
            at += gap
    return x


def _pulls(rows: Rows, links: Sequence[Link]) -> Pulls:
    """Return by what each spot is pulled, and how much."""
    found: dict[str, list[tuple[str, float]]] = {name: [] for name in rows.spots}
    for upper, lower, number in rows.pairs:
        bends = (rows.spots[upper].link >= 0) + (rows.spots[lower].link >= 0)
        weight = WEIGHTS[bends] * (MAIN if links[number].main else 1.0)
        found[upper].append((lower, weight))
        found[lower].append((upper, weight))
    return found


def _gap(rows: Rows, wide: Mapping[str, float], left: str, right: str) -> float:
    """Return how far the middles of two neighbours must be apart."""
    spots = (rows.spots[left], rows.spots[right])
    one, two = sorted("box" if spot.link < 0 or spot.words else "bend" for spot in spots)
    plates = spots[0].row % 2 == 1 and two == "box"
    return (wide[left] + wide[right]) / 2 + (PLATES if plates else APART[one, two])


def _settle(row: Sequence[str], x: dict[str, float], pulls: Pulls, gaps: Sequence[float]) -> None:
    """Move a row to where it is pulled, as far as its order and gaps allow."""
    blocks: list[list[float]] = []  # [weight, sum of weighted places, number of spots], each place less its offset
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    for name, offset in zip(row, offsets, strict=False):
        weight = sum(w for _, w in pulls[name]) or 0.01
        wanted = sum(x[other] * w for other, w in pulls[name]) / weight if pulls[name] else x[name]
        blocks.append([weight, weight * (wanted - offset), 1])
        while len(blocks) > 1 and blocks[-2][1] / blocks[-2][0] > blocks[-1][1] / blocks[-1][0]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    places = [total / weight for weight, total, count in blocks for _ in range(int(count))]
    x.update({name: place + offset for name, place, offset in zip(row, places, offsets, strict=False)})


class _Room:
    """How far a spot may move between its neighbours."""

    def __init__(self, rows: Rows, x: dict[str, float], gaps: Sequence[Sequence[float]]) -> None:
        self.rows, self.x, self.gaps = rows, x, gaps
        self.place = {name: (at, n) for at, row in enumerate(rows.rows) for n, name in enumerate(row)}

    def of(self, names: Sequence[str]) -> tuple[float, float]:
        """Return from where to where all of `names` may stand below each other; low > high: nowhere."""
        low, high = float("-inf"), float("inf")
        for name in names:
            at, n = self.place[name]
            row, gaps = self.rows.rows[at], self.gaps[at]
            low = max(low, self.x[row[n - 1]] + gaps[n - 1]) if n else low
            high = min(high, self.x[row[n + 1]] - gaps[n]) if n + 1 < len(row) else high
        return low, high


def _straighten(rows: Rows, x: dict[str, float], gaps: Sequence[Sequence[float]], wide: Mapping[str, float]) -> None:
    """Put all bends of a link below each other and straight above or below a box, where there is room for that."""
    room = _Room(rows, x, gaps)
    for chain in rows.chains.values():
        bends = chain[1:-1]
        low, high = room.of(bends)
        if bends and low <= high:
            wanted = sum(x[name] for name in bends) / len(bends)
            for box in (chain[0], chain[-1]):
                reach = max(wide[box] / 2 - SIDE, 0.0)
                wanted = min(max(wanted, x[box] - reach), x[box] + reach)
            x.update(dict.fromkeys(bends, min(max(wanted, low), high)))


def _align(room: _Room, main: Sequence[int]) -> None:
    """Put what stands nearly below each other exactly so, from the top down, along the way of the file."""
    x = room.x
    for number in main:
        source, *below = room.rows.chains.get(number, [""])
        low, high = room.of(below)
        if below and low <= x[source] <= high and abs(x[below[-1]] - x[source]) < NEAR:
            x.update(dict.fromkeys(below, x[source]))
