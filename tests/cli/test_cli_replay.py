"""`sojourn replay` on a randomised test: figures, a verdict, and clear words where there can be none."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture
def randomised(tmp_path: Path) -> Path:
    """A test of two arms on 3,000 people who all like A better."""
    rng = random.Random(1)
    lines = ["arm,visit,city"]
    for _ in range(3000):
        arm = rng.choice("AB")
        lines.append(f"{arm},{int(rng.random() < {'A': 0.3, 'B': 0.15}[arm])},{rng.choice(['x', 'y'])}")
    path = tmp_path / "test.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_test_of_ones_own_ends_in_advice(sojourn: Run, randomised: Path) -> None:
    said = sojourn("replay", "--csv", randomised, "--arm", "arm", "--reward", "visit", "--context", "city")
    assert said.code == 0
    assert "best single message" in said.out
    last = said.out.strip().splitlines()[-1]
    assert "keep" in last
    assert last.endswith("A")


def test_json_carries_every_estimate_with_its_interval(sojourn: Run, randomised: Path) -> None:
    words = ("--arm", "arm", "--reward", "visit", "--policy", "fixed B", "--policy", "random")
    data = sojourn("--json", "replay", "--csv", randomised, *words).json["data"]
    assert [one["policy"] for one in data["policies"]] == ["as logged", "fixed B", "random"]
    fixed = data["policies"][1]
    assert fixed["dr_clipped"]["low"] < 0.15 < fixed["dr_clipped"]["high"]
    assert fixed["effective"] > 1000
    assert data["compared"][0]["word"] == "worse"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([], 2, "name a decision"),
        (["--csv", "test.csv"], 2, "--csv needs --arm COLUMN and --reward COLUMN"),
        (["cart_recovery.recover", "--csv", "test.csv"], 2, "name a decision"),
        (["cart_recovery.recoverr"], 4, "its decisions: cart_recovery.recover"),
        (["nothing.here"], 4, 'no journey called "nothing"'),
        (["cart_recovery.recover", "--since", "soon"], 2, 'cannot read --since "soon"'),
    ],
)
def test_what_cannot_be_replayed_is_said_in_one_line(
    shop: Path, sojourn: Run, words: list[str], code: int, says: str
) -> None:
    said = sojourn("replay", *words)
    assert (said.code, says in said.err) == (code, True), said


def test_an_unknown_policy_or_arm_names_the_known_ones(sojourn: Run, randomised: Path) -> None:
    words = ("replay", "--csv", randomised, "--arm", "arm", "--reward", "visit")
    assert "there are: A, B" in sojourn(*words, "--policy", "fixed C").err
    assert 'cannot read --policy "magic"' in sojourn(*words, "--policy", "magic").err


def test_too_few_decisions_are_said_to_be_too_few(shop: Path, sojourn: Run) -> None:
    said = sojourn("replay", "cart_recovery.recover")
    assert said.code == 0
    assert "0 closed decisions with a choice between arms; replay needs 200" in said.out
