"""Where everything of a picture stands, in pixels: boxes, the words of links, and the lines between them.

Rules
- Rows stand below each other, spots of a row beside each other with room between them: so nothing overlaps.
- A line goes straight down through the rows that it passes and bends only between two rows, where no box stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from journeys.across import across
from journeys.layers import Rows, rows_of
from journeys.measure import LOOP, Placed, Rect, measured, plate
from journeys.picture import Box, Link, Picture

TURN, SWING, MOST = 26.0, 0.10, 30.0
MARGIN = 32.0
PORTS, INSET = 26.0, 20.0
END = (64.0, 28.0)

Point = tuple[float, float]
Label = tuple[tuple[str, ...], float, float]  # lines, width, height


@dataclass(frozen=True, slots=True)
class Line:
    """A link on the page: through `points` (from start to end), and its words with their place."""

    link: Link
    points: tuple[Point, ...]
    label: tuple[str, ...] = ()
    place: Rect | None = None
    loop: bool = False
    up: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The page: `width` and `height` hold everything."""

    boxes: tuple[Placed, ...]
    lines: tuple[Line, ...]
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Everything that is known when lines are drawn. `down` has top and height of each row."""

    rows: Rows
    boxes: Mapping[str, Placed]
    labels: Mapping[int, Label]
    across: Mapping[str, float]
    down: Sequence[Point]


def layout(picture: Picture) -> Layout:
    """Return the picture with places, its top left corner at MARGIN."""
    rows = rows_of(picture)
    boxes = {box.name: measured(box) for box in picture.boxes}
    boxes |= {end: Placed(Box("", "end"), Rect(0, 0, *END)) for end in rows.ends.values()}
    labels = {number: plate(link) for number, link in enumerate(picture.links)}
    size = _size(picture.links, rows, boxes, labels)
    x = across(rows, {name: wide for name, (wide, _) in size.items()}, picture.links)
    left = min(x[name] - size[name][0] / 2 for name in rows.spots) - MARGIN
    x = {name: at - left for name, at in x.items()}
    down = _down(rows, size, x)
    boxes = {name: _placed(placed, x[name], down, rows.spots[name].row) for name, placed in boxes.items()}
    sheet = _Sheet(rows, boxes, labels, x, down)
    right = max(x[name] + size[name][0] / 2 for name in rows.spots)
    bottom = max(top + tall for top, tall in down)
    return Layout(tuple(boxes.values()), tuple(_lines(picture, sheet)), right + MARGIN, bottom + MARGIN)


def _size(
    links: Sequence[Link], rows: Rows, boxes: Mapping[str, Placed], labels: Mapping[int, Label]
) -> dict[str, Point]:
    """Return width and height of what each spot takes; the room of a loop is taken on both sides of its box."""
    size = {name: (placed.rect.w, placed.rect.h) for name, placed in boxes.items()}
    for number in rows.loops:
        name = links[number].source
        _, wide, tall = labels[number]
        size[name] = (size[name][0] + 2 * (LOOP + wide), max(size[name][1], tall + 12))
    for spot in rows.spots.values():
        if spot.link >= 0:
            size[spot.id] = labels[spot.link][1:] if spot.words else (2.0, 0.0)
    return size


def _down(rows: Rows, size: Mapping[str, Point], x: Mapping[str, float]) -> list[Point]:
    """Return top and height of every row; the wider the lines between two rows swing, the more room they get."""
    swings = [0.0] * len(rows.rows)
    for upper, lower, _ in rows.pairs:
        at = rows.spots[lower].row
        swings[at] = max(swings[at], abs(x[upper] - x[lower]))
    found: list[Point] = []
    top = MARGIN
    for at, row in enumerate(rows.rows):
        tall = max((size[name][1] for name in row), default=0.0)
        if at:
            empty = not tall or not found[-1][1]
            top += (TURN / 2 + 4 if empty else TURN) + min(swings[at] * SWING, MOST)
        found.append((top, tall))
        top += tall
    return found


def _placed(placed: Placed, middle: float, down: Sequence[Point], row: int) -> Placed:
    rect = placed.rect
    return replace(placed, rect=replace(rect, x=middle - rect.w / 2, y=down[row][0]), row=row)


def _lines(picture: Picture, sheet: _Sheet) -> Iterator[Line]:
    ports = _ports(sheet)
    plates = [place for number in sheet.rows.chains if (place := _place(sheet, number)) is not None]
    for number, link in enumerate(picture.links):
        if number in sheet.rows.loops:
            yield _loop(link, sheet.boxes[link.source].rect, sheet.labels[number])
        else:
            yield _line(sheet, number, link, (ports, plates))


def _place(sheet: _Sheet, number: int) -> Rect | None:
    """Return where the words of a link stand, None when it has none."""
    name = next((name for name in sheet.rows.chains[number][1:-1] if sheet.rows.spots[name].words), None)
    if name is None:
        return None
    top, tall = sheet.down[sheet.rows.spots[name].row]
    _, wide, high = sheet.labels[number]
    return Rect(sheet.across[name] - wide / 2, top + (tall - high) / 2, wide, high)


def _line(
    sheet: _Sheet, number: int, link: Link, around: tuple[Mapping[tuple[str, int], float], Sequence[Rect]]
) -> Line:
    """Return a link's line: down from a box, through its bends, to the next box; turned round when it leads upwards."""
    rows, (ports, plates) = sheet.rows, around
    top, *bends, bottom = rows.chains[number]
    first = sheet.down[rows.spots[top].row]
    x, end = ports[top, number], (ports[bottom, -number - 1], sheet.boxes[bottom].rect.y)
    points: list[Point] = [(x, sheet.boxes[top].rect.bottom), (x, sum(first))]
    if len(bends) == 1 and not rows.spots[bends[0]].words and _free(points[-1], end, plates):
        bends = []
    for name in bends:
        y, tall = sheet.down[rows.spots[name].row]
        points += [(sheet.across[name], y), (sheet.across[name], y + tall)]
    points.append(end)
    if number in rows.up:
        points.reverse()
    return Line(link, tuple(points), sheet.labels[number][0], _place(sheet, number), up=number in rows.up)


