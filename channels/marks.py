"""Hide template tags from the HTML tools, and put them back.

MJML compilers, CSS inliners and HTML parsers move, escape and drop what they do not understand. So every Jinja tag is
replaced by a mark before they see it: a comment where a statement stands between elements (comments survive inside
tables), a number between two rare brackets elsewhere. Each restored tag begins on a line of its own, inside
its braces where whitespace means nothing: so an error in the compiled template leads back to the author's line.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from jinja2 import Environment

OPEN, CLOSE = "\u27c5", "\u27c6"  # printable: MJML compilers escape what is not
MARK = re.compile(f"{OPEN}(\\d+){CLOSE}")
PLACED = re.compile(f"<!--{OPEN}(\\d+){CLOSE}-->|{OPEN}(\\d+){CLOSE}")
AUTHOR_COMMENT = re.compile(r"<!--(?!\[if|<!|\s*\[if).*?-->", re.DOTALL)
SCANNED = re.compile(r"<!--|-->|</?[a-zA-Z][\w:-]*|[>\"']")
RAW_TEXT = frozenset({"style", "script", "title", "mj-title", "mj-preview", "mj-style", "textarea"})
OPENERS = re.compile(r"\{(?=[{%#]|\Z)")


@dataclass(frozen=True, slots=True)
class Tag:
    """One template tag as the author wrote it."""

    source: str
    line: int
    statement: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """The compiled source, and for its lines the author's."""

    source: str
    starts: tuple[int, ...]  # compiled line where a tag begins
    lines: tuple[int, ...]  # the author's line of that tag

    def line(self, compiled: int) -> int:
        """Give the author's line for a line of the compiled source."""
        place = bisect_right(self.starts, compiled) - 1
        return self.lines[place] + compiled - self.starts[place] if place >= 0 else 1


@dataclass(slots=True)
class Place:
    """Where in HTML a reader stands: in text, in a tag, in a quoted value, in an element of raw text, in a comment."""

    tag: str = ""
    quote: str = ""
    raw: str = ""
    comment: bool = False

    @property
    def between_elements(self) -> bool:
        return not (self.tag or self.raw or self.comment)

    def read(self, text: str) -> None:
        for found in SCANNED.finditer(text):
            self._step(found.group())

    def _step(self, sign: str) -> None:
        if self.comment:
            self.comment = sign != "-->"
        elif self.tag:
            self._step_in_tag(sign)
        elif sign == "<!--":
            self.comment = not self.raw
        elif sign[0] == "<" and (not self.raw or sign[2:].lower() == self.raw):
            self.tag, self.raw = sign[1:].lower(), ""

    def _step_in_tag(self, sign: str) -> None:
        if self.quote:
            self.quote = "" if sign == self.quote else self.quote
        elif sign in "\"'":
            self.quote = sign
        elif sign == ">":
            self.raw = self.tag if self.tag in RAW_TEXT else ""
            self.tag = ""


@dataclass(slots=True)
class Marks:
    """The tags of one template, by number."""

    tags: list[Tag] = field(default_factory=list)

    def hide(self, source: str, environment: Environment, first_line: int = 1, *, elements: bool = True) -> str:
        """Replace every tag of `source` by a mark; comments of Jinja and of the author go.

        `elements` False: the source is plain text, and no mark is made a comment.
        """
        place, out = Place(), []
        for text, tag in _pieces(source, environment, first_line):
            place.read(text)
            out.append(text.replace(OPEN, "").replace(CLOSE, ""))
            if tag is not None:
                mark = self.add(tag)
                out.append(f"<!--{mark}-->" if elements and tag.statement and place.between_elements else mark)
        if not elements:
            return "".join(out)
        return AUTHOR_COMMENT.sub(lambda m: m.group() if PLACED.fullmatch(m.group()) else "", "".join(out))

    def add(self, tag: Tag) -> str:
        """Keep a tag and give its mark."""
        self.tags.append(tag)
        return f"{OPEN}{len(self.tags) - 1}{CLOSE}"

    def named(self, text: str) -> list[int]:
        """List the numbers of the marks that stand in `text`."""
        return [int(a or b) for a, b in PLACED.findall(text)]

    def restore(self, text: str) -> Restored:
        """Put the tags back; braces that only look like tags are kept as text."""
        out: list[str] = []
        starts, lines, line, end = [], [], 1, 0
        for found in PLACED.finditer(text):
            tag = self.tags[int(found[1] or found[2])]
            source = _broken(tag.source)
            out += [_plain(text[end : found.start()]), source]
            line += out[-2].count("\n")
            starts.append(line + 1)
            lines.append(tag.line)
            line, end = line + source.count("\n"), found.end()
        out.append(_plain(text[end:]))
        return Restored("".join(out), tuple(starts), tuple(lines))


def _pieces(source: str, environment: Environment, line: int) -> list[tuple[str, Tag | None]]:
    """Cut the source into (text, tag behind it)."""
    pieces: list[tuple[str, Tag | None]] = []
    text: list[str] = []
    inside: list[str] = []
    began, depth = 0, ""
    for number, kind, value in environment.lex(source):
        if kind.endswith("_begin") and not depth:
            began, depth, inside = number, kind.removesuffix("_begin"), [value]
        elif depth:
            inside.append(value)
            if kind == f"{depth}_end":
                tag = Tag("".join(inside), began + line - 1, statement=depth in {"block", "raw"})
                pieces.append(("".join(text), None if depth == "comment" else tag))
                text, depth = [], ""
        else:
            text.append(value)
    pieces.append(("".join(text), None))
    return pieces


def _broken(source: str) -> str:
    """Let a tag's inside begin on a new line."""
    head = 3 if source[2:3] in {"-", "+"} else 2
    return f"{source[:head]}\n{source[head:]}"


def _plain(text: str) -> str:
    return OPENERS.sub("{{ '{' }}", text)
