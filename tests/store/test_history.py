"""What the history tells: everything that happened, in order, and sums that hold."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from outbox import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    add,
    contact,
    counting,
    decided,
    enrolled,
    going,
    happened,
    lived,
    message,
    queued,
    refused,
)

from engine.store import history
from engine.store.history import Period, Question, Wanted
from engine.store.tables import decisions as decisions_table
from engine.store.tables import deliveries, enrollments, events, refusals

QUESTION = Question("welcome", ("bought",), 3 * DAY, NOON + 10 * DAY)


@pytest.fixture
def conn(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        yield conn


# one message


def test_a_message_is_explained_from_its_trigger_to_what_came_of_it(conn):
    lived(conn)
    told = history.explain(conn, "r:1")
    assert told is not None
    assert told.trigger is not None
    assert (told.contact_id, told.trigger.name, told.consents) == ("ana", "signup", {"promo"})
    assert [move.target for move in told.moves] == ["hello", "exit"]
    assert [row.rule for row in told.refusals] == ["quiet_hours"]
    assert told.decision is not None
    assert told.delivery is not None
    assert (told.decision.decision.propensity, told.decision.reward) == (0.75, 1.0)
    assert told.delivery.status == "sent"
    assert [event.name for event in told.answers] == ["clicked"]
    assert [event.name for event in told.later] == ["bought"]


def test_a_decision_to_send_nothing_is_explained_too(conn):
    add(conn, decisions_table, decided("r:1", "ana", arm="nothing", status="open"))
    told = history.explain(conn, "r:1")
    assert told is not None
    assert told.delivery is None
    assert told.decision is not None


def test_a_refused_message_is_explained_by_its_refusals(conn):
    add(conn, refusals, refused("r:1", "ana", "capped"))
    told = history.explain(conn, "r:1")
    assert told is not None
    assert told.refusals[0].detail == "promo 3/7d"


def test_a_key_nobody_knows_is_not_explained(conn):
    assert history.explain(conn, "nothing:1") is None


def test_the_decisions_of_a_point_come_oldest_first(conn):
    add(
        conn,
        decisions_table,
        decided("b:1", "ana", at=NOON + HOUR),
        decided("a:1", "ana"),
        decided("c:1", "ana", state="x"),
    )
    assert [row.decision.key for row in history.decided(conn, "welcome.hello")] == ["a:1", "b:1"]
    assert [row.decision.key for row in history.decided(conn, "welcome.hello", since=NOON + MINUTE)] == ["b:1"]
    assert [row.decision.key for row in history.decided(conn, "welcome.hello", until=NOON + MINUTE)] == ["a:1"]


# people


def test_a_contact_counts_once_in_the_group_of_its_first_run(conn):
    contact(conn, "bo")
    add(
        conn, enrollments,
        enrolled("r1", "ana"), enrolled("r2", "ana", entered_at=NOON + DAY), enrolled("r3", "bo", group="holdout"),
    )  # fmt: skip
    add(conn, decisions_table, decided("r1:1", "ana", group="baseline"), decided("r2:1", "ana"))
    found = history.by_group(history.runs(conn, QUESTION))
    assert {name: group.entered for name, group in found.items()} == {"baseline": 1, "holdout": 1}


def test_the_first_decision_of_a_run_names_its_group(conn):
    add(conn, enrollments, enrolled("r", "ana"))
    add(
        conn,
        decisions_table,
        decided("r:1", "ana", group="baseline"),
        decided("r:3", "ana", at=NOON + DAY, state="last"),
    )
    (run,) = history.runs(conn, QUESTION)
    assert (run.group, run.state, run.arm) == ("baseline", "hello", "email/hello")


@pytest.mark.parametrize(
    ("after", "reached"), [(timedelta(0), 0), (MINUTE, 1), (3 * DAY, 1), (3 * DAY + MINUTE, 0), (-MINUTE, 0)]
)
def test_a_goal_counts_after_the_entry_and_within_its_time(conn, after, reached):
    add(conn, enrollments, enrolled("r", "ana"))
    add(conn, events, happened("order", "ana", "bought", NOON + after))
    assert history.by_group(history.runs(conn, QUESTION))["learner"].reached == reached


def test_the_event_that_started_a_run_is_not_its_goal(conn):
    add(conn, enrollments, enrolled("r", "ana", trigger="order", entered_at=NOON - MINUTE))
    add(conn, events, happened("order", "ana", "bought", NOON))
    (run,) = history.runs(conn, QUESTION)
    assert run.goals == ()


def test_who_entered_too_lately_stands_in_no_rate(conn):
    add(conn, enrollments, enrolled("r", "ana", entered_at=NOON + 9 * DAY))
    add(conn, events, happened("order", "ana", "bought", NOON + 9 * DAY + HOUR))
    group = history.by_group(history.runs(conn, QUESTION))["learner"]
    assert (group.entered, group.mature, group.reached) == (1, 0, 0)


def test_runs_are_counted_by_group_and_day(conn):
    add(conn, enrollments, *(enrolled(f"r{n}", "ana", entered_at=NOON + n * 12 * HOUR) for n in range(4)))
    add(conn, events, happened("order", "ana", "bought", NOON + 13 * HOUR))
    days = history.by_day(history.runs(conn, QUESTION), NOON)
    assert [(day.group, day.day, day.runs, day.reached) for day in days] == [("learner", 0, 2, 2), ("learner", 1, 2, 0)]


# a journey in numbers


def test_a_journeys_numbers_add_up(conn):
    lived(conn)
    add(
        conn, enrollments,
        enrolled("r2", "ana"), enrolled("r3", "ana", state="nudge"), enrolled("r4", "ana", status="parked"),
        enrolled("r5", "ana", status="queued"), enrolled("rx", "ana", journey="cart"),
    )  # fmt: skip
    found = history.journey_numbers(conn, "welcome")
    assert (found.entered, found.contacts, found.waiting, found.parked) == (5, 1, 1, 1)
    assert (found.inside, found.left) == ({"hello": 1, "nudge": 1}, {"goal": 1})
    assert found.entered == found.waiting + found.parked + sum(found.inside.values()) + sum(found.left.values())
    assert found.visits == {"exit": 1, "hello": 1}


def test_a_message_is_counted_by_status_and_its_answers_by_person(conn):
    contact(conn, "bo")
    lived(conn)
    lived(conn, "bo", "rb")
    add(
        conn, events,
        happened("again", "ana", "clicked", NOON + 4 * HOUR, key="r:1"),
        happened("scanner", "bo", "machine_click", NOON + 4 * HOUR, key="rb:1"),
        happened("bye", "bo", "unsubscribed", NOON + 4 * HOUR, key="rb:1"),
        happened("late", "bo", "complained", NOON + 9 * DAY, key="rb:1"),
        happened("of_another", "bo", "clicked", NOON + 4 * HOUR, key="r:1"),
    )  # fmt: skip
    message(conn, "k", "bo")
    (found,) = history.journey_numbers(conn, "welcome").messages
    assert (found.message, found.channel, found.statuses) == ("email/hello", "email", {"sent": 2, "queued": 1})
    assert (found.sent, found.delivered, found.clickers, found.clicks) == (2, 2, 2, 3)
    assert (found.machine_clickers, found.unsubscribed, found.complained) == (1, 1, 0)


def test_a_message_that_was_held_three_times_waited_once(conn):
    held = [refused("r:1", "ana", "capped", NOON + n * HOUR, until=NOON + DAY) for n in range(3)]
    add(conn, refusals, *held, refused("r:2", "ana", "capped"))
    (rule,) = history.journey_numbers(conn, "welcome").rules
    assert (rule.rule, rule.held, rule.skipped, rule.contacts) == ("capped", 1, 1, 1)


def test_an_arms_mean_reward_is_of_closed_decisions_only(conn):
    add(
        conn, decisions_table,
        decided("a:1", "ana", status="closed", reward=1.0), decided("b:1", "ana", status="closed", reward=0.0),
        decided("c:1", "ana", status="open", reward=9.0), decided("d:1", "ana", status="void"),
        decided("e:1", "ana"), decided("f:1", "ana", group="baseline"),
    )  # fmt: skip
    baseline, learner = history.journey_numbers(conn, "welcome").arms
    assert (learner.decisions, learner.open, learner.closed, learner.void) == (5, 2, 2, 1)
    assert (learner.mean, baseline.mean) == (0.5, None)


def test_a_period_takes_what_entered_and_was_sent_in_it(conn):
    lived(conn)
    assert history.journey_numbers(conn, "welcome", Period(since=NOON + DAY)).entered == 0
    assert history.journey_numbers(conn, "welcome", Period(since=NOON + DAY)).messages == ()
    assert history.journey_numbers(conn, "welcome", Period(until=NOON + DAY)).messages[0].sent == 1


# credit


def test_an_order_is_credited_once_to_the_last_click(conn):
    lived(conn)
    add(conn, deliveries, queued("later", "ana", status="sent", sent_at=NOON + 2 * HOUR, next_at=None))
    (credit,) = history.credits_of(conn, ["bought"])
    assert (credit.how, credit.key, credit.order.data) == ("direct", "r:1", {"total": 60})


@pytest.mark.parametrize(("sent", "credited"), [(HOUR, 1), (24 * HOUR, 1), (25 * HOUR, 0), (-HOUR, 0)])
def test_without_a_click_a_message_of_the_last_day_influenced_the_order(conn, sent, credited):
    add(conn, deliveries, queued("k", "ana", status="sent", sent_at=NOON - sent, next_at=None))
    add(conn, events, happened("order", "ana", "bought", NOON))
    assert [credit.how for credit in history.credits_of(conn, ["bought"])] == ["influenced"] * credited


def test_a_click_older_than_three_days_earns_no_credit(conn):
    add(conn, deliveries, queued("k", "ana", status="sent", sent_at=NOON - 4 * DAY, next_at=None))
    add(conn, events, happened("c", "ana", "clicked", NOON - 3 * DAY - MINUTE, key="k"))
    add(conn, events, happened("order", "ana", "bought", NOON))
    assert history.credits_of(conn, ["bought"]) == []


# the log


def test_the_log_tells_the_newest_last(conn):
    lived(conn)
    assert [(line.kind, line.what) for line in history.log(conn)] == [
        ("hold", "quiet_hours"), ("decision", "learner"), ("send", "sent"),
    ]  # fmt: skip


def test_the_log_is_narrowed_by_kind_journey_and_contact(conn):
    contact(conn, "bo")
    lived(conn)
    lived(conn, "bo", "rb")
    add(conn, deliveries, queued("x", "bo", journey="cart", status="failed", ended_at=NOON, next_at=None, kind="hard"))
    add(conn, refusals, refused("y", "bo", "no_consent", journey="cart"))
    assert [line.key for line in history.log(conn, Wanted(frozenset({"send"}), contact_id="bo"))] == ["rb:1"]
    assert [line.kind for line in history.log(conn, Wanted(journey="cart"))] == ["error", "skip"]
    assert len(history.log(conn, Wanted(limit=2))) == 2
    assert history.log(conn, Wanted(frozenset())) == []


def test_the_log_can_be_followed(conn):
    lived(conn)
    assert [line.kind for line in history.log(conn, Wanted(after=NOON, limit=1))] == ["decision"]
    assert history.log(conn, Wanted(after=NOON + DAY)) == []


def test_a_parked_run_is_an_error_in_the_log(conn):
    add(conn, enrollments, enrolled("r", "ana", status="parked", reason="KeyError: 'x'"))
    (line,) = history.log(conn)
    assert (line.kind, line.what, line.detail) == ("error", "parked", "KeyError: 'x'")


# the sums


def test_a_lost_or_contradicting_row_is_seen(conn):
    going(conn, "k")
    assert history.conservation(conn).exact
    conn.execute(sa.update(deliveries).values(status="sent", lease_until=None))
    assert history.conservation(conn).broken == {"ended with its decision on the way": 1}
    conn.execute(sa.update(deliveries).values(status="gone"))
    assert not history.conservation(conn).exact


def test_the_sums_hold_for_one_contact_too(conn):
    contact(conn, "bo")
    lived(conn)
    lived(conn, "bo", "rb")
    sums = history.conservation(conn, "bo")
    assert (sums.exact, sums.intents, sums.enrolled, sums.left) == (True, 1, 1, {"goal": 1})


# cost


def statements(fresh, people: int) -> dict[str, int]:
    asked = {
        "timeline": lambda conn: history.timeline(conn, "c0"),
        "explain": lambda conn: history.explain(conn, "r0:1"),
        "runs": lambda conn: history.runs(conn, QUESTION),
        "numbers": lambda conn: history.journey_numbers(conn, "welcome"),
        "credits": lambda conn: history.credits_of(conn, ["bought"]),
        "log": history.log,
        "conservation": history.conservation,
    }
    with fresh() as conn:
        for n in range(people):
            contact(conn, f"c{n}")
            lived(conn, f"c{n}", f"r{n}")
        counts = {}
        for name, ask in asked.items():
            with counting(conn) as seen:
                ask(conn)
            counts[name] = len(seen)
        return counts


def test_no_question_costs_more_statements_for_more_people(fresh):
    few = statements(fresh, 1)
    assert few == statements(fresh, 50)
    assert max(few.values()) <= 9
