"""Who starts a run, and who starts again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from building import MONDAY, days, hours

WAIT = "states: {one: {after: 2d, exit: done}}"


def starts(bench):
    return [step.enrollment.trigger for step in bench.steps if step.started]


def again(make, reenter, *times):
    bench = make(f"reenter: {reenter}\n{WAIT}" if reenter else WAIT)
    for at in times:
        bench.event("started", MONDAY + at)
        bench.live(MONDAY + at)
    return len(starts(bench))


@pytest.mark.parametrize(
    ("reenter", "times", "runs"),
    [
        ("", (days(0), days(5)), 1),
        ("never", (days(0), days(5)), 1),
        ("always", (days(0), days(5)), 2),
        ("always", (days(0), days(1)), 1),
        ("{after: 3d}", (days(0), days(4), days(6)), 2),
        ("{after: 3d, max: 2}", (days(0), days(6), days(12)), 2),
        ("{while_active: restart}", (days(0), days(1)), 2),
        ("{while_active: parallel}", (days(0), days(1)), 2),
        ("{while_active: parallel}", tuple(hours(n) for n in range(8)), 5),
    ],
)
def test_reenter(make, reenter, times, runs):
    assert again(make, reenter, *times) == runs


def test_a_restart_leaves_and_enters_afresh_in_the_same_group(make):
    bench = make("holdout: 50%\nreenter: {while_active: restart}\n" + WAIT)
    bench.event("started", MONDAY)
    bench.live(MONDAY)
    bench.event("started", MONDAY + hours(1))
    bench.live(MONDAY + hours(1))
    reasons = [step.enrollment.reason for step in bench.steps if step.enrollment.reason]
    assert reasons == ["restarted"]
    assert len({step.enrollment.group for step in bench.steps}) == 1


def test_the_condition_at_the_door_sees_the_event(make):
    bench = make("journey: trip\nenter: {event: started, if: event.value > 10}\n" + WAIT)
    bench.event("started", MONDAY, value=5)
    bench.tick(MONDAY)
    assert starts(bench) == []
    bench.event("started", MONDAY + hours(1), value=15)
    bench.tick(MONDAY + hours(1))
    assert len(starts(bench)) == 1
    assert bench.run.entry["value"] == 15


def test_an_event_too_old_on_arrival_starts_nobody(make):
    bench = make(WAIT)
    event = bench.event("started", MONDAY)
    bench.snapshot = replace(bench.snapshot, events=(replace(event, starts=False),))
    bench.tick(MONDAY)
    assert starts(bench) == []


def test_a_run_that_ends_by_the_clock_makes_room_for_a_later_event_of_the_same_late_tick(make):
    bench = make("reenter: always\n" + WAIT)
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.event("started", MONDAY + days(2) + hours(0.5))
    bench.tick(MONDAY + days(2) + hours(0.75))
    assert len(starts(bench)) == 2


def test_a_limited_entrance_queues(make):
    bench = make("journey: trip\nenter: {event: started, limit: 10/day}\n" + WAIT)
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert (bench.run.status, bench.run.due_at) == ("queued", None)


def test_a_journey_that_starts_on_a_cycle_counts_its_first_visit(make):
    bench = make("states: {one: {after: 1h, max_visits: 2, then: one}}")
    bench.event("started", MONDAY)
    bench.live(MONDAY + days(3))
    assert (bench.path.count("one"), bench.run.reason) == (2, "loop_limit")


def test_an_always_chain_without_end_is_a_bug_that_says_so(make):
    bench = make("states: {one: {after: 1h, then: two}, two: {after: 1h, max_visits: 5000, then: one}}")
    journey = bench.journeys["trip"]
    instant = {name: replace(state, after=hours(0), max_visits=5000) for name, state in journey.states.items()}
    bench.journeys = {"trip": replace(journey, states=instant)}
    bench.event("started", MONDAY)
    with pytest.raises(AssertionError, match="steps at once"):
        bench.tick(MONDAY)


def test_a_queued_run_does_nothing_until_it_is_let_in(make):
    bench = make("journey: trip\nenter: {event: started, limit: 10/day}\n" + WAIT)
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.tick(MONDAY + days(9)) == []


def test_who_is_let_in_begins_to_wait_in_the_first_state(make):
    bench = make("journey: trip\nenter: {event: started, limit: 10/day}\n" + WAIT)
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    let_in = replace(bench.run, status="active", entered_at=MONDAY + days(1), state_at=MONDAY + days(1))
    bench.snapshot = replace(bench.snapshot, enrollments=(let_in,))
    bench.tick(MONDAY + days(1))
    assert bench.run.due_at == MONDAY + days(3)
    assert bench.run.status == "active"
