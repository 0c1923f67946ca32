"""What differs between two versions of a file, clause by clause, in the author's own words and with their lines.

Rules
- Two texts are compared by what they say: order of keys, layout and comments do not count, the order of states does.
- A list is compared by what its items are called (an arm by its message), so one more item is one difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from journeys.node import Node
from journeys.page import Page
from journeys.reader import read

Mark = Literal["+", "-", "~"]

UNTOLD = ("tests", "moved")  # they change nobody's way; where `moved` sends people is told with its people
WHOLE = ("split", "send", "run")  # clauses that are read as one
NAMES = ("id", "message", "event", "segment", "if", "then", "reason")
LONGEST = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """One clause that was added, taken away or changed; `old` and `new` as they are written ("" = not there).

    `line` is of the new text, for a clause that is gone of the old one.
    """

    mark: Mark
    path: tuple[str, ...]  # ("states", "breathe", "after"); an item of a list as ("arms", "[4]")
    old: str
    new: str
    line: int

    def __str__(self) -> str:
        """Return "states.recover.choose.arms[4]"."""
        return ".".join(self.path).replace(".[", "[")


def differences(old: str, new: str) -> list[Difference]:
    """Return what differs between two texts of one file, in the order of the new one."""
    before, after = (read(Page("", text)) for text in (old, new))
    if before is None or after is None:
        return []
    found = list(_maps((), before, after))
    order = _reordered(before.get("states"), after.get("states"))
    return found + ([Difference("~", ("states",), "", "in another order", order)] if order else [])


def _reordered(old: Node | None, new: Node | None) -> int:
    """Return the line of the first state that stands elsewhere than before, 0 when none does."""
    if old is None or new is None:
        return 0
    names, others = [key.raw for key, _ in old.entries], [key.raw for key, _ in new.entries]
    before = [name for name in names if name in others]
    after = [(key.raw, key.line) for key, _ in new.entries if key.raw in before]
    return next((line for was, (name, line) in zip(before, after, strict=False) if was != name), 0)


def _compared(path: tuple[str, ...], old: Node, new: Node) -> Iterator[Difference]:
    if old.data() == new.data():
        return
    if path[-1] == "split" and [key.raw for key, _ in old.entries] == [key.raw for key, _ in new.entries]:
        yield Difference("~", path, _shares(old), _shares(new), new.line)
    elif path[-1] in WHOLE or old.kind != new.kind or old.kind not in ("map", "list"):
        yield Difference("~", path, shown(old), shown(new), new.line)
    elif old.kind == "map":
        yield from _maps(path, old, new)
    else:
        yield from _lists(path, old, new)


def _maps(path: tuple[str, ...], old: Node, new: Node) -> Iterator[Difference]:
    for key, value in new.entries:
        before = old.get(key.raw)
        here = (*path, key.raw)
        if not path and key.raw in UNTOLD:
            continue
        if before is None:
            yield from _one_sided("+", here, value, key.line)
        else:
            yield from _compared(here, before, value)
    for key, value in old.entries:
        if new.get(key.raw) is None and (path or key.raw not in UNTOLD):
            yield from _one_sided("-", (*path, key.raw), value, key.line)


def _one_sided(mark: Mark, path: tuple[str, ...], value: Node, line: int) -> Iterator[Difference]:
    said = shown(value)
    yield Difference(mark, path, said if mark == "-" else "", said if mark == "+" else "", line)


def _lists(path: tuple[str, ...], old: Node, new: Node) -> Iterator[Difference]:
    before, after = _named(old), _named(new)
    for name, (at, item) in after.items():
        here = (*path, f"[{at}]")
        if name in before:
            yield from _compared(here, before[name][1], item)
        else:
            yield Difference("+", here, "", shown(item), item.line)
    for name, (at, item) in before.items():
        if name not in after:
            yield Difference("-", (*path, f"[{at}]"), shown(item), "", item.line)


def _named(items: Node) -> dict[str, tuple[int, Node]]:
    """Return the items by what they are called; two of the same name by their number, too."""
    found: dict[str, tuple[int, Node]] = {}
    for at, item in enumerate(items):
        name = next((str(item.get(key)) and f"{key} {shown(part)}" for key in NAMES if (part := item.get(key))), "")
        name = name or shown(item)
        found[name if name not in found else f"{name} #{at}"] = (at, item)
    return found


def shown(node: Node) -> str:
    """Return a piece of a file in one short line: a split as its shares, "60/40"."""
    text = _flow(node)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _shares(split: Node) -> str:
    """Return "60/40"."""
    return "/".join(value.raw.removesuffix("%") for _, value in split.entries)


def _flow(node: Node) -> str:
    if node.kind == "map":
        return "{" + ", ".join(f"{key.raw}: {_flow(value)}" for key, value in node.entries) + "}"
    if node.kind == "list":
        return "[" + ", ".join(_flow(item) for item in node) + "]"
    return node.raw
