"""The colours of the report can be read, on light and on dark paper."""

from __future__ import annotations

import re

import pytest

from engine.report.svg import STYLE

LIGHT, DARK = (
    dict(re.findall(r"--(\w+):(#[0-9a-f]+)", part))
    for part in STYLE.split("svg.f{")[0].split("prefers-color-scheme:dark")
)


def rgb(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    return [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]


def luminance(colour):
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("paper", ["paper", "card", "soft"])
@pytest.mark.parametrize("words", ["ink", "quiet", "accent", "good", "bad"])
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_words_stand_out_from_their_paper(mode, words, paper):
    colours = LIGHT if mode == "light" else LIGHT | DARK
    assert contrast(colours[words], colours[paper]) >= 4.5


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_number_in_a_full_heat_cell_can_be_read(mode):
    colours = LIGHT if mode == "light" else LIGHT | DARK
    assert contrast(colours["ink"], colours["heat"]) >= 4.5


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_lines_of_the_groups_stand_out(mode):
    colours = LIGHT if mode == "light" else LIGHT | DARK
    assert all(contrast(colours[line], colours["card"]) >= 3 for line in ("g0", "g1", "g2"))
