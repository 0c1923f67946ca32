"""How a mail looks to its readers: in a mail program that is dark, and whether its words can be read there.

Rules
- `dark` is what the author wrote for it: the rules inside `@media (prefers-color-scheme: dark)`, laid on.
- `forced_dark` is what programs do that ask nobody: colours with their lightness turned round.
- `faint` walks the inlined document; images and gradients are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser

import css_inline

from channels.colours import ANY, BLACK, WHITE, Colour, colour, contrast, inverted, lightness, written
from channels.mjml import VOID

DARK = re.compile(r"@media[^{]*prefers-color-scheme:\s*dark[^{]*\{", re.IGNORECASE)
DECLARED = re.compile(r"(?<![\w-])(background-color|background|color|border(?:-\w+)*)\s*:([^;\"']*)", re.IGNORECASE)
BGCOLOR = re.compile(r"(\bbgcolor=)([\"'])([^\"']*)\2", re.IGNORECASE)
STYLES = re.compile(r"(<style\b[^>]*>)(.*?)(</style\s*>)", re.IGNORECASE | re.DOTALL)
PIXELS = re.compile(r"([\d.]+)px")
PLAIN, LARGE = 4.5, 3.0
"""Least contrast of text, and of large text: 24 px, or 18.66 px and bold (WCAG 2.2 AA)."""


@dataclass(frozen=True, slots=True)
class Faint:
    """Words that are hard to read; `ratio` is their contrast, `needed` the least there should be."""

    words: str
    ratio: float
    needed: float
    ink: Colour
    ground: Colour


def has_dark(document: str) -> bool:
    """Return whether the author wrote anything for dark mail programs."""
    return DARK.search(document) is not None


def dark(document: str) -> str:
    """Return the document as a program shows it that heeds prefers-color-scheme: dark."""
    unwrapped = STYLES.sub(lambda found: found[1] + _unwrapped(found[2]) + found[3], document)
    return css_inline.inline(unwrapped, keep_style_tags=True, load_remote_stylesheets=False)


def _unwrapped(css: str) -> str:
    while (found := DARK.search(css)) is not None:
        depth, end = 1, found.end()
        while end < len(css) and depth:
            depth += {"{": 1, "}": -1}.get(css[end], 0)
            end += 1
        css = css[: found.start()] + css[found.end() : end - 1] + css[end:]
    return css


def forced_dark(document: str) -> str:
    """Return the document with light grounds made dark and dark ink made light."""
    turned = DECLARED.sub(lambda found: f"{found[1]}:{_turned(found[1], found[2])}", document)
    turned = BGCOLOR.sub(lambda found: f"{found[1]}{found[2]}{_turned('background', found[3])}{found[2]}", turned)
    ground = written(inverted(WHITE))
    return f"<style>html,body{{background:{ground};color:#fff}}</style>{turned}"


def _turned(name: str, css: str) -> str:
    def one(found: re.Match[str]) -> str:
        known = colour(found.group())
        light_ink = name.lower() == "color" and known is not None and lightness(known) > 60
        dark_ground = name.lower() != "color" and known is not None and lightness(known) < 50
        return found.group() if known is None or light_ink or dark_ground else written(inverted(known))

    return ANY.sub(one, css)


def faint(document: str, ink: Colour = BLACK, ground: Colour = WHITE) -> list[Faint]:
    """Return the words with too little contrast, each pair of colours once."""
    reader = _Reader(_Style(ink, ground))
    reader.feed(document)
    reader.close()
    found: dict[tuple[Colour, Colour], Faint] = {}
    for one in reader.found:
        found.setdefault((one.ink, one.ground), one)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Style:
    ink: Colour
    ground: Colour | None  # None: a picture, nobody knows
    size: float = 16.0
    bold: bool = False
    hidden: bool = False


class _Reader(HTMLParser):
    """Walk the elements with the style that holds in each."""

    def __init__(self, style: _Style) -> None:
        super().__init__(convert_charrefs=True)
        self._stack: list[tuple[str, _Style]] = [("", style)]
        self.found: list[Faint] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self._stack.append((tag, _styled(tag, dict(attrs), self._stack[-1][1])))

    def handle_endtag(self, tag: str) -> None:
        opened = next((n for n in range(len(self._stack) - 1, 0, -1) if self._stack[n][0] == tag), None)
        if opened is not None:
            del self._stack[opened:]

    def handle_data(self, data: str) -> None:
        style, words = self._stack[-1][1], " ".join(data.split())
        if not words or style.hidden or style.ground is None or not re.search(r"\w", words):
            return
        needed = LARGE if style.size >= 24 or (style.bold and style.size >= 18.66) else PLAIN
        ratio = contrast(style.ink, style.ground)
        if ratio < needed:
            self.found.append(Faint(words[:60], round(ratio, 1), needed, style.ink, style.ground))


def _styled(tag: str, attributes: dict[str, str | None], style: _Style) -> _Style:
    if tag in {"style", "script", "title", "head"}:
        return replace(style, hidden=True)
    if tag in {"b", "strong", "th", "h1", "h2", "h3"}:
        style = replace(style, bold=True)
    if (known := colour(attributes.get("bgcolor") or "")) is not None:
        style = replace(style, ground=known)
    for name, value in _declarations(attributes.get("style") or ""):
        style = _with(style, name, value)
    return style


def _with(style: _Style, name: str, value: str) -> _Style:
    """Return the style with one declaration heeded."""
    match name:
        case "color":
            return replace(style, ink=colour(value) or style.ink)
        case "background" | "background-color" if "url(" in value or "gradient" in value:
            return replace(style, ground=None)
        case "background" | "background-color":
            return replace(style, ground=next(filter(None, map(colour, value.split())), style.ground))
        case "font-size" if (size := PIXELS.search(value)) is not None:
            return replace(style, size=float(size[1]))
        case "font-weight":
            return replace(style, bold=value in {"bold", "bolder", "600", "700", "800", "900"})
        case "display" if value == "none":
            return replace(style, hidden=True)
    return style


def _declarations(css: str) -> Iterator[tuple[str, str]]:
    for one in css.split(";"):
        name, colon, value = one.partition(":")
        if colon:
            yield name.strip().lower(), value.replace("!important", "").strip().lower()
