"""Claim and commit: what goes in comes out, in the same few statements for one contact and for five thousand."""

from __future__ import annotations

import threading
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from engine.core.model import (
    Contact,
    Decision,
    Enrollment,
    Event,
    Move,
    Past,
    Refusal,
    Send,
    Snapshot,
    Step,
    Webhook,
)
from engine.errors import ClaimLost
from engine.store.connect import reading, writing
from engine.store.intake import NewContact, NewEvent, Suppression, add_contacts, record, ring, suppress
from engine.store.stepping import Committed, Needs, Walked, claim, commit, next_alarm, park
from engine.store.tables import alarms, audit, contacts, decisions, deliveries, enrollments, events, moves, refusals

NOW = datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ALL = Needs(history={"seen": None, "paid": 2 * DAY}, recent=7 * DAY, reentered=frozenset({"win"}), kept=True)


def digest(channel: str, address: str) -> str:
    return channel + address


def fill(store: sa.Engine, *ids: str) -> None:
    people = [NewContact(id_, {"name": id_}, {"email": f"{id_}@x.org"}, frozenset({"promo"})) for id_ in ids]
    news = [NewEvent(f"start-{id_}", id_, "signed_up", NOW, {"plan": "pro"}) for id_ in ids]
    with writing(store) as conn:
        add_contacts(conn, people, NOW, digest)
        record(conn, news, NOW)


def run(who: str, **changes) -> Enrollment:
    first = Enrollment(
        id=f"run-{who}",
        contact_id=who,
        journey="win",
        version="v1",
        state="hello",
        entered_at=NOW,
        state_at=NOW,
        due_at=NOW + DAY,
        trigger=f"start-{who}",
        steps=1,
    )
    return replace(first, **changes)


def walk_one(store: sa.Engine, *steps: Step, at: datetime = NOW, needs: Needs = ALL) -> Snapshot:
    """Claim the one contact that is due and commit these steps of it."""
    with writing(store) as conn:
        (snapshot,) = claim(conn, at, 10, needs)
        commit(conn, [Walked(snapshot, steps)], at)
    return snapshot


def started(store: sa.Engine, who: str = "ana", **changes) -> Enrollment:
    fill(store, who)
    enrollment = run(who, **changes)
    walk_one(store, Step(enrollment, (Move("enter", "hello", "on signed_up", NOW, 1),), started=True))
    return enrollment


def look(store: sa.Engine, at: datetime = NOW + DAY, needs: Needs = ALL) -> Snapshot:
    """Return what a claim at `at` gives, and give it back."""
    with reading(store) as conn:
        ring(conn, ["ana"], at)
        (snapshot,) = claim(conn, at, 1, needs)
    return snapshot


def table(store: sa.Engine, which: sa.Table) -> list[dict]:
    with reading(store) as conn:
        return [dict(row) for row in conn.execute(sa.select(which)).mappings()]


def alarm(store: sa.Engine) -> datetime | None:
    with reading(store) as conn:
        return next_alarm(conn)


# claim


def test_a_claim_gives_all_that_is_known_of_a_contact(store: sa.Engine):
    with writing(store) as conn:
        ana = NewContact(
            "ana", {"timezone": "Europe/Paris", "vip": True}, {"email": "a@x.org", "push": "{}"}, frozenset({"promo"})
        )
        add_contacts(conn, [ana], NOW, digest)
        suppress(conn, [Suppression("push", "{}", "gone")], digest, NOW)
        record(conn, [NewEvent("e", "ana", "seen", NOW - HOUR, {"page": "/"})], NOW, timedelta(minutes=5))
        (snapshot,) = claim(conn, NOW, 10, Needs())
    assert snapshot.contact == Contact(
        "ana", {"timezone": "Europe/Paris", "vip": True}, ZoneInfo("Europe/Paris"),
        {"email": "a@x.org", "push": "{}"}, frozenset({"promo"}), frozenset({"push"}),
    )  # fmt: skip
    assert snapshot.events == (Event("e", "seen", NOW - HOUR, {"page": "/"}, fresh=True, starts=False),)


def test_only_alarms_that_have_rung_are_claimed_oldest_first(store: sa.Engine):
    with writing(store) as conn:
        add_contacts(conn, [NewContact(id_) for id_ in "abcde"], NOW, digest)
        ring(conn, ["d"], NOW - HOUR)
        ring(conn, ["b", "a", "c"], NOW)
        ring(conn, ["e"], NOW + timedelta(microseconds=1))
        assert [s.contact.id for s in claim(conn, NOW, 10, ALL)] == ["d", "a", "b", "c"]
        assert [s.contact.id for s in claim(conn, NOW, 2, ALL)] == ["d", "a"]
        assert claim(conn, NOW - DAY, 10, ALL) == []


