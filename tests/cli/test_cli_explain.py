"""`explain` of a message that a policy decided, of a silence, and `replay-run`: on a shop that has learned."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from channels.captured import CapturedChannel
from engine.app import Options, build
from engine.cli import main
from engine.clock import SimulatedClock
from engine.crowd import CROWD, Trial, crowd_for, live
from engine.pacing import Pacing
from engine.simulate import Virtual
from engine.store.connect import reading
from engine.store.tables import decisions, enrollments
from journeys.load import load

END = datetime(2026, 3, 31, 9, tzinfo=UTC)
NOW = ("--now", END.isoformat())


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A shop with a short warm-up whose people have lived through ten days; a decision of its policy, and who waits."""
    root = tmp_path_factory.mktemp("explained") / "shop"
    assert main(["init", str(root), "-q"]) == 0
    file = root / "journeys" / "cart_recovery.yaml"
    file.write_text(file.read_text("utf-8").replace("warmup: 300", "warmup: 10"), "utf-8")
    definitions = load(root, os.environ)
    trial = Trial("cart_recovery", 120, 10, END - timedelta(days=10), 7)
    clock = SimulatedClock(trial.start)
    captured = {name: CapturedChannel(name) for name in definitions.project.channels}
    engine = build(definitions, Options(clock=clock, channels=captured, durability="normal", limits=CROWD))
    engine.post.pacing = Pacing()
    crowd = crowd_for(definitions.project, definitions.journeys["cart_recovery"], trial)
    live(Virtual(engine, clock, captured), crowd, trial)
    with reading(engine.store) as conn:
        c, n = decisions.c, enrollments.c
        drawn = conn.execute(
            sa.select(c.key).where(c.policy.like("%@%"), c.group == "learner").order_by(c.at)
        ).scalars()
        inside = sa.select(n.contact_id, n.due_at).where(n.journey == "cart_recovery", n.status == "active")
        found = (list(drawn), conn.execute(inside.order_by(n.due_at)).first())
    engine.close()
    return root, *found


def test_the_policy_of_then_is_told_with_contributions_that_add_up(lived, sojourn):
    root, drawn, _ = lived
    told = sojourn("-C", root, *NOW, "explain", drawn[-1], "--json").json["data"]["decision"]
    assert told["scale"] == "log-odds"
    for arm in told["eligible"]:
        total = math.fsum(told["contributions"][arm].values())
        assert math.isclose(total, told["contributions_add_up_to"][arm], abs_tol=1e-6)
    by_odds = sorted(told["eligible"], key=told["contributions_add_up_to"].get)
    expected = dict(zip(told["eligible"], told["estimate"], strict=True))
    assert sorted(told["eligible"], key=expected.get) == by_odds  # the curve between the scales only rises
    assert all(sd > 0.0 for sd in told["estimate_sd"])
    assert told["policy_learned"] > 0
    assert told["outlier"]["single"]
    assert told["caps"]
    said = sojourn("-C", root, *NOW, "explain", drawn[-1]).out
    for words in ("4 Estimates   policy thompson@", "add up to log-odds", "made ", "lessons", "base ", "◀ drawn", "Outlier: ", "consent since",
                  "day 0/", "random slice draw", "cart_recovery v1"):  # fmt: skip
        assert words in said


def test_somebody_inside_is_told_what_stands_in_the_way_and_when_that_changes(lived, sojourn):
    root, _, (contact, due_at) = lived
    said = sojourn("-C", root, *NOW, "explain", contact, "--journey", "cart_recovery")
    assert said.code == 0
    assert "Now, Tue 31 Mar" in said.out
    assert "Next  " in said.out
    found = sojourn("-C", root, *NOW, "explain", contact, "--journey", "cart_recovery", "--json").json["data"]["why"]
    assert found["next_at"] == due_at.isoformat().replace("+00:00", "Z")
    assert found["reasons"]
    assert all(reason["place"] for reason in found["reasons"] if reason["rule"] in ("quiet_hours", "capped", "after"))


def test_somebody_outside_is_told_why_with_file_and_line(lived, sojourn):
    root = lived[0]
    said = sojourn("-C", root, *NOW, "explain", "c_0001", "--journey", "winback").out
    assert "Why did " in said
    assert "hear nothing from winback" in said
    assert "journeys/winback.yaml:" in said


def test_runs_come_out_the_same_from_the_command_line(lived, sojourn):
    root, drawn, _ = lived
    said = sojourn("-C", root, "replay-run", "--last", "30")
    assert (said.code, said.err) == (0, "")
    assert "30 runs: " in said.out
    assert "came out the same" in said.out
    one = sojourn("-C", root, "replay-run", drawn[-1], "--json").json["data"]
    assert (one["runs"], one["different"]) == (1, 0)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [([], 2, "name a run"), (["x", "--last", "3"], 2, "name a run"), (["nobody:3"], 4, 'no run "nobody:3"')],
)
def test_what_cannot_be_taken_again_is_said_in_one_line(lived, sojourn, words, code, says):
    said = sojourn("-C", lived[0], "replay-run", *words)
    assert (said.code, said.out) == (code, "")
    assert says in said.err
