"""One bad contact stops nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from lawbook import START, Case, world

from engine.core.chance import name
from engine.core.walk import walk
from engine.store.auditing import trace
from engine.store.connect import reading
from engine.store.intake import NewEvent
from engine.store.tables import audit, decisions, deliveries, enrollments, policies
from engine.teaching import Teacher
from journeys import Send

TRIP = """\
journey: trip0
topic: promo
enter: {event: started}
states:
  s0: {send: email/hello, if: contact.tier == "basic"}
"""


def case() -> Case:
    return Case({"CAP_ALL": "9/day", "WHEN": "wait", "QUIET": "21:30"}, (TRIP,), (), 4, ())


def statuses(made) -> dict[str, str]:
    with reading(made.engine.store) as conn:
        rows = conn.execute(sa.select(enrollments.c.contact_id, enrollments.c.status))
        return {row.contact_id: row.status for row in rows}


def start_all(made) -> None:
    made.feed([NewEvent(f"e{n}", f"p{n}", "started", START, {"value": 5}) for n in range(4)])
    made.act()


def test_a_contact_whose_step_raises_is_parked_with_the_reason_and_the_batch_goes_on(tmp_path, monkeypatch) -> None:
    def poisoned(journeys, snapshot, moment):
        if snapshot.contact.id == "p2":
            raise RuntimeError("a bug")
        return walk(journeys, snapshot, moment)

    monkeypatch.setattr("engine.engine.walk", poisoned)
    made = world(case(), tmp_path)
    start_all(made)
    assert made.ticked.parked == 1
    assert set(statuses(made)) == {"p0", "p1", "p3"}
    with reading(made.engine.store) as conn:
        [note] = conn.execute(sa.select(audit.c.detail).where(audit.c.what == "parked")).scalars()
        at = conn.execute(sa.select(audit.c.at).where(audit.c.what == "parked")).scalar_one()
    assert note == {"contact": trace("p2", at), "runs": [], "mistake": "RuntimeError"}


def test_a_contact_whose_rows_cannot_be_written_is_parked_alone(tmp_path: Path) -> None:
    made = world(case(), tmp_path)
    row = {
        "id": name("p1", "trip0", "e1"), "contact_id": "somebody else", "journey": "trip0", "version": "x",
        "state": "s0", "group": "learner", "status": "left", "phase": "ready", "entered_at": START,
        "state_at": START, "trigger": "x", "cause": "", "steps": 1, "visits": {}, "entry": {}, "values": {},
    }  # fmt: skip
    with made.engine.store.begin() as conn:
        conn.execute(enrollments.insert(), [row])
    start_all(made)
    assert made.ticked.parked == 1
    assert set(statuses(made)) == {"p0", "p2", "p3", "somebody else"}


def test_a_message_that_cannot_be_rendered_fails_alone(tmp_path: Path) -> None:
    made = world(case(), tmp_path)
    journey = made.engine.definitions.journeys["trip0"]
    state = journey.states["s0"]
    assert isinstance(state.action, Send)
    gone = replace(state, action=replace(state.action, message="email/gone"))
    made.engine.definitions.journeys["trip0"] = replace(journey, states={"s0": gone})
    start_all(made)
    with reading(made.engine.store) as conn:
        rows = conn.execute(sa.select(deliveries.c.status, deliveries.c.kind)).all()
    assert {tuple(row) for row in rows if row.status != "shadow"} == {("failed", "render")}


CHOICE = """\
journey: trip0
topic: promo
enter: {event: started}
states:
  s0: {choose: {arms: [email/hello, email/again], reward: {within: 1d, score: {paid: 1}}, explore: {warmup: 0}}}
"""


def test_a_model_that_cannot_be_read_stops_nobody_and_decides_nothing(tmp_path: Path, caplog) -> None:
    made = world(replace(case(), journeys=(CHOICE,)), tmp_path)
    start_all(made)
    assert made.engine.learn().published or made.taught.published
    with made.engine.store.begin() as conn:
        conn.execute(sa.update(policies).values(model=(odd := b"sojourn model 1\nnot a model"), serving=odd))
    made.engine.teacher = Teacher(made.engine.definitions.journeys)
    made.feed([NewEvent("late", "p0", "started", START, {"value": 5})])
    made.clock.jump(START + timedelta(hours=5))
    made.act(learn=False)
    assert "decides with uniform chances" in caplog.text
    with reading(made.engine.store) as conn:
        assert set(conn.execute(sa.select(decisions.c.policy)).scalars()) == {"uniform"}
