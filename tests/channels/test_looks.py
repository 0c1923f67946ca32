"""How mails look in the dark, and which words cannot be read there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.colours import BLACK, WHITE, colour, contrast, inverted, lightness, written
from channels.looks import dark, faint, forced_dark, has_dark

channel = st.integers(0, 255)
colours = st.tuples(channel, channel, channel)


@pytest.mark.parametrize(
    ("css", "found"),
    [
        ("#fff", WHITE),
        ("#14624A", (20, 98, 74)),
        ("rgb(1, 2,3)", (1, 2, 3)),
        ("rgba(1,2,3,1)", (1, 2, 3)),
        ("rgba(1,2,3,0.5)", None),
        ("Black", BLACK),
        ("transparent", None),
        ("#12", None),
        ("inherit", None),
    ],
)
def test_css_colours_are_read_when_they_are_opaque(css: str, found: tuple[int, int, int] | None) -> None:
    assert colour(css) == found


def test_contrast_is_that_of_the_recommendation() -> None:
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast((118, 118, 118), WHITE) == pytest.approx(4.54, abs=0.01)  # the known lightest grey for AA


@given(colours)
def test_a_colour_that_is_written_is_read_back(one: tuple[int, int, int]) -> None:
    assert colour(written(one)) == one


@given(colours)
def test_turning_a_colour_turns_its_lightness(one: tuple[int, int, int]) -> None:
    turned = inverted(one)
    grey = max(one) == min(one)
    if grey:  # a saturated colour may have no opposite that a screen can show
        assert lightness(turned) == pytest.approx(100 - lightness(one), abs=1.5)
    assert all(0 <= part <= 255 for part in turned)


@given(colours, colours)
def test_contrast_does_not_mind_the_order(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    assert contrast(one, other) == contrast(other, one) >= 1


MAIL = """<html><head><style>@media (prefers-color-scheme: dark) { .card { background-color: #111 !important; }
.card p { color: #222 !important; } }</style></head>
<body style="background-color:#ffffff"><div class="card" style="background-color:#eeeeee"><p style="color:#333333">Hello</p></div>
</body></html>"""


def test_the_authors_dark_rules_are_laid_on() -> None:
    assert faint(MAIL) == []
    [hard] = faint(dark(MAIL))
    assert (hard.words, hard.ink, hard.ground) == ("Hello", (0x22, 0x22, 0x22), (0x11, 0x11, 0x11))
    assert has_dark(MAIL)
    assert not has_dark(MAIL.replace("prefers-color-scheme", "min-width"))


def test_forced_dark_keeps_words_readable_and_turns_grounds() -> None:
    forced = forced_dark(MAIL)
    assert "background-color:#ffffff" not in forced
    assert faint(forced, WHITE, BLACK) == []


def test_forced_dark_shows_ink_that_was_white_on_nothing() -> None:
    picture = '<div style="background-color:#ffffff"><span style="color:#fefefe">x1</span></div>'
    assert [one.words for one in faint(picture)] == ["x1"]
    assert faint(forced_dark(picture), WHITE, BLACK) == []  # light ink stays light, its ground becomes dark


@pytest.mark.parametrize(
    ("html", "hard"),
    [
        ('<p style="color:#888">small</p>', ["small"]),
        ('<p style="color:#888;font-size:24px">large</p>', []),
        ('<p style="color:#888;font-size:19px"><b>large and bold</b></p>', []),
        ('<p style="color:#fff;display:none">preheader</p>', []),
        ('<div style="background:url(x.png)"><p style="color:#fff">on a picture</p></div>', []),
        ('<td bgcolor="#000000"><p style="color:#111">on black</p></td>', ["on black"]),
        ('<p style="color:#fff"><br>after a void element</p>', ["after a void element"]),
        ('<p style="color:#eee">same</p><p style="color:#eee">pair</p>', ["same"]),
        ('<p style="color:#eee"> · </p>', []),
    ],
)
def test_faint_words_are_found_as_large_text_and_grounds_allow(html: str, hard: list[str]) -> None:
    assert [one.words for one in faint(html)] == hard


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(html: str) -> None:
    assert all(1 <= one.ratio < one.needed for one in faint(html))
    assert len(forced_dark(html)) >= len(html)
