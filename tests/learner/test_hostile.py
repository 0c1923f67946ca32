"""Everything that makes the library crash, hang on to nonsense or misread in silence, row by row: our models do not.

Each row runs in a process of its own, because a crash takes the process with it.
"""

import subprocess
import sys

import pytest

PRELUDE = """
import logging, math, numpy as np
from engine.core.policy import floor
from engine.errors import LearnerError
from engine.learner import batch
from engine.learner.models import Example, load_model, new_model
ARMS = {f"a{n}": f"m=a{n} ch=email" for n in range(4)}
LINES = ["tier=gold value:3", "tier=tin", ""]

def taught(count=300, seed=1):
    chance, model = np.random.default_rng(seed), new_model(KIND, SETTINGS)
    some = [Example(LINES[chance.integers(3)], ARMS[f"a{chance.integers(4)}"], float(chance.random() < 0.3))
            for _ in range(count)]
    model.learn(some)
    return model

def sane(model, lines=LINES, arms=ARMS):
    for line, row in zip(lines, model.scores(lines, arms), strict=True):
        chances = floor(model.policy("1").pmf(row, list(arms)), 0.01)
        assert len(chances) == len(arms)
        assert all(math.isfinite(p) and p > 0 for p in chances), (line, chances)
        assert abs(math.fsum(chances) - 1) < 1e-6
    found = batch.chances(model, lines, arms, np.ones((len(lines), len(arms)), bool), 0.01)
    assert np.isfinite(found).all() and (found >= 0).all() and np.abs(found.sum(axis=1) - 1).max() < 1e-6

def refused(work):
    try:
        work()
    except LearnerError:
        return True
    return False
"""

HOSTILE = {
    "a bar opens no namespace": "line = 'a|A m=a0'",
    "a space splits, it does not run on": "line = 'a  b\\tc'",
    "a second line is not swallowed": "line = 'a=1\\nshared |U b'",
    "no NUL and no carriage return": "line = 'a\\x00b\\r'",
    "a colon makes no value of a word": "line = 't=10:30 u=1:inf v=1:nan'",
    "no infinite value": "line = 'value:inf other:1e999'",
    "no value that is no number": "line = 'value:nan'",
    "a huge value is clipped or binned": "line = 'value:1e308 other:-1e308'",
    "a tag, a label, a shared line are words": 'line = "\'tag|U shared 0:1:1 |A"',
    "a lone surrogate": "line = 'a=\\ud800'",
    "a very long token and very many": "line = 'x' * 9000 + ' ' + ' '.join(f't{n}=1' for n in range(900))",
    "nothing at all": "line = ' '",
    "a blank line": "line = '\\n\\n'",
}

REFUSED = {
    "a reward that is infinite": "Example('a', ARMS['a0'], math.inf)",
    "a reward that is no number": "Example('a', ARMS['a0'], math.nan)",
    "a reward beyond the scale": "Example('a', ARMS['a0'], 40.0)",
    "an earlier reward that is no number": "Example('a', ARMS['a0'], 0.0, 1.0, math.nan)",
    "a weight below nothing": "Example('a', ARMS['a0'], 0.0, 1.0, None, -1.0)",
    "a weight that is no number": "Example('a', ARMS['a0'], 0.0, 1.0, None, math.nan)",
    "a chance of 0": "Example('a', ARMS['a0'], 1.0, 0.0)",
    "a chance below nothing": "Example('a', ARMS['a0'], 1.0, -0.5)",
    "a chance above 1": "Example('a', ARMS['a0'], 1.0, 2.0)",
    "a chance that is no number": "Example('a', ARMS['a0'], 1.0, math.nan)",
}

FILES = {
    "no bytes": "b''",
    "garbage": "bytes(range(256)) * 9",
    "cut short": "raw[: len(raw) // 2]",
    "one bit turned": "raw[:-9] + bytes([raw[-9] ^ 4]) + raw[-8:]",
    "bytes behind the end": "raw + b'x'",
}


def runs(kind, code):
    """Run this in a fresh process; it must end well."""
    settings = "{'bits': 12}" if kind == "vw" else "None"
    whole = PRELUDE.replace("KIND", repr(kind)).replace("SETTINGS", settings) + code
    told = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=False, timeout=120)
    assert told.returncode == 0, told.stderr[-2000:]


ROWS = """
model = taught()
for line in LINES_OF_ALL:
    model.learn([Example(line, ARMS['a1'], 1.0), Example('a=1', line, 0.0)])
    sane(model, [line, *LINES])
    sane(model, LINES, ARMS | {'odd': line})
    model.explain(line, ARMS['a1']), model.deviations([line], ARMS), model.estimates([line], ARMS)
again = load_model(KIND_OF, model.dumps(), model.settings)
assert again.weight_hash() == model.weight_hash()
sane(again)
"""


@pytest.mark.parametrize("kind", ["vw", "thompson", "beta"])
def test_no_feature_is_misread_and_none_crashes(kind):
    lines = "LINES_OF_ALL = []\n" + "".join(f"{code}; LINES_OF_ALL.append(line)\n" for code in HOSTILE.values())
    runs(kind, lines + ROWS.replace("KIND_OF", repr(kind)))


@pytest.mark.parametrize("kind", ["vw", "thompson", "beta"])
def test_no_label_poisons_a_model(kind):
    code = "model = taught()\nbefore = model.weight_hash()\n"
    for example in REFUSED.values():
        code += f"assert refused(lambda: model.learn([Example('a', ARMS['a0'], 1.0), {example}]))\n"
        code += f"assert refused(lambda: model.provisional([{example}]).scores(LINES, ARMS)) or KIND_IS_HASTY\n"
    code += "assert model.weight_hash() == before\nsane(model)\n"
    runs(kind, f"KIND_IS_HASTY = {kind == 'vw'}\n" + code)


@pytest.mark.parametrize("kind", ["vw", "thompson", "beta"])
def test_no_broken_file_is_loaded(kind):
    code = "raw = taught().dumps()\n"
    for bad in FILES.values():
        code += f"assert refused(lambda: load_model({kind!r}, {bad}, taught(1).settings))\n"
    runs(kind, code)


@pytest.mark.parametrize("kind", ["vw", "thompson", "beta"])
def test_extremes_stay_finite(kind):
    code = """
model = taught(0)
sane(model, [""] * 3, {"only": "m=a0"})
for sign in (1.0, -1.0):
    model.learn([Example("tier=gold", ARMS["a0"], sign)] * 1500)
    sane(model)
model.widen(ARMS["a0"])
sane(model)
assert model.scores([], ARMS) == [] and model.scores(LINES, {}) == [{}, {}, {}]
"""
    runs(kind, code)


def test_the_weights_of_a_wide_model_are_never_asked_for():
    code = """
for options in ({"cover": 4}, {"bag": 5}, {"rnd": 1}):
    assert refused(lambda: new_model("vw", options))
import inspect, engine.learner.vw as room
text = inspect.getsource(room)
assert not any(word in text for word in ("apply_delta", "merge_deltas", "calculate_delta", "--bag", "--cover", "--elim"))
"""
    runs("vw", code)
