"""`sojourn stats`, `explain` and `contact timeline`: what the store says happened."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from channels.captured import CapturedChannel
from engine.app import Options, build
from engine.cli import main
from engine.clock import SimulatedClock
from engine.crowd import CROWD, Trial, crowd_for, live
from engine.pacing import Pacing
from engine.simulate import Virtual
from engine.store.connect import reading
from engine.store.history import Wanted, log
from journeys.load import load

END = datetime(2026, 3, 31, 9, tzinfo=UTC)
NOW = ("--now", END.isoformat())


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A shop whose people have lived through twelve days, on a real store."""
    root = tmp_path_factory.mktemp("lived") / "shop"
    assert main(["init", str(root), "-q"]) == 0
    definitions = load(root, os.environ)
    trial = Trial("cart_recovery", 120, 12, END - timedelta(days=12), 7)
    clock = SimulatedClock(trial.start)
    captured = {name: CapturedChannel(name) for name in definitions.project.channels}
    options = Options(clock=clock, channels=captured, durability="normal", limits=CROWD)
    engine = build(definitions, options)
    engine.post.pacing = Pacing()
    live(
        Virtual(engine, clock, captured),
        crowd_for(definitions.project, definitions.journeys["cart_recovery"], trial),
        trial,
    )
    with reading(engine.store) as conn:
        lines = log(conn, Wanted(frozenset({"send", "decision", "hold"}), limit=10_000))
    engine.close()
    return root, lines


@pytest.fixture
def root(lived):
    return lived[0]


def key_of(lived, journey, *, decided):
    """Return a message that was sent, by a decision or without one."""
    drawn = {line.key: line.what for line in lived[1] if line.kind == "decision"}
    sent = [line for line in lived[1] if line.kind == "send" and line.journey == journey]
    return next(line for line in sent if drawn.get(line.key) == ("learner" if decided else None))


@pytest.fixture
def empty(tmp_path, sojourn, monkeypatch):
    assert sojourn("init", tmp_path / "shop").code == 0
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


# stats


def test_stats_of_a_new_project_say_what_to_do(empty, sojourn):
    said = sojourn("stats")
    assert said.code == 0
    assert "welcome  nobody has entered yet: it begins with signed_up; try: sojourn simulate welcome" in said.out


def test_stats_answer_the_two_questions_and_say_that_it_is_too_early(root, sojourn):
    said = sojourn("-C", root, *NOW, "stats", "cart_recovery")
    assert (said.code, said.err) == (0, "")
    assert "Does messaging pay?" in said.out
    assert "Does personalising pay?" in said.out
    assert "too early" in said.out
    assert "Too early: a verdict needs 100 contacts per group" in said.out


def test_people_whose_window_is_open_are_said_and_not_counted(root, sojourn):
    (one,) = sojourn("-C", root, *NOW, "stats", "cart_recovery", "--json").json["data"]["journeys"]
    groups = one["findings"]["groups"]
    assert sum(group["entered"] for group in groups) > sum(group["contacts"] for group in groups)
    assert "entered less than 3d ago and are not counted yet" in sojourn("-C", root, *NOW, "stats", "cart_recovery").out


def test_the_planned_shares_are_those_of_the_files(root, sojourn):
    (one,) = sojourn("-C", root, *NOW, "stats", "cart_recovery", "--json").json["data"]["journeys"]
    shares = {group["name"]: group["share"] for group in one["findings"]["groups"]}
    assert shares == pytest.approx({"learner": 0.81, "baseline": 0.09, "holdout": 0.1})
    assert one["comparable"] is True


def test_messages_add_up_to_what_was_sent(lived, sojourn):
    root, lines = lived
    (one,) = sojourn("-C", root, *NOW, "stats", "cart_recovery", "--json").json["data"]["journeys"]
    sent = sum(line.kind == "send" and line.journey == "cart_recovery" for line in lines)
    assert sum(row["sent"] for row in one["findings"]["messages"]) == sent


def test_stats_of_a_decision_list_its_arms_by_group(root, sojourn):
    said = sojourn("-C", root, *NOW, "stats", "cart_recovery.recover")
    assert "recover" in said.out
    assert "holdout and global: what would have been drawn" in said.out
    assert "delivered" not in said.out


def test_stats_write_a_report(root, sojourn, tmp_path):
    said = sojourn("-C", root, *NOW, "stats", "cart_recovery", "--report", tmp_path / "r.html")
    assert said.code == 0
    assert (tmp_path / "r.html").read_text("utf-8").startswith("<!doctype html>")


