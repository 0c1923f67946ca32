"""How wide a text is, without a font at hand: the widths of Helvetica, whose metrics Arial and Liberation Sans share.

Rules
- A picture names these fonts first. Another one may be wider, so everything is measured SLACK wider than it is.
- Units are pixels at the size given; the table is Adobe's font metrics (AFM) in thousandths of the size.
"""

from __future__ import annotations

import re
from unicodedata import east_asian_width

SLACK = 1.06
BOLD = 1.07
_WIDTHS = {
    191: "'", 222: "ijl", 260: "|", 278: " !,./:;I[\\]ft·", 333: "()-`r", 334: "{}", 355: '"', 389: "*", 469: "^",
    500: "Jcksvxyz", 584: "+<=>~", 611: "FTZ", 667: "&ABEKPSVXY", 722: "CDHNRUw", 778: "GOQ", 833: "Mm", 889: "%",
    944: "W", 1000: "→★■▶…", 1015: "@",
}  # fmt: skip
_WIDTH = {letter: width for width, letters in _WIDTHS.items() for letter in letters}
_USUAL, _WIDE = 556, 1000
_BREAKS = re.compile(r"(?<=[\s/,])")


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of `text` in pixels."""
    units = sum(_WIDTH.get(letter, _WIDE if east_asian_width(letter) in "WF" else _USUAL) for letter in text)
    return units / 1000 * size * SLACK * (BOLD if bold else 1)


def wrap(text: str, size: float, most: float) -> list[str]:
    """Return `text` in lines of at most `most` pixels, broken between words, else where it must be."""
    lines = [""]
    for piece in (part for word in _BREAKS.split(text) for part in _pieces(word, size, most)):
        if width((lines[-1] + piece).rstrip(), size) > most and lines[-1].strip():
            lines.append("")
        lines[-1] += piece
    return [line.strip() for line in lines if line.strip()] or [""]


def _pieces(word: str, size: float, most: float) -> list[str]:
    """Return a word that is longer than a line in pieces that are not."""
    pieces = [""]
    for letter in word:
        if width(pieces[-1] + letter, size) > most:
            pieces.append("")
        pieces[-1] += letter
    return pieces
