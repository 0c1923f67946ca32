"""A pause stops the clock and nothing else: what people do is still heard."""

from __future__ import annotations

from dataclasses import replace

import pytest
from building import MONDAY, days, hours

from engine.core.entry import Barred, at_the_door, barred
from engine.core.look import Look

TEXT = """
goal: {event: paid, within: 9d}
states:
  first: {wait_for: {event: poked, within: 2d}, then: second}
  second: {after: 1h, send: email/hello}
"""


def paused(bench, *where):
    bench.moment = replace(bench.moment, paused=frozenset(where))
    return bench


@pytest.mark.parametrize("where", ["", "trip", "trip.second"])
def test_where_no_clock_runs_nothing_leaves_until_it_runs_again(make, where):
    bench = make(TEXT)
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.event("poked", MONDAY + hours(1))
    bench.tick(MONDAY + hours(1))
    paused(bench, where).tick(MONDAY + hours(3))
    assert bench.sent == []
    paused(bench).tick(MONDAY + hours(4))
    assert bench.sent == ["email/hello"]


def test_what_the_person_does_meanwhile_counts(make):
    bench = paused(make(TEXT), "trip")
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.run.phase == "waiting"  # a wait begins, so that nothing is missed
    bench.tick(MONDAY + days(3))
    assert bench.run.state == "first"
    bench.event("paid", MONDAY + days(3), total=1)
    bench.tick(MONDAY + days(3))
    assert bench.run.reason == "goal"


def test_a_message_drawn_for_later_in_the_day_waits_for_its_hours_after_a_pause(make):
    text = """
    states:
      pick: {choose: {arms: [email/hello, nothing], times: [noon, evening], reward: {within: 1d, score: {paid: 1}}}}
    """
    noon = MONDAY.replace(hour=12)
    bench = make(text)
    bench.moment = replace(bench.moment, forced={"trip.pick": "email/hello@evening"})
    bench.event("started", noon)
    bench.tick(noon)
    assert bench.run.drawn == "email/hello@evening"
    paused(bench, "trip").tick(MONDAY.replace(hour=20, minute=59))
    paused(bench).tick(MONDAY.replace(hour=22))
    assert bench.sent == []
    bench.live(MONDAY + days(2))
    assert bench.sent == ["email/hello"]
    assert 17 <= bench.steps[-1].moves[0].at.hour < 21


def test_an_event_that_starts_another_journey_does_not_start_this_one(make):
    bench = make(TEXT)
    event = bench.event("seen", MONDAY)
    journey = bench.journeys["trip"]
    door = at_the_door(journey, event, "ana", "learner")
    look = Look(journey, door, bench.snapshot, bench.moment, {})
    assert barred(journey, event, look) == Barred("event")