def test_a_period_without_anybody_says_how_to_look_further(root, sojourn):
    said = sojourn("-C", root, "--now", "2027-03-01T00:00:00Z", "stats", "cart_recovery")
    assert "nobody has entered since" in said.out
    assert "--since 365d" in said.out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["cart_recover"], 4, 'did you mean "cart_recovery"?'),
        (["cart_recovery.recovr"], 4, 'did you mean "cart_recovery.recover"?'),
        (["--since", "lately"], 2, 'cannot read --since "lately"'),
        (["--since", "2030-01-01"], 2, "lies in the future"),
    ],
)
def test_what_cannot_be_counted_is_said_in_one_line(root, sojourn, words, code, says):
    said = sojourn("-C", root, *NOW, "stats", *words)
    assert (said.code, said.out) == (code, "")
    assert says in said.err


def test_one_report_is_about_one_journey(root, sojourn, tmp_path):
    said = sojourn("-C", root, *NOW, "stats", "--report", tmp_path / "r.html")
    assert said.code == 2
    assert "name one of" in said.err
    assert not (tmp_path / "r.html").exists()


# explain


def test_a_drawn_message_is_explained_from_its_event_to_its_reward(lived, sojourn):
    line = key_of(lived, "cart_recovery", decided=True)
    said = sojourn("-C", lived[0], *NOW, "explain", line.key)
    assert (said.code, said.err) == (0, "")
    for words in (f"get {line.message} on", "1 Journey", "2 Group       learner (", "3 Allowed", "4 Chances", "◀ drawn",
                  "drawn again it is the same", "6 Since then", "handed over", "reward"):  # fmt: skip
        assert words in said.out


def test_the_json_of_a_decision_holds_what_replay_needs(lived, sojourn):
    line = key_of(lived, "cart_recovery", decided=True)
    decision = sojourn("-C", lived[0], *NOW, "explain", line.key, "--json").json["data"]["decision"]
    assert sum(decision["propensity"]) == pytest.approx(1)
    assert decision["drawn"] == line.message
    assert len(decision["eligible"]) == len(decision["propensity"])
    assert {"features", "policy", "u", "seed", "cost", "group", "reward"} <= decision.keys()


def test_a_message_without_a_decision_is_explained_too(lived, sojourn):
    line = key_of(lived, "winback", decided=False)
    said = sojourn("-C", lived[0], *NOW, "explain", line.key)
    assert f"get {line.message} on" in said.out
    assert "Chances" not in said.out


def test_a_contact_is_explained_by_their_path(lived, sojourn):
    line = next(line for line in lived[1] if line.kind == "hold" and line.journey == "cart_recovery")
    said = sojourn("-C", lived[0], *NOW, "explain", line.contact_id, "--journey", "cart_recovery")
    assert "held until" in said.out
    assert "sojourn.yaml:" in said.out
    assert "▶ enter" in said.out


def test_somebody_who_has_entered_nothing_is_said_to(root, sojourn):
    with_nothing = "c_0120"
    said = sojourn("-C", root, *NOW, "explain", with_nothing, "--journey", "welcome")
    assert "nothing: " in said.out


def test_a_key_nobody_knows_is_not_found(root, sojourn):
    said = sojourn("-C", root, *NOW, "explain", "nobody:3")
    assert (said.code, said.out) == (4, "")
    assert "sojourn log" in said.err


# the timeline


def test_a_timeline_tells_what_reached_a_person(lived, sojourn):
    line = key_of(lived, "cart_recovery", decided=True)
    said = sojourn("-C", lived[0], *NOW, "contact", "timeline", line.contact_id)
    assert f"✉ {line.message}" in said.out
    assert "● cart_abandoned" in said.out
    assert "◆" not in said.out
    assert "◆ recover" in sojourn("-C", lived[0], *NOW, "contact", "timeline", line.contact_id, "--all").out


def test_a_timeline_may_begin_later(lived, sojourn):
    line = key_of(lived, "cart_recovery", decided=True)
    long = sojourn("-C", lived[0], *NOW, "contact", "timeline", line.contact_id, "--json").json["data"]["timeline"]
    short = sojourn("-C", lived[0], *NOW, "contact", "timeline", line.contact_id, "--since", "1h", "--json").json
    assert len(short["data"]["timeline"]) < len(long)


def test_a_person_to_whom_nothing_happened_has_an_empty_timeline(empty, sojourn):
    (empty / "people.csv").write_text("email\nlena@shop.example\n")
    assert sojourn("contact", "import", "people.csv").code == 0
    assert "nothing has happened yet" in sojourn("contact", "timeline", "lena@shop.example").out


def test_the_timeline_of_a_stranger_is_not_found(root, sojourn):
    assert sojourn("-C", root, "contact", "timeline", "nobody").code == 4


def test_looking_changes_nothing(lived, sojourn, tmp_path):
    copy = tmp_path / "shop"
    shutil.copytree(lived[0], copy)
    before = json.dumps(sojourn("-C", copy, *NOW, "stats", "--json").json["data"])
    sojourn("-C", copy, *NOW, "simulate", "cart_recovery", "--contact", "c_0001")
    sojourn("-C", copy, *NOW, "explain", "c_0001")
    assert json.dumps(sojourn("-C", copy, *NOW, "stats", "--json").json["data"]) == before
