"""Policies: from scores to chances."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.policy import LEAST, Bells, Fixed, Shares, SquareCb, Uniform, floor, spread_of, square_cb

ARMS = ("email/a", "email/b", "push/c")
POLICIES = [
    Uniform(),
    Fixed("f", {"email/a": 0.7, "email/b": 0.3}),
    Shares("s"),
    SquareCb("v", 30.0),
    SquareCb("wild", math.inf),
    SquareCb("new", 0.0),
    Bells("b"),
]
SAID = [*ARMS, *map(spread_of, ARMS)]
any_number = st.floats(allow_nan=True, allow_infinity=True)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.version)
@given(scores=st.dictionaries(st.sampled_from(SAID), any_number), count=st.integers(1, 3), share=any_number)
def test_whatever_the_scores_the_floored_chances_can_be_drawn_from_and_divided_by(policy, scores, count, share):
    chances = floor(policy.pmf(scores, ARMS[:count]), share)
    assert len(chances) == count
    assert math.isclose(math.fsum(chances), 1.0, abs_tol=1e-9)
    assert all(0.0 < p <= 1.0 for p in chances)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0, 1))
def test_a_floor_gives_every_arm_its_least_share_and_keeps_the_order(weights, share):
    total = math.fsum(weights)
    pmf = [w / total for w in weights] if total > 1e-3 else [1 / len(weights)] * len(weights)
    floored = floor(pmf, share)
    least = min(max(share, LEAST), 1 / len(pmf))
    assert all(p >= least - 1e-9 for p in floored)
    assert all(
        b >= a - 1e-9 for (x, a) in zip(pmf, floored, strict=True) for (y, b) in zip(pmf, floored, strict=True) if y > x
    )


def test_a_floor_follows_the_formula():
    assert floor((0.9, 0.1), 0.05) == pytest.approx((0.05 + 0.9 * 0.9, 0.05 + 0.9 * 0.1))


def test_a_floor_too_high_for_so_many_arms_makes_them_equal():
    assert floor((1.0, 0.0, 0.0), 0.5) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_nobody_eligible_gives_no_chances():
    assert floor((), 0.1) == ()
    assert Uniform().pmf({}, ()) == ()


def test_scores_that_are_no_numbers_make_the_arms_equal():
    for odd in (math.nan, math.inf, -math.inf):
        assert SquareCb("v", 30.0).pmf({"email/a": 1.0, "email/b": odd}, ARMS[:2]) == (0.5, 0.5)
    assert Shares("s").pmf({"email/a": 1.0}, ARMS[:2]) == (0.5, 0.5)


def test_square_cb_is_rarer_for_an_arm_that_is_worse():
    chances = SquareCb("v", 30.0).pmf({"email/a": 0.12, "email/b": 0.04, "push/c": 0.10}, ARMS)
    assert chances[1] == pytest.approx(1 / (3 + 30 * 0.08))
    assert chances[2] == pytest.approx(1 / (3 + 30 * 0.02))
    assert chances[0] == pytest.approx(1 - chances[1] - chances[2])


def test_square_cb_grows_bolder_with_what_was_learned():
    scores = {"email/a": 0.12, "email/b": 0.04}
    early, late = (square_cb("v", 30.0, learned).pmf(scores, ARMS[:2])[0] for learned in (1, 10_000))
    assert square_cb("v", 30.0, 0).pmf(scores, ARMS[:2]) == (0.5, 0.5)
    assert early < late


def test_fixed_shares_are_taken_over_what_is_eligible():
    policy = Fixed("f", {"email/a": 0.6, "email/b": 0.2, "push/c": 0.2})
    assert policy.pmf({}, ("email/b", "push/c")) == pytest.approx((0.5, 0.5))


def test_chances_of_being_best_are_taken_over_what_is_eligible():
    assert Shares("s").pmf({"email/a": 0.6, "email/b": 0.1, "push/c": 0.3}, ARMS[1:]) == pytest.approx((0.25, 0.75))


@given(st.dictionaries(st.sampled_from(SAID), st.floats(allow_nan=False, allow_infinity=False), min_size=6, max_size=6))
def test_bells_of_any_size_can_be_drawn_from(scores):
    assert math.isclose(math.fsum(floor(Bells("b").pmf(scores, ARMS), 0.01)), 1.0, abs_tol=1e-9)


def test_an_arm_is_chosen_as_often_as_it_may_be_the_best():
    spreads = {spread_of(arm): 0.1 for arm in ARMS}
    sure = Bells("b").pmf({"email/a": 1.0, "email/b": 0.0, "push/c": 0.0} | spreads, ARMS)
    assert sure[0] > 0.99
    assert Bells("b").pmf(dict.fromkeys(ARMS, 0.0) | spreads, ARMS) == pytest.approx((1 / 3,) * 3)
    assert Bells("b").pmf({"email/a": 1.0, "email/b": 0.0, spread_of("email/a"): 0.1}, ARMS[:2]) == (0.5, 0.5)
