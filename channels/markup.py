"""What happens to a mail template once, before any person: front matter, MJML, CSS, preheader, links, text part."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import css_inline
from inscriptis import get_text

from channels.errors import TemplateProblem
from channels.marks import CLOSE, OPEN, PLACED

FRONT = re.compile(r"\A\ufeff?\s*<!--(.*?)-->[ \t]*\n?", re.DOTALL)
ASIDE = re.compile(r"[ \t]*#[ \t]*lint:[ \t]*ignore\[[^\]\n]*\][ \t]*$", re.MULTILINE)  # a word to lint, not to readers
FRONT_LINE = re.compile(r"\s*([A-Za-z_-]+)\s*:\s*(.*?)\s*\Z")
FRONT_KEYS = ("subject", "preheader")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
HREF = re.compile(r"(<(?:a|area|v:\w+)\b[^>]*?\shref=)(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE | re.DOTALL)
BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
PREHEADER = '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">{}</div>'
TABLE_START = re.compile(rf"(<table\b[^>]*>)((?:\s*{PLACED.pattern})+\s*)(?=<tr\b)", re.IGNORECASE)
UNSEEN = re.compile(r"<(style|script|head|title)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
ANCHOR = re.compile(r"<a\b[^>]*?\shref=(?:\"([^\"]*)\"|'([^']*)')[^>]*>(.*?)</a\s*>", re.IGNORECASE | re.DOTALL)
IMAGE = re.compile(r"<img\b(?:[^>]*?\salt=(?:\"([^\"]*)\"|'([^']*)'))?[^>]*>", re.IGNORECASE | re.DOTALL)
ROWS = re.compile(r"<(/?)(table|tbody|thead|tfoot|tr)\b[^>]*>", re.IGNORECASE)
CELLS = re.compile(r"<(/?)(?:td|th)\b[^>]*>", re.IGNORECASE)
KEPT = re.compile(f"{OPEN}kept(\\d+){CLOSE}")
HIDDEN = re.compile(r"<(div|span|p)\b[^>]*style=\"[^\"]*display:\s*none[^>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Field:
    """One value of the front matter."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Source:
    """A template file cut in two; the body keeps its line numbers."""

    file: str
    fields: Mapping[str, Field]
    body: str


def cut(file: str, text: str) -> Source:
    """Take the front matter off the top of a template file."""
    found = FRONT.match(text)
    if found is None or not re.search(rf"^\s*(?:{'|'.join(FRONT_KEYS)})\s*:", found[1], re.MULTILINE):
        return Source(file, {}, text)
    first = text[: found.start(1)].count("\n") + 1
    fields = dict(
        _front_field(file, first + number, line)
        for number, line in enumerate(ASIDE.sub("", found[1]).split("\n"))
        if line.strip()
    )
    return Source(file, fields, "\n" * found[0].count("\n") + text[found.end() :])


def _front_field(file: str, line: int, text: str) -> tuple[str, Field]:
    found = FRONT_LINE.match(text)
    if found is None:
        raise TemplateProblem(file, line, f"expected `key: value`, found {text.strip()[:40]!r}")
    key, value = found[1], found[2]
    if key not in FRONT_KEYS:
        raise TemplateProblem(file, line, f'unknown key "{key}"; a mail has {" and ".join(FRONT_KEYS)}')
    return key, Field(_unquoted(file, line, value), line)


def _unquoted(file: str, line: int, value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1].replace("''", "'")
    if value[:1] != '"':
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        raise TemplateProblem(file, line, 'a value that begins with " must end with one, and write " as \\"') from None


def inlined(file: str, document: str) -> str:
    """Inline the CSS; style elements stay for media queries and dark mode. Nothing is fetched."""
    fixed = TABLE_START.sub(r"\1<tbody>\2", document)
    try:
        return css_inline.inline(fixed, keep_style_tags=True, load_remote_stylesheets=False)
    except (css_inline.InlineError, ValueError) as error:
        raise TemplateProblem(file, 1, f"its CSS cannot be inlined: {error}") from None


def with_links(document: str, number: Callable[[str], str | None]) -> str:
    """Give every address to `number`, which answers with what stands there instead (None: leave it)."""

    def place(found: re.Match[str]) -> str:
        raw = found[2] if found[2] is not None else found[3]
        new = number(raw)
        return found.group() if new is None else f'{found[1]}"{new}"'

    return HREF.sub(place, document)


def with_preheader(document: str, preheader: str) -> str:
    """Lay the preheader, unseen, at the top of the body."""
    if not preheader:
        return document
    found = BODY.search(document)
    end = found.end() if found else 0
    return document[:end] + PREHEADER.format(html.escape(preheader, quote=False)) + document[end:]


def to_text(document: str) -> str:
    """Make the text part; tables are laid out as lines, because marks have no width to align by."""
    body = BODY.split(document, maxsplit=1)[-1]
    bare = PLACED.sub(lambda m: m.group().removeprefix("<!--").removesuffix("-->"), body)
    bare = HIDDEN.sub("", UNSEEN.sub("", COMMENT.sub("", bare)))
    bare = IMAGE.sub(lambda m: m[1] or m[2] or "", bare)
    targets: list[str] = []
    bare = ANCHOR.sub(lambda found: _spelled(found, targets), bare)
    text = get_text(f"<html><body>{_in_lines(bare)}</body></html>")
    text = KEPT.sub(lambda found: targets[int(found[1])], text)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip() for line in text.split("\n")))


def _spelled(found: re.Match[str], targets: list[str]) -> str:
    """An anchor as `text (address)`; addresses are kept aside, the text maker would read them as HTML twice."""
    target, inner = (found[1] if found[1] is not None else found[2]).strip(), found[3].strip()
    if not target or target.startswith("#"):
        return inner
    shown = html.unescape(target.removeprefix("mailto:").removeprefix("tel:"))
    targets.append(shown)
    kept = f"{OPEN}kept{len(targets) - 1}{CLOSE}"
    return kept if inner in {"", shown} else f"{inner} ({kept})"


def _in_lines(document: str) -> str:
    """Rows of layout tables become paragraphs, rows of tables of data become lines."""
    layout: list[bool] = []

    def row(found: re.Match[str]) -> str:
        slash, name = found[1], found[2].lower()
        if name == "table" and not slash:
            layout.append("presentation" in found.group())
        elif name == "table" and layout:
            layout.pop()
        return f"<{slash}{'p' if name == 'tr' and layout and layout[-1] else 'div'}>"

    return CELLS.sub(lambda m: "</span> " if m[1] else "<span>", ROWS.sub(row, document))
