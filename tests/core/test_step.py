"""The laws of the step, each a sentence that could be false."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from building import MONDAY, days, hours

from engine.core.look import Look
from engine.core.move import moment_of
from journeys import Split


def test_states_follow_each_other_in_file_order(bench):
    """
    states:
      one: {send: email/hello}
      two: {after: 2d, send: email/again}
    """
    bench.event("started", MONDAY)
    bench.live(MONDAY + days(5))
    assert bench.path == ["one", "two", "exit"]
    assert bench.sent == ["email/hello", "email/again"]
    assert bench.run.reason == "completed"


def test_what_the_person_did_beats_what_the_clock_says(bench):
    """
    goal: {event: paid, within: 30d}
    states:
      one: {after: 1d, send: email/hello}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.event("paid", MONDAY + hours(30))
    bench.tick(MONDAY + hours(31))
    assert bench.sent == []
    assert bench.run.reason == "goal"
    assert bench.run.goal_at == MONDAY + hours(30)


def test_a_late_tick_shifts_a_journey_and_never_compresses_it(bench):
    """
    states:
      one: {after: 1d, send: email/hello}
      two: {after: 1d, send: email/again}
      three: {after: 1d, send: email/offer}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.tick(MONDAY + days(1) + hours(20))
    assert bench.sent == ["email/hello"]
    assert bench.run.state == "two"
    assert bench.run.due_at == MONDAY + days(2) + hours(20)


def test_a_tick_less_than_an_hour_late_does_not_shift_anything(bench):
    """
    states:
      one: {after: 1d, send: email/hello}
      two: {after: 1d, send: email/again}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.tick(MONDAY + days(1) + timedelta(minutes=59))
    assert bench.run.due_at == MONDAY + days(2)


def test_a_false_if_takes_else_and_skips_the_action(bench):
    """
    states:
      one: {if: contact.tier == "gold", send: email/offer, else: three}
      two: {send: email/hello}
      three: {send: email/again}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.path == ["one", "three", "exit"]
    assert bench.sent == ["email/again"]


def test_one_event_moves_an_enrollment_at_most_once(bench):
    """
    states:
      one: {wait_for: {event: poked, within: 1d}, then: two, else: exit}
      two: {wait_for: {event: poked, within: 1d}, then: three, else: exit}
      three: {exit: both}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.event("poked", MONDAY + hours(1))
    bench.tick(MONDAY + hours(1))
    assert bench.run.state == "two"
    bench.event("poked", MONDAY + hours(2))
    bench.tick(MONDAY + hours(2))
    assert bench.run.reason == "both"


def test_exit_when_on_an_event_leaves_at_the_events_time(bench):
    """
    exit_when: [{event: stopped, reason: enough}]
    states:
      one: {after: 3d, send: email/hello}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.event("stopped", MONDAY + hours(1))
    bench.tick(MONDAY + hours(1))
    assert (bench.run.reason, bench.run.left_at) == ("enough", MONDAY + hours(1))


def test_exit_when_on_a_condition_is_asked_before_the_action(make):
    bench = make(
        """
        exit_when: [{if: contact.open_ticket, reason: ticket}]
        states:
          one: {send: email/hello}
        """,
        open_ticket=True,
    )
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.sent == []
    assert bench.run.reason == "ticket"


def test_jump_when_moves_from_any_state_and_never_rewinds(bench):
    """
    jump_when: [{event: poked, then: three}]
    states:
      one: {after: 3d, send: email/hello}
      two: {after: 3d, send: email/again}
      three: {after: 1d, send: email/offer}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.event("poked", MONDAY + hours(1))
    bench.tick(MONDAY + hours(1))
    assert bench.run.state == "three"
    assert len(bench.path) == 2
    bench.event("poked", MONDAY + timedelta(minutes=30))
    bench.tick(MONDAY + hours(2))
    assert bench.path == ["one", "three"]


def test_a_goal_outside_its_window_does_not_count(bench):
    """
    goal: {event: paid, within: 1d}
    states:
      one: {after: 3d, send: email/hello}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.event("paid", MONDAY + hours(25))
    bench.tick(MONDAY + hours(25))
    assert bench.run.state == "one"


def test_a_goal_that_does_not_exit_is_noted_and_the_journey_goes_on(bench):
    """
    goal: {event: paid, within: 3d, exit: false}
    states:
      one: {after: 2d, send: email/hello}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.event("paid", MONDAY + hours(1))
    bench.live(MONDAY + days(3))
    assert bench.sent == ["email/hello"]
    assert bench.run.goal_at == MONDAY + hours(1)


def test_a_split_is_sticky_and_follows_its_shares(make):
    bench = make(
        """
        reenter: always
        states:
          toss: {split: {heads: 50%, tails: 50%}}
          heads: {exit: heads}
          tails: {exit: tails}
        """
    )
    for n in range(3):
        bench.event("started", MONDAY + days(n))
        bench.tick(MONDAY + days(n))
    assert len({step.enrollment.reason for step in bench.steps if step.enrollment.reason}) == 1


def test_a_branch_takes_the_first_way_that_fits_else_the_other(make):
    text = """
        states:
          fork: {branch: [{if: contact.age >= 18, then: adult}, {if: contact.tier == "gold", then: golden}], else: other}
          adult: {exit: adult}
          golden: {exit: golden}
          other: {exit: other}
        """
    reasons = []
    for facts in ({"age": 20, "tier": "gold"}, {"age": 3, "tier": "gold"}, {}):
        bench = make(text, **facts)
        bench.event("started", MONDAY)
        bench.tick(MONDAY)
        reasons.append(bench.run.reason)
    assert reasons == ["adult", "golden", "other"]