def _free(start: Point, end: Point, plates: Sequence[Rect]) -> bool:
    """Return whether a line may swing from `start` to `end` without coming near any words."""
    low, high = sorted((start[0], end[0]))
    return not any(
        low - 8 < plate.right and plate.x < high + 8 and start[1] < plate.bottom and plate.y < end[1]
        for plate in plates
    )


def _loop(link: Link, rect: Rect, label: Label) -> Line:
    """Return the line of a state that leads to itself: out at its right side and in again."""
    x, y = rect.right, rect.y + rect.h / 2
    points = ((x, y + 9), (x + LOOP - 14, y + 9), (x + LOOP - 14, y - 9), (x, y - 9))
    lines, wide, high = label
    place = Rect(x + LOOP - 6, max(y - high / 2, rect.y), wide, high) if lines else None  # never above its row
    return Line(link, points, lines, place, loop=True)


def _ports(sheet: _Sheet) -> dict[tuple[str, int], float]:
    """Return where each line meets its boxes: (box, link) at the bottom of the upper, (box, -link - 1) at the top.

    A line is met as straight as the box is wide, and lines of one side keep apart and in order.
    """
    sides: dict[tuple[str, bool], list[Point]] = {}
    for number, chain in sheet.rows.chains.items():
        sides.setdefault((chain[0], True), []).append((sheet.across[chain[1]], number))
        sides.setdefault((chain[-1], False), []).append((sheet.across[chain[-2]], -number - 1))
    found: dict[tuple[str, int], float] = {}
    for (name, _), wanted in sides.items():
        ordered = sorted(wanted)
        for (_, key), place in zip(ordered, _spread([x for x, _ in ordered], sheet.boxes[name].rect), strict=True):
            found[name, int(key)] = place
    return found


def _spread(wanted: Sequence[float], rect: Rect) -> list[float]:
    """Return a place on one side of a box for each line, as near to where it comes from as there is room."""
    inset = min(INSET, rect.w / 3)
    low, high = rect.x + inset, rect.right - inset
    step = min(PORTS, (high - low) / max(len(wanted) - 1, 1))
    if all(b - a >= step for a, b in pairwise(wanted)):
        last = len(wanted) - 1
        return [min(max(x, low + n * step), high - (last - n) * step) for n, x in enumerate(wanted)]
    start = min(max(sum(wanted) / len(wanted) - step * (len(wanted) - 1) / 2, low), high - step * (len(wanted) - 1))
    return [start + n * step for n in range(len(wanted))]
