"""A picture of any journey: nothing overlaps, every line begins and ends at its boxes, and the file's order holds."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from kit_copy import KIT, project

from journeys.build import build
from journeys.fragments import Shelf
from journeys.journey import Journey
from journeys.layout import Layout, Line, layout
from journeys.lettering import width, wrap
from journeys.load import load
from journeys.measure import Rect
from journeys.mermaid import mermaid
from journeys.page import Page
from journeys.palette import DARK, KINDS, LIGHT, SIGNS
from journeys.picture import ENTRY, Live, Picture, picture
from journeys.reader import read
from journeys.starters import STARTER
from journeys.svg import svg

NAMES = ("s0", "s1", "s2", "s3", "s4", "s5", "a_state_whose_name_is_rather_long_indeed")
LONG = 'contact.tier in ["silver", "gold"] and entry.value >= 40 and count(order_placed within 90d) >= 2'
REWARD = "reward: {within: 1d, score: {order_placed: 1}}"
ARMS = "arms: [email/cart_plain, {send: push/cart_nudge, if: contact.can_push}, nothing]"
ROOTS = (KIT, *(STARTER / name for name in ("shop", "saas", "empty")))
PICTURES = [picture(journey) for root in ROOTS for journey in load(root, {}).journeys.values()]


def actions(names: list[str]) -> st.SearchStrategy[str]:
    to = st.sampled_from([*names, "exit"])
    two = st.lists(to, min_size=2, max_size=2, unique=True)
    return st.one_of(
        st.just("send: email/cart_plain"),
        st.just("exit: done"),
        st.just("set: {contact.tier: gold}"),
        to.map(lambda a: f"send: push/cart_nudge, then: {a}"),
        to.map(lambda a: f"choose: {{{ARMS}, {REWARD}}}, then: {a}"),
        two.map(lambda t: f"split: {{{t[0]}: 30%, {t[1]}: 70%}}"),
        st.tuples(to, to).map(
            lambda t: f"if: no clicked since entry, send: email/cart_plain, then: {t[0]}, else: {t[1]}"
        ),
        st.tuples(to, to).map(lambda t: f"wait_for: {{event: app_opened, within: 20h}}, then: {t[0]}, else: {t[1]}"),
        st.tuples(to, to, to).map(
            lambda t: f"branch: [{{if: no clicked, then: {t[0]}}}, {{if: '{LONG}', then: {t[1]}}}], else: {t[2]}"
        ),
    )


def journey_of(text: str) -> Journey:
    """Return the journey, also one that lint would not let pass: unreachable states are drawn, too."""
    page = Page("journeys/j.yaml", text)
    root = read(page)
    assert root is not None, page.problems
    journey = build(page, root, project(), Shelf(lambda _: None, ()))
    assert journey is not None
    assert page.problems == []
    return journey


@st.composite
def pictures(draw) -> Picture:
    names = list(NAMES[: draw(st.integers(1, len(NAMES)))])
    lines = [
        "journey: j",
        "enter: {event: cart_abandoned, if: event.value > 3}",
        f"start: {draw(st.sampled_from(names))}",
    ]
    lines += ["goal: {event: order_placed, within: 3d}", "states:"] if draw(st.booleans()) else ["states:"]
    journey = journey_of("\n".join([*lines, *(f"  {name}: {{after: 1d, {draw(actions(names))}}}" for name in names)]))
    counts = Live({names[0]: 12_345}, {("enter", journey.start): 7, (names[0], "exit"): 3}, 4)
    return picture(journey, draw(st.sampled_from([None, counts])))


def apart(one: Rect, two: Rect) -> bool:
    return one.right <= two.x or two.right <= one.x or one.bottom <= two.y or two.bottom <= one.y


def on_the_border(point: tuple[float, float], rect: Rect) -> bool:
    x, y = point
    across = rect.x <= x <= rect.right and (abs(y - rect.y) < 0.01 or abs(y - rect.bottom) < 0.01)
    return across or (abs(x - rect.right) < 0.01 and rect.y <= y <= rect.bottom)


def along(line: Line) -> list[tuple[float, float]]:
    """Return points of the line as it is painted: straight down, or the curve between two points."""
    found = []
    for (x, y), (to, down) in pairwise(line.points):
        for n in range(21):
            t = n / 20
            a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            middle = (y + down) / 2
            found.append(((a + b) * x + (c + d) * to, a * y + (b + c) * middle + d * down))
    return found


def check(made: Picture, page: Layout) -> None:
    boxes = [placed.rect for placed in page.boxes]
    plates = [line.place for line in page.lines if line.place]
    for one, two in combinations([*boxes, *plates], 2):
        assert apart(one, two), (one, two)
    for rect in [*boxes, *plates]:
        assert rect.x >= 0 and rect.y >= 0 and rect.right <= page.width and rect.bottom <= page.height
    named = {placed.box.name: placed for placed in page.boxes if placed.box.name}
    ends = [placed.rect for placed in page.boxes if not placed.box.name]
    for line in page.lines:
        assert on_the_border(line.points[0], named[line.link.source].rect)
        targets = ends if line.link.target == "exit" else [named[line.link.target].rect]
        assert any(on_the_border(line.points[-1], rect) for rect in targets)
    levels = [named[box.name].row for box in made.boxes]
    assert levels == sorted(levels)
    assert made.boxes[0].name == ENTRY and levels.count(0) == 1


def clear(page: Layout) -> None:
    """No line runs through a box, or through words that are not its own."""
    for line in page.lines:
        if line.loop:
            continue
        others = [placed.rect for placed in page.boxes] + [o.place for o in page.lines if o.place and o is not line]
        for x, y in along(line):
            assert not any(r.x < x < r.right and r.y + 0.01 < y < r.bottom - 0.01 for r in others), (line, x, y)


@settings(max_examples=examples(60), deadline=None)
@given(pictures())
def test_nothing_overlaps_and_every_line_meets_its_boxes(made):
    page = layout(made)
    check(made, page)
    clear(page)


@pytest.mark.parametrize("made", PICTURES, ids=lambda made: made.name)
def test_the_journeys_that_come_with_sojourn_are_drawn_without_a_crossing_line(made):
    page = layout(made)
    check(made, page)
    clear(page)


@settings(max_examples=examples(30), deadline=None)
@given(pictures())
def test_a_picture_is_xml_that_says_everything_and_a_flow_chart_that_names_every_state(made):
    root = ET.fromstring(svg(made))  # noqa: S314 - our own
    spoken = " ".join(text for element in root.iter() if element.tag.endswith("desc") for text in element.itertext())
    chart = mermaid(made)
    for box in made.boxes[1:]:
        assert f"{box.name}:" in spoken
        assert f"<b>{box.name}</b>" in chart
    assert all(f" {target}" in chart for target in re.findall(r"--> (?:\|[^|]*\| )?(s\d+)", chart))
    lines = [line for line in chart.split("\n") if "-->" in line]
    assert len(lines) == len(made.links)
    assert all(line.count('"') % 2 == 0 for line in chart.split("\n")[3:])


def test_a_state_that_nothing_leads_to_is_drawn_all_the_same():
    text = "journey: j\nenter: {manual: true}\nstates:\n" + "".join(f"  s{n}: {{exit: done}}\n" for n in range(5))
    made = picture(journey_of(text))
    check(made, layout(made))


def test_an_arm_for_a_part_of_the_day_is_drawn_under_its_own_name_once():
    text = f"""journey: j
