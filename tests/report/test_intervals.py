"""How sure a number is."""

from __future__ import annotations

import numpy as np
import pytest

from engine.report.intervals import (
    Mean,
    Rate,
    any_day,
    any_day_factor,
    any_day_half_width,
    chi_square_tail,
    difference,
    needed_per_group,
    newcombe,
    normal_cdf,
    relative_lift,
    split_check,
    verdict,
    welch,
    wilson,
)


def test_wilson_gives_the_textbook_interval():
    span = wilson(81, 263)  # Newcombe 1998, table I
    assert (round(span.low, 4), round(span.high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 20).low == 0
    assert round(wilson(0, 20).high, 4) == 0.1611
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0, 1)


def test_newcombe_gives_the_textbook_interval():
    span = newcombe(Rate(56, 70), Rate(48, 80))  # Newcombe 1998, method 10, example (a)
    assert (round(span.low, 4), round(span.high, 4)) == (0.0524, 0.3339)


def test_the_difference_of_the_sample_report_is_reproduced():
    span = newcombe(Rate(347, 2118), Rate(77, 701))
    assert (round(100 * span.low, 1), round(100 * span.high, 1)) == (2.4, 8.1)


@pytest.mark.parametrize(("n", "factor"), [(300, 3.9), (1000, 3.2), (3000, 3.0), (20000, 3.2)])
def test_the_any_day_factor_is_narrowest_near_the_planned_size(n, factor):
    assert round(any_day_factor(n, 3000), 1) == factor
    assert any_day_half_width(0.01, n, 3000) == pytest.approx(0.01 * any_day_factor(n, 3000))


def test_the_95_percent_interval_covers_the_truth_in_about_95_percent_of_trials():
    random = np.random.default_rng(7)
    ours, theirs = random.binomial(600, 0.16, 2000), random.binomial(300, 0.11, 2000)
    spans = [newcombe(Rate(int(a), 600), Rate(int(b), 300)) for a, b in zip(ours, theirs, strict=True)]
    assert 0.935 < np.mean([s.low <= 0.05 <= s.high for s in spans]) < 0.97


def test_looking_every_day_at_two_equal_groups_raises_a_false_alarm_in_at_most_5_percent_of_trials():
    random = np.random.default_rng(7)
    daily = random.binomial(50, 0.12, (2, 400, 40)).cumsum(axis=2)
    fooled, naive = 0, 0
    for a, b in zip(daily[0], daily[1], strict=True):
        looks = [(Rate(int(x), 50 * d), Rate(int(y), 50 * d)) for d, (x, y) in enumerate(zip(a, b, strict=True), 1)]
        fooled += any(any_day(t, c, 3000).excludes_zero for t, c in looks)
        naive += any(newcombe(t, c).excludes_zero for t, c in looks)
    assert fooled / 400 <= 0.05
    assert naive / 400 > 0.2  # what the any-day interval is there for


def test_a_clear_difference_is_better_even_to_someone_who_looks_every_day():
    assert verdict(Rate(347, 2118), Rate(77, 701), planned=3535).word == "better"
    assert verdict(Rate(77, 701), Rate(347, 2118), planned=3535).word == "worse"


def test_cannot_tell_comes_with_what_would_be_needed():
    says = verdict(Rate(347, 2118), Rate(111, 716))
    assert says.word == "cannot tell yet"
    assert says.worth == pytest.approx(0.0194, abs=1e-4)
    assert says.needed is not None
    assert 5500 < says.needed < 5700


def test_a_difference_that_is_probably_real_is_only_leaning_while_the_experiment_runs():
    ours, theirs = Rate(150, 1000), Rate(110, 1000)
    assert verdict(ours, theirs, running=True).word == "leaning better"
    assert verdict(ours, theirs, running=False).word == "better"
    assert verdict(theirs, ours, running=True).word == "leaning worse"


def test_nothing_is_said_before_a_hundred_contacts_and_thirty_goals():
    assert verdict(Rate(60, 99), Rate(10, 900)).word == "too early"
    assert verdict(Rate(20, 900), Rate(9, 900)).word == "too early"


def test_a_broken_split_withholds_every_verdict():
    counts, shares = (2118, 716, 501), (0.6, 0.2, 0.2)
    assert split_check(counts, shares) < 0.001
    assert verdict(Rate(347, 2118), Rate(77, 501), split_p=split_check(counts, shares)).word == "not comparable"


def test_the_split_of_the_sample_report_is_as_planned():
    assert split_check((2118, 716, 701), (0.6, 0.2, 0.2)) > 0.05
    assert split_check((0, 0), (0.5, 0.5)) == 1


@pytest.mark.parametrize(
    ("x", "freedom", "p"), [(3.841, 1, 0.05), (5.991, 2, 0.05), (7.815, 3, 0.05), (18.467, 4, 0.001)]
)
def test_the_chi_square_tail_is_the_table_value(x, freedom, p):
    assert chi_square_tail(x, freedom) == pytest.approx(p, rel=1e-3)


def test_planning_asks_for_sixteen_variances_over_the_squared_difference():
    assert needed_per_group(0.5, 0.1) == 400
    with pytest.raises(ValueError, match="never be shown"):
        needed_per_group(0.5, 0)


def test_a_relative_lift_is_withheld_with_fewer_than_thirty_goals():
    assert relative_lift(Rate(300, 2000), Rate(29, 300)) is None
    span = relative_lift(Rate(347, 2118), Rate(77, 701))
    assert span is not None
    assert span.low < 0.4915 < span.high
    assert difference(Rate(347, 2118), Rate(77, 701)).relative == span


def test_means_are_compared_with_their_own_variances():
    span = welch(Mean(10, 4, 100), Mean(9, 9, 400))
    assert (round(span.low, 3), round(span.high, 3)) == (0.51, 1.49)


def test_the_normal_curve_is_known_at_its_landmarks():
    assert normal_cdf(0) == 0.5
    assert normal_cdf(1.959964) == pytest.approx(0.975)


def test_two_empty_groups_leave_the_chance_at_one_half():
    assert difference(Rate(0, 0), Rate(0, 0)).chance == 0.5
