"""MJML: compiled by a library, and every fault in it named with the author's line before the library gives up.

The library reads MJML as XML and says only "unable to parse"; so the tags are walked here first. What MJML does not
know is T702; what is open, crossed or stray is T700.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

import mrml

from channels.errors import Flaw, TemplateProblem

NAMES = (
    "head body attributes all class breakpoint font html-attributes selector html-attribute preview style title raw "
    "accordion accordion-element accordion-title accordion-text button carousel carousel-image column divider group "
    "hero image navbar navbar-link section social social-element spacer table text wrapper"
)
TAGS = ("mjml", *(f"mj-{name}" for name in NAMES.split()))
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
ATTRIBUTE = r"\s+[A-Za-z_:@][\w:.-]*(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'))?"
TAG = re.compile(rf"<(/?)([A-Za-z][\w:-]*)((?:{ATTRIBUTE})*)\s*(/?)>", re.DOTALL)
OPENS = re.compile(r"<(?=[A-Za-z/])|<(?![A-Za-z/!])")
VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
RAW = re.compile(r"(<(mj-style|style|mj-raw|mj-title|mj-preview|title)\b[^>]*>)(.*?)(</\2\s*>)", re.DOTALL)


def mjml_to_html(file: str, source: str, hidden: str) -> str:
    """Compile MJML; `source` is the author's text (for line numbers), `hidden` the one with marks."""
    flaws = list(unknown_tags(file, source))
    if flaws:
        first = flaws[0]
        raise TemplateProblem(file, first.line, "; ".join(filter(None, (first.says, first.label))), flaws)
    try:
        options = mrml.RenderOptions(fonts={})  # no web fonts from third parties behind the reader's back
        return str(mrml.to_html(hidden, render_options=options).content)
    except OSError as error:
        line, says = _fault(source) or (_first_line(source), f"this is not well-formed MJML ({error})")
        raise TemplateProblem(file, line, says) from None


def unknown_tags(file: str, source: str) -> Iterator[Flaw]:
    """Yield T702 for every opening tag that MJML does not have; the fix renames its closing tag too."""
    text = COMMENT.sub(_blank, source)
    for found in re.finditer(r"<(mj[a-z0-9-]*)\b", text):
        name = found[1]
        if name in TAGS:
            continue
        close = get_close_matches(name, TAGS, 1)
        line, col = _place(text, found.start(1))
        yield Flaw(
            "T702", "error", file, line, f"unknown MJML tag {name}", col, col + len(name),
            label=f"did you mean {close[0]}?" if close else "",
            edits=tuple(_renamed(text, found.start(), name, close[0])) if close else (),
        )  # fmt: skip


def _renamed(text: str, start: int, name: str, new: str) -> Iterator[tuple[int, int, int, str]]:
    line, col = _place(text, start + 1)
    yield line, col, col + len(name), new
    closing = text.find(f"</{name}>", start)
    if closing >= 0:
        line, col = _place(text, closing + 2)
        yield line, col, col + len(name), new


def _fault(source: str) -> tuple[int, str] | None:
    """Return the line and the words of the first fault of the markup, None when there is none to see."""
    text = RAW.sub(lambda m: m[1] + _letters(m[3]) + m[4], COMMENT.sub(_blank, JINJA.sub(_jinja, source)))
    open_tags: list[tuple[str, int]] = []
    for start in (found.start() for found in OPENS.finditer(text)):
        line = text.count("\n", 0, start) + 1
        tag = TAG.match(text, start)
        if tag is None:
            return line, _broken_tag(text, start)
        closing, name, _, single = tag.groups()
        if closing and (not open_tags or open_tags[-1][0] != name):
            return line, _crossed(name, open_tags)
        if closing:
            open_tags.pop()
        elif not single and name not in VOID:
            open_tags.append((name, line))
    return (open_tags[-1][1], f"<{open_tags[-1][0]}> is never closed") if open_tags else None


def _crossed(name: str, open_tags: list[tuple[str, int]]) -> str:
    if any(one == name for one, _ in open_tags):
        inner, line = open_tags[-1]
        return f"</{name}> comes while <{inner}> (line {line}) is still open"
    return f"</{name}> closes nothing that is open here"


def _broken_tag(text: str, start: int) -> str:
    name = re.match(r"</?([A-Za-z][\w:-]*)", text[start:])
    if name is None:
        return "a stray < stands in the text; write &lt;"
    return f'<{name[1]}> cannot be read: attributes are written name="value", and the tag ends with >'


def _jinja(found: re.Match[str]) -> str:
    return _letters(found.group())


def _letters(text: str) -> str:
    """Return text of the same lines and columns that no reader of tags minds."""
    return re.sub(r"[^\n]", "x", text)


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found.group())


def _place(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _first_line(source: str) -> int:
    return source[: len(source) - len(source.lstrip())].count("\n") + 1
