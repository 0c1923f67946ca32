"""The moment as part of the choice: arms for parts of the day, what is drawn, and when it leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from building import MONDAY, days, hours
from hypothesis import given
from hypothesis import strategies as st
from test_gate import HERE, cap, limited, quiet

from engine.core.calendar import next_clear, quiet_until
from engine.core.model import Past
from journeys import QuietHours, Window

EVERY_DAY = frozenset(range(7))
TEXT = """
states:
  pick:
    MORE
    choose:
      arms: [email/hello, nothing]
      times: [morning, evening]
      reward: {within: 1d, score: {paid: 1}}
      explore: {warmup: 10}
"""


def picking(times="[morning, evening]", more="title: x"):
    return TEXT.replace("[morning, evening]", times).replace("MORE", more)


def drawing(bench, arm, now=MONDAY):
    """Start the journey, with this arm the one that is drawn."""
    bench.moment = replace(bench.moment, forced={"trip.pick": arm})
    bench.event("started", now)
    bench.tick(now)
    return bench


def decisions(bench):
    return [decision for step in bench.steps for decision in step.decisions]


def unsent(bench):
    return [step.unsent for step in bench.steps if step.unsent]


def test_arms_are_messages_by_parts_of_the_day_and_silence_has_none(make):
    bench = make(picking("[now, morning, evening]"))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert decisions(bench)[0].arms == ("email/hello", "email/hello@morning", "email/hello@evening", "nothing")


def test_in_its_part_of_the_day_a_message_leaves_at_once(make):
    bench = drawing(make(picking()), "email/hello@morning")
    assert (bench.sent, bench.run.reason) == (["email/hello"], "completed")


def test_drawn_for_the_evening_it_leaves_at_a_minute_of_the_evening_and_is_decided_once(make):
    bench = drawing(make(picking()), "email/hello@evening")
    assert (bench.sent, bench.run.drawn, bench.run.phase) == ([], "email/hello@evening", "holding")
    bench.live(MONDAY + days(1))
    leaves = bench.steps[-1].moves[0].at
    assert time(17) <= leaves.time() < time(21)
    assert leaves.second == 0
    assert (bench.sent, len(decisions(bench))) == (["email/hello"], 1)
    send = next(send for step in bench.steps for send in step.sends)
    assert (send.key, send.decided, send.due_at) == (decisions(bench)[0].key, True, leaves)
    assert bench.run.drawn == ""


def test_people_leave_all_over_the_evening(make):
    minutes = set()
    for n in range(30):
        bench = make(picking())
        bench.moment = replace(bench.moment, seed=str(n))
        minutes.add(drawing(bench, "email/hello@evening").run.due_at)
    assert len(minutes) > 20
    assert max(minutes) - min(minutes) > hours(3)


def test_hours_are_the_contacts_own(make):
    bench = drawing(make(picking(), zone=ZoneInfo("Asia/Tokyo")), "email/hello@evening")  # 19:00 there
    assert bench.sent == ["email/hello"]


def test_the_draw_waits_for_the_first_part_of_the_day_in_which_anything_could_leave(make):
    night = MONDAY.replace(hour=1)
    bench = make(picking())
    bench.event("started", night)
    bench.tick(night)
    assert decisions(bench) == []
    assert bench.refused == ["daypart"]
    assert 8 <= bench.run.due_at.hour < 11
    bench.live(MONDAY + days(1))
    assert decisions(bench)[0].arms == ("email/hello@morning", "email/hello@evening", "nothing")
    assert 8 <= decisions(bench)[0].at.hour < 11


def test_a_goal_reached_before_it_leaves_ends_the_run_and_the_decision_counts_from_its_own_time(make):
    text = "goal: {event: paid, within: 3d}\n" + picking().lstrip()
    bench = drawing(make(text), "email/hello@evening")
    bench.event("paid", MONDAY + hours(2), total=5)
    bench.tick(MONDAY + hours(2))
    assert (bench.sent, bench.run.reason) == ([], "goal")
    assert unsent(bench) == [(decisions(bench)[0].key, False)]


def test_a_restart_gives_up_what_was_drawn(make):
    bench = drawing(make("reenter: {while_active: restart, after: 1s}\n" + picking().lstrip()), "email/hello@evening")
    bench.event("started", MONDAY + hours(1))
    bench.tick(MONDAY + hours(1))
    assert unsent(bench) == [(decisions(bench)[0].key, False)]


@pytest.mark.parametrize(
    ("when", "reason", "after"), [("skip", "completed", 0), ("exit", "capped", 0), ("wait", None, 1)]
)
def test_a_cap_used_up_by_then_does_as_when_capped_says(make, when, reason, after):
    bench = limited(make(picking(more=f"when_capped: {when}")), caps=(cap("all", "", 1, "day"),))
    drawing(bench, "email/hello@evening")
    between = Past("x", "push/other", "push", "promo", MONDAY + hours(3))
    bench.snapshot = replace(bench.snapshot, recent=(between,))
    bench.tick(bench.run.due_at)
    assert bench.refused[-1] == "capped"
    assert (bench.sent, bench.run.reason) == ([], reason)
    if after:
        assert (bench.run.drawn, bench.run.due_at.date()) == ("email/hello@evening", (MONDAY + days(1)).date())
        assert 17 <= bench.run.due_at.hour < 21
        bench.live(MONDAY + days(2))
        assert (bench.sent, len(decisions(bench)), unsent(bench)) == (["email/hello"], 1, [])
    else:
        assert unsent(bench) == [(decisions(bench)[0].key, True)]


def test_a_part_of_the_day_whose_cap_is_free_only_later_is_decided_for_later(make):
    bench = limited(make(picking("[evening]")), caps=(cap("all", "", 1, timedelta(hours=8)),))
    bench.snapshot = replace(bench.snapshot, recent=(Past("x", "push/other", "push", "promo", MONDAY),))
    drawing(bench, "email/hello@evening")
    assert bench.run.due_at >= MONDAY + hours(8)
    assert bench.run.due_at.hour < 21


def test_when_no_part_of_the_day_is_free_within_a_day_it_is_asked_again_later(make):
    text = picking("[evening]", more="max_wait: 72h")
    bench = limited(make(text), caps=(cap("all", "", 1, timedelta(days=2)),))
    bench.snapshot = replace(bench.snapshot, recent=(Past("x", "push/other", "push", "promo", MONDAY),))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert (decisions(bench), bench.refused) == ([], ["capped"])
    assert MONDAY + days(1) < bench.run.due_at < MONDAY + days(2)
    bench.live(MONDAY + days(4))
    assert bench.refused.count("capped") == 1


def test_a_cap_that_is_never_free_is_no_reason_to_wait(make):
    bench = limited(make(picking("[evening]")), caps=(cap("all", "", 0, "day"),))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert decisions(bench) == []
    assert bench.run.reason == "completed"


def test_a_part_of_the_day_on_a_day_far_ahead_waits_until_it_is_near(make):
    bench = make(picking("[evening]", more="days: [fri]"))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    bench.live(MONDAY + days(6))
    assert bench.steps[-1].moves[0].at.weekday() == 4
    friday = make(picking("[morning]", more="days: [mon]"))
    friday.event("started", MONDAY.replace(hour=12))
    friday.tick(MONDAY.replace(hour=12))
    assert friday.refused == ["daypart"]
    assert friday.run.due_at > MONDAY + days(5)


def test_a_part_of_the_day_in_quiet_hours_is_not_eligible(make):
    bench = limited(make(picking("[now, evening]")), quiet=quiet(16, 22))
    bench.event("started", MONDAY)
    bench.tick(MONDAY)
    assert decisions(bench)[0].arms == ("email/hello", "nothing")
    assert bench.refused == ["quiet_hours"]


def test_hours_that_went_by_while_nobody_looked_come_again_tomorrow(make):
    bench = drawing(make(picking()), "email/hello@evening")
    bench.tick(MONDAY.replace(hour=22))
    assert (bench.sent, bench.refused[-1]) == ([], "daypart")
    bench.live(MONDAY + days(2))
    assert bench.sent == ["email/hello"]
    assert bench.steps[-1].moves[0].at.date() == (MONDAY + days(1)).date()


def test_what_is_taken_out_or_gone_or_no_longer_true_by_then_does_not_leave(make):
    text = picking().replace("email/hello,", '{send: email/hello, if: contact.tier == "basic"},')
    for change in ("stopped", "condition", "gone"):
        bench = drawing(make(text), "email/hello@evening")
        if change == "stopped":
            bench.moment = replace(bench.moment, stopped=frozenset({("trip.pick", "email/hello@evening")}))
        elif change == "condition":
            contact = replace(bench.snapshot.contact, attributes={"tier": "gold"})
            bench.snapshot = replace(bench.snapshot, contact=contact)
        else:
            bench.journeys = make(picking("[morning]")).journeys
        bench.live(MONDAY + days(1))
        assert bench.sent == []
        assert bench.refused[-1] == ("stopped" if change == "gone" else change)
        assert unsent(bench) == [(decisions(bench)[0].key, True)]


def test_people_who_are_held_out_draw_too_and_hear_nothing(make):
    bench = drawing(make("holdout: 99.9%\n" + picking().lstrip()), "email/hello@evening")
    bench.live(MONDAY + days(1))
    assert [send.shadow for step in bench.steps for send in step.sends] == [True]
    assert (bench.sent, decisions(bench)[0].group) == ([], "holdout")


START, END = datetime(2025, 3, 29, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC)
an_instant = st.datetimes(START.replace(tzinfo=None), END.replace(tzinfo=None)).map(lambda at: at.replace(tzinfo=UTC))
an_hour = st.integers(0, 23).map(time)


@given(
    ready=an_instant, opens=an_hour, closes=an_hour, hush=an_hour, over=an_hour, u=st.floats(0, 1, exclude_max=True),
    quiet_days=st.frozensets(st.integers(0, 6)),
)  # fmt: skip
def test_the_next_clear_instant_is_in_the_window_and_out_of_the_quiet_hours(
    ready, opens, closes, hush, over, u, quiet_days
):
    zone = ZoneInfo("Europe/Paris")  # over the night that the clocks go forward
    window = Window(opens, closes, EVERY_DAY)
    rule = QuietHours(hush, over, quiet_days, "wait", timedelta(0), HERE)
    at = next_clear(window, rule, ready, (zone, u))
    if at is None:
        return
    assert at >= ready
    assert quiet_until(rule, at, zone) is None
    local = at.astimezone(zone).time()
    inside = opens <= local < closes if opens < closes else local >= opens or local < closes
    assert inside or (at - ready < timedelta(days=1) and local.hour == 3)  # the hour that the gap swallowed


def test_less_than_a_minute_is_still_an_instant():
    window = Window(time(10), time(10, 0, 30), EVERY_DAY)
    assert next_clear(window, None, MONDAY - hours(1), (UTC, 0.9)) == MONDAY
