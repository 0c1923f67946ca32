"""What is stuck is found and put right; what is in doubt is settled by a person, and only once."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from outbox import DAY, HOUR, NOON, contact, decided, enrolled, queued

from engine.doctor import WORDS, examined
from engine.store.alarms import ring
from engine.store.conserving import conservation
from engine.store.doubting import Which, doubts, resend, settle_failed, settle_sent
from engine.store.examining import QUESTIONS, mend, unpark
from engine.store.stepping import park
from engine.store.tables import alarms, contacts, decisions, deliveries, enrollments, events

LATER = NOON + HOUR


def doubted(key: str, who: str, **more: object) -> dict[str, object]:
    went = {"status": "unknown", "next_at": None, "sent_at": NOON, "ended_at": NOON, "detail": "cut off after the dot"}
    return queued(key, who, **(went | more))


def found(conn: sa.Connection) -> dict[str, int]:
    return {finding.name: finding.count for finding in examined(conn, LATER).findings}


def event(who: str, **more: object) -> dict[str, object]:
    row = {"id": f"e-{who}", "contact_id": who, "name": "signed_up", "at": NOON, "received_at": NOON, "data": {},
           "source": "api", "fresh": True, "starts": True}  # fmt: skip
    return row | more


def test_a_healthy_store_has_no_findings(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        conn.execute(enrollments.insert().values(enrolled("r1", "ana", due_at=LATER + HOUR)))
        conn.execute(deliveries.insert().values(queued("r1:1", "ana", next_at=LATER)))
        ring(conn, ["ana"], LATER + HOUR)
        seen = examined(conn, LATER)
        assert (seen.well, seen.findings, seen.sums.statuses) == (True, (), {"queued": 1})


def test_whom_nobody_would_step_again_is_found_and_woken(fresh):
    with fresh() as conn:
        for who in ("ana", "bo", "cy"):
            contact(conn, who)
        conn.execute(enrollments.insert(), [enrolled("r1", "ana", due_at=NOON), enrolled("r2", "bo", due_at=NOON)])
        conn.execute(events.insert().values(event("cy")))
        ring(conn, ["bo"], LATER + DAY)  # an alarm that rings too late
        assert found(conn) == {"asleep": 2, "unseen events": 1}
        assert mend(conn, LATER) == {"asleep": 2, "unseen events": 1}
        assert found(conn) == {}
        due = dict(conn.execute(sa.select(alarms.c.contact_id, alarms.c.due_at)).all())
        assert due == {"ana": LATER, "bo": LATER, "cy": LATER}


def test_nobody_ticks_or_delivers_is_an_error_that_names_the_command(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        ring(conn, ["ana"], NOON)
        held = {"status": "sending", "owner": "gone", "lease_until": NOON, "next_at": None}
        conn.execute(deliveries.insert().values(queued("k1", "ana")))
        conn.execute(deliveries.insert().values(queued("k2", "ana", **held)))
        seen = examined(conn, LATER)
        assert {one.name: one.severity for one in seen.findings} == dict.fromkeys(
            ("overdue", "unsent", "abandoned"), "error"
        )
        assert not seen.well
        assert all("sojourn" in one.way_out for one in seen.findings)


def test_rows_that_point_at_nothing_are_found_and_put_right(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        conn.execute(alarms.insert().values(contact_id="nobody", due_at=LATER + DAY))
        conn.execute(decisions.insert().values(decided("lost", "ana")))
        assert found(conn) == {"ownerless alarms": 1, "decisions without a message": 1}
        mend(conn, LATER)
        assert found(conn) == {}
        assert conn.execute(sa.select(decisions.c.status, decisions.c.touched)).one() == ("void", True)


def test_every_question_has_its_words():
    assert {question.name for question in QUESTIONS} == set(WORDS)


def test_the_sums_do_not_hold_when_a_row_is_in_no_named_state(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        conn.execute(deliveries.insert().values(queued("k1", "ana", status="somewhere", next_at=None)))
        seen = examined(conn, LATER)
        assert not seen.well
        assert seen.findings[0].name == "intents"


@pytest.mark.parametrize("settle", [settle_sent, settle_failed, resend])
def test_a_message_in_doubt_is_settled_once_and_its_decision_follows(fresh, settle):
    with fresh() as conn:
        contact(conn, "ana")
        conn.execute(deliveries.insert().values(doubted("k1", "ana", decided=True, owner="w1")))
        conn.execute(decisions.insert().values(decided("k1", "ana")))
        assert [one.key for one in doubts(conn, Which(journey="welcome"))] == ["k1"]
        assert (settle(conn, ["k1"], LATER), settle(conn, ["k1"], LATER)) == (1, 0)
        assert doubts(conn, Which()) == []
        status = conn.execute(sa.select(deliveries.c.status)).scalar_one()
        decision = conn.execute(sa.select(decisions.c.status, decisions.c.starts_at)).one()
        wanted = {
            settle_sent: ("sent", ("open", NOON)),
            settle_failed: ("failed", ("void", NOON)),
            resend: ("queued", ("pending", NOON)),
        }
        assert (status, tuple(decision)) == wanted[settle]
        assert conservation(conn).exact


def test_sent_once_more_keeps_its_key_and_counts_the_try(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        conn.execute(deliveries.insert().values(doubted("k1", "ana", expires_at=NOON)))
        resend(conn, ["k1"], LATER)
        row = conn.execute(sa.select(deliveries)).one()
        assert (row.key, row.attempt, row.next_at, row.expires_at) == ("k1", 1, LATER, None)


def test_unparked_people_go_on_and_those_at_the_door_wait_there_again(fresh):
    with fresh() as conn:
        for who in ("ana", "bo"):
            contact(conn, who)
        conn.execute(enrollments.insert(), [enrolled("r1", "ana", due_at=NOON), enrolled("r2", "bo", status="queued")])
        for who in ("ana", "bo"):
            park(conn, who, "ZeroDivisionError: x", NOON)
        assert found(conn) == {"parked": 2}
        assert (unpark(conn, LATER, "ana"), unpark(conn, LATER), unpark(conn, LATER)) == (1, 1, 0)
        runs = conn.execute(
            sa.select(enrollments.c.id, enrollments.c.status, enrollments.c.reason).order_by("id")
        ).all()
        assert [tuple(run) for run in runs] == [("r1", "active", None), ("r2", "queued", None)]
        assert (
            conn.execute(sa.select(sa.func.count()).select_from(alarms).where(alarms.c.due_at == LATER)).scalar() == 2
        )
        assert conn.execute(sa.select(sa.func.count()).select_from(contacts)).scalar() == 2
        assert timedelta(0) < LATER - NOON
