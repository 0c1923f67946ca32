"""Lifetime value: the published fits to the digit, and forecasts that hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.people import pareto
from benchmarks.people.value import WEEKS, sample, shown
from engine.audience import extra
from engine.audience.value import Purchases, fit_purchases, fit_spending, histories
from engine.errors import ConfigError


@pytest.fixture(scope="module")
def cdnow():
    return shown(sample())


def test_the_fits_of_the_cdnow_sample_are_the_published_ones(cdnow):
    found = fit_purchases(cdnow.history)
    assert [round(one, 3) for one in (found.r, found.alpha, found.a, found.b)] == [0.243, 4.414, 0.793, 2.426]
    assert round(found.log_likelihood, 1) == -9582.4
    repeats = cdnow.mean > 0
    money = fit_spending(cdnow.x[repeats].astype(float), cdnow.mean[repeats])
    assert [round(one, 2) for one in (money.p, money.q, money.gamma)] == [6.25, 3.74, 15.44]
    assert round(money.log_likelihood, 1) == -4055.9


def test_the_next_39_weeks_by_number_of_orders_are_the_published_table(cdnow):
    seen = cdnow.history
    ahead = fit_purchases(seen).expected(WEEKS, seen.x, seen.t_x, seen.T)[seen.of]
    table = [ahead[cdnow.x == n].mean() for n in range(7)] + [ahead[cdnow.x >= 7].mean()]
    assert table == pytest.approx([0.225, 0.523, 1.044, 1.520, 2.164, 2.654, 3.504, 6.157], abs=0.0015)


def test_the_judge_gives_the_published_figures_for_one_customer_and_for_a_new_one():
    judge = pareto.Pareto(0.5534, 10.5802, 0.6061, 11.6562)
    one = (np.array([26.0]), np.array([30.86]), np.array([31.0]))
    assert judge.expected(52, *one)[0] == pytest.approx(25.455, abs=0.002)
    assert judge.alive(*one)[0] == pytest.approx(0.9979, abs=0.0001)
    assert judge.of_new(52) == pytest.approx(1.473, abs=0.001)


def test_equal_histories_are_one_row_and_give_the_same_fit(cdnow):
    twice = [np.concatenate([part, part]) for part in (cdnow.x, cdnow.last, cdnow.age)]
    once, both = fit_purchases(cdnow.history), fit_purchases(histories(*twice))
    assert len(histories(*twice).x) == len(cdnow.history.x)
    assert (both.r, both.alpha) == pytest.approx((once.r, once.alpha), rel=1e-3)


def test_forecasts_stay_finite_for_people_who_order_every_day_and_grow_with_time():
    model = Purchases(0.243, 4.414, 0.793, 2.426)
    x, t_x, age = np.array([0.0, 1.0, 900.0]), np.array([0.0, 2.0, 150.0]), np.array([150.0, 150.0, 150.1])
    short, long = model.expected(4, x, t_x, age), model.expected(52, x, t_x, age)
    assert np.isfinite(long).all()
    assert (short < long).all()
    assert model.alive(x, t_x, age)[1] < 0.5 < model.alive(x, t_x, age)[2]


def test_without_the_extra_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "scipy.nothing", None)
    with pytest.raises(ConfigError, match=r"lifetime value needs scipy: pip install 'sojourn\[ml\]'"):
        extra.taken_up("scipy.nothing", "lifetime value")
