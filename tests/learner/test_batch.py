"""Many decisions at once are what the core decides one by one."""

import logging
import math

import numpy as np
import pytest

from engine.core.choice import pick
from engine.core.policy import floor
from engine.learner import batch
from engine.learner.models import KINDS, Example, new_model

ARMS = {"a": "m=a ch=email", "b": "m=b ch=push", "c": "m=c ch=email t=morning", "nothing": "m=nothing"}


@pytest.fixture(params=sorted(KINDS))
def model(request):
    made, chance = new_model(request.param), np.random.default_rng(3)
    made.learn(
        [Example(line(chance), chance.choice(list(ARMS.values())), float(chance.random() < 0.2)) for _ in range(400)]
    )
    return made


def line(chance):
    """Return a context with a category, a number and, now and then, a third token."""
    more = f" hour={chance.integers(3)}" if chance.random() < 0.5 else ""
    return f"tier={chance.choice(['gold', 'tin'])} value:{chance.integers(100)}{more}"


def test_the_chances_are_the_cores_own_over_whatever_is_eligible(model):
    chance = np.random.default_rng(4)
    lines = [line(chance) for _ in range(60)]
    eligible = chance.random((60, 4)) < 0.7
    eligible[:, 3] = True
    found = batch.chances(model, lines, ARMS, eligible, 0.01)
    for row, scores, free in zip(found, model.scores(lines, ARMS), eligible, strict=True):
        names = [arm for arm, there in zip(ARMS, free, strict=True) if there]
        wanted = floor(model.policy("1").pmf(scores, names), 0.01)
        assert row[free] == pytest.approx(wanted, abs=1e-5)
        assert row[~free].sum() == 0.0


def test_draws_fall_where_the_cores_fall():
    chance = np.random.default_rng(5)
    found = chance.dirichlet(np.ones(4), 200)
    found[::3, 3] = 0.0
    found /= found.sum(axis=1, keepdims=True)
    u = chance.random(200)
    u[:2] = 0.0, math.nextafter(1.0, 0.0)
    for row, at, number in zip(found, u, batch.drawn(found, u), strict=True):
        names = [arm for arm, p in enumerate(row) if p > 0.0]
        assert pick([str(n) for n in names], row[names], at)[0] == str(number)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -1.0, 3.0])
def test_a_row_that_is_no_distribution_becomes_even_and_is_said(odd, caplog):
    eligible = np.array([[True, True, False], [True, True, True]])
    rows = np.array([[odd, 0.5, 0.0], [0.2, 0.3, 0.5]])
    with caplog.at_level(logging.WARNING):
        found = batch.checked(rows, eligible)
    assert found[0].tolist() == [0.5, 0.5, 0.0]
    assert found[1].tolist() == [0.2, 0.3, 0.5]
    assert "1 decisions of 2" in caplog.text


def test_nothing_eligible_gives_no_chances(model):
    assert batch.chances(model, ["tier=gold"], ARMS, np.zeros((1, 4), bool), 0.01).sum() == 0.0
