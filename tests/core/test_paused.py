"""A pause stops the clock and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from building import MONDAY, days, hours


def pause(bench, *places: str) -> None:
    bench.moment = replace(bench.moment, paused=frozenset(places))


@pytest.mark.parametrize("place", ["", "j", "j.one"])
def test_no_state_acts_and_nothing_is_sent_while_it_is_paused(bench, place):
    """
    states:
      one: {after: 1h, send: email/hello}
      two: {after: 9d}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    pause(bench, place.replace("j", "trip"))
    assert bench.tick(MONDAY + hours(5)) == []
    pause(bench)
    bench.tick(MONDAY + hours(5))
    assert bench.run.state == "two"


def test_another_place_is_not_concerned(bench):
    """
    states:
      one: {after: 1h, send: email/hello}
      two: {after: 9d}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    pause(bench, "trip.two", "elsewhere")
    bench.tick(MONDAY + hours(1))
    assert bench.run.state == "two"


def test_what_the_person_does_still_moves_them_and_a_wait_begins(bench):
    """
    states:
      one: {after: 1h, wait_for: {event: paid, within: 1d}, then: good, else: bad}
      good: {send: email/hello}
      bad: {exit: bad}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    pause(bench, "trip")
    bench.tick(MONDAY + hours(1))
    assert bench.run.phase == "waiting"
    bench.event("paid", MONDAY + hours(2))
    bench.tick(MONDAY + hours(2))
    assert (bench.run.state, bench.sent) == ("good", [])
    assert bench.tick(MONDAY + days(3)) == []
