"""Claim and commit: nothing is lost between them, and five thousand contacts take as many statements as one."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa
from walks import ALL, DAY, HOUR, NOW, alarm, digest, draw, fill, look, run, started, table, walk_one

from engine.core.model import (
    Contact,
    Event,
    Move,
    Refusal,
    Send,
    Snapshot,
    Step,
)
from engine.errors import ClaimLost
from engine.store.connect import writing
from engine.store.intake import NewContact, NewEvent, add_contacts, record, ring
from engine.store.stepping import Committed, Walked, claim, commit, park
from engine.store.tables import alarms, audit, contacts, decisions, enrollments, events

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


def test_two_thousand_contacts_take_as_many_statements_as_one(store: sa.Engine):
    one = statements(store, ["ana"])
    assert statements(store, [f"c{n:04}" for n in range(2_000)]) == one
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
