"""Our scores against the library's own."""

import hashlib

import numpy as np
import pytest
import vowpal_wabbit_next as library

from engine.errors import LearnerError
from engine.learner.envelope import Envelope, opened
from engine.learner.models import Example, full_settings, load_model, new_model
from engine.learner.schema import fitted

ARMS = {f"a{n}": f"m=a{n} ch={channel}" for n, channel in enumerate(("email", "push", "email", "sms", "push"))}
HOSTILE = [
    "a|A m=b", "|A m=a1", "x\n|A m=a1", "\n", "", "t=10:30", "t=1:inf", "t=1:nan", ":", "'tag|U", "shared |U x",
    "0:1:1 |A",
    "\x00", "\r", "é=日本", "a" * 5000, " ".join(f"t{n}=1" for n in range(500)), "1", "12345 678", "a=1 a=1", "\ud800",
]  # fmt: skip


def their_pmf(model, context, arms=ARMS):
    """Return the chances the library itself gives, in the order of the arms."""
    ours = library.Workspace(["--quiet"], model_data=opened(model.dumps(), "vw", model.settings).body)
    parser = library.TextFormatParser(ours)
    tokens = [token if value == 1.0 else f"{token}:{value:.9g}" for token, value in model.schema.read(context)]
    crossed = tokens[: model.settings["crosses"]]
    lines = [f"shared |U {' '.join(tokens)} |S {' '.join(crossed)}", *(f"|A {arm}" for arm in arms.values())]
    found = dict(ours.predict_one([parser.parse_line(line) for line in lines]))
    return [found[at] for at in range(len(arms))]


def taught(settings, count, tokens=6, seed=0):
    chance = np.random.default_rng(seed)
    contexts = [" ".join(f"f{n}={chance.integers(4)}" for n in range(chance.integers(tokens + 1))) for _ in range(60)]
    model = new_model("vw", {"bits": 14} | settings)
    for _ in range(count):
        arm = ARMS[f"a{chance.integers(len(ARMS))}"]
        model.learn([Example(contexts[chance.integers(60)], arm, float(chance.uniform(-1, 1)), 0.05)])
    return model, contexts


@pytest.mark.parametrize(
    "settings", [{}, {"crosses": 0}, {"crosses": 3}, {"rate": 0.5}, {"gamma_scale": 3.0}, {"bits": 10}]
)
@pytest.mark.parametrize("count", [0, 1, 400])
def test_our_chances_are_the_librarys_own(settings, count):
    model, contexts = taught(settings, count)
    policy = model.policy("1")
    for context, row in zip(contexts[:20], model.scores(contexts[:20], ARMS), strict=True):
        assert policy.pmf(row, list(ARMS)) == pytest.approx(their_pmf(model, context), abs=1e-5)


def test_our_chances_are_the_librarys_own_where_estimates_leave_the_range():
    model = new_model("vw", {"bits": 14, "rate": 10.0})
    for n in range(60):
        model.learn([Example("x=1 y=2", ARMS[f"a{n % 2}"], 1.0 if n % 2 else -1.0)])
    row = model.scores(["x=1 y=2 z=3"], ARMS)[0]
    assert model.policy("1").pmf(row, list(ARMS)) == pytest.approx(their_pmf(model, "x=1 y=2 z=3"), abs=1e-5)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_value_is_misread_in_silence(hostile):
    model, contexts = taught({}, 50)
    model.learn([Example(hostile, hostile, 1.0), Example(hostile, ARMS["a0"], -1.0)])
    rows = model.scores([hostile, contexts[0]], ARMS)
    for context, row in zip((hostile, contexts[0]), rows, strict=True):
        chances = model.policy("1").pmf(row, list(ARMS))
        assert sum(chances) == pytest.approx(1.0)
        assert chances == pytest.approx(their_pmf(model, context), abs=1e-5)


