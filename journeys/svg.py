"""A journey as an SVG picture that stands alone: no scripts, no fonts, nothing fetched.

Rules
- Light or dark as its reader prefers; `dark` fixes it for a painter that cannot know.
- It says in words what it shows: a title and a description for screen readers, a title on every state.
- The same journey makes the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from xml.sax.saxutils import escape, quoteattr

from journeys.layout import MARGIN, Layout, Line, layout
from journeys.lettering import width, wrap
from journeys.measure import ICON, LINE, LOOP, NAME, PAD, SMALL, TEXT, Placed, Rect
from journeys.palette import FILLED, SIGNS, style
from journeys.picture import Box, Foot, Picture

FONT = "Helvetica Neue,Helvetica,Arial,Liberation Sans,DejaVu Sans,sans-serif"
HEAD = 58.0
LEAST = 520.0
THIN, THICK = 1.6, 5.0


def svg(picture: Picture, *, dark: bool | None = None) -> str:
    """Return the picture as an SVG document."""
    page = layout(picture)
    head = _head(picture)
    wide = max(page.width, LEAST, *(width(words, size, bold=bold) + 2 * MARGIN for words, size, bold in head))
    feet = _feet(picture, wide)
    tall = HEAD + page.height + (LINE * len(feet) + 44 if feet else 0)
    shift = (wide - page.width) / 2
    size = f'width="{wide:.0f}" height="{tall:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {wide:.0f} {tall:.0f}" role="img"',
        f' aria-labelledby="title desc" font-family={quoteattr(FONT)}>',
        f'<title id="title">{escape(picture.title)}</title>',
        f'<desc id="desc">{escape(described(picture))}</desc>',
        f"<style>{style(dark)}</style>",
        f'<rect class="page" {size} rx="12"/>',
        *_titles(head),
        f'<g transform="translate({shift:.1f} {HEAD:.0f})">',
        *_drawn(picture, page),
        "</g>",
        *_foot(feet, (wide, HEAD + page.height)),
        "</svg>\n",
    ]
    return "\n".join(parts)


def described(picture: Picture) -> str:
    """Return the journey in one paragraph, for those who hear it."""
    ways: dict[str, list[str]] = {}
    for link in picture.links:
        words = f" ({', '.join(link.labels)})" if link.labels else ""
        ways.setdefault(link.source, []).append(f"{link.target}{words}")
    told = []
    for box in picture.boxes:
        words = spoken(box)
        name = "Starts with" if box.kind == "enter" else f"{box.name}:"
        on = f", then {' or '.join(ways[box.name])}" if box.name in ways else ""
        told.append(f"{name} {words or box.kind}{on}.")
    told += [f"Everywhere: {foot.words} leads to {foot.target or 'the exit'}." for foot in picture.feet]
    return " ".join(told)


def spoken(box: Box) -> str:
    """Return the words of a box in one line."""
    arms = [f"{name} {condition}".strip() for _, name, condition in box.arms]
    parts = [*box.does, *box.when] if box.kind == "enter" else [*box.when, *box.does, " or ".join(arms)]
    return ", ".join(part for part in parts if part)


def _head(picture: Picture) -> list[tuple[str, float, bool]]:
    lines = [(picture.title, 20.0, True), (picture.about, TEXT, False)]
    live = picture.live
    if live is not None:
        held = f", {live.held_out:,} held out" if live.held_out else ""
        words = f"{sum(live.inside.values()):,} inside now{held} · arrows: runs in {live.days} days"
        lines[1] = (f"{picture.about} · {words}", TEXT, False)
    return lines


def _titles(head: list[tuple[str, float, bool]]) -> Iterator[str]:
    y = MARGIN + 4
    for words, size, bold in head:
        yield _text(MARGIN, y, words, size, "ink" if bold else "quiet", bold=bold)
        y += 22


def _text(x: float, y: float, words: str, size: float, tone: str, **more: object) -> str:
    bold = ' font-weight="600"' if more.get("bold") else ""
    anchor = ' text-anchor="middle"' if more.get("middle") else ""
    return f'<text class="{tone}" x="{x:.1f}" y="{y:.1f}" font-size="{size:g}"{bold}{anchor}>{escape(words)}</text>'


def _sign(kind: str, x: float, y: float, tone: str, size: float = 16.0) -> str:
    """Return a sign with its top left corner at (x, y); `tone` "sign" is that of the page, on a tile."""
    scale = f" scale({size / 16:g})" if size != 16 else ""
    solid = kind in FILLED
    if tone == "sign":
        names, fill = ("solid" if solid else "stroke"), ("" if solid else ' fill="none"')
    else:
        names, fill = f"s-{tone}" + (f" f-{tone}" if solid else ""), "" if solid else ' fill="none"'
    return (
        f'<path class="{names}"{fill} transform="translate({x:.1f} {y:.1f}){scale}" stroke-width="1.5" '
        f'stroke-linecap="round" stroke-linejoin="round" d="{SIGNS[kind]}"/>'
    )


def _drawn(picture: Picture, page: Layout) -> Iterator[str]:
    most = max((link.people or 0 for link in picture.links), default=0)
    for line in page.lines:
        yield from _line(line, most)
    for placed in page.boxes:
        yield from _box(placed)
    for line in page.lines:
        yield from _label(line)


def _line(line: Line, most: int) -> Iterator[str]:
    people = line.link.people
    thick = THIN + (THICK - THIN) * sqrt(people / most) if people and most else THIN
    dash = ' stroke-dasharray="3 5"' if people == 0 else ""
    yield f'<path class="line" fill="none" stroke-width="{thick:.1f}"{dash} d="{path(line)}"/>'
    (x, y), size = line.points[-1], 4.5 + thick * 0.6
    if line.loop:
        tip = f"M{x:.1f} {y:.1f}l{size * 1.4:.1f} {-size:.1f}v{2 * size:.1f}z"
    else:
        back = 1.5 * size if line.up else -1.5 * size
        tip = f"M{x:.1f} {y:.1f}l{-size:.1f} {back:.1f}h{2 * size:.1f}z"
    yield f'<path class="tip" d="{tip}"/>'


def path(line: Line) -> str:
    """Return the line as an SVG path: straight down through rows, curved between them."""
    if line.loop:
        (x, y), _, _, (_, end) = line.points
        return f"M{x:.1f} {y:.1f}C{x + LOOP:.1f} {y + 8:.1f} {x + LOOP:.1f} {end - 8:.1f} {x + 4:.1f} {end:.1f}"
    (x, y), *rest = line.points
    said = [f"M{x:.1f} {y:.1f}"]
    for to, down in rest:
        if abs(to - x) < 0.05:
            said.append(f"V{down:.1f}")
        else:
            middle = (y + down) / 2
            said.append(f"C{x:.1f} {middle:.1f} {to:.1f} {middle:.1f} {to:.1f} {down:.1f}")
        x, y = to, down
    return "".join(said)


def _label(line: Line) -> Iterator[str]:
    if line.place is None:
        return
    rect, people = line.place, line.link.people
    yield f'<rect class="plate" {_size(rect)} rx="7"/>'
    for n, words in enumerate(line.label):
        counted = people is not None and n == len(line.label) - 1
        tone = "ink" if counted or not line.link.quiet else "quiet"
        yield _text(rect.middle, rect.y + 14.5 + n * LINE, words, SMALL, tone, middle=True, bold=counted)


def _size(rect: Rect) -> str:
    return f'x="{rect.x:.1f}" y="{rect.y:.1f}" width="{rect.w:.1f}" height="{rect.h:.1f}"'


def _box(placed: Placed) -> Iterator[str]:
    box, rect = placed.box, placed.rect
    if not box.name:
        yield f'<rect class="box" {_size(rect)} rx="14"/>'
        yield _sign("end", rect.x + 9, rect.y + 6, "end")
        yield _text(rect.x + 28, rect.y + 18.5, "exit", TEXT, "quiet")
        return
    said = spoken(box)
    yield f"<g><title>{escape(f'{box.name}: {said}' if box.kind != 'enter' else said)}</title>"
    if box.kind == "enter":
        yield from _enter(placed)
    else:
        yield from _state(placed)
    yield "</g>"


def _enter(placed: Placed) -> Iterator[str]:
    rect = placed.rect
    yield f'<rect class="box s-enter" {_size(rect)} rx="{min(rect.h / 2, 18):.1f}" stroke-width="1.5"/>'
    for n, line in enumerate(placed.words):
        bold = line.tone == "ink"
        yield _text(rect.middle, rect.y + 22 + n * LINE, line.text, TEXT, line.tone, middle=True, bold=bold)


def _state(placed: Placed) -> Iterator[str]:
    box, rect = placed.box, placed.rect
    yield f'<rect class="shade" opacity=".06" {_size(Rect(rect.x, rect.y + 2, rect.w, rect.h))} rx="10"/>'
    edge = ' stroke-width="1.5"' if box.kind == "decision" else ""
    yield f'<rect class="box{" s-decision" if edge else ""}"{edge} {_size(rect)} rx="10"/>'
    x, y = rect.x + PAD, rect.y + 10
    yield f'<rect class="f-{box.kind}" x="{x:.1f}" y="{y:.1f}" width="{ICON:g}" height="{ICON:g}" rx="7"/>'
    sign = box.channel if box.kind == "send" and box.channel in SIGNS else box.kind
    yield _sign(sign, x + 5, y + 5, "sign")
    yield _text(x + ICON + 10, y + 18, box.name, NAME, "ink", bold=True)
    if box.inside is not None:
        yield from _badge(box, rect)
    yield from _words(placed, y + ICON + 18)


def _badge(box: Box, rect: Rect) -> Iterator[str]:
    """Yield how many are inside, on a plate in the corner."""
    words = f"{box.inside:,}"
    wide = width(words, TEXT, bold=True) + 14
    plate = Rect(rect.right - PAD - wide + 4, rect.y + 13, wide, 20)
    tone = f"f-{box.kind}" if box.inside else "plate"
    yield f'<rect class="{tone}" {_size(plate)} rx="10"/>'
    colour = "page" if box.inside else "quiet"
    yield _text(plate.middle, plate.y + 14.5, words, TEXT, colour, middle=True, bold=True)


def _words(placed: Placed, y: float) -> Iterator[str]:
    x = placed.rect.x + PAD
    for line in placed.words:
        if line.sign:
            yield _sign(line.sign if line.sign in SIGNS else "send", x, y - 11, "decision", 14)
        yield _text(x + line.indent, y, line.text, line.size, "quiet" if line.tone == "title" else line.tone)
        y += LINE


FeetLines = list[tuple[str, str]]


def _feet(picture: Picture, wide: float) -> FeetLines:
    """Return what holds everywhere in lines: the sign ("" where a line goes on) and the words."""
    lines: FeetLines = []
    for foot in picture.feet:
        said = wrap(_foot_words(foot), TEXT, wide - 2 * MARGIN - 24)
        lines += [(foot.kind if n == 0 else "", words) for n, words in enumerate(said)]
    return lines


def _foot_words(foot: Foot) -> str:
    return f"{foot.words} → {foot.target or 'exit'}"


def _foot(lines: FeetLines, where: tuple[float, float]) -> Iterator[str]:
    if not lines:
        return
    wide, y = where
    yield f'<path class="rule" d="M{MARGIN:g} {y:.1f}H{wide - MARGIN:.1f}"/>'
    yield _text(MARGIN, y + 20, "FROM EVERY STATE", 10, "quiet", bold=True)
    y += 40
    for kind, words in lines:
        if kind:
            yield _sign(kind, MARGIN, y - 11.5, kind, 14)
        yield _text(MARGIN + 22, y, words, TEXT, "ink")
        y += LINE
