"""The label rule: when a model is told of a decision never depends on what the decision earned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.learner.delays import Curves
from engine.learner.lessons import Lesson, Open, serving, teach
from engine.learner.models import Example, new_model

DAY = 86_400.0
A, B = "m=a ch=email", "m=b ch=push"
ARMS = {"a": A, "b": B}
SMALL = {"vw": {"bits": 16, "scale": 1.0}, "thompson": {"scale": 1.0}, "beta": {"scale": 1.0}}


@pytest.fixture(params=sorted(SMALL))
def model(request):
    return new_model(request.param, SMALL[request.param])


passes = st.lists(st.tuples(st.sampled_from((0.0, 0.2, 1.0, -0.5)), st.sampled_from(("open", "closed"))), max_size=6)


@given(passes, st.booleans())
def test_whether_a_decision_was_taught_depends_on_its_stage_and_never_on_what_it_earned(history, patient):
    """The eager rule would teach a click at once and a silence at the close: two decisions that differ in what they
    earned would then be taught at different times.
    """
    seen = closed = taught = False
    before = None
    for reward, stage in history:
        lesson = Lesson("", A, reward, before, stage=stage)
        first = lesson.due(patient=patient) and not taught
        taught = taught or first
        seen, closed, before = True, closed or stage == "closed", reward
        assert taught == (closed if patient else seen)
        if closed:
            break


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_patient_model_is_told_of_a_decision_once_and_of_what_came_late_never(reward, before):
    assert Lesson("", A, reward, before, stage="closed").due(patient=True)
    assert not Lesson("", A, reward, before, stage="open").due(patient=True)
    assert not Lesson("", A, reward, before, stage="late").due(patient=True)
    assert not Lesson("", A, reward, before, stage="late").due(patient=False)


def test_silence_that_closes_teaches_a_hasty_model_nothing_more():
    model = new_model("vw", SMALL["vw"])
    assert teach(model, [Lesson("tier=tin", A, 0.0)]) == 1
    before = model.weight_hash()
    assert teach(model, [Lesson("tier=tin", A, 0.0, 0.0, stage="closed")]) == 0
    assert model.weight_hash() == before


def test_a_late_success_raises_what_its_arm_is_worth_to_a_hasty_model():
    told = {}
    for reward in (0.0, 1.0):
        model = new_model("vw", SMALL["vw"])
        for _ in range(20):
            teach(model, [Lesson("tier=tin", arm, 0.0) for arm in ARMS.values()])
        teach(model, [Lesson("tier=tin", B, reward, before=0.0)] * 5)
        told[reward] = model.scores(["tier=tin"], ARMS)[0]["b"]
    assert told[1.0] > told[0.0]


def test_news_that_all_comes_late_keeps_the_arms_in_order():
    chance = np.random.default_rng(4)
    arms = [A if chance.random() < 0.5 else B for _ in range(900)]
    won = [float(chance.random() < (0.3 if arm == A else 0.1)) for arm in arms]
    model = new_model("vw", SMALL["vw"])
    teach(model, [Lesson("tier=tin", arm, 0.0) for arm in arms])
    teach(model, [Lesson("tier=tin", arm, reward, 0.0) for arm, reward in zip(arms, won, strict=True)])
    row = model.scores(["tier=tin"], ARMS)[0]
    assert row["a"] > row["b"]


def openly(arm, *, won, age=DAY):
    return Open("tier=tin", arm, "email", float(won), not won, age)


def test_the_serving_copy_knows_the_open_decisions_and_the_model_learns_none_of_it(model):
    teach(model, [Lesson("tier=tin", arm, 0.1, stage="closed") for arm in ARMS.values() for _ in range(30)])
    before = model.weight_hash()
    rows = [openly(arm, won=arm == B and n % 3 == 0) for arm in ARMS.values() for n in range(90)]
    copy = serving(model, rows, Curves(3 * DAY))
    assert model.weight_hash() == before
    assert (copy is model) is (not model.patient)
    if model.patient:
        chances = copy.policy("1").pmf(copy.scores(["tier=tin"], ARMS)[0], ("a", "b"))
        assert chances[1] > 0.9


@pytest.mark.parametrize("kind", ["thompson", "beta"])
def test_a_young_silence_says_less_than_an_old_one(kind):
    found = {}
    for age in (60.0, 3 * DAY):
        model = new_model(kind, SMALL[kind])
        teach(model, [Lesson("", arm, float(n % 5 == 0), stage="closed") for arm in ARMS.values() for n in range(50)])
        copy = serving(model, [openly(A, won=False, age=age) for _ in range(60)], Curves(3 * DAY))
        found[age] = copy.estimates([""], ARMS)[0]["a"]
    assert found[60.0] > found[3 * DAY]


def test_weighting_silence_by_the_delay_curve_finds_the_rate_that_waiting_would_find():
    """Half of the outcomes are known at the age of the open decisions: counting silence fully would halve the rate."""
    chance = np.random.default_rng(11)
    rate, people = 0.12, 20_000
    half = Curves(3 * DAY, {"": tuple(0.5 for _ in range(25))})
    won = (chance.random(people) < rate) & (chance.random(people) < 0.5)
    rows = [openly(A, won=bool(w)) for w in won]
    found = serving(new_model("beta", SMALL["beta"]), rows, half).estimates([""], ARMS)[0]["a"]
    full = Curves(3 * DAY, {"": tuple(1.0 for _ in range(25))})
    naive = serving(new_model("beta", SMALL["beta"]), rows, full).estimates([""], ARMS)[0]["a"]
    assert found == pytest.approx(rate, abs=0.008)
    assert naive == pytest.approx(rate / 2, abs=0.008)


def test_an_example_says_how_certain_it_is():
    assert Example("", A, 0.0).weight == 1.0
