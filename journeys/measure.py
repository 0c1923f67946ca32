"""How much room the words of a picture take: boxes with their lines, and the plates that stand on links.

Rules
- Every text is broken before it is wider than its box may be, so nothing is cut off and nothing overflows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from journeys.lettering import width, wrap
from journeys.picture import Box, Link

NAME, TEXT, SMALL = 15.0, 12.5, 11.5
"""Sizes of letters: of a state's name, of what it does, and of the words on links."""

LINE = 17.0
PAD, ICON = 14.0, 26.0
WIDEST, NARROWEST, LABEL = 250.0, 128.0, 190.0
PLATE = 16.0
LOOP = 34.0
"""How far the line of a state that leads to itself stands out."""


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle; `x` and `y` are its top left corner."""

    x: float
    y: float
    w: float
    h: float

    @property
    def middle(self) -> float:
        return self.x + self.w / 2

    @property
    def bottom(self) -> float:
        return self.y + self.h

    @property
    def right(self) -> float:
        return self.x + self.w


@dataclass(frozen=True, slots=True)
class Words:
    """One line of a box: its tone (ink, quiet or title), how far it is indented, and the sign before it."""

    text: str
    tone: str = "ink"
    indent: float = 0.0
    sign: str = ""

    @property
    def size(self) -> float:
        return SMALL if self.tone == "title" else TEXT

    @property
    def wide(self) -> float:
        return self.indent + width(self.text, self.size)


@dataclass(frozen=True, slots=True)
class Placed:
    """A box on the page; `words` are its lines as they are broken. An end has no name."""

    box: Box
    rect: Rect
    words: tuple[Words, ...] = ()
    row: int = 0


def measured(box: Box) -> Placed:
    """Return a box with its words broken into lines and its size; where it stands is not known yet."""
    words = tuple(_words(box))
    head = width(box.name, NAME, bold=True) + ICON + 10 if box.kind != "enter" else 0.0
    if box.inside is not None:
        head += width(f"{box.inside:,}", TEXT, bold=True) + 26
    wide = max([head, *(line.wide for line in words)])
    tall = LINE * len(words) + (18.0 if box.kind == "enter" else 20 + ICON + (6 if words else 0))
    return Placed(box, Rect(0, 0, max(wide + 2 * PAD, NARROWEST), tall), words)


def _words(box: Box) -> Iterator[Words]:
    """Yield the lines of a box: its title, when it acts, what it does; of the entry what starts it comes first."""
    room = WIDEST - 2 * PAD
    yield from (Words(line, "title") for line in _broken(box.title, SMALL, room))
    when = [Words(line, "quiet") for said in box.when for line in _broken(said, TEXT, room)]
    does = [Words(line) for said in box.does for line in _broken(said, TEXT, room)]
    yield from [*does, *when] if box.kind == "enter" else [*when, *does]
    for channel, name, condition in box.arms:
        for n, line in enumerate(_broken(name, TEXT, room - 20)):
            yield Words(line, "ink", 20, "" if n else channel)
        yield from (Words(line, "quiet", 20) for line in _broken(condition, TEXT, room - 20))


def _broken(said: str, size: float, most: float) -> list[str]:
    return wrap(said, size, most) if said else []


def plate(link: Link) -> tuple[tuple[str, ...], float, float]:
    """Return the words of a link as lines, and the size of the plate that they stand on."""
    lines = [line for label in link.labels for line in wrap(label, SMALL, LABEL)]
    if link.people is not None:
        lines.append(f"{link.people:,}")
    wide = max((width(line, SMALL) for line in lines), default=0)
    return tuple(lines), wide + 16, LINE * len(lines) - 2 + 6
