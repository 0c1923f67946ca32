"""`simulate --forecast` and `conflicts`: the days to come, on a copy, deployed beside the files."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from channels.captured import CapturedChannel
from engine.app import Options, build
from engine.cli import main
from engine.clock import SimulatedClock
from engine.crowd import CROWD, Trial, crowd_for, live
from engine.pacing import Pacing
from engine.simulate import Virtual
from journeys.load import load

END = datetime(2026, 3, 31, 9, tzinfo=UTC)
NOW = ("--now", END.isoformat())
AHEAD = ("simulate", "--forecast", "4d")


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A shop whose people have lived through ten days, on a real store."""
    root = tmp_path_factory.mktemp("forecast") / "shop"
    assert main(["init", str(root), "-q"]) == 0
    winback = root / "journeys/winback.yaml"  # who is in its segment already is let in, too
    winback.write_text(winback.read_text("utf-8").replace("lapsed_90d, limit", "lapsed_90d, check: daily 06:00, limit"))
    definitions = load(root, os.environ)
    trial = Trial("cart_recovery", 70, 10, END - timedelta(days=10), 7)
    clock = SimulatedClock(trial.start)
    captured = {name: CapturedChannel(name) for name in definitions.project.channels}
    engine = build(definitions, Options(clock=clock, channels=captured, durability="normal", limits=CROWD))
    engine.post.pacing = Pacing()
    crowd = crowd_for(definitions.project, definitions.journeys["cart_recovery"], trial)
    live(Virtual(engine, clock, captured), crowd, trial)
    engine.close()
    return root


@pytest.fixture
def root(lived, tmp_path):
    """The same shop, to be changed."""
    shutil.copytree(lived, tmp_path / "shop")
    return tmp_path / "shop"


def written(root: Path, name: str, old: str, new: str) -> None:
    file = root / "journeys" / f"{name}.yaml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def test_what_is_deployed_is_forecast_day_by_day_and_its_grounds_are_said(lived, sojourn):
    said = sojourn("-C", lived, *NOW, *AHEAD)
    assert (said.code, said.err) == (0, "")
    for words in ("4 days from", "all 70 contacts", "nothing is sent or changed", "seed 7", "drawn per contact and day",
                  "messages a day", "Tue 31 Mar", "caps, deployed", "provider limits", "Policies stay"):  # fmt: skip
        assert words in said.out
    assert "difference" not in said.out, "the files are as deployed"


def test_the_store_is_only_read(lived, sojourn):
    before = hashlib.sha256((lived / "sojourn.db").read_bytes()).hexdigest()
    assert sojourn("-C", lived, *NOW, *AHEAD).code == 0
    assert hashlib.sha256((lived / "sojourn.db").read_bytes()).hexdigest() == before


def test_the_same_seed_foretells_the_same(lived, sojourn):
    one, other = (sojourn("-C", lived, *NOW, *AHEAD, "--json").json["data"] for _ in range(2))
    assert one == other
    assert one["plans"][0]["messages"] > 0
    assert sum(day["messages"] for day in one["plans"][0]["days"]) == one["plans"][0]["messages"]


def test_changed_files_stand_beside_what_is_deployed(root, sojourn):
    written(root, "cart_recovery", "priority: 70", "priority: 71")
    written(root, "cart_recovery", "within: 45m", "within: 6h")
    said = sojourn("-C", root, *NOW, "simulate", "cart_recovery", "--forecast", "4d", "--json").json["data"]
    assert [plan["plan"] for plan in said["plans"]] == ["deployed", "files"]
    assert said["plans"][0]["days"] != said["plans"][1]["days"]
    assert said["journey"] == "cart_recovery"
    assert all(set(plan["journeys"]) <= {"cart_recovery"} for plan in said["plans"])


def test_people_in_a_state_that_is_gone_are_counted(root, sojourn):
    written(root, "cart_recovery", "breathe", "rest")
    told = sojourn("-C", root, *NOW, *AHEAD, "--json").json["data"]["plans"][1]
    assert told["removed"]["cart_recovery.breathe"] > 0
    said = sojourn("-C", root, *NOW, *AHEAD).out
    assert "people are in cart_recovery.breathe, which is gone: say where they go (moved:)" in said


def test_a_large_store_is_sampled_and_that_is_said(lived, sojourn):
    said = sojourn("-C", lived, *NOW, *AHEAD, "--sample", "20")
    assert "a sample of 20 of 70 contacts, counts scaled up 3.5 times" in said.out


def test_a_commit_stands_beside_the_files(root, sojourn):
    git = ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@y.test"]
    for words in (["init", "-q"], ["add", "sojourn.yaml", "data.yaml", "journeys", "templates", "fragments"],
                  ["commit", "-q", "-m", "as it was"]):  # fmt: skip
        subprocess.run([*git, *words], check=True)
    said = sojourn("-C", root, *NOW, *AHEAD, "--compare", "HEAD", "--json").json["data"]
    assert [plan["plan"] for plan in said["plans"]] == ["HEAD", "files"]
    assert said["plans"][0]["days"] == said["plans"][1]["days"]
    wrong = sojourn("-C", root, *NOW, *AHEAD, "--compare", "nowhere")
    assert (wrong.code, wrong.out) == (2, "")
    assert 'there is no commit, branch or tag "nowhere"' in wrong.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["simulate", "--forecast", "soon"], "write a number of days such as 14d"),
        (["simulate", "--forecast", "400d"], "at most 92d"),
        (["simulate", "--forecast", "4d", "--contact", "x"], "--contact does not go with --forecast"),
        (["simulate", "welcome", "--compare", "main"], "--compare goes with --forecast 14d"),
        (["simulate", "--forecast", "4d", "--compare", "main"], "is not in a git repository"),
        (["simulate"], "name a journey: sojourn simulate welcome"),
    ],
)
def test_what_cannot_be_foretold_is_said_in_one_line(lived, sojourn, words, says):
    said = sojourn("-C", lived, *NOW, *words)
    assert (said.code, said.out) == (2, "")
    assert says in said.err


def test_a_store_without_anybody_is_foretold_to_stay_silent(tmp_path, sojourn):
    assert sojourn("init", tmp_path / "new").code == 0
    said = sojourn("-C", tmp_path / "new", *AHEAD)
    assert (said.code, "messages" in said.out) == (0, True)
    assert "all 0 contacts" in said.out


def test_conflicts_name_loser_winner_cap_and_priorities(root, sojourn):
    settings = root / "sojourn.yaml"
    text = settings.read_text("utf-8")
    settings.write_text(text.replace("promo: [3/7d]", "promo: [1/30d]"), "utf-8")
    assert settings.read_text("utf-8") != text
    found = sojourn("-C", root, *NOW, "conflicts", "--json").json["data"]
    assert found["lost"]
    for one in found["lost"]:
        assert one["loser"] != one["winner"]
        assert one["contacts"] <= one["held"] + one["skipped"]
        assert one["used_by"]
        assert {one["loser_priority"], one["winner_priority"]} == {70, 30}
    shown = sojourn("-C", root, *NOW, "conflicts").out
    assert "loses" in shown
    assert "[70]" in shown


def test_journeys_of_one_priority_that_share_a_cap_are_named(root, sojourn):
    written(root, "cart_recovery", "priority: 70", "priority: 30")
    assert sojourn("-C", root, *NOW, "deploy", "--yes").code == 0
    said = sojourn("-C", root, *NOW, "conflicts")
    assert "cart_recovery before winback, both 30" in said.out