def test_the_newest_usable_address_is_used(store: sa.Engine):
    fill(store, "ana")
    with writing(store) as conn:
        for n, address in enumerate(("old", "new", "gone")):
            conn.execute(
                sa.text("INSERT INTO addresses VALUES ('ana', 'push', :to, :why, :at)"),
                {"to": address, "why": "gone" if address == "gone" else None, "at": n},
            )
    contact = look(store).contact
    assert contact.addresses["push"] == "new"
    assert contact.suppressed == frozenset()


def test_an_alarm_of_nobody_is_claimed_bare_and_falls_silent(store: sa.Engine):
    with writing(store) as conn:
        ring(conn, ["ghost"], NOW)
    assert walk_one(store).contact == Contact("ghost")
    assert alarm(store) is None


def test_history_reaches_as_far_back_as_conditions_look(store: sa.Engine):
    fill(store, "ana")
    ages = {"seen": 400 * DAY, "paid": DAY, "long_ago": DAY}
    old = [NewEvent(name, "ana", name, NOW - age) for name, age in ages.items()]
    with writing(store) as conn:
        record(conn, [*old, NewEvent("paid-before", "ana", "paid", NOW - 3 * DAY)], NOW)
    walk_one(store)
    assert [event.id for event in look(store, NOW).events] == ["seen", "paid"]
    assert not any(event.fresh for event in look(store, NOW).events)
    assert look(store, NOW, Needs()).events == ()


def test_events_stand_in_the_order_of_their_own_time_then_id(store: sa.Engine):
    fill(store, "ana")
    with writing(store) as conn:
        record(conn, [NewEvent(id_, "ana", "seen", NOW - MINUTE) for id_ in ("z", "b")], NOW)
        record(conn, [NewEvent("y", "ana", "seen", NOW - HOUR)], NOW)
    assert [event.id for event in look(store).events] == ["y", "b", "z", "start-ana"]


def test_runs_that_are_over_are_counted_with_the_end_of_the_last(store: sa.Engine):
    fill(store, "ana")
    ends = [NOW - 2 * HOUR, NOW - HOUR]
    over = [Step(run("ana", id=f"r{n}", status="left", left_at=at), started=True) for n, at in enumerate(ends)]
    other = Step(run("ana", id="o", journey="other", status="left", left_at=NOW), started=True)
    walk_one(store, *over, other)
    snapshot = look(store)
    assert snapshot.ended == {"win": (2, NOW - HOUR)}
    assert snapshot.enrollments == ()
    assert look(store, needs=Needs()).ended == {}


# the round trip


