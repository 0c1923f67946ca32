"""A plan keeps every rule, and brings nearly what the best one could."""

from __future__ import annotations

import numpy as np
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from engine.audience.plan import NONE, Rules, calendar, plan, total


def instance(seed: int, people: int = 60) -> tuple[np.ndarray, Rules]:
    chance = np.random.default_rng(seed)
    count, weeks = int(chance.integers(1, 6)), int(chance.integers(1, 5))
    values = np.exp(chance.normal(size=(people, count))).astype(np.float32)
    values[chance.random(values.shape) < 0.1] = 0
    may = chance.random((count, weeks)) < 0.5
    volumes = chance.integers(0, people, count)
    return values, Rules(may, volumes, chance.integers(0, 3, count), int(chance.integers(1, 3)), 0.2)


@settings(max_examples=examples(12), deadline=None)
@given(st.integers(0, 10_000))
def test_every_rule_is_kept(seed):
    values, rules = instance(seed)
    for found in (plan(values, rules), calendar(values, rules)):
        who, what = np.nonzero(found != NONE)
        week = found[who, what]
        assert rules.weeks[what, week].all()
        assert (values[who, what] > rules.floor).all()
        assert (np.bincount(what, minlength=len(rules.volumes)) <= rules.volumes).all()
        heard = np.zeros((len(values), rules.weeks.shape[1]), int)
        np.add.at(heard, (who, week), 1)
        assert heard.max(initial=0) <= rules.cap
    mine = plan(values, rules)
    for person in range(len(values)):
        taken = [(rules.topics[one], mine[person, one]) for one in np.flatnonzero(mine[person] != NONE)]
        assert len(set(taken)) == len(taken)


def test_it_brings_nearly_what_a_linear_program_finds_and_more_than_the_calendar():
    for seed in range(2):
        chance = np.random.default_rng(seed)
        people, count, weeks = 80, 5, 3
        values = np.exp(chance.normal(size=(people, count))).astype(np.float32)
        may = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0], [0, 0, 1], [0, 1, 0]], bool)
        rules = Rules(may, np.array([40, 40, 40, 40, 40]), np.arange(count), 1)
        pair, week = np.nonzero(may[np.arange(people * count) % count])
        rows = np.zeros((people * weeks + people * count + count, len(pair)))
        rows[pair // count * weeks + week, np.arange(len(pair))] = 1
        rows[people * weeks + pair, np.arange(len(pair))] = 1
        rows[people * weeks + people * count + pair % count, np.arange(len(pair))] = 1
        limits = np.concatenate([np.ones(people * weeks + people * count), rules.volumes])
        best = -linprog(-values.ravel()[pair], rows, limits, bounds=(0, 1), method="highs").fun
        assert total(values, plan(values, rules)) >= 0.98 * best
        assert total(values, plan(values, rules)) > total(values, calendar(values, rules))


def test_without_rivalry_everybody_gets_the_best_people():
    values = np.exp(np.random.default_rng(0).normal(size=(500, 3))).astype(np.float32)
    rules = Rules(np.ones((3, 2), bool), np.array([50, 100, 150]), np.arange(3), 8)
    best = sum(float(np.sort(values[:, n])[-rules.volumes[n] :].sum()) for n in range(3))
    assert abs(total(values, plan(values, rules)) - best) < 1e-3 * best
