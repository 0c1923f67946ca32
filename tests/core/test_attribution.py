"""Attribution: what a decision has earned."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.core.attribution import reward
from engine.core.model import Decision, Event, Outcome
from journeys import Expression, Place, Reward

SENT = datetime(2025, 3, 3, 10, tzinfo=UTC)
WINDOW = timedelta(hours=48)


def worth(given):
    """Return an expression of the language, told by a function of the scope."""
    return Expression("told", Place("test.yaml", 1, 1), "number", {}, frozenset(), given)


TERMS = Reward(
    within=WINDOW,
    score={
        "order_placed": worth(lambda scope: scope.event.get("total")),
        "clicked": worth(lambda _: 0.2),
        "unsubscribed": worth(lambda _: -4),
        "complained": worth(lambda _: -25),
    },
)


def after(hours, name, **data):
    return Event(f"{name}-{hours}", name, SENT + timedelta(hours=hours), data)


def outcome(*events, cost=0.0, attributes=None, entry=None):
    decision = Decision(
        key="e1:2", point="cart.recover", at=SENT, group="learner", arms=("email/a",), chances=(1.0,), arm="email/a",
        propensity=1.0, u=0.5, policy="uniform", features="", within=WINDOW, cost=cost,
    )  # fmt: skip
    return Outcome(decision, "cart", "ana", SENT, SENT + WINDOW, None, events, attributes or {}, entry or {})


def earned(*events, terms=TERMS, now=SENT + WINDOW, **more):
    return reward(outcome(*events, **more), terms, now)


def test_silence_earns_nothing_less_the_cost():
    assert earned().value == 0.0
    assert earned(cost=0.1).value == -0.1


def test_a_purchase_in_the_window_counts_whatever_led_to_it():
    assert earned(after(1, "order_placed", total=80.0), after(47, "order_placed", total=20.0)).value == 100.0


def test_a_click_counts_for_its_own_message_only():
    mine, other, nobodys = (
        after(1, "clicked", key="e1:2"), after(1, "clicked", key="e1:1"), after(1, "clicked"),
    )  # fmt: skip
    assert earned(mine).value == 0.2
    assert earned(other, nobodys).value == 0.0


def test_the_second_click_is_the_same_success():
    assert earned(after(1, "clicked", key="e1:2"), after(2, "clicked", key="e1:2")).value == 0.2


def test_a_complaint_and_an_unsubscribe_count_once_each():
    events = [after(h, name, key="e1:2") for h in (1, 2) for name in ("unsubscribed", "complained")]
    assert earned(*events).value == -29.0


def test_a_machines_click_and_an_unscored_event_earn_nothing():
    assert earned(after(1, "clicked_by_machine", key="e1:2"), after(1, "delivered", key="e1:2")).value == 0.0


@pytest.mark.parametrize(("hours", "counts"), [(-1, False), (0, False), (0.001, True), (48, True), (48.001, False)])
def test_the_window_is_open_at_its_start_and_closed_at_its_end(hours, counts):
    found = earned(after(hours, "order_placed", total=5.0), now=SENT + timedelta(days=9))
    assert (found.value, len(found.events)) == ((5.0, 1) if counts else (0.0, 0))


def test_what_lies_ahead_of_now_does_not_count_yet():
    event = after(5, "order_placed", total=5.0)
    assert earned(event, now=SENT + timedelta(hours=4)).value == 0.0
    assert earned(event, now=SENT + timedelta(hours=5)).value == 5.0


def test_a_reward_closes_with_its_window():
    assert not earned(now=SENT + WINDOW - timedelta(microseconds=1)).closed
    assert earned(now=SENT + WINDOW).closed


def test_the_order_in_which_events_are_told_does_not_matter():
    events = [after(h, "order_placed", total=h / 10) for h in (1, 2, 3)] + [after(4, "clicked", key="e1:2")]
    assert earned(*events) == earned(*reversed(events))


def test_a_reward_is_clipped_after_the_cost():
    terms = Reward(WINDOW, TERMS.score, clip=(-2.0, 3.0))
    assert earned(after(1, "order_placed", total=100.0), terms=terms, cost=1.0).value == 3.0
    assert earned(after(1, "complained", key="e1:2"), terms=terms).value == -2.0


@pytest.mark.parametrize("odd", [None, "much", float("nan"), float("inf"), [], {}, 10**400])
def test_a_score_that_cannot_be_read_is_worth_nothing(odd):
    assert earned(after(1, "order_placed", total=odd), after(2, "order_placed", total=7)).value == 7.0


def test_a_score_may_look_at_the_person_and_at_what_began_the_run():
    terms = Reward(WINDOW, {"paid": worth(lambda scope: scope.contact["factor"] * scope.entry["value"])})
    assert earned(after(1, "paid"), terms=terms, attributes={"factor": 2}, entry={"value": 21}).value == 42.0


def test_a_reward_names_the_events_it_stands_on():
    found = earned(after(2, "order_placed", total=5.0), after(1, "clicked", key="e1:2"), after(3, "clicked", key="x"))
    assert found.events == ("clicked-1", "order_placed-2")
    assert found.key == "e1:2"
