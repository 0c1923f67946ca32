"""YAML text to nodes that know their place. Any slip becomes a Problem, never a traceback.

Rules
- YAML 1.2 core: only true/false are booleans, `10:30`, `on`, `no` and dates stay text; tags are forbidden.
- Duplicate keys are errors; anchors and `<<` work inside one file, at most 100 expansions, counted before building.
- At most 64 levels deep, 1,000 keys or items in one piece, 20,000 lines of 10,000 characters, 256 KiB; UTF-8.
  What is larger is no journey, and is refused before it is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from journeys.accidents import MASK, mask
from journeys.node import Node, resolve
from journeys.page import Page
from journeys.problem import Edit

DEEPEST = 64
LONGEST = 1 << 18
LINES, WIDEST = 20_000, 10_000
PIECES = 1_000
EXPANSIONS = 100
TOO_LONG = "this file is longer than 256 KiB"

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = {
    "mapping values are not allowed": "a second `: ` in this line: put the value in quotes",
    "could not find expected ':'": "there is no `:` behind this key",
    "did not find expected key": "this line fits nowhere: check its indentation and quotes",
    "did not find expected ',' or '}'": "inside { } a value ends here: put it in quotes or write several lines",
    "did not find expected ',' or ']'": "inside [ ] a value ends here: put it in quotes or write several lines",
    "did not find expected '-' indicator": "this line fits no list item: check its indentation",
    "found unexpected end of stream": "a quote is not closed",
    "cannot start any token": "this character cannot start a value: put the value in quotes",
    "found undefined alias": "nothing is anchored under this name",
    "block sequence entries are not allowed": "a list item cannot start here",
}


class _Stop(Exception):
    """The text cannot be read on; the reason has been reported."""


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    kind: str
    start: Any
    anchor: str | None
    flow: bool
    pieces: list[Node] = field(default_factory=list)
    expansions: int = 0


def read(page: Page) -> Node | None:
    """Return the root of the file on `page`, None when it cannot be read at all."""
    if _too_large(page):
        return None
    text = mask(page)
    if text is None:
        return None
    try:
        return _Composer(page).compose(text)
    except _Stop:
        return None
    except yaml.YAMLError as error:
        _explain(page, error)
        return None


def _too_large(page: Page) -> bool:
    """Refuse what would take long to read; nothing an author writes comes near."""
    if len(page.lines) > LINES:
        page.add("Y009", (LINES + 1, 1, 2), f"more than {LINES:,} lines in one file")
        return True
    if sum(map(len, page.lines)) + len(page.lines) > LONGEST:
        page.add("Y009", (1, 1, 2), TOO_LONG)
        return True
    wide = next((number for number, line in enumerate(page.lines, 1) if len(line) > WIDEST), None)
    if wide is not None:
        page.add("Y009", (wide, WIDEST + 1, WIDEST + 2), f"this line is longer than {WIDEST:,} characters")
    return wide is not None


def decode(raw: bytes, file: str) -> Page:
    """Return the page for a file's bytes; what is not UTF-8 is reported on it and left empty."""
    if len(raw) > LONGEST:
        page = Page(file, "")
        page.add("Y009", (1, 1, 2), TOO_LONG)
        return page
    try:
        return Page(file, raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        page = Page(file, "")
        line = raw.count(b"\n", 0, error.start) + 1
        page.add("Y009", (line, 1, 2), "this file is not UTF-8 text", helps=("save it with the encoding UTF-8",))
        return page


def _explain(page: Page, error: yaml.YAMLError) -> None:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    raw = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "it is no YAML")
    words = next((ours for theirs, ours in _WORDS.items() if theirs in raw), raw)
    line, col = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    line, col = min(line, len(page.lines)), max(1, col if line <= len(page.lines) else 1)
    page.add("Y008", (line, col, col + 1), f"cannot read this as YAML: {words}")


