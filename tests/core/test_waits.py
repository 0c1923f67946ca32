"""Waits and calls: what ends them, what does not, and when they are given up."""

from __future__ import annotations

from datetime import timedelta

from building import MONDAY, days, hours


def test_a_wait_takes_the_event_that_came_in_time_even_if_the_tick_is_late(bench):
    """
    states:
      one: {wait_for: {event: paid, within: 45m}, then: good, else: bad}
      good: {exit: good}
      bad: {exit: bad}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.event("paid", MONDAY + timedelta(minutes=44))
    bench.tick(MONDAY + timedelta(minutes=50))
    assert bench.run.reason == "good"


def test_a_wait_ends_when_its_time_is_up_and_later_events_do_not_count(bench):
    """
    states:
      one: {wait_for: {event: paid, within: 45m}, then: good, else: bad}
      good: {exit: good}
      bad: {exit: bad}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.event("paid", MONDAY + timedelta(minutes=46))
    bench.tick(MONDAY + timedelta(minutes=50))
    assert bench.run.reason == "bad"
    assert "time is up" in bench.whys


def test_a_wait_whose_condition_refused_an_event_goes_on_waiting(bench):
    """
    states:
      one: {wait_for: {event: poked, if: event.cart_id == entry.cart_id, within: 1d}, then: good, else: bad}
      good: {exit: good}
      bad: {exit: bad}
    """
    bench.event("started", MONDAY, cart_id="A")
    bench.tick(MONDAY)
    bench.event("poked", MONDAY + hours(1), cart_id="B")
    bench.tick(MONDAY + hours(1))
    assert bench.run.state == "one"
    bench.event("poked", MONDAY + hours(2), cart_id="A")
    bench.tick(MONDAY + hours(2))
    assert bench.run.reason == "good"


def test_the_first_of_several_awaited_events_wins_by_its_own_time(bench):
    """
    states:
      one:
        wait_for:
          within: 1d
          first: [{event: paid, then: a}, {event: poked, then: b}]
        else: c
      a: {exit: a}
      b: {exit: b}
      c: {exit: c}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.event("paid", MONDAY + hours(2))
    bench.event("poked", MONDAY + hours(1))
    bench.tick(MONDAY + hours(3))
    assert bench.run.reason == "b"


def test_the_event_that_started_the_run_satisfies_no_wait(bench):
    """
    states:
      one: {wait_for: {event: started, within: 1d}, then: two, else: exit}
      two: {exit: again}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.run.state == "one"


def test_a_wait_after_a_delay_sees_what_happened_since_entry_into_its_state(bench):
    """
    states:
      one: {after: 1d, wait_for: {event: poked, within: 1h}, then: good, else: bad}
      good: {exit: good}
      bad: {exit: bad}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.event("poked", MONDAY + hours(5))
    bench.tick(MONDAY + hours(5))
    bench.tick(MONDAY + days(1))
    assert bench.run.reason == "good"
    assert bench.run.left_at == MONDAY + days(1)


def test_a_call_that_saves_its_answer_waits_for_it(bench):
    """
    states:
      one: {call: {url: "https://crm.test/hook", json: {who: "=contact.tier"}, save_as: verdict}, else: bad}
      two: {if: journey.verdict == "yes", exit: good, else: bad}
      bad: {exit: bad}
    """
    bench.event("started", MONDAY)
    steps = bench.tick(MONDAY)
    calls = [call for step in steps for call in step.calls]
    assert calls[0].json == {"who": "basic"}
    bench.event("webhook_answered", MONDAY + hours(1), key=calls[0].key, status="sent", body="yes")
    bench.tick(MONDAY + hours(1))
    assert bench.run.reason == "good"


def test_a_call_that_failed_goes_by_else(bench):
    """
    states:
      one: {call: {url: "https://crm.test/hook", save_as: verdict}, else: bad}
      two: {exit: good}
      bad: {exit: bad}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    key = bench.run.key
    bench.event("webhook_answered", MONDAY + hours(1), key=key, status="failed", body=None)
    bench.tick(MONDAY + hours(1))
    assert bench.run.reason == "bad"


def test_a_call_without_an_answer_goes_by_else_in_the_end(bench):
    """
    states:
      one: {call: {url: "https://crm.test/hook", save_as: verdict}, else: bad}
      two: {exit: good}
      bad: {exit: bad}
    """
    bench.event("started", MONDAY)
    bench.live(MONDAY + days(1))
    assert bench.run.reason == "bad"


def test_a_wait_for_a_segment_ends_when_the_person_is_in_it(make):
    bench = make(
        """
        states:
          one: {wait_for: {segment: grown, within: 1d}, then: good, else: bad}
          good: {exit: good}
          bad: {exit: bad}
        """,
        age=20,
    )
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.run.reason == "good"


def test_a_wait_for_a_segment_looks_again_and_gives_up_in_time(bench):
    """
    states:
      one: {wait_for: {segment: grown, within: 1h}, then: good, else: bad}
      good: {exit: good}
      bad: {exit: bad}
    """
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.run.due_at == MONDAY + timedelta(minutes=15)
    bench.live(MONDAY + days(1))
    assert (bench.run.reason, bench.run.left_at) == ("bad", MONDAY + hours(1))


def test_the_move_says_what_the_state_waited_for(make):
    bench = make(
        """
        states:
          one: {after: "=2h"}
          two: {until: contact.birthday}
          three: {exit: done}
        """,
        birthday="2025-06-10",
    )
    bench.event("started", MONDAY)
    bench.live(MONDAY + days(20))
    assert bench.whys[1:3] == ["after 2h", "until contact.birthday"]


def test_held_out_people_make_no_calls(make):
    bench = make(
        """
        holdout: 99.9%
        states:
          one: {call: {url: "https://crm.test/hook", save_as: verdict}, else: two}
          two: {exit: done}
        """
    )
    bench.event("started", MONDAY)
    steps = bench.tick(MONDAY)
    assert [call for step in steps for call in step.calls] == []
    assert bench.run.reason == "done"


def test_a_wait_for_a_segment_may_ask_for_more(make):
    text = """
        states:
          one: {wait_for: {segment: grown, if: contact.tier == "gold", within: 1h}, then: good, else: bad}
          good: {exit: good}
          bad: {exit: bad}
        """
    bench = make(text, age=20)
    bench.event("started", MONDAY)
    bench.live(MONDAY + days(1))
    assert bench.run.reason == "bad"
