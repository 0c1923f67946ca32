"""Findings as terminal text."""

from __future__ import annotations

from dataclasses import replace

from sample_findings import META, SAMPLE

from engine.report.findings import Findings, GroupCount
from engine.report.text import population_text, stats_text


def test_a_population_says_what_the_groups_did():
    text = population_text(SAMPLE).replace("\u00a0", " ")
    assert "The people are invented, seed 7." in text
    assert "holdout (20 %)              701       77   11.0 %  [8.9, 13.5]" in text
    assert "messaging pays" in text
    assert "█ learner   o baseline   · holdout" in text


def test_stats_answer_the_questions_in_the_fixed_words():
    text = stats_text(SAMPLE).replace("\u00a0", " ")
    assert "Does messaging pay?      learner vs holdout   +5.4 pp [+2.4, +8.1]     better" in text
    assert "cannot tell yet (1.9 pp needs ~5,600 per group)" in text
    assert "leaning better" in text
    assert "Attributed is not incremental" in text


def test_ascii_text_is_ascii_and_as_wide_as_the_other():
    for make in (population_text, stats_text):
        rich, plain = make(SAMPLE), make(SAMPLE, ascii_only=True)
        assert plain.isascii()
        assert "?" not in plain.replace("pay?", "")
        widths = [(len(a), len(b)) for a, b in zip(rich.splitlines(), plain.splitlines(), strict=True)]
        assert all(b - a <= 4 for a, b in widths)


def test_no_line_is_wider_than_120_columns():
    assert max(map(len, (population_text(SAMPLE) + stats_text(SAMPLE)).splitlines())) <= 120


def test_groups_of_the_wrong_size_are_called_not_comparable():
    groups = (GroupCount("learner", 2118, 347, 0.6), GroupCount("holdout", 501, 77, 0.4))
    text = stats_text(replace(SAMPLE, groups=groups))
    assert "not comparable" in text
    assert "The groups are not comparable" in text


def test_nothing_at_all_is_still_text():
    assert "order_placed within 72h" in stats_text(Findings(META, ()))
    assert population_text(Findings(replace(META, invented=False), ())) == "\n"


def test_too_early_prints_no_difference():
    young = replace(SAMPLE, groups=(GroupCount("learner", 80, 9), GroupCount("holdout", 11, 1)), outliers=(), others=())
    for text in (stats_text(young), population_text(young)):
        assert "too early" in text
        assert "pp" not in text
