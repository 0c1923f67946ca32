"""What a commit wrote is what the next claim reads, field by field."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import sqlalchemy as sa
from walks import ALL, DAY, HOUR, MINUTE, NOW, draw, fill, look, run, started, table, walk_one

from engine.core.model import (
    Enrollment,
    Move,
    Past,
    Refusal,
    Send,
    Step,
    Webhook,
)
from engine.store.connect import writing
from engine.store.stepping import Needs
from engine.store.tables import decisions, deliveries, moves, refusals


def test_every_field_of_an_enrollment_survives(store: sa.Engine):
    full = Enrollment(
        id="run", contact_id="ana", journey="win", version="v2", state="hello", entered_at=NOW - DAY,
        state_at=NOW - HOUR, due_at=NOW + HOUR, trigger="start-ana", group="holdout", status="active", phase="holding",
        steps=7, visits={"hello": 2}, cause="e9", held_since=NOW - MINUTE, entry={"plan": "pro", "n": 1.5},
        values={"x": [1, None]}, reason="none yet", left_at=NOW, goal_at=NOW - MINUTE,
        drawn="email/a",
    )  # fmt: skip
    defaults = run("ana")
    assert all(getattr(full, f.name) != getattr(defaults, f.name) for f in fields(full) if f.name not in SAME)
    fill(store, "ana")
    walk_one(store, Step(full, started=True))
    assert look(store).enrollments == (full,)


SAME = {"contact_id", "journey", "state", "trigger", "status"}


def test_every_field_of_an_enrollment_that_a_step_changes_is_written(store: sa.Engine):
    before = started(store)
    after = replace(
        before, version="v2", state="bye", state_at=NOW + HOUR, due_at=None, group="global", phase="waiting", steps=2,
        visits={"bye": 1}, cause="c", held_since=NOW, entry={"a": 1}, values={"b": 2}, reason="r", left_at=NOW,
        goal_at=NOW,
    )  # fmt: skip
    walk_one(store, Step(after), at=NOW + DAY)
    assert look(store).enrollments == (after,)


def test_several_steps_of_one_enrollment_leave_the_last(store: sa.Engine):
    fill(store, "ana")
    first, second = run("ana"), run("ana", state="bye", steps=2, due_at=NOW + HOUR)
    move = Move("enter", "hello", "on signed_up", NOW, 1)
    walk_one(store, Step(first, (move,), started=True), Step(second, (replace(move, source="hello", n=2),)))
    assert look(store).enrollments == (second,)
    assert [row["n"] for row in table(store, moves)] == [1, 2]


def test_a_sent_message_counts_for_the_next_walk(store: sa.Engine):
    before = started(store)
    send = Send("run-ana:1", "email/a", "email", "promo", NOW)
    walk_one(store, Step(before, sends=(send, replace(send, key="k2", counted=False))), at=NOW + DAY)
    at = NOW + DAY
    assert look(store).recent == (
        Past("k2", "email/a", "email", "promo", at, counted=False),
        Past("run-ana:1", "email/a", "email", "promo", at, counted=True),
    )
    assert look(store, at + ALL.recent + MINUTE).recent == ()


def test_shadows_calls_and_messages_that_ended_badly_count_for_nothing(store: sa.Engine):
    before = started(store)
    send = Send("k", "email/a", "email", "promo", NOW)
    call = Webhook("c", "https://x.org", "POST", {}, MINUTE, 5, None)
    keys = {status: f"k-{status}" for status in ("failed", "suppressed", "expired", "unknown", "sent", "deferred")}
    sends = (replace(send, shadow=True), *(replace(send, key=key) for key in keys.values()))
    walk_one(store, Step(before, sends=sends, calls=(call,)), at=NOW + DAY)
    with writing(store) as conn:
        for status, key in keys.items():
            conn.execute(deliveries.update().where(deliveries.c.key == key).values(status=status))
    assert [past.key for past in look(store).recent] == ["k-deferred", "k-sent", "k-unknown"]


def test_every_field_of_a_send_stands_in_its_row(store: sa.Engine):
    before = started(store, entry={"plan": "pro"}, values={"n": 1})
    send = Send(
        key="run-ana:1", message="email/a", channel="email", topic="promo", due_at=NOW + HOUR, transactional=True,
        sender="us@x.org", reply_to="help@x.org", vars={"discount": 10}, track=False, decided=True, counted=False,
    )  # fmt: skip
    after = replace(before, state="bye", steps=2)
    walk_one(store, Step(after, (Move("hello", "bye", "email/a", NOW, 2),), (send,)), at=NOW + DAY)
    (row,) = table(store, deliveries)
    assert {name: value for name, value in row.items() if value is not None} == {
        "key": "run-ana:1", "contact_id": "ana", "journey": "win", "state": "hello", "message": "email/a",
        "channel": "email", "topic": "promo", "transactional": True, "counted": False, "decided": True,
        "status": "queued", "kind": "", "detail": "", "queued_at": NOW + DAY, "due_at": NOW + HOUR,
        "next_at": NOW + DAY, "attempt": 0, "fence": 0,
        "request": {
            "from": "us@x.org", "reply_to": "help@x.org", "vars": {"discount": 10}, "entry": {"plan": "pro"},
            "values": {"n": 1}, "track": False,
        },
    }  # fmt: skip


def test_a_shadow_is_kept_and_never_due(store: sa.Engine):
    before = started(store)
    committed = Step(before, sends=(Send("k", "email/a", "email", "promo", NOW, shadow=True),))
    walk_one(store, committed, at=NOW + DAY)
    (row,) = table(store, deliveries)
    assert (row["status"], row["next_at"], row["ended_at"]) == ("shadow", None, NOW + DAY)


def test_a_call_is_a_delivery_to_a_webhook(store: sa.Engine):
    before = started(store)
    call = Webhook("run-ana:1", "https://x.org/hook", "PUT", {"id": 1}, 10 * MINUTE, 3, "answer")
    walk_one(store, Step(before, calls=(call,)), at=NOW + DAY)
    (row,) = table(store, deliveries)
    assert (row["channel"], row["status"], row["counted"], row["next_at"]) == ("webhook", "queued", False, NOW + DAY)
    assert row["request"] == {
        "url": "https://x.org/hook", "method": "PUT", "json": {"id": 1}, "timeout": 600.0, "retries": 3,
        "save_as": "answer",
    }  # fmt: skip


def test_every_field_of_a_decision_stands_in_its_row(store: sa.Engine):
    before = started(store)
    send = Send("run-ana:1", "email/a", "email", "promo", NOW, decided=True)
    walk_one(store, Step(before, sends=(send,), decisions=(draw(),)), at=NOW + DAY)
    (row,) = table(store, decisions)
    assert row == {
        "key": "run-ana:1", "contact_id": "ana", "journey": "win", "version": "v1", "state": "hello", "at": NOW + DAY,
        "group": "learner", "arms": ["email/a", "nothing"], "chances": [0.7, 0.3], "arm": "email/a",
        "propensity": 0.7, "u": 0.123456789, "policy": "v9", "features": "f1 f2", "cost": 0.25, "starts_at": NOW + DAY,
        "closes_at": NOW + 3 * DAY, "status": "pending", "touched": False, "reward": None, "learned": None,
    }  # fmt: skip


@pytest.mark.parametrize("shadow", [True, False])
def test_a_decision_without_a_message_on_the_way_is_open_at_once(store: sa.Engine, shadow: bool):
    before = started(store)
    sends = (Send("run-ana:1", "email/a", "email", "promo", NOW, shadow=True),) if shadow else ()
    drawn = draw(group="holdout") if shadow else draw(arm="nothing")
    walk_one(store, Step(before, sends=sends, decisions=(drawn,)), at=NOW + DAY)
    (row,) = table(store, decisions)
    assert (row["status"], row["touched"]) == ("open", True)


def test_the_last_arm_at_a_point_is_kept(store: sa.Engine):
    before = started(store)
    drawn = (draw(), draw(key="later", at=NOW + DAY + HOUR, arm="nothing"), draw(key="o", point="win.bye"))
    walk_one(store, Step(before, decisions=drawn), at=NOW + DAY)
    assert look(store).kept == {"win.hello": "nothing", "win.bye": "email/a"}
    assert look(store, needs=Needs()).kept == {}


def test_a_refusal_names_the_visit_at_which_it_was_met(store: sa.Engine):
    before = started(store)
    late = Refusal("late", "3 h after its time", "email/a")
    held = Refusal("capped", "all 3/7d", "email/b", NOW + 2 * DAY)
    after = replace(before, state="bye", steps=2)
    skipped = Step(after, (Move("hello", "bye", "skip: late", NOW, 2),), refusals=(late,))
    walk_one(store, skipped, Step(replace(after, phase="holding"), refusals=(held,)), at=NOW + DAY)
    found = [{name: value for name, value in row.items() if name != "id"} for row in table(store, refusals)]
    common = {"contact_id": "ana", "journey": "win", "at": NOW + DAY}
    assert found == [
        {"key": "run-ana:1", "state": "hello", "message": "email/a", "rule": "late", "detail": "3 h after its time",
         "until": None} | common,
        {"key": "run-ana:2", "state": "bye", "message": "email/b", "rule": "capped", "detail": "all 3/7d",
         "until": NOW + 2 * DAY} | common,
    ]  # fmt: skip