def test_set_writes_the_contact_for_every_journey_that_comes_after(make):
    writer = """
        journey: writer
        priority: 90
        enter: {event: started}
        states: {one: {set: {contact.tier: gold, journey.size: "=entry.value * 2"}}, two: {after: 1d, if: journey.size == 6, exit: six}}
        """
    reader = """
        journey: reader
        priority: 10
        enter: {event: started}
        states: {one: {if: contact.tier == "gold", exit: gold, else: two}, two: {exit: plain}}
        """
    bench = make(writer, reader)
    bench.event("started", MONDAY, value=3)
    bench.live(MONDAY + days(2))
    reasons = {step.enrollment.journey: step.enrollment.reason for step in bench.steps if step.enrollment.reason}
    assert reasons == {"reader": "gold", "writer": "six"}


def test_emit_makes_an_event_with_its_own_id(bench):
    """
    states:
      one: {emit: {event: seen}}
    """
    bench.event("started", MONDAY)
    steps = bench.tick(MONDAY)
    emitted = [event for step in steps for event in step.emitted]
    assert [event.name for event in emitted] == ["seen"]
    assert emitted[0].id == f"{steps[0].enrollment.id}:1:emit"


def test_a_loop_stops_after_max_visits(bench):
    """
    states:
      one: {after: 1d, max_visits: 3, then: two}
      two: {after: 1h, then: one}
    """
    bench.event("started", MONDAY)
    bench.live(MONDAY + days(90))
    assert bench.run.reason == "loop_limit"
    assert bench.path.count("one") == 3


def test_an_until_in_the_past_acts_at_once_and_one_without_a_value_takes_else(make):
    text = """
        states:
          one: {until: contact.birthday, exit: there, else: none}
          none: {exit: nodate}
        """
    reasons = []
    for facts in ({"birthday": "2025-01-01"}, {}):
        bench = make(text, **facts)
        bench.event("started", MONDAY)
        bench.tick(MONDAY)
        reasons.append(bench.run.reason)
    assert reasons == ["there", "nodate"]


def test_after_in_whole_days_with_at_counts_calendar_days(bench):
    """
    states:
      one: {after: 2d, at: "09:00", send: email/hello}
    """
    bench.event("started", MONDAY + hours(4))
    bench.tick(MONDAY + hours(4))
    assert bench.run.due_at == MONDAY + days(2) - hours(1)


def test_after_may_be_an_expression(make):
    bench = make("""
        vars: {pause: 90}
        states:
          one: {after: "=2h", exit: done}
        """)
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.run.due_at == MONDAY + hours(2)


def test_people_split_into_every_part(make):
    seen = set()
    for n in range(40):
        bench = make(
            """
            states:
              toss: {split: {heads: 50%, tails: 50%}}
              heads: {exit: heads}
              tails: {exit: tails}
            """
        )
        bench.moment = replace(bench.moment, seed=str(n))
        bench.event("started", MONDAY)
        bench.tick(MONDAY)
        seen.add(bench.run.reason)
    assert seen == {"heads", "tails"}


def test_shares_that_fall_short_by_rounding_give_the_rest_to_the_last(make):
    bench = make("states: {toss: {split: {heads: 50%, tails: 50%}}, heads: {exit: heads}, tails: {exit: tails}}")
    journey = bench.journeys["trip"]
    none = replace(journey.states["toss"], action=Split((("heads", 0.0), ("tails", 0.0))))
    bench.journeys = {"trip": replace(journey, states={**journey.states, "toss": none})}
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.run.reason == "tails"


def test_interrupts_whose_condition_is_false_leave_everybody_where_they_are(bench):
    """
    exit_when: [{event: stopped, if: event.cart_id == "A"}]
    jump_when: [{event: poked, if: event.cart_id == "A", then: two}]
    states:
      one: {after: 3d, send: email/hello}
      two: {after: 3d, send: email/again}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.event("poked", MONDAY + hours(1), cart_id="B")
    bench.event("stopped", MONDAY + hours(1))
    bench.tick(MONDAY + hours(1))
    assert bench.path == ["one"]


def test_an_event_between_entry_and_a_jump_target_is_not_taken_twice(bench):
    """
    jump_when: [{event: poked, then: two}]
    states:
      one: {after: 3d, send: email/hello}
      two: {wait_for: {event: poked, within: 1d}, then: three, else: exit}
      three: {exit: poked_again}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.event("poked", MONDAY + hours(1))
    bench.tick(MONDAY + hours(1))
    assert bench.run.state == "two"


def test_until_reads_dates_at_local_midnight_and_instants_as_they_are(bench):
    """
    states:
      one: {exit: done}
    """
    bench.event("started", MONDAY)
    run = bench.tick(MONDAY)[0].enrollment
    look = Look(bench.journeys["trip"], run, bench.snapshot, bench.moment, {})
    local = MONDAY.replace(tzinfo=None)
    assert [moment_of(Says(value), look) for value in (MONDAY.date(), MONDAY, local, None)] == [
        MONDAY - hours(10),
        MONDAY,
        MONDAY,
        None,
    ]


class Says:
    """An expression with a fixed value."""

    def __init__(self, value):
        self._value = value

    def value(self, scope):
        return self._value
