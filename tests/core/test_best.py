"""`at: best`: the hour at which somebody is there."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from zoneinfo import ZoneInfo

import pytest
from building import MONDAY, days
from test_gate import cap, limited, quiet

from engine.core.best import HOURS
from engine.core.model import Past

TEXT = "states: {one: {at: best, send: email/hello}}"


def signs(**by_hour):
    return tuple(by_hour.get(f"h{hour}", 0) for hour in range(HOURS))


def everyone(*hours):
    return tuple(hours.count(hour) / len(hours) for hour in range(HOURS))


def leaves(bench, own=(), all_=()):
    """Return when the message leaves."""
    bench.snapshot = replace(bench.snapshot, hours=own)
    bench.moment = replace(bench.moment, hours=all_)
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.live(MONDAY + days(9))
    return next(move.at for step in bench.steps for move in step.moves if step.sends)


def test_a_message_waits_for_the_hour_at_which_its_reader_clicks(make):
    at = leaves(make(TEXT), own=signs(h19=10, h7=1), all_=everyone(7, 8, 8, 9))
    assert (at.date(), at.hour) == (MONDAY.date(), 19)


def test_one_odd_click_decides_nothing_against_what_everyone_does(make):
    assert leaves(make(TEXT), own=signs(h23=1), all_=everyone(18, 18, 18, 19)).hour == 18


def test_who_never_showed_a_sign_gets_everyones_hour(make):
    assert leaves(make(TEXT), all_=everyone(12, 12, 13)).hour == 12


@pytest.mark.parametrize("own", [(), signs(h19=2)])
def test_where_nobody_can_tell_it_leaves_as_soon_as_the_rest_allows(make, own):
    assert leaves(make(TEXT), own=own) == MONDAY


def test_days_hold_where_nobody_can_tell(make):
    assert leaves(make("states: {one: {at: best, days: [wed], send: email/hello}}")).weekday() == 2


def test_a_few_own_signs_are_enough_where_nothing_is_known_of_everyone(make):
    assert leaves(make(TEXT), own=signs(h19=3)).hour == 19


def test_the_hour_is_local(make):
    bench = make(TEXT, zone=ZoneInfo("Asia/Tokyo"))
    at = leaves(bench, own=signs(h11=6)).astimezone(ZoneInfo("Asia/Tokyo"))  # 20 o'clock there
    assert at.hour == 20


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.replace(
            "send: email/hello", "choose: {arms: [email/hello, email/again], reward: {within: 1d, score: {paid: 1}}}"
        ),
    ],
)
def test_an_hour_in_quiet_hours_is_nobodys_best(make, text):
    bench = limited(make(text), quiet=quiet(18, 22))
    assert leaves(bench, own=signs(h19=6, h15=3), all_=everyone(19)).hour == 15


def test_quiet_hours_all_day_leave_no_best_hour(make):
    bench = limited(make(TEXT), quiet={"": replace(quiet(1, 2)[""], start=time(0), end=time(0))})
    bench.snapshot = replace(bench.snapshot, hours=signs(h19=6))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.refused == ["quiet_hours"]


def test_a_transactional_message_knows_no_quiet_hours(make):
    text = "journey: trip\ntopic: account\nenter: {event: started}\n" + TEXT
    assert leaves(limited(make(text), quiet=quiet(18, 22)), own=signs(h19=6)).hour == 19


def test_after_a_cap_the_best_hour_is_kept(make):
    bench = limited(make(TEXT), caps=(cap("all", "", 1, "day"),))
    bench.snapshot = replace(bench.snapshot, recent=(Past("x", "push/other", "push", "promo", MONDAY),))
    at = leaves(bench, own=signs(h19=6))
    assert (at.date(), at.hour) == ((MONDAY + days(1)).date(), 19)


def test_a_wait_without_a_message_knows_no_quiet_hours(make):
    bench = limited(make("states: {one: {at: best}, two: {send: email/hello}}"), quiet=quiet(18, 22))
    bench.snapshot = replace(bench.snapshot, hours=signs(h19=6))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.run.due_at.hour == 19
