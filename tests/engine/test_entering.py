"""Entrances by segment, schedule and limit, through the real engine."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from lawbook import START, Case, world

from engine.core.model import Enrollment
from engine.simulate import Virtual, run_events
from engine.store.connect import reading
from engine.store.intake import NewEvent
from engine.store.tables import enrollments

DAY = timedelta(days=1)


def made(folder: Path, enter: str, reenter: str = "never") -> Virtual:
    text = (
        f"journey: trip0\ntopic: promo\nenter: {enter}\nreenter: {reenter}\n"
        "states: {s0: {after: 1h, send: email/hello, when_capped: skip}}\n"
    )
    case = Case({"CAP_ALL": "9/day", "WHEN": "skip", "QUIET": "21:30"}, (text,), (), 4, ())
    return world(case, folder)


def runs(virtual: Virtual) -> list[Enrollment]:
    with reading(virtual.engine.store) as conn:
        rows = conn.execute(sa.select(enrollments).order_by(enrollments.c.entered_at, enrollments.c.id))
        return list(rows)


def test_a_schedule_starts_everybody_once_per_instant(tmp_path: Path) -> None:
    virtual = made(tmp_path, '{schedule: "daily 09:00"}')
    virtual.act()
    run_events(virtual, [], START + 3 * DAY)
    assert len(runs(virtual)) == 4
    assert {run.trigger.partition(":")[0] for run in runs(virtual)} == {"enter"}


def test_a_schedule_starts_people_again_only_when_they_may_come_back(tmp_path: Path) -> None:
    virtual = made(tmp_path, '{schedule: "daily 09:00"}', "{after: 36h}")
    virtual.act()
    run_events(virtual, [], START + 4 * DAY)
    per_person = {run.contact_id: 0 for run in runs(virtual)}
    for run in runs(virtual):
        per_person[run.contact_id] += 1
    assert set(per_person.values()) == {2}


@pytest.mark.parametrize(("limit", "first_day"), [("2/day", 2), ("3/day", 3)])
def test_a_limit_lets_in_so_many_a_day_in_the_order_of_arrival(tmp_path: Path, limit: str, first_day: int) -> None:
    virtual = made(tmp_path, f"{{event: started, limit: {limit}}}")
    virtual.feed([NewEvent(f"e{n}", f"p{n}", "started", START - timedelta(minutes=9 - n), {}) for n in range(4)])
    virtual.act()
    virtual.act()
    inside = [run.contact_id for run in runs(virtual) if run.status == "active"]
    assert sorted(inside) == [f"p{n}" for n in range(first_day)]
    assert all(run.due_at is None or run.due_at >= START + timedelta(hours=1) for run in runs(virtual))
    virtual.clock.jump(START + DAY)
    virtual.act()
    virtual.act()
    assert all(run.status != "queued" for run in runs(virtual))