def test_every_field_of_an_enrollment_survives(store: sa.Engine):
    full = Enrollment(
        id="run", contact_id="ana", journey="win", version="v2", state="hello", entered_at=NOW - DAY,
        state_at=NOW - HOUR, due_at=NOW + HOUR, trigger="start-ana", group="holdout", status="active", phase="holding",
        steps=7, visits={"hello": 2}, cause="e9", held_since=NOW - MINUTE, entry={"plan": "pro", "n": 1.5},
        values={"x": [1, None]}, reason="none yet", left_at=NOW, goal_at=NOW - MINUTE,
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


def draw(**changes) -> Decision:
    first = Decision(
        key="run-ana:1", point="win.hello", at=NOW + DAY, group="learner", arms=("email/a", "nothing"),
        chances=(0.7, 0.3), arm="email/a", propensity=0.7, u=0.123456789, policy="v9", features="f1 f2",
        within=2 * DAY, cost=0.25,
    )  # fmt: skip
    return replace(first, **changes)


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


# events, attributes, alarms


def test_exactly_the_events_of_the_snapshot_count_as_seen(store: sa.Engine):
    fill(store, "ana")
    with writing(store) as conn:
        (snapshot,) = claim(conn, NOW, 1, ALL)
        record(conn, [NewEvent("meanwhile", "ana", "seen")], NOW)
        commit(conn, [Walked(snapshot, ())], NOW)
    assert {row["id"]: row["fresh"] for row in table(store, events)} == {"start-ana": False, "meanwhile": True}


def test_fresh_events_touch_the_open_decisions_of_their_contact_only(store: sa.Engine):
    before = started(store)
    send = Send("run-ana:1", "email/a", "email", "promo", NOW)
    drawn = (draw(), draw(key="closed"))
    walk_one(store, Step(before, sends=(send,), decisions=drawn), at=NOW + DAY)
    with writing(store) as conn:
        conn.execute(decisions.update().where(decisions.c.key == "closed").values(status="closed", touched=False))
    fill(store, "bob")
    with writing(store) as conn:
        for snapshot in claim(conn, NOW, 5, ALL):
            commit(conn, [Walked(snapshot, ())], NOW)
    touched = {row["key"]: row["touched"] for row in table(store, decisions)}
    assert touched == {"run-ana:1": False, "closed": False}
    with writing(store) as conn:
        record(conn, [NewEvent("click", "ana", "clicked")], NOW)
    walk_one(store, at=NOW)
    touched = {row["key"]: row["touched"] for row in table(store, decisions)}
    assert touched == {"run-ana:1": True, "closed": False}


def test_an_emitted_event_is_fresh_and_rings_at_once(store: sa.Engine):
    before = started(store)
    emitted = Event("run-ana:1:emit", "upgraded", NOW + HOUR, {"to": "pro"})
    walk_one(store, Step(replace(before, due_at=NOW + 9 * DAY), emitted=(emitted,)), at=NOW + DAY)
    assert alarm(store) == NOW + DAY
    assert look(store).events == (emitted,)


def test_an_event_emitted_again_counts_once(store: sa.Engine):
    before = started(store)
    emitted = Event("start-ana", "signed_up", NOW)
    walk_one(store, Step(before, emitted=(emitted,)), at=NOW + DAY)
    assert len(table(store, events)) == 1


def test_changed_attributes_are_merged_into_what_an_import_wrote_meanwhile(store: sa.Engine):
    before = started(store)
    with writing(store) as conn:
        ring(conn, ["ana"], NOW)
        (snapshot,) = claim(conn, NOW, 1, ALL)
        add_contacts(conn, [NewContact("ana", {"city": "Paris"})], NOW, digest)
        steps = (Step(before, changes={"vip": True, "n": 1}), Step(before, changes={"n": 2}))
        commit(conn, [Walked(snapshot, steps)], NOW + HOUR)
    (row,) = table(store, contacts)
    assert row["attributes"] == {"name": "ana", "city": "Paris", "vip": True, "n": 2}
    assert row["updated_at"] == NOW + HOUR


def test_the_alarm_is_that_of_the_first_running_enrollment(store: sa.Engine):
    fill(store, "ana")
    runs = [
        run("ana", id="late", due_at=NOW + 3 * DAY),
        run("ana", id="soon", due_at=NOW + DAY),
        run("ana", id="waits", due_at=None, phase="waiting"),
        run("ana", id="queued", due_at=NOW - DAY, status="queued"),
        run("ana", id="over", due_at=NOW - DAY, status="left", left_at=NOW),
    ]
    walk_one(store, *(Step(one, started=True) for one in runs))
    assert alarm(store) == NOW + DAY
    assert {enrollment.id for enrollment in look(store).enrollments} == {"late", "soon", "waits", "queued"}


def test_an_enrollment_that_no_step_moved_keeps_its_alarm(store: sa.Engine):
    started(store)
    with writing(store) as conn:
        record(conn, [NewEvent("e", "ana", "seen")], NOW)
    walk_one(store)
    assert alarm(store) == NOW + DAY


def test_who_waits_for_events_alone_has_no_alarm(store: sa.Engine):
    before = started(store)
    walk_one(store, Step(replace(before, due_at=None, phase="waiting")), at=NOW + DAY)
    assert alarm(store) is None


# the whole


def test_a_commit_says_how_much_it_wrote(store: sa.Engine):
    fill(store, "ana")
    send = Send("k", "email/a", "email", "promo", NOW)
    step = Step(
        run("ana"), (Move("enter", "hello", "on x", NOW, 1),), (send, replace(send, key="s", shadow=True)), (draw(),),
        (Refusal("late", ""),), emitted=(Event("e", "x", NOW),), started=True,
    )  # fmt: skip
    gone = Step(run("ana", id="gone", status="left", left_at=NOW), started=True)
    with writing(store) as conn:
        (snapshot,) = claim(conn, NOW, 1, ALL)
        committed = commit(conn, [Walked(snapshot, (step, gone))], NOW)
    assert committed == Committed(
        contacts=1, started=2, moved=1, left=1, decided=1, refused=1, queued=1, shadows=1, emitted=1
    )


def test_a_commit_of_nothing_writes_nothing(store: sa.Engine):
    with writing(store) as conn:
        assert commit(conn, [], NOW) == Committed()


def test_a_crash_between_claim_and_commit_leaves_everything_as_it_was(store: sa.Engine):
    fill(store, "ana")

    def crash() -> None:
        with writing(store) as conn:
            (snapshot,) = claim(conn, NOW, 1, ALL)
            commit(conn, [Walked(snapshot, (Step(run("ana"), started=True),))], NOW)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crash()
    assert table(store, enrollments) == []
    assert [event.fresh for event in look(store).events] == [True]
    assert alarm(store) == NOW


def test_an_enrollment_that_vanished_stops_the_commit(store: sa.Engine):
    started(store)

    def lose() -> None:
        with writing(store) as conn:
            (snapshot,) = claim(conn, NOW + DAY, 1, ALL)
            conn.execute(enrollments.delete())
            commit(conn, [Walked(snapshot, (Step(replace(snapshot.enrollments[0], state="bye")),))], NOW + DAY)

    with pytest.raises(ClaimLost):
        lose()
    assert len(table(store, enrollments)) == 1


def test_a_parked_contact_stands_still_with_the_reason_and_nobody_else_does(store: sa.Engine):
    started(store)
    fill(store, "bob")
    with writing(store) as conn:
        assert park(conn, "ana", "KeyError: 'x'", NOW) == 1
    (row,) = table(store, enrollments)
    assert (row["status"], row["reason"], row["state"]) == ("parked", "KeyError: 'x'", "hello")
    assert [row["contact_id"] for row in table(store, alarms)] == ["bob"]
    assert [row["what"] for row in table(store, audit)] == ["parked"]


def test_a_parked_run_still_counts_as_one(store: sa.Engine):
    started(store)
    with writing(store) as conn:
        park(conn, "ana", "bug", NOW)
    assert look(store).ended == {"win": (1, NOW)}


def everything(snapshot: Snapshot) -> Walked:
    """Return steps that write to every table."""
    who = snapshot.contact.id
    first = run(who)
    key = first.key
    later = replace(first, state="bye", steps=2, due_at=NOW + 2 * DAY, values={"n": 1})
    send = Send(key, "email/a", "email", "promo", NOW)
    moves_ = (Move("enter", "hello", "on x", NOW, 1),)
    step = Step(later, (Move("hello", "bye", "x", NOW, 2),), (send,), (draw(key=key),), (Refusal("late", ""),))
    rest = Step(
        run(who, id=f"two-{who}", due_at=None), changes={"n": 1}, emitted=(Event(f"em-{who}", "x", NOW),), started=True
    )
    return Walked(snapshot, (Step(first, moves_, started=not snapshot.enrollments), step, rest))


def statements(store: sa.Engine, ids: list[str]) -> int:
    fill(store, *ids)
    with writing(store) as conn:
        commit(conn, [Walked(Snapshot(Contact(id_)), (Step(run(id_), started=True),)) for id_ in ids], NOW)
        conn.execute(alarms.delete())
        ring(conn, ids, NOW)
    seen: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    sa.event.listen(store, "before_cursor_execute", note)
    with writing(store) as conn:
        snapshots = claim(conn, NOW, len(ids), ALL)
        commit(conn, [everything(snapshot) for snapshot in snapshots], NOW)
    sa.event.remove(store, "before_cursor_execute", note)
    assert len(snapshots) == len(ids)
    return len(seen)


def test_five_thousand_contacts_take_as_many_statements_as_one(store: sa.Engine):
    one = statements(store, ["ana"])
    assert statements(store, [f"c{n:04}" for n in range(5_000)]) == one
    assert one <= 25


def test_an_event_that_comes_between_claim_and_commit_is_not_lost(store: sa.Engine):
    started(store)
    at = NOW + DAY
    heard = threading.Event()

    def hear() -> None:
        heard.set()
        with writing(store) as other:
            record(other, [NewEvent("meanwhile", "ana", "seen")], at)

    with writing(store) as conn:
        (snapshot,) = claim(conn, at, 1, ALL)
        thread = threading.Thread(target=hear)
        thread.start()
        heard.wait()
        thread.join(0.05)
        commit(conn, [Walked(snapshot, (Step(replace(snapshot.enrollments[0], due_at=None)),))], at)
    thread.join()
    assert alarm(store) == at
    assert [event.id for event in look(store, at).events] == ["meanwhile"]


def test_two_workers_never_claim_the_same_contact(store: sa.Engine):
    if store.dialect.name == "sqlite":
        pytest.skip("on SQLite the second worker waits until the first has committed")
    fill(store, "ana", "bob", "cy")
    with writing(store) as one, writing(store) as other:
        first = [s.contact.id for s in claim(one, NOW, 2, ALL)]
        second = [s.contact.id for s in claim(other, NOW, 2, ALL)]
    assert (first, second) == (["ana", "bob"], ["cy"])
