"""One log, several policies: ranked, compared, refused; and what follows for the marketer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.offpolicy.logged import Logged, logged
from engine.offpolicy.replay import advice, drift, replay
from engine.offpolicy.table import Columns, from_csv
from engine.offpolicy.targets import best, fixed, learned, uniform
from tests.offpolicy.small_world import ARMS, drawn_log

POLICIES = {"best single message": best(), "learned (vw)": learned("vw", 0.01)}


def test_where_people_differ_choosing_per_person_is_shown_to_pay() -> None:
    found = replay(drawn_log(1, 30_000), POLICIES, "best single message")
    assert advice(found) == "choosing per person pays here: learned (vw) beats email/a for everyone"
    logged_, single, personal = found.worths
    assert personal.value.value > single.value.value > logged_.value.value
    assert [(one.name, one.other, one.word) for one in found.compared if one.other != "as logged"] == [
        ("learned (vw)", "best single message", "better")
    ]


def test_where_nobody_differs_the_advice_is_the_single_message() -> None:
    log = drawn_log(2, 4000)
    rng = np.random.default_rng(2)
    alike = Logged(
        ARMS, log.lines, log.contact, log.chances, log.taken,
        (rng.random(4000) < np.array([0.3, 0.1, 0.05])[log.taken]).astype(float),
    )  # fmt: skip
    found = replay(alike, POLICIES, "best single message")
    assert "keep" in advice(found)
    assert "email/a" in advice(found)


def test_what_is_refused_is_compared_with_nothing() -> None:
    log = drawn_log(3, 300)
    found = replay(log, {"random": uniform(), "fixed nothing": fixed("nothing")}, "")
    refused = found.worths[-1]
    assert refused.refused
    assert found.compared[-1].word == "not comparable"
    assert advice(found) == ""


def test_a_log_whose_rewards_moved_says_so() -> None:
    log = drawn_log(4, 2000)
    moved = Logged(ARMS, log.lines, log.contact, log.chances, log.taken, np.repeat([0.0, 1.0], 1000) + log.reward)
    assert drift(log)[1] is False
    assert drift(moved)[1] is True


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "test.csv"
    path.write_text(text)
    return path


def test_a_randomised_test_from_elsewhere_is_read(tmp_path: Path) -> None:
    path = _file(tmp_path, "who,arm,bought,age,city,p\nx,A,1,31,New York,0.7\nx,B,0,,,0.3\n")
    one, two = from_csv(path, Columns("arm", "bought", ("age", "city"), "p", "who"))
    assert (one.arms, one.chances, one.arm, one.reward) == (("A", "B"), (0.7, pytest.approx(0.3)), "A", 1.0)
    assert (one.line, two.line) == ("age:31 city=New-York", "age=~none city=~none")
    assert len(logged([one, two], {})) == 2
    assert from_csv(path, Columns("arm", "bought"))[0].chances == (0.5, 0.5)


@pytest.mark.parametrize(
    ("text", "columns", "says"),
    [
        ("a,b\n1,2\n", Columns("arm", "b"), 'test.csv:1: no column "arm"; there are: a, b'),
        ("arm,r\nA,x\nB,1\n", Columns("arm", "r"), 'test.csv:2: r is no number: "x"'),
        ("arm,r,p\nA,1,0\nB,1,0.5\n", Columns("arm", "r", (), "p"), "test.csv:2: a chance lies in (0, 1], not 0"),
        ("arm,r\nA,1\n", Columns("arm", "r"), "one arm only"),
        ("", Columns("arm", "r"), 'no column "arm"'),
    ],
)
def test_a_file_that_cannot_be_read_so_is_named_with_its_line(
    tmp_path: Path, text: str, columns: Columns, says: str
) -> None:
    with pytest.raises(ConfigError, match=r"^") as wrong:
        from_csv(_file(tmp_path, text), columns)
    assert says in str(wrong.value)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        from_csv(tmp_path / "none.csv", Columns("arm", "r"))
