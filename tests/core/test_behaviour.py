"""What a decision sees of how a person behaved, what a repeated message loses, and who gets the new arms."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from building import MONDAY, days, hours
from hypothesis import given
from hypothesis import strategies as st
from test_gate import cap, limited

from engine.core.behaviour import AGES, behaviour
from engine.core.chance import name
from engine.core.choice import floors
from engine.core.gate import headroom
from engine.core.look import Look
from engine.core.model import Past
from engine.core.policy import floored
from engine.core.recency import faded, loss, signs_of
from journeys import Repeat

TEXT = """
goal: {event: paid, within: 3d}
states:
  pick:
    max_visits: 5
    choose:
      arms: [email/hello, email/again, push/nudge, nothing]
      reward: {within: 1d, score: {paid: 1}}
      KEEP
      explore: {warmup: 10, min_share: 2%}
  loop: {after: 40d, send: email/other, then: pick}
"""


def picking(keep="keep: fresh"):
    return TEXT.replace("KEEP", keep)


def seen(bench, **snapshot):
    """Return what the decision would see now."""
    journey = bench.journeys["trip"]
    run = replace(bench.run_of("pick"), visits=snapshot.pop("visits", {}))
    full = replace(bench.snapshot, **snapshot)
    return behaviour(Look(journey, run, full, bench.moment, {}), journey.states["pick"].action)


def sent(message, ago, channel="email"):
    return Past(f"{message}-{ago}", message, channel, "promo", MONDAY - timedelta(days=ago))


def test_somebody_of_whom_nothing_is_known_has_only_the_hour(make):
    assert seen(make(picking())) == {"now.hour": 10, "now.weekday": "mon"}


def test_days_are_counted_by_channel_and_by_message_and_rounded_down(make):
    recent = (sent("push/nudge", 29, "push"), sent("email/hello", 12.9), sent("email/other", 6), sent("email/again", 3))
    found = seen(make(picking()), recent=recent)
    assert found == {
        "messages.7d": 2,
        "messages.30d": 4,
        "last": "email/again",
        "days.message.email": 2,
        "days.message.push": 21,
        "days.sent.email/hello": 7,
        "days.sent.email/again": 2,
        "days.sent.push/nudge": 21,
        "now.hour": 10,
        "now.weekday": "mon",
    }


def test_a_click_a_visit_and_an_order_are_told_apart(make):
    lately = {"clicked": MONDAY - days(1.5), "seen": MONDAY - hours(3), "paid": MONDAY - days(20)}
    found = seen(make(picking()), lately=lately)
    assert (found["days.click"], found["days.visit"], found["days.order"]) == (1, 0, 14)


def test_clicks_are_told_by_the_channel_of_the_message_where_a_decision_has_several(make):
    lately = {"clicked": MONDAY - days(1.5), "clicked push": MONDAY - days(1.5), "clicked email": MONDAY - days(9)}
    found = seen(make(picking()), lately=lately)
    clicks = {name: value for name, value in found.items() if "click" in name}
    assert clicks == {"days.click": 1, "days.click.email": 7, "days.click.push": 1}
    one = seen(make(picking().replace("push/nudge, ", "")), lately=lately)
    assert {name for name in one if "click" in name} == {"days.click"}


def test_what_is_older_than_a_month_is_left_out(make):
    found = seen(make(picking()), recent=(sent("email/hello", 31),), lately={"clicked": MONDAY - days(31)})
    assert found == {"now.hour": 10, "now.weekday": "mon"}


def test_how_much_room_the_caps_leave_is_told_where_it_is_little(make):
    bench = limited(make(picking()), caps=(cap("all", "", 4, "week"), cap("channel", "push", 1, timedelta(days=2))))
    recent = (sent("email/hello", 0.1), sent("push/nudge", 0.2, "push"))
    found = seen(bench, recent=recent)
    assert (found["left.email"], found["left.push"]) == (2, 0)
    assert "left.email" not in seen(bench, recent=())


def test_where_nothing_is_counted_there_is_no_room_to_tell(make):
    bench = limited(make(picking()), caps=())
    look = Look(bench.journeys["trip"], bench.run_of("pick"), bench.snapshot, bench.moment, {})
    assert headroom(look, "email") is None


def test_the_visits_of_a_state_on_a_cycle_count(make):
    found = seen(make(picking()), visits={"pick": 3}, recent=(sent("email/hello", 1),))
    assert (found["visits"], found["days.message.email"]) == (3, 1)
    assert "days.message.push" not in found


def test_it_may_be_left_out(make):
    assert seen(make(picking("behaviour: false")), recent=(sent("email/hello", 1),)) == {}


@given(ago=st.floats(0, 30))
def test_ages_are_few(make_once, ago):
    found = seen(make_once(picking()), lately={"clicked": MONDAY - timedelta(days=ago)})
    assert found["days.click"] in AGES
    assert found["days.click"] <= ago


# what a repeated message loses


@dataclass(frozen=True)
class Telling:
    """A policy that shows the scores it was asked with as chances."""

    version: str = "told@1"

    def pmf(self, scores, eligible):
        total = math.fsum(scores[arm] for arm in eligible)
        return tuple(scores[arm] / total for arm in eligible)


def decide(bench, scores, **moment):
    warm = {"policies": {"trip.pick": Telling()}, "decided": {"trip.pick": 10}}
    bench.moment = replace(bench.moment, **(warm | moment))
    event = bench.event("started", MONDAY)
    spot = f"{name('ana', 'trip', event.id)}.pick"
    bench.snapshot = replace(bench.snapshot, scores={spot: scores})
    bench.tick(MONDAY)
    return next(decision for step in bench.steps for decision in step.decisions)


EVEN = {"email/hello": 0.25, "email/again": 0.25, "push/nudge": 0.25, "nothing": 0.25}


def test_a_message_sent_lately_is_rarer_and_recovers(make):
    def share(ago):
        bench = make(picking("keep: fresh").replace("min_share: 2%", "min_share: 0%"))
        bench.moment = replace(bench.moment, seed="learner")
        bench.snapshot = replace(bench.snapshot, recent=(sent("email/hello", ago),))
        decision = decide(bench, EVEN)
        assert decision.group == "learner"
        return dict(zip(decision.arms, decision.chances, strict=True))

    fresh, half, old = share(0.6), share(15), share(31)
    assert fresh["email/hello"] < half["email/hello"] < old["email/hello"]
    assert half["email/hello"] / half["nothing"] == pytest.approx(1 - 0.3 / 2, rel=1e-3)
    assert old == pytest.approx(EVEN)
    assert fresh["email/again"] == fresh["push/nudge"] == fresh["nothing"]


@given(st.floats(0, 60), st.floats(0, 1))
def test_what_is_lost_halves_every_half_life_and_is_never_more_than_the_penalty(ago, penalty):
    repeat = Repeat(penalty, timedelta(days=15))
    assert 0 <= loss(ago, repeat) <= penalty
    assert loss(ago + 15, repeat) == pytest.approx(loss(ago, repeat) / 2)


def test_a_bad_estimate_becomes_worse(make):
    bench = make(picking().replace("min_share: 2%", "min_share: 0%"))
    bench.snapshot = replace(bench.snapshot, recent=(sent("email/hello", 15),))
    journey = bench.journeys["trip"]
    look = Look(journey, bench.run_of("pick"), bench.snapshot, bench.moment, {})
    found = faded(journey.states["pick"].action, look, {"email/hello": -2.0, "email/again": -2.0})
    assert found == {"email/hello": pytest.approx(-2.3), "email/again": -2.0}


def test_without_a_penalty_nothing_fades(make):
    bench = make(picking().replace("min_share: 2%", "min_share: 0%, repeat: {penalty: 0%}"))
    bench.snapshot = replace(bench.snapshot, recent=(sent("email/hello", 0.6),))
    assert decide(bench, EVEN).chances == pytest.approx((0.25,) * 4)


# the same arm on every visit


def test_a_kept_arm_comes_again_on_every_visit(make):
    bench = make(picking("keep: contact"))
    bench.snapshot = replace(bench.snapshot, kept={"trip.pick": "push/nudge"})
    decision = decide(bench, EVEN)
    assert (decision.arm, decision.arms, decision.propensity, decision.policy) == (
        "push/nudge", ("push/nudge",), 1.0, "kept",
    )  # fmt: skip


def test_a_kept_arm_that_cannot_leave_now_is_drawn_afresh(make):
    bench = make(picking("keep: contact"), addresses={"email": "a@b.test"})
    bench.snapshot = replace(bench.snapshot, kept={"trip.pick": "push/nudge"})
    assert len(decide(bench, EVEN).arms) == 3


def test_who_is_in_the_baseline_keeps_the_baseline(make):
    bench = make(picking("keep: contact\n      baseline: {arm: email/hello, share: 100%}"), addresses={"push": "{}"})
    bench.snapshot = replace(bench.snapshot, kept={"trip.pick": "push/nudge"})
    decision = decide(bench, EVEN)
    assert (decision.group, decision.arms) == ("baseline", ("push/nudge", "nothing"))


# new arms


def test_a_new_arm_has_a_share_whatever_the_model_thinks_of_it(make):
    poor = EVEN | {"push/nudge": 0.0}
    bench = make(picking())
    new = decide(bench, poor, warming=frozenset({("trip.pick", "push/nudge")}), seed="learner")
    assert new.group == "learner"
    assert dict(zip(new.arms, new.chances, strict=True))["push/nudge"] == pytest.approx(0.1)
    known = decide(make(picking()), poor, seed="learner")
    assert dict(zip(known.arms, known.chances, strict=True))["push/nudge"] == pytest.approx(0.02)


@dataclass
class Exploring:
    """As much of a choice and a look as the floors look at."""

    min_share: float
    new_arm_share: float
    policy: str = "vw"
    point: str = "p"
    warming: frozenset = field(default_factory=frozenset)

    @property
    def explore(self):
        return self

    @property
    def moment(self):
        return self


@given(
    least=st.floats(0, 1), share=st.floats(0, 1), count=st.integers(1, 12), new=st.sets(st.integers(0, 11)),
    weights=st.lists(st.floats(0, 1), min_size=12, max_size=12),
)  # fmt: skip
def test_floors_and_new_arms_leave_a_distribution_in_which_each_has_its_least_share(least, share, count, new, weights):
    arms = [f"a{n}" for n in range(count)]
    given_ = Exploring(least, share, warming=frozenset(("p", f"a{n}") for n in new))
    found = floors(given_, given_, arms)
    assert math.fsum(found) <= 1 + 1e-9
    assert all(m >= min(least, 1 / count) - 1e-12 for m in found)
    chances = floored(weights[:count], found)
    assert math.isclose(math.fsum(chances), 1.0, abs_tol=1e-9)
    assert all(p >= m - 1e-9 for p, m in zip(chances, found, strict=True))
    old = [m for arm, m in zip(arms, found, strict=True) if ("p", arm) not in given_.warming]
    assert all(m == pytest.approx(min(least, 1 / count)) for m in old)


# what is logged is what was drawn from


CHI_999 = {1: 10.83, 2: 13.82, 3: 16.27}


def drawn(make_bench, runs, **moment):
    """Return the decisions of many people at one decision point, each with a seed of its own."""
    return [decide(make_bench(), EVEN | {"email/hello": 0.7}, seed=str(n), **moment) for n in range(runs)]


def test_over_many_draws_the_arms_come_as_often_as_the_log_says(make):
    shared = make(picking())
    found = drawn(lambda: replace(shared, steps=[]), 2000)
    groups = {group: [d for d in found if d.group == group] for group in ("learner", "random")}
    assert 20 <= len(groups["random"]) <= 65  # 2 % of the decisions, drawn for each by itself
    for decisions in groups.values():
        assert all(math.isclose(math.fsum(d.chances), 1.0, abs_tol=1e-9) for d in decisions)
        assert len({d.chances for d in decisions}) == 1
        expected = dict(zip(decisions[0].arms, decisions[0].chances, strict=True))
        assert all(d.propensity == expected[d.arm] for d in decisions)
        assert min(expected.values()) >= 0.02
        counts = Counter(d.arm for d in decisions)
        chi = sum((counts[arm] - len(decisions) * p) ** 2 / (len(decisions) * p) for arm, p in expected.items())
        assert chi < CHI_999[len(expected) - 1]
    assert set(groups["random"][0].chances) == {0.25}


def test_holdout_and_baseline_stick_to_the_person_and_the_random_slice_to_the_decision(make):
    text = "holdout: 30%\n" + picking("baseline: {arm: email/hello, share: 30%}").lstrip()
    groups = {}
    for n in range(60):
        bench = make("reenter: always\n" + text)
        bench.moment = replace(bench.moment, seed=str(n))
        for visit in range(3):
            bench.event("started", MONDAY + days(50 * visit))
            bench.live(MONDAY + days(50 * visit))
            bench.event("paid", MONDAY + days(50 * visit + 1), total=1)
            bench.live(MONDAY + days(50 * visit + 1), MONDAY + days(50 * visit))
        groups[n] = [d.group for step in bench.steps for d in step.decisions]
    for found in groups.values():
        assert len(found) == 3
        sticky = {"holdout", "baseline"} & set(found)
        assert not sticky or len(set(found)) == 1
    every = Counter(group for found in groups.values() for group in found)
    assert every["holdout"] > 20
    assert every["baseline"] > 15


@pytest.mark.parametrize(
    ("event", "message", "names"),
    [
        ("clicked", "email/hello", ("clicked", "clicked email")),
        ("clicked", None, ("clicked",)),
        ("opened", "email/hello", ("opened",)),
    ],
)
def test_a_click_stands_for_itself_and_for_its_channel(event, message, names):
    assert signs_of(event, message) == names
