"""Runs that a deploy or a resume puts elsewhere: nothing stays on its way for ever, and replay knows of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from lives import DAY, HOUR, Life

from engine.archive import frame
from engine.planning import Wish
from engine.replayed import Replayed
from engine.replaying import replay
from engine.store.connect import reading, writing
from engine.store.pausing import Place, Sender, pause, resume
from engine.store.replaying import logs, newest_runs
from engine.store.tables import decisions, enrollments

EVENING = """\
journey: trip
topic: promo
enter: {event: started}
goal: {event: paid, within: 30d}
states:
  pick:
    choose:
      arms: [email/hello, email/more]
      times: [evening, now]
      reward: {within: 1d, score: {paid: 1}}
  rest: {after: 2d, send: email/again}
  last: {after: 1d, send: email/more, then: exit}
"""
PICK = EVENING[EVENING.index("  pick:") : EVENING.index("  rest:")]
BACK = Wish(back=("trip", 1))
PEOPLE = ("ann", "bob", "cy")


@pytest.fixture
def evening(life: Life) -> Life:
    """Three people, for each of whom a message of the evening was drawn in the morning."""
    life.say("journeys/trip.yaml", EVENING)
    begun(life)
    assert statuses(life) == ["pending"] * 3
    assert drawn(life) == ["email/hello@evening"] * 3
    return life


def begun(life: Life) -> None:
    """Let everybody start, and be drawn the same."""
    life.engine.forced |= {"trip.pick": "email/hello@evening", "trip.choice": "email/hello@evening"}
    life.enter(*PEOPLE)
    life.live()


def until_night(life: Life) -> None:
    for _ in range(13):
        life.live(HOUR)


def statuses(life: Life) -> list[str]:
    with reading(life.store) as conn:
        return sorted(conn.execute(sa.select(decisions.c.status)).scalars())


def drawn(life: Life) -> list[str]:
    with reading(life.store) as conn:
        return list(conn.execute(sa.select(enrollments.c.drawn)).scalars())


def replayed(life: Life) -> list[Replayed]:
    with reading(life.store) as conn:
        found = logs(conn, newest_runs(conn, 100).values())
        asked = frame(conn, life.engine.definitions, (), life.engine.seed)
    return [answer for log in found.values() for answer in replay(log, asked)]


def comes_out_the_same(life: Life, runs: int = 3) -> bool:
    answers = replayed(life)
    assert len(answers) == runs
    assert [(one.difference, one.notes) for one in answers if one.difference or one.notes] == []
    return True


def gone(life: Life, to: str) -> None:
    """Take the state `pick` out, and send its people to another."""
    life.edit((PICK, ""), ("states:", f"moved: {{pick: {to}}}\nstates:"), file="journeys/trip.yaml")
    life.clock.jump(life.clock.now() + HOUR)


@pytest.mark.parametrize("to", ["rest", "exit"])
def test_who_is_moved_away_from_a_message_of_the_evening_is_not_decided_for_any_more(evening: Life, to: str):
    gone(evening, to)
    evening.deploy()
    assert drawn(evening) == [""] * 3
    assert statuses(evening) == ["void"] * 3
    evening.live(3 * DAY)
    assert "email/hello" not in evening.sent()
    assert statuses(evening) == ["void"] * 3
    assert comes_out_the_same(evening)


@pytest.mark.parametrize("to", ["rest", "exit"])
def test_a_deploy_that_is_taken_back_lets_the_message_of_the_evening_leave(evening: Life, to: str):
    gone(evening, to)
    evening.deploy()
    evening.clock.jump(evening.clock.now() + HOUR)
    evening.deploy(BACK)
    assert drawn(evening) == ["email/hello@evening"] * 3
    assert statuses(evening) == ["pending"] * 3
    until_night(evening)
    assert evening.sent() == {"email/hello": 3}
    assert "pending" not in statuses(evening)
    assert comes_out_the_same(evening)


def test_a_choice_of_another_name_goes_on_with_what_was_drawn(evening: Life):
    evening.edit(("  pick:", "  choice:"), ("states:", "moved: {pick: choice}\nstates:"))
    evening.clock.jump(evening.clock.now() + HOUR)
    evening.deploy()
    until_night(evening)
    assert evening.sent() == {"email/hello": 3}
    assert "pending" not in statuses(evening)
    assert comes_out_the_same(evening)


def test_an_arm_that_the_renamed_choice_no_longer_has_is_void_and_its_people_go_on(evening: Life):
    evening.edit(
        ("  pick:", "  choice:"),
        ("states:", "moved: {pick: choice}\nstates:"),
        ("times: [evening, now]", "times: [noon, now]"),
    )
    evening.clock.jump(evening.clock.now() + HOUR)
    evening.deploy()
    until_night(evening)
    assert evening.sent() == {}
    assert statuses(evening) == ["void"] * 3
    assert comes_out_the_same(evening)


def test_who_was_drawn_for_in_a_renamed_choice_is_not_drawn_for_twice_when_that_is_taken_back(life: Life):
    text = EVENING.replace("  pick:\n", "  pick:\n    after: 2h\n")
    life.say("journeys/trip.yaml", text)
    begun(life)
    life.edit(("  pick:", "  choice:"), ("states:", "moved: {pick: choice}\nstates:"))
    life.live(HOUR)
    life.deploy()
    life.live(timedelta(hours=1, minutes=30))
    assert statuses(life) == ["pending"] * 3
    life.clock.jump(life.clock.now() + HOUR)
    life.deploy(BACK)
    until_night(life)
    assert life.sent() == {"email/hello": 3}
    assert "parked" not in life.places()
    assert "pending" not in statuses(life)
    assert comes_out_the_same(life)


def test_new_times_and_an_undo_are_taken_again_as_they_were(life: Life):
    assert life.engine.journeys
    life.enter(*PEOPLE)
    life.live()
    life.live(DAY)
    life.edit(("rest: {after: 2d", "rest: {after: 30m"))
    assert life.deploy(Wish(retime=True)).journeys[0].retimed == 3
    life.live(HOUR)
    assert life.sent() == {"email/hello": 3, "email/again": 3}
    assert comes_out_the_same(life)
    life.clock.jump(life.clock.now() + HOUR)
    life.deploy(Wish(back=("trip", 1), retime=True))
    life.live(5 * DAY)
    assert comes_out_the_same(life)


def test_what_a_resume_sends_late_is_taken_again(life: Life):
    assert life.engine.journeys
    life.enter(*PEOPLE)
    life.live()
    life.live(DAY)
    with writing(life.store) as conn:
        pause(conn, Place("trip"), "", life.clock.now())
    life.live(4 * DAY)
    with writing(life.store) as conn:
        senders = [Sender("trip", frozenset({"hello", "rest", "left"}), timedelta(hours=24))]
        resume(conn, Place("trip"), senders, life.clock.now(), send=True)
    life.live(HOUR)
    assert life.sent() == {"email/hello": 3, "email/again": 3}
    answers = replayed(life)
    assert [one.difference for one in answers if one.difference] == []
