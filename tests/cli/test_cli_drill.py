"""The command that runs the proofs."""

from __future__ import annotations

import json

import pytest

from engine.cli import main
from engine.drill import catalogue
from engine.drill.catalogue import DRILLS, called
from engine.drill.drill import Drill, Found, Skipped


def good(ask) -> Found:
    return Found("N=1", unknown=1)


def bad(ask) -> Found:
    return Found("N=2", lost=1, wrong=("1 lost",))


def absent(ask) -> Found:
    raise Skipped("there is nothing here")


def buggy(ask) -> Found:
    raise RuntimeError("a bug")


@pytest.fixture
def drills(monkeypatch, tmp_path):
    made = tuple(Drill(n, f"drill {n}", "x", 1, f"{__name__}:{one}")
                 for n, one in enumerate(("good", "bad", "absent", "buggy"), 1))  # fmt: skip
    monkeypatch.setattr(catalogue, "DRILLS", made)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_list_names_every_drill_once_and_each_can_be_called(capsys):
    assert main(["drill", "--list"]) == 0
    said = capsys.readouterr().out
    assert all(drill.title in said for drill in DRILLS)
    assert len({drill.number for drill in DRILLS}) == len(DRILLS)
    assert all(callable(called(drill)) for drill in DRILLS)


def test_what_holds_what_fails_and_what_was_not_tried_are_told_apart(drills, capsys):
    assert main(["drill", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)["data"]
    assert [(one["ok"], one["lost"], one["unknown"]) for one in data["drills"]] == [
        (True, 0, 1), (False, 1, 0), (True, None, None), (False, None, None)
    ]  # fmt: skip
    assert data["drills"][2]["skipped"] == "there is nothing here"
    assert "a bug" in data["drills"][3]["broken"]
    assert json.loads((drills / "drill-report.json").read_text())["ok"] is False


def test_only_what_was_asked_for_is_run_and_a_skipped_drill_is_said_aloud(drills, capsys):
    assert main(["drill", "--run", "1,3"]) == 0
    said = capsys.readouterr()
    assert "SKIPPED, there is nothing here" in said.out + said.err
    assert "drill 2" not in said.out


def test_a_number_that_there_is_not_is_one_line(drills, capsys):
    assert main(["drill", "--run", "99"]) == 2
    assert "there is no drill 99" in capsys.readouterr().err
