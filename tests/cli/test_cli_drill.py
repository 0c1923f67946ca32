"""The command that runs the proofs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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


def test_what_failed_says_how_to_run_it_again_and_where_it_lies(drills, capsys):
    assert main(["drill", "--run", "1,2", "--seed", "7", "--scale", "0.5"]) == 1
    said = capsys.readouterr().out
    assert "sojourn drill --run 2 --seed 7 --scale 0.5" in said
    good_, bad_ = json.loads((drills / "drill-report.json").read_text())["drills"]
    assert (good_["folder"], bad_["folder"] in said, Path(bad_["folder"]).is_dir()) == ("", True, True)
    Path(bad_["folder"]).rmdir()


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
def test_ending_it_ends_every_process_it_has_started_and_leaves_no_folder(tmp_path):
    command = [Path(sys.executable).with_name("sojourn"), "drill", "--run", "1", "--report", tmp_path / "r.json"]
    here = {**os.environ, "TMPDIR": str(tmp_path)}
    run = subprocess.Popen(command, env=here, stderr=subprocess.PIPE, text=True)
    while not (nurseries := children(run.pid)) or not (workers := children(nurseries[0])):
        assert run.poll() is None
        time.sleep(0.02)
    run.send_signal(signal.SIGTERM)
    said = run.communicate(timeout=60)[1]
    assert "interrupted after 0 of 1" in said
    assert "Traceback" not in said
    assert run.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    assert not [pid for pid in (*nurseries, *workers) if Path(f"/proc/{pid}").exists()]


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(one) for task in tasks for one in task.read_text().split()]
