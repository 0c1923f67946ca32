"""Decisions: groups, eligible arms, chances, holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from building import MONDAY, days, hours
from test_gate import cap, limited, quiet

from engine.core.choice import pick
from engine.core.model import Past

PICK = """
states:
  pick:
    choose:
      arms: [email/hello, push/nudge, nothing]
      reward: {within: 1d, score: {paid: 1}}
      explore: {warmup: 10, min_share: 2%}
    CAPPED
"""


def picking(capped=""):
    return PICK.replace("CAPPED", capped)


@dataclass(frozen=True)
class Sure:
    """A policy that is sure of one arm."""

    version: str = "sure@1"

    def pmf(self, scores, eligible):
        return tuple(1.0 if arm == "push/nudge" else 0.0 for arm in eligible)


def decisions(bench):
    return [decision for step in bench.steps for decision in step.decisions]


def start(bench, now=MONDAY):
    bench.event("started", now)
    bench.tick(now)
    return decisions(bench)


def test_without_a_policy_the_chances_are_uniform_over_the_eligible(make):
    decision = start(make(picking()))[0]
    assert decision.arms == ("email/hello", "push/nudge", "nothing")
    assert decision.chances == pytest.approx((1 / 3,) * 3)
    assert decision.policy == "uniform"


def test_what_the_gate_refuses_is_not_eligible(make):
    decision = start(make(picking(), addresses={"email": "a@b.test"}))[0]
    assert decision.arms == ("email/hello", "nothing")


def test_the_policy_is_floored_before_the_draw_and_logged_as_drawn(make):
    bench = make(picking())
    bench.moment = replace(bench.moment, policies={"trip.pick": Sure()}, decided={"trip.pick": 10})
    decision = start(bench)[0]
    assert decision.group in ("learner", "random")
    if decision.group == "learner":
        assert decision.chances == pytest.approx((0.02, 0.96, 0.02))
        assert decision.policy == "sure@1"


def test_warm_up_is_uniform_whatever_the_policy_says(make):
    bench = make(picking())
    bench.moment = replace(bench.moment, policies={"trip.pick": Sure()}, decided={"trip.pick": 9})
    assert start(bench)[0].policy == "uniform"


def test_the_baseline_always_gets_its_arm(make):
    bench = make(picking().replace("explore:", "baseline: {arm: email/hello, share: 100%}\n      explore:"))
    decision = start(bench)[0]
    assert (decision.group, decision.arm, decision.arms, decision.propensity) == (
        "baseline",
        "email/hello",
        ("email/hello",),
        1.0,
    )


def test_a_baseline_whose_arm_cannot_be_sent_draws_among_the_rest(make):
    text = picking().replace("explore:", "baseline: {arm: email/hello, share: 100%}\n      explore:")
    decision = start(make(text, addresses={"push": "{}"}))[0]
    assert (decision.group, decision.arms) == ("baseline", ("push/nudge", "nothing"))


def test_held_out_people_are_drawn_for_and_hear_nothing(make):
    bench = make("holdout: 99.9%\n" + picking())
    decision = start(bench)[0]
    assert (decision.group, bench.sent) == ("holdout", [])


def test_a_random_slice_draws_uniformly_whatever_was_learned(make):
    groups = set()
    for n in range(120):
        bench = make(picking())
        bench.moment = replace(bench.moment, seed=str(n), policies={"trip.pick": Sure()}, decided={"trip.pick": 10})
        decision = start(bench)[0]
        groups.add((decision.group, decision.policy))
    assert groups == {("learner", "sure@1"), ("random", "uniform")}


def test_an_arm_may_be_forced(make):
    bench = make(picking())
    bench.moment = replace(bench.moment, forced={"trip.pick": "nothing"})
    decision = start(bench)[0]
    assert (decision.arm, decision.policy, decision.propensity) == ("nothing", "forced", 1.0)


def test_a_stopped_arm_and_one_whose_condition_is_false_are_not_eligible(make):
    text = picking().replace("email/hello,", '{send: email/hello, if: contact.tier == "gold"}, email/again,')
    bench = make(text)
    bench.moment = replace(bench.moment, stopped=frozenset({("trip.pick", "push/nudge")}))
    decision = start(bench)[0]
    assert decision.arms == ("email/again", "nothing")
    assert bench.refused == ["condition", "stopped"]


def test_nothing_eligible_goes_on_with_the_reasons(make):
    bench = make(picking().replace(", nothing", ""), addresses={})
    assert start(bench) == []
    assert bench.refused == ["unreachable", "unreachable"]
    assert bench.run.reason == "completed"


def test_an_arm_carries_its_cost(make):
    bench = make(
        picking().replace(
            "email/hello,", "{send: email/hello, cost: 0.10 * entry.value}, {send: email/again, cost: entry.value},"
        )
    )
    bench.moment = replace(bench.moment, forced={"trip.pick": "email/hello"})
    bench.event("started", MONDAY, value=40)
    bench.tick(MONDAY)
    assert decisions(bench)[0].cost == pytest.approx(4.0)


def test_the_draw_waits_while_an_arm_is_only_capped(make):
    bench = limited(make(picking()), caps=(cap("channel", "push", 1, "day"),))
    bench.snapshot = replace(bench.snapshot, recent=(Past("x", "push/other", "push", "promo", MONDAY),))
    assert start(bench) == []
    assert bench.run.due_at == MONDAY + hours(14)
    bench.live(MONDAY + days(2))
    assert decisions(bench)[0].arms == ("email/hello", "push/nudge", "nothing")


def test_switch_draws_among_the_channels_that_are_free(make):
    bench = limited(make(picking("when_capped: switch")), caps=(cap("channel", "push", 1, "day"),))
    bench.snapshot = replace(bench.snapshot, recent=(Past("x", "push/other", "push", "promo", MONDAY),))
    assert start(bench)[0].arms == ("email/hello", "nothing")


def test_switch_waits_when_only_nothing_is_left_and_then_skips(make):
    bench = limited(
        make(picking("when_capped: switch\n    max_wait: 2h")), caps=(cap("all", "", 1, timedelta(hours=1)),)
    )
    bench.snapshot = replace(bench.snapshot, recent=(Past("x", "push/other", "push", "promo", MONDAY),))
    assert start(bench) == []
    assert bench.run.due_at == MONDAY + hours(1)
    bench.snapshot = replace(
        bench.snapshot, recent=(Past("y", "push/other", "push", "promo", MONDAY + timedelta(minutes=59)),)
    )
    bench.tick(MONDAY + hours(1))
    assert bench.run.phase == "holding"
    bench.snapshot = replace(
        bench.snapshot, recent=(Past("z", "push/other", "push", "promo", MONDAY + timedelta(minutes=118)),)
    )
    bench.tick(MONDAY + timedelta(minutes=119))
    assert (decisions(bench), bench.run.reason) == ([], "completed")


@pytest.mark.parametrize(("policy", "reason"), [("skip", "completed"), ("exit", "capped")])
def test_a_capped_choice_may_skip_or_exit(make, policy, reason):
    bench = limited(make(picking(f"when_capped: {policy}")), caps=(cap("all", "", 1, "day"),))
    bench.snapshot = replace(bench.snapshot, recent=(Past("x", "email/other", "email", "promo", MONDAY),))
    assert start(bench) == []
    assert bench.run.reason == reason


def test_a_choice_in_quiet_hours_is_drawn_when_they_end(make):
    bench = limited(make(picking()), quiet=quiet(9, 12))
    assert start(bench) == []
    bench.live(MONDAY + days(1))
    assert decisions(bench)[0].at >= MONDAY + hours(2)


def test_pick_gives_each_arm_its_share_of_u_and_the_last_one_the_rounding():
    assert [pick(("a", "b"), (0.25, 0.75), u)[0] for u in (0.0, 0.2499, 0.25, 0.99)] == ["a", "a", "b", "b"]
    assert pick(("a", "b"), (0.5, 0.49), 0.995) == ("b", 0.49)


def test_only_nothing_left_because_nothing_else_may_reach_them_is_still_a_decision(make):
    decision = start(make(picking(), addresses={}))[0]
    assert (decision.arms, decision.chances) == (("nothing",), (1.0,))
