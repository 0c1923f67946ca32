"""What every kind of model keeps, whatever is inside it."""

import math
import subprocess
import sys

import numpy as np
import pytest

from engine.core.policy import floor
from engine.errors import LearnerError
from engine.learner.lessons import Lesson, teach
from engine.learner.models import KINDS, Example, load_model, new_model, settings_for

SMALL = {"vw": {"bits": 16}, "thompson": {}, "beta": {}}
ARMS = {"a": "m=a ch=email", "b": "m=b ch=push", "nothing": "m=nothing"}
CONTEXTS = [f"tier={tier} hour={hour}" for tier in ("gold", "tin", "~none") for hour in (9, 12, 15)]


@pytest.fixture(params=sorted(KINDS))
def kind(request):
    return request.param


@pytest.fixture
def model(kind):
    return new_model(kind, SMALL[kind])


def examples(count, seed=1, paying="a"):
    """Return what uniform draws would have earned, were one arm good and the others not."""
    chance = np.random.default_rng(seed)
    for _ in range(count):
        arm = chance.choice(list(ARMS))
        won = chance.random() < (0.5 if arm == paying else 0.05)
        yield Example(chance.choice(CONTEXTS), ARMS[arm], float(won), 1 / 3)


def chances(model, context=CONTEXTS[0]):
    return dict(zip(ARMS, model.policy("1").pmf(model.scores([context], ARMS)[0], list(ARMS)), strict=True))


def test_a_model_that_knows_nothing_prefers_nothing(model):
    assert list(chances(model).values()) == pytest.approx([1 / 3] * 3, abs=0.1)


def test_chances_sum_to_one_in_every_context(model):
    model.learn(list(examples(200)))
    for row in model.scores(CONTEXTS, ARMS):
        pmf = floor(model.policy("1").pmf(row, list(ARMS)), 0.02)
        assert math.isclose(sum(pmf), 1.0, abs_tol=1e-9)
        assert min(pmf) >= 0.02 - 1e-9


def test_a_planted_preference_is_found(model):
    model.learn(list(examples(600)))
    assert all(chances(model, context)["a"] > 0.8 for context in CONTEXTS)


@pytest.mark.parametrize("kind", ["vw", "thompson"])
def test_a_preference_of_some_people_only_is_found(kind):
    model, chance = new_model(kind, SMALL[kind]), np.random.default_rng(2)
    for _ in range(3000):
        context, arm = chance.choice(CONTEXTS), chance.choice(["a", "b"])
        liked = (arm == "b") == ("tier=gold" in context)
        model.learn([Example(context, ARMS[arm], float(chance.random() < (0.4 if liked else 0.1)))])
    gold, tin = model.scores(["tier=gold hour=9", "tier=tin hour=9"], {arm: ARMS[arm] for arm in "ab"})
    assert gold["b"] > gold["a"]
    assert tin["a"] > tin["b"]


def test_a_model_survives_the_round_trip_and_goes_on_learning_the_same(model, kind):
    model.learn(list(examples(150)))
    again = load_model(kind, model.dumps(), SMALL[kind])
    assert (again.learned, again.weight_hash()) == (150, model.weight_hash())
    for one in (model, again):
        one.learn(list(examples(150, seed=2)))
    assert again.weight_hash() == model.weight_hash()
    assert again.scores(CONTEXTS, ARMS) == model.scores(CONTEXTS, ARMS)


def test_the_same_examples_give_the_same_weights_in_whatever_batches(kind, model):
    taught = list(examples(120))
    model.learn(taught)
    rebuilt = new_model(kind, SMALL[kind])
    for start in range(0, 120, 7):
        rebuilt.learn(taught[start : start + 7])
    assert rebuilt.weight_hash() == model.weight_hash()
    rebuilt.learn(taught[:1])
    assert rebuilt.weight_hash() != model.weight_hash()


def test_asking_for_scores_changes_nothing(model):
    model.learn(list(examples(50)))
    before = model.weight_hash()
    first = model.scores(CONTEXTS, ARMS)
    assert model.scores(CONTEXTS, ARMS) == first
    assert model.weight_hash() == before


@pytest.mark.parametrize("reward", [math.nan, math.inf, -math.inf, 1.5, -2.0])
def test_a_label_that_would_poison_the_weights_is_refused_with_its_whole_batch(model, reward):
    before = model.weight_hash()
    with pytest.raises(LearnerError):
        model.learn([*examples(3), Example(CONTEXTS[0], ARMS["a"], reward)])
    assert (model.weight_hash(), model.learned) == (before, 0)


def test_an_arm_nobody_has_met_gets_a_score(model):
    model.learn(list(examples(100)))
    assert math.isfinite(model.scores(["tier=new"], ARMS | {"new": "m=new ch=sms"})[0]["new"])


def test_no_arms_and_no_contexts_are_no_trouble(model):
    assert model.scores(["a=b", ""], {}) == [{}, {}]
    assert model.scores([], ARMS) == []
    assert model.scores([""], ARMS)[0].keys() >= ARMS.keys()
    assert model.estimates([""], ARMS)[0].keys() == model.deviations([""], ARMS)[0].keys() == ARMS.keys()


def test_changed_bytes_are_never_loaded(kind, model):
    model.learn(list(examples(40)))
    raw, chance = model.dumps(), np.random.default_rng(7)
    for turn in range(300):
        bad = bytearray(raw)
        match turn % 4:
            case 0:
                bad[chance.integers(len(bad))] ^= 1 << int(chance.integers(8))
            case 1:
                del bad[chance.integers(len(bad)) :]
            case 2:
                bad = bytearray(chance.bytes(chance.integers(600)))
            case 3:
                at = chance.integers(len(bad))
                bad[at:at] = chance.bytes(4)
        with pytest.raises(LearnerError):
            load_model(kind, bytes(bad), SMALL[kind])


def test_a_model_made_with_other_settings_or_of_another_kind_is_refused(kind, model):
    raw = model.dumps()
    with pytest.raises(LearnerError, match="other settings"):
        load_model(kind, raw, SMALL[kind] | {"scale": 3.0})
    other = "beta" if kind != "beta" else "vw"
    with pytest.raises(LearnerError, match=f"is a {kind} model"):
        load_model(other, raw, SMALL[other])


def test_a_setting_or_a_kind_nobody_knows_is_refused(kind):
    with pytest.raises(LearnerError, match="no setting 'rates'"):
        new_model(kind, {"rates": 1})
    with pytest.raises(LearnerError, match="no 'oracle' model"):
        new_model("oracle")


def test_a_scale_settles_on_the_first_rewards_and_travels_with_the_model(model, kind):
    teach(model, [Lesson("", ARMS["a"], float(n), stage="closed") for n in range(1, 101)])
    assert model.scaling.scale == 48.0
    teach(model, [Lesson("", ARMS["a"], 10_000.0, stage="closed")])
    assert model.scaling.scale == 48.0
    assert load_model(kind, model.dumps(), SMALL[kind]).scaling.scale == 48.0
    assert (model.scaling.label(24.0), model.scaling.label(-900.0), model.scaling.label(0.0)) == (0.5, -1.0, 0.0)


def test_the_room_loads_no_library_until_a_model_is_made():
    code = "import sys, engine.learner.lessons as _; print({'numpy', 'vowpal_wabbit_next'} & {*sys.modules})"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def test_the_scale_comes_from_the_author_where_there_is_one(choose):
    assert settings_for(choose(scale=40.0)) == {"scale": 40.0}
    assert settings_for(choose(clip=(-5.0, 25.0))) == {"scale": 25.0}
    assert settings_for(choose()) == {"scale": None}
