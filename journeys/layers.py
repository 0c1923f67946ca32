"""Rows of a picture: which box stands in which, and in what order, so that few lines cross.

The method is that of Sugiyama, Tagawa and Toda (1981), with two differences: the rows are those of the file, and the
words of a link take a place of their own in the half row below the box that it starts from.

Rows count twice: boxes stand in the even ones, words in the odd ones. A link of several rows is a chain of bends.

Rules
- Rows keep the order of the file: a later state never stands above an earlier one.
- States that follow each other in the file stand side by side when neither leads to the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product

from journeys.journey import EXIT
from journeys.picture import Box, Link, Picture

ABREAST = 3
"""Most states side by side: one more would be read like a table."""

SWEEPS = 6
STRETCH, SIDES = 4, 5
"""Links through more spots than STRETCH are long; of these the first SIDES are tried on either side of the rest."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a row: a box, the words of a link, or a bend of one. `link` is its number, -1 for boxes."""

    id: str
    row: int
    link: int = -1
    words: bool = False


@dataclass(slots=True)
class Rows:
    """The spots by row, from left to right, and for each link the ids that it leads through, from top to bottom.

    `ends` are the boxes that stand for leaving the journey, `up` the links that lead upwards, `loops` those that lead
    from a box to itself.
    """

    spots: dict[str, Spot]
    rows: list[list[str]]
    chains: dict[int, list[str]]
    ends: dict[int, str] = field(default_factory=dict)  # by the row that they stand in
    targets: dict[int, str] = field(default_factory=dict)  # link -> box, EXIT resolved
    up: frozenset[int] = frozenset()
    loops: tuple[int, ...] = ()

    @property
    def pairs(self) -> Iterator[tuple[str, str, int]]:
        """Yield the pieces of all links: upper spot, lower spot, link."""
        for number, chain in self.chains.items():
            for upper, lower in pairwise(chain):
                yield upper, lower, number


def rows_of(picture: Picture) -> Rows:
    """Return every spot of the picture in its row, in an order in which few links cross."""
    level = levels(picture.boxes, picture.links)
    made = Rows({}, [], {})
    for name, row in level.items():
        _put(made, Spot(name, 2 * row))
    for number, link in enumerate(picture.links):
        made.targets[number] = _end(made, 2 * level[link.source] + 2) if link.target == EXIT else link.target
    for number, link in _reading(picture.links, level):
        _thread(made, number, link)
    _untangle(made)
    return made


def levels(boxes: Sequence[Box], links: Sequence[Link]) -> dict[str, int]:
    """Return the row of each box."""
    joined = {(link.source, link.target) for link in links} | {(link.target, link.source) for link in links}
    found: dict[str, int] = {}
    row: list[str] = []
    level = 0
    for box in boxes:
        if row and (len(row) >= ABREAST or any((box.name, other) in joined for other in row) or level == 0):
            row, level = [], level + 1
        row.append(box.name)
        found[box.name] = level
    return found


def _reading(links: Sequence[Link], level: Mapping[str, int]) -> list[tuple[int, Link]]:
    """Return the links in the order in which they are laid: by their start, the ways on first."""
    return sorted(enumerate(links), key=lambda pair: (level[pair[1].source], pair[0]))


def _put(made: Rows, spot: Spot) -> None:
    made.spots[spot.id] = spot
    while len(made.rows) <= spot.row:
        made.rows.append([])
    made.rows[spot.row].append(spot.id)


def _end(made: Rows, row: int) -> str:
    """Return the end for the states of the row above; they share it."""
    if row not in made.ends:
        made.ends[row] = f"{EXIT}:{row}"
        _put(made, Spot(made.ends[row], row))
    return made.ends[row]


def _thread(made: Rows, number: int, link: Link) -> None:
    """Lay a link from row to row; one that leads upwards is laid from its target down, its words near its start."""
    target = made.targets[number]
    if target == link.source:
        made.loops = (*made.loops, number)
        return
    start, end = made.spots[link.source].row, made.spots[target].row
    top, bottom, words = (link.source, target, start + 1) if start < end else (target, link.source, start - 1)
    if start > end:
        made.up |= {number}
    chain = [top]
    for row in range(min(start, end) + 1, max(start, end)):
        spot = Spot(f"{number}:{row}", row, number, words=row == words and bool(link.labels or link.people is not None))
        _put(made, spot)
        chain.append(spot.id)
    made.chains[number] = [*chain, bottom]


