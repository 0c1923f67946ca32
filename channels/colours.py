"""Colours of mails: read from CSS, compared as WCAG 2.2 does, turned dark as mail programs do.

Contrast is (L1 + 0.05) / (L2 + 0.05) of relative luminances (WCAG 2.2, 1.4.3). Turning dark inverts the lightness in
CIELAB (D65) and keeps the hue; what Gmail and Outlook do exactly is not published, so this is an approximation.
"""

from __future__ import annotations

import re

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
NAMED: dict[str, Colour] = {
    "black": BLACK, "white": WHITE, "gray": (128, 128, 128), "grey": (128, 128, 128), "silver": (192, 192, 192),
    "red": (255, 0, 0), "maroon": (128, 0, 0), "green": (0, 128, 0), "lime": (0, 255, 0), "navy": (0, 0, 128),
    "blue": (0, 0, 255), "teal": (0, 128, 128), "aqua": (0, 255, 255), "purple": (128, 0, 128), "orange": (255, 165, 0),
    "fuchsia": (255, 0, 255), "yellow": (255, 255, 0), "olive": (128, 128, 0), "whitesmoke": (245, 245, 245),
}  # fmt: skip
RGB = re.compile(r"rgba?\(\s*(\d{1,3})\s*[, ]\s*(\d{1,3})\s*[, ]\s*(\d{1,3})\s*(?:[,/]\s*([\d.]+%?)\s*)?\)")
HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})")
ANY = re.compile(rf"{HEX.pattern}\b|{RGB.pattern}|\b(?:{'|'.join(NAMED)})\b", re.IGNORECASE)
D65 = (0.95047, 1.0, 1.08883)


def colour(css: str) -> Colour | None:
    """Read one CSS colour; None for what is no opaque colour or not known here."""
    text = css.strip().lower()
    if text in NAMED:
        return NAMED[text]
    if (found := HEX.fullmatch(text)) is not None:
        digits = found[1] if len(found[1]) == 6 else "".join(2 * digit for digit in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if (found := RGB.fullmatch(text)) is not None and found[4] in (None, "1", "100%"):
        return min(int(found[1]), 255), min(int(found[2]), 255), min(int(found[3]), 255)
    return None


def written(one: Colour) -> str:
    """Return the colour as CSS writes it: #rrggbb."""
    red, green, blue = one
    return f"#{red:02x}{green:02x}{blue:02x}"


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast ratio, from 1 (the same) to 21 (black on white)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def inverted(one: Colour) -> Colour:
    """Return the colour with its CIELAB lightness turned round: white becomes black, a dark red a light one."""
    lightness, a, b = _lab(one)
    return _rgb(100.0 - lightness, a, b)


def lightness(one: Colour) -> float:
    """Return CIELAB L*, 0 to 100."""
    return _lab(one)[0]


def _linear(value: int) -> float:
    part = value / 255
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _luminance(one: Colour) -> float:
    red, green, blue = map(_linear, one)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _lab(one: Colour) -> tuple[float, float, float]:
    red, green, blue = map(_linear, one)
    xyz = (
        0.4124 * red + 0.3576 * green + 0.1805 * blue,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        0.0193 * red + 0.1192 * green + 0.9505 * blue,
    )
    x, y, z = (_bent(part / white) for part, white in zip(xyz, D65, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _bent(part: float) -> float:
    return part ** (1 / 3) if part > 216 / 24389 else (24389 / 27 * part + 16) / 116


def _straight(part: float) -> float:
    return part**3 if part**3 > 216 / 24389 else (116 * part - 16) * 27 / 24389


def _rgb(lightness_: float, a: float, b: float) -> Colour:
    middle = (lightness_ + 16) / 116
    x, y, z = (_straight(p) * w for p, w in zip((middle + a / 500, middle, middle - b / 200), D65, strict=True))
    red = 3.2406 * x - 1.5372 * y - 0.4986 * z
    green = -0.9689 * x + 1.8758 * y + 0.0415 * z
    blue = 0.0557 * x - 0.2040 * y + 1.0570 * z
    return _byte(red), _byte(green), _byte(blue)


def _byte(part: float) -> int:
    bounded = min(max(part, 0.0), 1.0)
    curved = 12.92 * bounded if bounded <= 0.0031308 else 1.055 * bounded ** (1 / 2.4) - 0.055
    return round(255 * curved)
