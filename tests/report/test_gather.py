"""From rows to findings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sample_findings import META

from engine.core.model import Event
from engine.report.gather import Drawn, Facts, Handed, View, gather
from engine.report.page import page
from engine.report.text import population_text
from engine.store.attributing import Credit
from engine.store.counting import JourneyNumbers, MessageNumbers, RuleNumbers
from engine.store.outcomes import Run
from engine.store.rows import EventRow
from engine.world import People

SINCE = datetime(2025, 9, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
NUMBERS = JourneyNumbers(
    journey="cart_recovery", entered=6, contacts=5, waiting=0, inside={"cool_off": 2}, parked=0, left={"goal": 4},
    visits={"cool_off": 6, "recover": 5},
    messages=(MessageNumbers("email/cart_social", "email", {"sent": 10, "failed": 1}, clickers=2, bounced=1, complained=1),),
    rules=(RuleNumbers("capped", 3, 1, 4),), arms=(),
)  # fmt: skip


def run(who, group, *, hours=0, goal=False, arm="", mature=True):
    at = SINCE + hours * HOUR
    goals = (Event("o", "order_placed", at + HOUR),) if goal else ()
    return Run(f"r{who}{hours}", who, "v1", group, at, None, "left", None, mature, "recover", arm, goals)


def findings(runs=(), **more):
    view = more.pop("view", View(META))
    return gather(Facts(runs, NUMBERS, **more), view)


def test_a_person_counts_once_and_only_when_the_window_is_over():
    runs = [run("a", "learner", goal=True), run("a", "learner", hours=30, goal=True), run("b", "learner", mature=False)]
    (group,) = findings(runs).groups
    assert (group.contacts, group.goals, group.entered) == (1, 1, 2)


def test_someone_who_bought_before_the_decision_still_belongs_to_the_baseline():
    runs = [run("early", "learner", goal=True), run("late", "baseline", arm="email/cart_social"), run("x", "holdout")]
    view = View(META, in_baseline=lambda who: who in ("early", "late", "x"))
    groups = {g.name: g for g in findings(runs, view=view).groups}
    assert (groups["baseline"].contacts, groups["baseline"].goals) == (2, 1)
    assert groups["holdout"].contacts == 1
    assert "learner" not in groups


def test_outliers_and_others_together_are_everybody():
    runs = [run(str(n), "learner") for n in range(10)]
    found = findings(runs, view=View(META, outlier=lambda who: who in "012"))
    assert found.outliers[0].contacts == 3
    assert found.others[0].contacts == 7


def test_days_are_counted_from_the_start_without_gaps():
    runs = [run("a", "learner"), run("b", "learner", hours=50, goal=True), run("c", "holdout", hours=25)]
    daily = {d.group: d for d in findings(runs).daily}
    assert daily["learner"].entries == (1, 0, 1)
    assert daily["learner"].goals == (0, 0, 1)
    assert daily["holdout"].entries == (0, 1, 0)


def test_messages_get_their_credited_orders_and_money():
    order = EventRow("o1", "c1", "order_placed", SINCE, SINCE, {"total": 64.9}, "api")
    credit = Credit(order, "direct", "k1", "email/cart_social", "cart_recovery")
    (row,) = findings(credits=(credit, replace(credit, journey="other"))).messages
    assert (row.sent, row.delivered, row.human_clickers, row.goals, row.attributed) == (10, 9, 2, 1, 64.9)


def test_shares_are_means_of_the_logged_chances():
    arms = ("email/cart_social", "nothing")
    drawn = [
        Drawn("c1", SINCE + n * HOUR, arms, (0.9 - n / 10, 0.1 + n / 10), arms[0], uniform=n < 1) for n in range(3)
    ]
    (day,) = findings(drawn=drawn).arm_days
    assert day.day == 1
    assert round(day.shares["email/cart_social"], 6) == 0.8
    assert not day.warmup


def test_the_weeks_of_all_people_fill_the_histogram():
    handed = [Handed(f"k{n}", "c1", SINCE + n * HOUR) for n in range(3)] + [Handed("z", "c2", SINCE)]
    found = findings(handed=handed, people=10, left=frozenset({"k2"}))
    weeks = 5  # 29 days
    assert found.pressure == (10 * weeks - 2, 1, 0, 1, 0, 0, 0, 0, 0)
    assert [(d.before, d.messages, d.left) for d in found.doses] == [(0, 2, 0), (1, 1, 0), (2, 1, 1)]
    assert found.messaged == 2


def test_only_a_simulation_knows_who_was_served_right():
    people = People(7, 400)
    arms = ("email/cart_plain", "email/cart_social", "email/cart_offer10", "push/cart_nudge", "nothing")
    drawn = [Drawn(p.id, SINCE, arms, (0.2,) * 5, people.truth(p.id).best_of(arms)) for p in people.all]
    view = View(META, label=people.kind, truth=people.truth)
    found = findings(drawn=drawn, view=view)
    assert found.world is not None
    assert found.world.served_right == 1
    assert found.world.outliers_now > found.world.outliers_single
    assert found.world.others_now == found.world.others_single
    assert {row.label: row.best for row in found.heat}["opens pushes"] == "push/cart_nudge"
    assert findings(drawn=drawn).world is None


def test_gathered_findings_can_be_printed():
    runs = [run(str(n), ("learner", "holdout")[n % 2], goal=n % 7 == 0, arm="email/cart_social") for n in range(400)]
    found = findings(runs, view=View(META, states=(("cool_off", "wait"), ("recover", "choose"))))
    assert "cool_off" in page(found)
    assert "holdout" in population_text(found)
