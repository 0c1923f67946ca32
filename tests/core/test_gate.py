"""The gate: every refusal by name, every hold with its instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from building import MONDAY, days, hours

from engine.core.model import Past
from journeys import CapRule, Place, QuietHours

HERE = Place("sojourn.yaml", 1, 1)
ONE = """
states:
  one: {send: email/hello}
  two: {send: email/again}
"""


def limited(bench, **changes):
    """Give every journey of the bench other limits."""
    bench.journeys = {
        name: replace(journey, limits=replace(journey.limits, **changes)) for name, journey in bench.journeys.items()
    }
    return bench


def cap(scope, name, limit, per):
    return CapRule(scope, name, limit, per, HERE)


def quiet(start, end, then="wait", days_=range(7)):
    return {"": QuietHours(time(start), time(end), frozenset(days_), then, timedelta(minutes=15), HERE)}


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        ({"consents": frozenset()}, "no_consent"),
        ({"consents": frozenset({"promo", "-email"})}, "no_consent"),
        ({"consents": frozenset({"promo", "promo-email"})}, "no_consent"),
        ({"suppressed": frozenset({"email"})}, "suppressed"),
        ({"addresses": {}}, "unreachable"),
    ],
)
def test_a_person_who_must_not_be_written_to_is_not_and_moves_on(make, facts, rule):
    bench = make("states: {one: {send: email/hello}}", **facts)
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert (bench.sent, bench.refused) == ([], [rule])
    assert bench.run.reason == "completed"


def test_opting_out_of_one_channel_leaves_the_other(make):
    bench = make("states: {one: {send: push/nudge}}", consents=frozenset({"promo", "-email"}))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.sent == ["push/nudge"]


def test_a_transactional_message_needs_no_topic_but_heeds_a_channel_opt_out(make):
    text = "journey: trip\ntopic: account\nenter: {event: started}\nstates: {one: {send: email/hello}}"
    sent = []
    for words in (frozenset(), frozenset({"-email"})):
        bench = make(text, consents=words)
        bench.event("started", MONDAY)
        bench.tick(MONDAY)
        sent.append(bench.sent)
    assert sent == [["email/hello"], []]


def test_a_message_later_than_skip_after_is_skipped(make):
    bench = make("states: {one: {after: 1d, send: email/hello}}")
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.tick(MONDAY + days(2) + hours(1))
    assert bench.refused == ["late"]


def test_quiet_hours_hold_until_their_end_and_a_little_spread(make):
    bench = limited(make(ONE), quiet=quiet(9, 12))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.sent == []
    assert bench.run.phase == "holding"
    assert MONDAY + hours(2) <= bench.run.due_at <= MONDAY + hours(2) + timedelta(minutes=15)
    bench.live(MONDAY + days(1))
    assert bench.sent == ["email/hello", "email/again"]


def test_quiet_hours_may_skip_instead(make):
    bench = limited(make("states: {one: {send: email/hello}}"), quiet=quiet(9, 12, "skip"))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.refused == ["quiet_hours"]
    assert bench.run.reason == "completed"


def test_after_a_hold_the_condition_and_the_exits_are_asked_again(make):
    text = "goal: {event: paid, within: 9d}\nstates: {one: {send: email/hello}}"
    bench = limited(make(text), quiet=quiet(9, 12))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.event("paid", MONDAY + hours(1))
    bench.live(MONDAY + days(1))
    assert (bench.sent, bench.run.reason) == ([], "goal")


@pytest.mark.parametrize(
    ("rule", "used", "free"),
    [
        (cap("all", "", 1, timedelta(hours=24)), hours(-3), hours(21)),
        (cap("channel", "email", 1, "day"), hours(-3), hours(14)),
        (cap("topic", "promo", 1, "week"), hours(-3), days(6) + hours(14)),
        (cap("all", "", 1, "month"), hours(-3), days(28) + hours(14)),
    ],
)
def test_a_cap_holds_until_the_computed_instant_at_which_it_frees_a_slot(make, rule, used, free):
    bench = limited(make("states: {one: {send: email/hello, max_wait: 40d}}"), caps=(rule,))
    bench.snapshot = replace(bench.snapshot, recent=(Past("x", "email/other", "email", "promo", MONDAY + used),))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert (bench.sent, bench.run.due_at) == ([], MONDAY + free)
    bench.tick(MONDAY + free)
    assert bench.sent == ["email/hello"]


def test_a_cap_of_another_channel_or_topic_does_not_bind(make):
    caps = (cap("channel", "push", 1, "day"), cap("topic", "account", 1, "day"))
    bench = limited(make(ONE), caps=caps)
    bench.snapshot = replace(bench.snapshot, recent=(Past("x", "push/nudge", "push", "account", MONDAY),))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.sent == ["email/hello", "email/again"]


def test_a_cap_that_frees_no_slot_within_max_wait_skips_at_once(make):
    bench = limited(make("states: {one: {send: email/hello, max_wait: 2h}}"), caps=(cap("all", "", 1, "day"),))
    bench.snapshot = replace(bench.snapshot, recent=(Past("x", "email/other", "email", "promo", MONDAY),))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert (bench.refused, bench.run.reason) == (["capped"], "completed")


def test_a_cap_of_zero_never_frees(make):
    bench = limited(make("states: {one: {send: email/hello}}"), caps=(cap("all", "", 0, "day"),))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.refused == ["capped"]


def test_two_caps_hold_until_both_are_free(make):
    caps = (cap("all", "", 1, timedelta(hours=5)), cap("all", "", 2, "day"))
    bench = limited(make("states: {one: {send: email/hello}}"), caps=caps)
    past = tuple(Past(str(n), "email/other", "email", "promo", MONDAY - hours(n)) for n in (2, 1))
    bench.snapshot = replace(bench.snapshot, recent=past)
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.run.due_at == MONDAY + hours(14)


@pytest.mark.parametrize(
    ("policy", "reason", "path"), [("skip", "completed", ["one", "two", "exit"]), ("exit", "capped", ["one", "exit"])]
)
def test_when_capped_may_skip_or_exit(make, policy, reason, path):
    text = f"states: {{one: {{send: email/hello, when_capped: {policy}}}, two: {{exit: completed}}}}"
    bench = limited(make(text), caps=(cap("all", "", 1, "day"),))
    bench.snapshot = replace(bench.snapshot, recent=(Past("x", "email/other", "email", "promo", MONDAY),))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert (bench.run.reason, bench.path) == (reason, path)


def test_the_same_message_within_twelve_hours_is_a_duplicate(make):
    bench = make(
        "states: {one: {send: email/hello}, two: {after: 1h, send: email/hello}, three: {after: 12h, send: email/hello}}"
    )
    bench.event("started", MONDAY)
    bench.live(MONDAY + days(2))
    assert (bench.sent, bench.refused) == (["email/hello", "email/hello"], ["duplicate"])


def test_held_out_people_move_at_the_same_times_and_hear_nothing(make):
    bench = make("holdout: 99.9%\n" + ONE)
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    shadows = [send.shadow for step in bench.steps for send in step.sends]
    assert (bench.sent, shadows, bench.path) == ([], [True, True], ["one", "two", "exit"])
    assert bench.snapshot.recent == ()


def test_the_global_holdout_spares_transactional_messages(make):
    text = "journey: trip\ntopic: {topic}\nenter: {{event: started}}\nstates: {{one: {{send: email/hello}}}}"
    groups = []
    for topic in ("promo", "account"):
        bench = make(text.format(topic=topic))
        bench.moment = replace(bench.moment, holdout=1.0)
        bench.event("started", MONDAY)
        bench.tick(MONDAY)
        groups.append(bench.run.group)
    assert groups == ["global", "learner"]


def test_the_higher_priority_takes_the_slot_of_the_minute(make):
    text = (
        "journey: {name}\ntopic: promo\npriority: {priority}\nenter: {{event: started}}\n"
        "states: {{one: {{send: email/{message}, when_capped: skip}}}}"
    )
    bench = limited(
        make(
            text.format(name="aaa", priority=10, message="hello"), text.format(name="zzz", priority=90, message="again")
        ),
        caps=(cap("all", "", 1, "day"),),
    )
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert (bench.sent, bench.refused) == (["email/again"], ["capped"])


def test_a_window_opens_at_a_minute_inside_it(make):
    bench = make('states: {one: {at: "18:00-20:00", send: email/hello}}')
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert MONDAY + hours(8) <= bench.run.due_at < MONDAY + hours(10)
    assert bench.run.due_at.second == 0


def test_inside_its_window_a_state_acts_at_once(make):
    bench = make('states: {one: {at: "09:00-20:00", send: email/hello}}')
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.sent == ["email/hello"]


def test_days_put_a_message_off_to_the_next_of_them(make):
    bench = make('states: {one: {at: "09:00", days: [wed], send: email/hello}}')
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.run.due_at == MONDAY + days(2) - hours(1)


def test_a_capped_message_keeps_its_window(make):
    bench = limited(make('states: {one: {at: "10:00-11:00", send: email/hello}}'), caps=(cap("all", "", 1, "day"),))
    bench.snapshot = replace(bench.snapshot, recent=(Past("x", "email/other", "email", "promo", MONDAY),))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert MONDAY + days(1) <= bench.run.due_at < MONDAY + days(1) + hours(1)


def test_a_window_inside_quiet_hours_still_ends(make):
    bench = limited(make('states: {one: {at: "10:00", send: email/hello}}'), quiet=quiet(9, 12))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert bench.run.due_at > MONDAY


PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("now", "free"),
    [
        (datetime(2026, 3, 28, 22, 0, tzinfo=UTC), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),  # 02:30 does not exist
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # 02:30 exists twice
    ],
)
def test_quiet_hours_end_rightly_on_both_daylight_saving_nights(make, now, free):
    bench = make("states: {one: {send: email/hello}}", zone=PARIS)
    limited(bench, quiet={"": QuietHours(time(22), time(2, 30), frozenset(range(7)), "wait", timedelta(0), HERE)})
    bench.event("started", now)
    bench.tick(now)
    assert bench.run.due_at == free
