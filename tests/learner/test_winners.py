"""The chances of being the best: the same for one decision and for many, and what a million draws would give."""

import math

import numpy as np
import pytest

from engine.core.policy import Bells, spread_of
from engine.learner.winners import chances_of_best

ARMS = list("abcdef")


def bells(rows=60, seed=0):
    chance = np.random.default_rng(seed)
    return chance.normal(-3.0, 0.5, (rows, 6)), np.exp(chance.normal(-1.2, 0.8, (rows, 6)))


def scores(mean, spread):
    return dict(zip(ARMS, mean, strict=True)) | {spread_of(arm): sd for arm, sd in zip(ARMS, spread, strict=True)}


def test_many_at_once_are_what_the_core_gives_for_each():
    means, spreads = bells()
    for mean, spread, found in zip(means, spreads, chances_of_best(means, spreads), strict=True):
        assert Bells("1").pmf(scores(mean, spread), ARMS) == pytest.approx(tuple(found), abs=1e-9)


def test_the_chances_are_those_of_many_draws():
    means, spreads = bells()
    draws = np.random.default_rng(1).standard_normal((20_000, 60, 6))
    drawn = np.stack([np.bincount((means + spreads * draws).argmax(axis=2)[:, row], minlength=6) for row in range(60)])
    assert np.abs(chances_of_best(means, spreads) - drawn / 20_000).max() < 0.04


def test_an_arm_that_cannot_be_had_leaves_the_others_as_if_it_had_never_been():
    means, spreads = bells()
    hidden = np.where(np.arange(6) == 2, -np.inf, means)
    rest = [0, 1, 3, 4, 5]
    found = chances_of_best(hidden, spreads)
    assert found[:, 2].max() == 0.0
    assert found[:, rest] == pytest.approx(chances_of_best(means[:, rest], spreads[:, rest]), abs=1e-12)


def test_what_is_known_for_certain_is_chosen_and_equals_share():
    assert chances_of_best(np.array([[1.0, 0.0]]), np.zeros((1, 2))) == pytest.approx(np.array([[1.0, 0.0]]), abs=1e-3)
    assert chances_of_best(np.zeros((1, 4)), np.ones((1, 4))) == pytest.approx(np.full((1, 4), 0.25))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_make_the_arms_equally_likely(bad):
    assert Bells("1").pmf(scores([bad, 0, 0, 0, 0, 0], [1.0] * 6), ARMS) == (1 / 6,) * 6
    assert Bells("1").pmf(scores([0] * 6, [1.0, bad, 1, 1, 1, 1]), ARMS) == (1 / 6,) * 6
    assert Bells("1").pmf({}, ARMS) == (1 / 6,) * 6
    assert Bells("1").pmf({"a": 1.0, spread_of("a"): 1.0}, ["a"]) == (1.0,)
    assert Bells("1").pmf({}, []) == ()
