"""What may stand in a journey file, as data: the readers take their keys from it, and the editor's schema and the
field reference are made from it.

Rules
- A Form is a mapping with its keys in the order in which messages list them.
- A shape says what the reader accepts and no more than can be said without knowing the rest of the file.
- Every key carries the sentence that editors show and the reference prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "name", "text", "flag", "share", "span", "timing", "window", "weekdays", "condition", "value", "literal", "event",
    "segment", "topic", "channel", "message", "bare_message", "target", "zone", "file", "rate", "check", "schedule",
    "cap", "clock", "fragment", "daypart", "url", "moment", "context", "number", "attribute",
    "assigned", "yes", "arm", "day",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """One word, number or text of a kind: "share" is `10%`, "span" is `2d`, "event" is one of data.yaml's."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number between two ends."""

    low: int = 0
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Many:
    """A list. `alone`: one of it may stand without a list."""

    of: Shape
    least: int = 0
    most: int | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping whose keys are the author's own: states by name, shares by arm."""

    keys: Shape
    values: Shape
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Either:
    """One of several shapes."""

    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a mapping: what it holds, what it means, what holds without it."""

    name: str
    shape: Shape
    says: str
    default: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A mapping with known keys.

    `one_of`: exactly one of these groups of keys is written; `at_most_one`: of these keys at most one is;
    `some`: it holds at least one key; `with_`: a key that needs another one beside it.
    """

    name: str
    says: str
    keys: tuple[Key, ...]
    one_of: tuple[tuple[str, ...], ...] = ()
    at_most_one: tuple[tuple[str, ...], ...] = ()
    some: bool = False
    with_: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(key.name for key in self.keys)

    def key(self, name: str) -> Key:
        return next(key for key in self.keys if key.name == name)

    def words(self, name: str) -> tuple[str, ...]:
        """Return the words that a key of choices takes; in lists and beside other shapes, too."""
        return _words(self.key(name).shape)


Shape = Word | Whole | Choice | Many | Table | Either | Form


def _words(shape: Shape) -> tuple[str, ...]:
    if isinstance(shape, Choice):
        return shape.words
    if isinstance(shape, Either):
        return tuple(word for one in shape.shapes for word in _words(one))
    return _words(shape.of) if isinstance(shape, Many) else ()