class _Composer:
    """Builds nodes from YAML events, so that depth and aliases are counted before anything is built."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int] | None] = {}
        self.expansions = 0
        self.root: Node | None = None
        self.documents = 0

    def compose(self, text: str) -> Node | None:
        for event in yaml.parse(text, Loader=_LOADER):
            match event:
                case yaml.ScalarEvent():
                    self._put(self._scalar(event), event.anchor)
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._start(event)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._end(event)
                case yaml.DocumentStartEvent():
                    self._document(event)
        return self.root

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._stop("Y008", event, "one file is one document: `---` starts a second one here")

    def _stop(self, code: str, event: Any, says: str) -> None:
        self.page.add(code, _span(event.start_mark, event.start_mark), says)
        raise _Stop

    def _start(self, event: Any) -> None:
        if len(self.open) >= DEEPEST:
            self._stop("Y009", event, f"more than {DEEPEST} levels deep")
        if event.tag is not None:
            self._tag(event, "")
        kind = "map" if isinstance(event, yaml.MappingStartEvent) else "list"
        if event.anchor:
            self.anchors[event.anchor] = None
        self.open.append(_Open(kind, event.start_mark, event.anchor, bool(event.flow_style)))

    def _alias(self, event: Any) -> None:
        if event.anchor not in self.anchors:
            self._stop("Y008", event, f"nothing is anchored under the name {event.anchor}")
        known = self.anchors[event.anchor]
        if known is None:
            self._stop("Y009", event, f"*{event.anchor} stands inside what it repeats")
            return
        node, inside = known
        self.expansions += 1 + inside
        if self.open:
            self.open[-1].expansions += 1 + inside
        if self.expansions > EXPANSIONS:
            self._stop("Y009", event, f"more than {EXPANSIONS} repetitions by *aliases")
        self._put(node, None, inside)

    def _put(self, node: Node, anchor: str | None, inside: int = 0) -> None:
        if anchor:
            self.anchors[anchor] = (node, inside)
        if self.open:
            pieces = self.open[-1].pieces
            pieces.append(node)
            if len(pieces) > (2 * PIECES if self.open[-1].kind == "map" else PIECES):
                self.page.add("Y009", node, f"more than {PIECES:,} keys or items in one piece")
                raise _Stop
        else:
            self.root = node

    def _end(self, event: Any) -> None:
        frame = self.open.pop()
        line, col, end_line, end_col = _box(frame.start, event.end_mark)
        if frame.kind == "list":
            node = Node("list", line, col, end_line, end_col, items=tuple(frame.pieces), flow=frame.flow)
        else:
            pairs = list(zip(frame.pieces[::2], frame.pieces[1::2], strict=True))
            entries = tuple(self._entries(pairs, frame.flow))
            node = Node("map", line, col, end_line, end_col, entries=entries, flow=frame.flow)
        if self.open:
            self.open[-1].expansions += frame.expansions
        self._put(node, frame.anchor, frame.expansions)

    def _entries(self, pairs: list[tuple[Node, Node]], flow: bool) -> list[tuple[Node, Node]]:
        entries = self._rejoined(pairs) if flow else pairs
        seen: dict[str, Node] = {}
        own: list[tuple[Node, Node]] = []
        merged: list[tuple[Node, Node]] = []
        for key, value in entries:
            if key.kind in ("map", "list"):
                self.page.add("Y008", key, "a key is a word, but this is " + ("a mapping" if key.entries else "a list"))
            elif key.raw == "<<" and key.plain:
                merged += [pair for part in (value.items or (value,)) for pair in part.entries]
            elif key.kind != "broken" and key.raw in seen:
                self._twice(seen[key.raw], key)
            else:
                seen[key.raw] = key
                own.append((key, value))
        for key, value in merged:
            if key.raw not in seen:
                seen[key.raw] = key
                own.append((key, value))
        return own

    def _twice(self, first: Node, second: Node) -> None:
        # The frame of this mapping is closed already: the innermost open one is its parent.
        parent = self.open[-1].pieces if self.open else []
        named = len(parent) % 2 == 1 and parent[-1].raw == "states"
        self.page.add(
            "Y003",
            second,
            f'the {"state" if named else "key"} "{second.raw}" is written twice',
            label="second one",
            others=(self.page.label(first, "first one"),),
            helps=("rename one of them; YAML would silently keep only the last",),
        )

    def _rejoined(self, pairs: list[tuple[Node, Node]]) -> list[tuple[Node, Node]]:
        """Report each `{if: f(1, 2)}` that a comma cut in pieces, and drop the pieces."""
        kept: list[tuple[Node, Node]] = []
        pieces: list[Node] = []
        for key, value in pairs:
            if not self._lonely(key, value):
                self._comma(kept, pieces)
                pieces = []
                kept.append((key, value))
            elif kept and kept[-1][1].kind in ("text", "number", "broken"):
                pieces.append(key)
            else:
                self.page.add("Y008", key, f'"{key.raw}" has no value: write `{key.raw}: …`')
        self._comma(kept, pieces)
        return kept

    def _lonely(self, key: Node, value: Node) -> bool:
        bare = value.kind == "none" and not value.raw and (value.line, value.col) == (value.end_line, value.end_col)
        return bare and not self.page.line(key.end_line)[key.end_col - 1 :].lstrip().startswith(":")

    def _comma(self, kept: list[tuple[Node, Node]], pieces: list[Node]) -> None:
        if not pieces:
            return
        key, value = kept[-1]
        kept[-1] = (key, _broken(value))
        if value.kind == "broken":
            return
        line, start, end = value.line, value.col, pieces[-1].end_col
        whole = self.page.line(line)[start - 1 : end - 1]
        quoted = "'" + whole.replace("'", "''") + "'"
        one_line = pieces[-1].end_line == line
        self.page.add(
            "Y004",
            (line, key.col if key.line == line else start, value.end_col if value.end_line == line else start + 1),
            "a comma inside { } ends the condition here",
            helps=(
                f"put the condition in single quotes: `{key.raw}: {quoted}`",
                "or write the state on several lines",
            ),
            fix=(Edit(line, start, end, quoted),) if one_line else (),
        )

    def _scalar(self, event: Any) -> Node:
        line, col, end_line, end_col = _box(event.start_mark, event.end_mark)
        plain = event.style in (None, "")
        raw = event.value
        if event.tag is not None:
            self._tag(event, raw)
            return Node("broken", line, col, end_line, end_col)
        if MASK in raw:
            return Node("broken", line, col, end_line, end_col, raw=raw)
        kind, value = resolve(raw) if plain else ("text", raw)
        node = Node(kind, line, col, end_line, end_col, raw=raw, value=value, plain=plain)
        if plain and end_line > line and self._swallowed(node):
            return _broken(node)
        return node

    def _swallowed(self, node: Node) -> bool:
        for number in range(node.line + 1, node.end_line + 1):
            found = re.match(r"\s*(-)(?=\s)", self.page.line(number))
            if found:
                col = found.start(1) + 1
                self.page.add(
                    "Y007",
                    (number, col, col + 1),
                    f'this dash starts no new item: YAML reads one text, "{node.raw}"',
                    label="indent it like the dash above",
                )
                return True
        return False

    def _tag(self, event: Any, raw: str) -> None:
        line, col, end_line, end_col = _box(event.start_mark, event.end_mark)
        source = self.page.line(line)[col - 1 : end_col - 1] if end_line == line else str(event.tag)
        rest = (source[1:] if source.startswith("!") else raw).strip()
        fix = (Edit(line, col, end_col, f"not {rest}"),) if source.startswith("!") and rest[:1].isalpha() else ()
        self.page.add(
            "Y006",
            (line, col, end_col if end_line == line else col + 1),
            "`!` marks a YAML tag; conditions use the word `not`",
            helps=(f"`if: not {rest}`",) if fix else ("write the value without the tag",),
            fix=fix,
        )


def _broken(node: Node) -> Node:
    return Node("broken", node.line, node.col, node.end_line, node.end_col, raw=node.raw)


def _box(start: Any, end: Any) -> tuple[int, int, int, int]:
    return start.line + 1, start.column + 1, end.line + 1, end.column + 1


def _span(start: Any, end: Any) -> tuple[int, int, int]:
    return start.line + 1, start.column + 1, max(end.column, start.column + 1) + 1
