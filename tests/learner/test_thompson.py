"""The Bayesian model: what it believes, how sure it is, what it does about losses, newcomers and changes."""

import numpy as np
import pytest

from engine.learner import batch
from engine.learner.models import Example, load_model, new_model

ARMS = {f"a{n}": f"m=a{n} ch={'email' if n < 2 else 'push'}" for n in range(3)}
PEOPLE = [f"tier={tier} zone={zone}" for tier in ("gold", "tin") for zone in range(5)]
GOLD, TIN = "tier=gold zone=0", "tier=tin zone=0"


def lived(model, rates, count=3000, seed=1, arms=ARMS):
    """Teach what even draws earn: `rates` gives the rate of an arm for a line."""
    chance, names = np.random.default_rng(seed), list(arms)
    some = []
    for _ in range(count):
        line, arm = PEOPLE[chance.integers(len(PEOPLE))], names[chance.integers(len(names))]
        some.append(Example(line, arms[arm], float(chance.random() < rates(line, arm))))
    model.learn(some)
    return model


def tastes(line, arm):
    return 0.3 if (arm == "a0") == ("gold" in line) and arm != "a2" else 0.1


@pytest.fixture(scope="module")
def model():
    return lived(new_model("thompson"), tastes, 6000)


def chances(model, line, arms=ARMS):
    return dict(zip(arms, batch.chances(model, [line], arms, np.ones((1, len(arms)), bool), 0.0)[0], strict=True))


def test_each_group_gets_what_it_likes(model):
    assert chances(model, GOLD)["a0"] > 0.95
    assert chances(model, TIN)["a1"] > 0.95


def test_estimates_are_rates_and_a_feature_that_tells_nothing_is_shrunk_away(model):
    gold = model.estimates([GOLD], ARMS)[0]
    assert gold["a0"] == pytest.approx(0.3, abs=0.05)
    assert gold["a2"] == pytest.approx(0.1, abs=0.04)
    size = {name: model.prior.variance[model.design.groups == at].max() for at, name in enumerate(model.design.names)}
    assert size["zone"] < size["tier"] / 5


def test_what_adds_up_is_the_log_odds(model):
    said = model.explain(GOLD, ARMS["a0"])
    rate = model.estimates([GOLD], ARMS)[0]["a0"]
    assert sum(said.values()) == pytest.approx(np.log(rate / (1 - rate)), abs=1e-6)
    assert said["tier=gold"] > abs(said["zone=0"])


def test_the_more_is_known_the_smaller_the_deviation(model):
    fresh, known = new_model("thompson"), model.deviations([GOLD], ARMS)[0]
    assert known["a0"] < 0.4 * lived(fresh, tastes, 300).deviations([GOLD], ARMS)[0]["a0"]
    model_again = load_model("thompson", model.dumps())
    model_again.widen(ARMS["a0"])
    wide = model_again.deviations([GOLD], ARMS)[0]
    assert wide["a0"] > 1.5 * known["a0"]
    assert wide["a1"] == pytest.approx(known["a1"], rel=0.05)


def test_open_silences_lower_what_is_served_and_leave_the_model_as_it_is(model):
    before = model.weight_hash()
    silence = [Example(GOLD, ARMS["a0"], 0.0, weight=0.5)] * 400
    served = model.provisional(silence)
    assert served.estimates([GOLD], ARMS)[0]["a0"] < model.estimates([GOLD], ARMS)[0]["a0"] - 0.02
    assert served.estimates([GOLD], ARMS) == load_model("thompson", served.dumps()).estimates([GOLD], ARMS)
    assert model.weight_hash() == before
    none = model.provisional([Example(GOLD, ARMS["a0"], 0.0, weight=0.0)] * 400)
    assert none.estimates([GOLD], ARMS)[0]["a0"] == pytest.approx(model.estimates([GOLD], ARMS)[0]["a0"], abs=1e-4)


@pytest.mark.parametrize("kind", ["thompson", "beta"])
def test_what_loses_is_worth_less_than_what_does_nothing(kind):
    chance, model = np.random.default_rng(3), new_model(kind, {"scale": 1.0})
    arms = {"loses": "m=loses ch=email", "mixed": "m=mixed ch=email", "nothing": "m=nothing"}
    some = []
    for _ in range(900):
        u = chance.random()
        some.append(Example(TIN, arms["loses"], -1.0 if u < 0.2 else float(u > 0.95)))
        some.append(Example(TIN, arms["mixed"], -1.0 if u < 0.05 else float(u > 0.7)))
        some.append(Example(TIN, arms["nothing"], 0.0))
    model.learn(some)
    told = chances(model, TIN, arms)
    assert told["mixed"] > 0.9
    rest = np.array([[True, False, True]])
    assert batch.chances(model, [TIN], arms, rest, 0.0)[0][2] > 0.9


def test_a_newcomer_is_tried_and_starts_where_its_like_are(model):
    arms = ARMS | {"new": "m=new ch=email"}
    assert chances(model, GOLD, arms)["new"] > 0.02
    spread = model.deviations([GOLD], arms)[0]
    assert spread["new"] > 2.0 * spread["a0"]


def test_a_change_of_taste_is_noticed_and_calm_is_not_disturbed():
    calm = lived(new_model("thompson"), tastes, 12_000, seed=5)
    assert calm.changes == 0
    changed = lived(calm, lambda line, arm: tastes(TIN if "gold" in line else GOLD, arm), 4000, seed=6)
    assert changed.changes >= 1
    assert chances(changed, GOLD)["a1"] > 0.9
    assert load_model("thompson", changed.dumps()).changes == changed.changes


def test_a_label_that_changes_is_corrected_and_counted_once():
    late, known = new_model("thompson", {"scale": 1.0}), new_model("thompson", {"scale": 1.0})
    silence = [Example(TIN, ARMS[f"a{n % 3}"], 0.0) for n in range(240)]
    late.learn([*silence, *(Example(TIN, one.arm, 1.0, before=0.0) for one in silence[::4])])
    known.learn([Example(TIN, one.arm, float(n % 4 == 0)) for n, one in enumerate(silence)])
    for arm, rate in known.estimates([TIN], ARMS)[0].items():
        assert late.estimates([TIN], ARMS)[0][arm] == pytest.approx(rate, abs=0.06)


def test_only_so_many_examples_are_remembered_and_none_is_forgotten():
    short = lived(new_model("thompson", {"memory": 500}), tastes, 6000)
    assert len(short.memory) < 1500
    assert chances(short, GOLD)["a0"] > 0.9
    assert chances(short, TIN)["a1"] > 0.9