def _untangle(made: Rows) -> None:
    """Find an order with few crossings: long links are tried on either side, and what crosses least is kept."""
    below, above = _neighbours(made)
    long = [number for number, chain in made.chains.items() if len(chain) > STRETCH][:SIDES]
    best: tuple[tuple[int, int], list[list[str]]] | None = None
    for left in product((False, True), repeat=len(long)):
        chosen = {number for number, is_left in zip(long, left, strict=True) if is_left}
        rows = [sorted(row, key=lambda name: made.spots[name].link not in chosen) for row in made.rows]
        for found in _swept(rows, below, above):
            cost = crossings(found, below), _disorder(made, found)
            if best is None or cost < best[0]:
                best = cost, [list(row) for row in found]
        if best is not None and best[0] == (0, 0):
            break
    if best is not None:
        made.rows[:] = best[1]


def _swept(rows: list[list[str]], below: Near, above: Near) -> Iterator[list[list[str]]]:
    """Yield the rows as they are, and after each sweep down and up that orders them by their neighbours' places."""
    yield rows
    for sweep in range(SWEEPS):
        near = above if sweep % 2 == 0 else below
        order = range(1, len(rows)) if sweep % 2 == 0 else range(len(rows) - 2, -1, -1)
        for at in order:
            _sort(rows, at, near)
        _swap(rows, below)
        yield rows


def _disorder(made: Rows, rows: Sequence[Sequence[str]]) -> int:
    """Return how many boxes of a row stand against the order of the file."""
    order = {name: n for n, name in enumerate(made.spots)}
    boxes = ([order[name] for name in row if made.spots[name].link < 0] for row in rows)
    return sum(a > b for row in boxes for a, b in pairwise(row))


Near = Mapping[str, Sequence[str]]


def _neighbours(made: Rows) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    below: dict[str, list[str]] = {}
    above: dict[str, list[str]] = {}
    for upper, lower, _ in made.pairs:
        below.setdefault(upper, []).append(lower)
        above.setdefault(lower, []).append(upper)
    return below, above


def _sort(rows: list[list[str]], at: int, near: Near) -> None:
    """Order one row by the mean place of its neighbours; a spot without any keeps its place."""
    place = {name: n for row in (at - 1, at + 1) if 0 <= row < len(rows) for n, name in enumerate(rows[row])}
    own = {name: n for n, name in enumerate(rows[at])}

    def mean(name: str) -> float:
        found = [place[other] for other in near.get(name, ()) if other in place]
        return sum(found) / len(found) if found else own[name]

    rows[at].sort(key=lambda name: (mean(name), own[name]))


def _swap(rows: list[list[str]], below: Near) -> None:
    """Swap neighbours while that takes crossings away."""
    for _ in range(len(rows)):
        changed = False
        for at, row in enumerate(rows):
            for n in range(len(row) - 1):
                before = _around(rows, at, below)
                row[n], row[n + 1] = row[n + 1], row[n]
                if _around(rows, at, below) < before:
                    changed = True
                else:
                    row[n], row[n + 1] = row[n + 1], row[n]
        if not changed:
            return


def _around(rows: list[list[str]], at: int, below: Near) -> int:
    upper = _between(rows[at - 1], rows[at], below) if at else 0
    return upper + (_between(rows[at], rows[at + 1], below) if at + 1 < len(rows) else 0)


def crossings(rows: Sequence[Sequence[str]], below: Near) -> int:
    """Return how many pieces of links cross."""
    return sum(_between(upper, lower, below) for upper, lower in pairwise(rows))


def _between(upper: Sequence[str], lower: Sequence[str], below: Near) -> int:
    place = {name: n for n, name in enumerate(lower)}
    ends = [(n, place[other]) for n, name in enumerate(upper) for other in below.get(name, ()) if other in place]
    return sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for i, a in enumerate(ends) for b in ends[:i])
