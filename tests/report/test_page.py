"""The report as a page, and its figures."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from sample_findings import ARMS, META, SAMPLE

from engine.report.figures import figures
from engine.report.findings import ArmDay, DailyCount, Findings, GroupCount, HeatRow, MessageRow
from engine.report.headline import answers
from engine.report.limits import cannot_tell
from engine.report.page import page
from engine.report.svg import Scale, shortened, spread, ticks, width_of
from engine.report.table import csv_text

EMPTY = Findings(META, ())


def parsed(svg):
    reader = ET.XMLPullParser()
    reader.feed(svg)
    reader.close()
    return [node for _, node in reader.read_events()]  # the root comes last


def boxes(svg):
    """Yield where each text stands: left, right, base line."""
    for node in parsed(svg):
        if not node.tag.endswith("}text"):
            continue
        size = 11 if "s" in node.get("class", "").split() else 12
        wide = width_of(node.text or "", size) * 0.92
        x, y = float(node.get("x")), float(node.get("y"))
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[node.get("text-anchor", "start")]
        yield left, left + wide, y, node.text


def test_the_page_holds_the_verdicts_and_says_that_the_people_are_invented():
    html = page(SAMPLE)
    assert "These people are invented" in html
    assert "seed 7" in html
    assert "▲ better" in html
    assert "● cannot tell yet" in html
    assert "16.4\u00a0% order when we may write, 11.0\u00a0% when we stay silent on purpose." in html


def test_a_report_about_real_people_does_not_speak_of_invented_ones():
    real = replace(SAMPLE, meta=replace(META, invented=False, seed=None), world=None)
    assert "invented" not in page(real)


def test_the_page_is_one_small_file_without_scripts_or_anything_from_elsewhere():
    html = page(SAMPLE)
    assert len(html.encode()) < 300_000
    assert "<script" not in html
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', html)
    assert "url(http" not in html
    assert "@import" not in html


def test_attributed_money_never_stands_without_its_warning():
    html = page(SAMPLE)
    assert "attributed, not incremental" in html
    assert "7 in 10" in html


def test_groups_of_the_wrong_size_withhold_every_verdict():
    groups = (GroupCount("learner", 2118, 347, 0.6), GroupCount("holdout", 501, 77, 0.4))
    html = page(replace(SAMPLE, groups=groups))
    assert "The groups are not comparable" in html
    assert "▲ better" not in html


def test_too_early_shows_no_number_and_claims_nothing_about_what_would_have_come_anyway():
    groups = (GroupCount("learner", 80, 9, 0.9), GroupCount("holdout", 11, 1, 0.1))
    young = replace(SAMPLE, groups=groups, outliers=(), others=())
    html = page(young)
    assert "● too early" in html
    assert "<small>points</small>" not in html
    assert "So far the window is over for 80 and 11 contacts" in html
    assert "in 10 of th" not in html
    assert any("is not known yet" in line for line in cannot_tell(young))


def test_open_windows_are_counted_and_said():
    assert any("75 contacts entered too recently" in line for line in cannot_tell(SAMPLE))


def test_a_report_without_any_numbers_is_still_a_page():
    html = page(EMPTY)
    assert "Nothing to compare yet" in html
    assert "<figure" not in html


def test_what_a_marketer_writes_cannot_become_markup():
    bad = "<script>alert(1)</script>"
    rows = (MessageRow(bad, "email", 10, 10, goals=1),)
    heat = (HeatRow(bad, 10, {bad: 1.0}),)
    assert "<script" not in page(
        replace(SAMPLE, messages=rows, heat=heat, meta=replace(META, journey=bad), notes=(bad,))
    )


def test_all_nine_figures_are_drawn_and_every_title_is_unique():
    drawn = figures(SAMPLE)
    assert len(drawn) == 9
    assert len({f.title for f in drawn}) == 9


def test_ids_on_a_page_are_unique():
    ids = re.findall(r'\bid="([^"]+)"', page(SAMPLE))
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("figure", figures(SAMPLE), ids=lambda f: f.name)
def test_a_figure_is_readable_without_eyes_and_has_no_overlapping_words(figure):
    for svg in (figure.narrow, figure.wide):
        nodes = parsed(svg)
        root = nodes[-1]
        wide = float(root.get("viewBox").split()[2])
        assert root.get("role") == "img"
        named = {node.get("id") for node in nodes if node.tag.endswith(("title", "desc"))}
        assert set(root.get("aria-labelledby").split()) <= named
        placed = list(boxes(svg))
        assert all(left >= -12 and right <= wide + 12 for left, right, _, _ in placed)
        for n, (left, right, y, words) in enumerate(placed):
            for other_left, other_right, other_y, other in placed[n + 1 :]:
                apart = abs(y - other_y) >= 10 or right <= other_left + 1 or other_right <= left + 1
                assert apart, f"{words!r} and {other!r}"


def test_long_names_are_cut_and_do_not_run_into_their_numbers():
    arms = tuple(f"email/a_very_long_message_name_that_nobody_should_use_{n}" for n in range(7))
    days = tuple(ArmDay(d, 10, dict.fromkeys(arms, 1 / 7)) for d in range(1, 60))
    heat = (HeatRow("people with a description that is much too long for any phone", 10, dict.fromkeys(arms, 1 / 7)),)
    drawn = figures(replace(EMPTY, arm_days=days, heat=heat))
    assert drawn
    for figure in drawn:
        test_a_figure_is_readable_without_eyes_and_has_no_overlapping_words(figure)


def test_nothing_is_always_hatched_grey():
    shares = next(f for f in figures(SAMPLE) if f.name == "shares")
    assert 'fill="url(#shares-340-h)"' in shares.narrow
    assert ARMS[-1] == "nothing"


def test_one_day_of_data_draws_no_curve():
    one = replace(SAMPLE, daily=(DailyCount("learner", (50,), (5,)),), arm_days=SAMPLE.arm_days[:1])
    assert {"curve", "shares"}.isdisjoint(f.name for f in figures(one))


def test_the_csv_holds_every_count():
    rows = list(csv.DictReader(io.StringIO(csv_text(SAMPLE))))
    found = {(r["table"], r["row"], r["measure"]): r["value"] for r in rows}
    assert found["groups", "holdout", "goals"] == "77"
    assert found["messages", "push/cart_nudge", "human_clickers"] == "83"
    assert found["pressure", "2", "count"] == "1290"
    assert found["arm_days", "1", "shares:nothing"]
    assert found["world", "", "served_right"] == "0.7"


def test_the_questions_come_in_their_order():
    asked = [a.question for a in answers(SAMPLE)]
    assert asked == ["Does messaging pay?", "Does personalising pay?", "… for the outliers", "… for everyone else"]


def test_scales_and_ticks_are_round():
    assert ticks(-0.07, 0.132, 7) == pytest.approx([-0.05, 0, 0.05, 0.1])
    assert Scale(0, 10, 0, 100)(2.5) == 25
    assert Scale(0, 10, 0, 100).held(99) == 100


def test_labels_that_would_collide_are_moved_apart():
    assert spread([50, 52, 10], 16) == [50, 66, 10]
    assert shortened("cart", 100) == "cart"
    assert shortened("a very long name", 60).endswith("…")