def test_the_logged_chance_of_an_arm_does_not_weigh_its_label():
    models = [new_model("vw", {"bits": 14}) for _ in range(2)]
    for model, chance in zip(models, (1.0, 0.001), strict=True):
        model.learn([Example("x=1", ARMS["a0"], 1.0, chance)])
    assert models[0].weight_hash() == models[1].weight_hash()


def test_bytes_that_ask_the_library_for_other_options_are_refused_even_with_a_good_digest():
    settings = full_settings("vw", {"bits": 14})
    foreign = library.Workspace(["--cb_explore_adf", "--epsilon", "0.5", "-b", "14", "--quiet"]).serialize()
    for body in (foreign, b"", b"garbage"):
        raw = Envelope("vw", settings, {"learned": 0, "seen": [], "weights": ""}, body).dumps()
        with pytest.raises(LearnerError, match="other options"):
            load_model("vw", raw, {"bits": 14})


def test_a_body_cut_short_is_refused_even_with_a_good_digest():
    model, _ = taught({}, 30)
    body = opened(model.dumps(), "vw", model.settings).body
    raw = Envelope("vw", model.settings, {"learned": 30, "seen": [], "weights": model.weight_hash()}, body[:-7]).dumps()
    with pytest.raises(LearnerError):
        load_model("vw", raw, {"bits": 14})


def test_an_envelope_says_what_is_in_it_only_to_those_who_ask_right():
    raw = Envelope("vw", {"a": 1}, {}, b"body").dumps()
    assert opened(raw, "vw", {"a": 1}).body == b"body"
    forged = b"sojourn model 1\n" + hashlib.sha256(b"no json\n").hexdigest().encode() + b"\nno json\n"
    with pytest.raises(LearnerError):
        load_model("vw", forged)


def test_an_arm_seen_on_one_channel_warms_up_another_message_there():
    model = new_model("vw", {"bits": 14})
    for _ in range(200):
        model.learn([Example("", ARMS["a0"], 1.0), Example("", ARMS["a1"], 0.0)])
    row = model.scores([""], {"mail": "m=new ch=email", "push": "m=new2 ch=push"})[0]
    assert row["mail"] > row["push"]


@pytest.mark.parametrize("settings", [{}, {"crosses": 0}, {"crosses": 3}])
def test_our_chances_are_the_librarys_own_with_numbers_in_many_lines_of_any_length(settings):
    chance = np.random.default_rng(8)
    schema = fitted(f"value:{value:.5g} age:{age:g}" for value, age in chance.normal(50, 20, (300, 2)))
    model = new_model("vw", {"bits": 14} | settings, schema)
    lines = [_line(chance) for _ in range(1500)]
    for line in lines[:500]:
        model.learn([Example(line, ARMS[f"a{chance.integers(5)}"], float(chance.uniform(-1, 1)))])
    many, few = model.scores(lines, ARMS), [model.scores([line], ARMS)[0] for line in lines[:40]]
    for at in range(40):
        assert many[at] == pytest.approx(few[at], abs=1e-5)
        assert model.policy("1").pmf(few[at], list(ARMS)) == pytest.approx(their_pmf(model, lines[at]), abs=1e-5)


def _line(chance):
    numbers = f"value:{chance.normal(50, 20):.5g} age:{chance.normal(50, 20):g} " if chance.random() < 0.7 else ""
    return numbers + " ".join(f"f{n}={chance.integers(4)}" for n in range(chance.integers(5)))


def test_what_a_busy_point_earns_on_average_is_known_after_a_few_dozen_decisions():
    chance, model = np.random.default_rng(9), new_model("vw", {"bits": 14})
    model.learn([Example("x=1", ARMS["a0"], -1.0)] * 3)
    model.learn([Example("x=1", ARMS[f"a{n % 5}"], float(chance.random() < 0.65)) for n in range(200)])
    assert all(0.4 < one < 0.9 for one in model.estimates(["x=1"], ARMS)[0].values())