enter: {{event: cart_abandoned}}
states:
  s0: {{choose: {{{ARMS}, times: [now, evening], {REWARD}}}}}
"""
    (box,) = [box for box in picture(journey_of(text)).boxes if box.name == "s0"]
    assert {name for _, name, _ in box.arms} == {
        "email/cart_plain", "email/cart_plain@evening", "push/cart_nudge", "push/cart_nudge@evening", "nothing",
    }  # fmt: skip


def test_the_words_of_a_way_to_itself_stay_in_its_row():
    text = f"""journey: j
enter: {{event: cart_abandoned}}
states:
  s0: {{send: email/cart_plain}}
  s1: {{after: 1d, branch: [{{if: no clicked, then: s1}}, {{if: '{LONG}', then: s1}}, {{if: any clicked, then: s0}}]}}
"""
    made = picture(journey_of(text))
    page = layout(made)
    check(made, page)
    clear(page)
    loop = next(line for line in page.lines if line.loop)
    box = next(placed.rect for placed in page.boxes if placed.box.name == "s1")
    assert loop.place is not None
    assert loop.place.h > box.h
    assert loop.place.y >= box.y


def test_every_text_stays_inside_its_box():
    for made in PICTURES:
        for placed in layout(made).boxes:
            for line in placed.words:
                assert line.wide <= placed.rect.w - 20, (made.name, line.text)


def test_a_journey_makes_the_same_picture_every_time():
    for made in PICTURES:
        assert svg(made) == svg(made)
    assert "prefers-color-scheme" not in svg(PICTURES[0], dark=False)


def test_states_that_do_not_lead_to_each_other_stand_side_by_side():
    cart = next(made for made in PICTURES if made.name == "cart_recovery")
    rows = {placed.box.name: placed.row for placed in layout(cart).boxes}
    assert rows["concierge"] == rows["recover"] > rows["route"] > rows["paying"] > rows["cool_off"]
    assert rows["short_note"] == rows["long_note"]


def test_counts_stand_in_the_boxes_and_on_the_arrows():
    journey = load(STARTER / "shop", {}).journeys["cart_recovery"]
    live = Live({"breathe": 283}, {("breathe", "exit"): 1210, ("enter", "cool_off"): 4882}, 51)
    text = svg(picture(journey, live))
    for words in (">283<", ">1,210<", ">4,882<", "283 inside now, 51 held out", "stroke-dasharray"):
        assert words in text
    assert "283 inside" in mermaid(picture(journey, live))


def test_text_is_broken_before_it_is_too_wide_and_nothing_is_lost():
    for said in (
        LONG,
        "x" * 80,
        "email/a_message_with_quite_a_long_name_that_goes_on_and_on",
        "日本語のとても長いタイトル" * 3,
    ):
        lines = wrap(said, 12, 180)
        assert all(width(line, 12) <= 180 for line in lines)
        assert "".join(lines).replace(" ", "") == said.replace(" ", "")


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, two: str) -> float:
    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("tone", [LIGHT, DARK], ids=["light", "dark"])
def test_everything_that_is_written_can_be_read(tone):
    for ground in ("page", "box", "plate"):
        assert contrast(tone["ink"], tone[ground]) >= 7
        assert contrast(tone["quiet"], tone[ground]) >= 4.5
    for kind in KINDS:
        assert contrast(tone[kind], tone["sign"]) >= 4.5
    assert contrast(tone["line"], tone["page"]) >= 2.5
    assert set(KINDS) <= set(SIGNS)
