"""Parts of the day, signs of life and new arms in the store: what a tick writes down, and what the next one reads."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from lawbook import START, Case, world

from engine.simulate import Virtual
from engine.store.connect import reading
from engine.store.intake import NewEvent
from engine.store.snapshots import load
from engine.store.tables import audit, decisions, deliveries, enrollments

TRIP = """\
journey: trip0
topic: promo
enter: {event: started}
goal: {event: paid, within: 3d}
states:
  pick:
    choose:
      arms: [email/hello, nothing]
      times: [TIMES]
      reward: {within: 1d, score: {paid: 1, clicked: 0.2}}
      explore: {warmup: 10}
"""
HOUR = timedelta(hours=1)
SETTINGS = {"CAP_ALL": "9/day", "WHEN": "skip", "QUIET": "21:30"}


@pytest.fixture
def made(tmp_path: Path):
    """Return a world with one person, who has just started; the arm that is drawn is given."""

    def making(arm: str = "", times: str = "evening, now", text: str = TRIP) -> Virtual:
        case = Case(SETTINGS, (text.replace("TIMES", times),), (), 1, ())
        found = world(case, tmp_path)
        found.engine.forced |= {"trip0.pick": arm} if arm else {}
        found.feed([NewEvent("e", "p0", "started", START, {"value": 5})])
        found.act()
        return found

    return making


def rows(world_: Virtual, table: sa.Table) -> list[sa.Row]:
    with reading(world_.engine.store) as conn:
        return list(conn.execute(sa.select(table)).all())


def until(world_: Virtual, at: datetime) -> None:
    while (alarm := world_.engine.next_alarm()) is not None and alarm <= at:
        world_.clock.jump(alarm)
        world_.act()
    world_.clock.jump(at)
    world_.act()


def test_a_message_for_the_evening_is_remembered_and_its_window_opens_when_it_is_handed_over(made):
    life = made("email/hello@evening")
    (run,) = rows(life, enrollments)
    (drawn,) = rows(life, decisions)
    if run.group != "learner":
        pytest.skip("this person is held out")
    assert (run.drawn, run.phase) == ("email/hello@evening", "holding")
    assert (drawn.status, drawn.arm, rows(life, deliveries)) == ("pending", "email/hello@evening", [])
    until(life, START + timedelta(days=1))
    (sent,) = rows(life, deliveries)
    (drawn,) = rows(life, decisions)
    assert (sent.status, sent.key, sent.decided) == ("sent", drawn.key, True)
    assert (drawn.status, drawn.starts_at, drawn.at) == ("open", sent.sent_at, START)
    assert drawn.closes_at == sent.sent_at + timedelta(days=1)
    assert rows(life, enrollments)[0].drawn == ""


def test_a_goal_before_the_evening_is_what_the_decision_earned(made):
    life = made("email/hello@evening")
    life.clock.jump(START + HOUR)
    life.feed([NewEvent("paid", "p0", "paid", START + HOUR, {"total": 9})])
    life.act()
    (drawn,) = rows(life, decisions)
    assert (drawn.status, drawn.starts_at, rows(life, deliveries)) == ("open", START, [])
    until(life, START + timedelta(days=2))
    (drawn,) = rows(life, decisions)
    assert (drawn.status, drawn.reward) == ("closed", 1.0)


def test_a_message_that_the_gate_refuses_in_the_evening_voids_its_decision(made):
    life = made("email/hello@evening")
    with life.engine.store.begin() as conn:
        conn.execute(sa.text("UPDATE contacts SET consents = ''"))
    until(life, START + timedelta(days=1))
    (drawn,) = rows(life, decisions)
    assert (drawn.status, drawn.reward, rows(life, deliveries)) == ("void", None, [])


def test_what_a_person_did_lately_stands_in_the_log_of_the_decision(made):
    text = TRIP.replace("  pick:\n", "  first: {send: push/nudge}\n  pick:\n    after: 3d\n")
    life = made("email/hello", text=text)
    life.clock.jump(START + 2 * HOUR)
    life.feed([NewEvent("c", "p0", "clicked", START + 2 * HOUR, {"message": "push/nudge"})])
    until(life, START + timedelta(days=4))
    line = rows(life, decisions)[0].features.split()
    assert {"days.click:2", "days.visit:2", "messages.7d:1", "messages.30d:1"} <= set(line)
    assert any(token.startswith("last=push") for token in line)
    assert "now.weekday=mon" in line


def test_signs_of_life_are_read_by_time_and_by_hour(made):
    best = "journey: trip0\ntopic: promo\nenter: {event: started}\nstates: {a: {at: best, send: email/hello}}\n"
    life = made(text=best)
    seen = [NewEvent(f"s{n}", "p0", "poked", START - n * timedelta(days=1) + 9 * HOUR) for n in range(1, 61)]
    life.feed(seen)
    needs = life.engine.needs
    assert {"poked", "paid", "clicked"} <= needs.hours
    with reading(life.engine.store) as conn:
        (snapshot,) = load(conn, ["p0"], START + timedelta(days=1), needs)
    assert snapshot.hours[18] == 60
    with life.engine.store.begin() as conn:
        everyone = life.engine.moment(START + timedelta(days=1), conn).hours
    assert max(range(24), key=everyone.__getitem__) in (17, 18, 19, 23)  # in the person's own zone
    assert sum(everyone) == pytest.approx(1)
    assert {row.what for row in rows(life, audit)} >= {"hours"}


def test_an_arm_is_new_until_it_was_drawn_as_often_as_the_others_were_in_the_warm_up(made):
    life = made(times="now")
    with life.engine.store.begin() as conn:
        moment = life.engine.moment(START + timedelta(days=1), conn)
        assert moment.warming == {("trip0.pick", "email/hello"), ("trip0.pick", "nothing")}
        (row,) = conn.execute(sa.select(decisions)).mappings().all()
        many = [
            dict(row) | {"key": f"x:{n}", "arm": "nothing", "group": "learner", "at": START + timedelta(days=2)}
            for n in range(5)
        ]
        conn.execute(decisions.insert(), many)
        moment = life.engine.moment(START + timedelta(days=3), conn)
    assert moment.warming == {("trip0.pick", "email/hello")}
