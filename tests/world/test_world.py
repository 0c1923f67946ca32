"""The invented shop."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from engine.world import ARMS, People, Sent, World, expected
from engine.world.effects import LIFTS, click_chance, kind_of

START = datetime(2025, 8, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def people():
    return People(7, 20_000)


@pytest.fixture(scope="module")
def world():
    return World(7, 5_000, START)


@pytest.fixture(scope="module")
def carts(world):
    heard = world.happenings(START, START + 60 * DAY)
    return list({h.id: h for h in heard if h.name == "cart_abandoned"}.values())


def within(count: int, n: int, p: float) -> bool:
    return abs(count - n * p) <= 4 * (n * p * (1 - p)) ** 0.5


def sent(carts, message, channel="email"):
    return [Sent(f"{message}-{h.id}", h.contact_id, message, channel, h.at + timedelta(hours=1)) for h in carts]


def test_the_groups_have_the_shares_of_the_table(people):
    shares = np.bincount(people.group) / people.count
    assert shares == pytest.approx([0.77, 0.16, 0.07], abs=0.012)


def test_the_signals_of_the_shop_have_their_shares(people):
    assert people.app.mean() == pytest.approx(0.40, abs=0.012)
    assert people.taps.mean() == pytest.approx(0.18, abs=0.01)
    assert (people.discount > 0.5).mean() == pytest.approx(0.075, abs=0.01)
    assert people.loyal.mean() == pytest.approx(0.30, abs=0.03)
    assert within(int(people.bounces.sum()), people.count, 0.008)


def test_the_signals_predict_the_group_most_of_the_time_but_not_always(people):
    guess = np.where(people.taps, 1, np.where(people.discount > 0.5, 2, 0))
    outliers = people.group > 0
    assert 0.7 < (guess == people.group)[outliers].mean() < 0.95
    assert (guess == people.group).mean() > 0.8


def test_there_are_nine_zones_and_eleven_countries(people):
    seen = [person.attributes for person in people.all]
    assert len({a["timezone"] for a in seen}) == 9
    assert len({a["country"] for a in seen}) == 11


def test_only_people_with_the_app_have_a_push_address(people):
    for person in people.all[:2000]:
        assert ("push" in person.addresses) == person.attributes["can_push"]
        assert person.attributes["can_push"] or not person.attributes["taps_push"]


def test_a_larger_world_begins_with_the_same_people():
    assert People(7, 300).all == People(7, 500).all[:300]


def test_another_seed_makes_other_people():
    assert People(7, 50).all != People(8, 50).all


def test_orders_without_messages_have_the_known_gaps_and_baskets(world):
    orders = [h for h in world.earlier_orders() if h.name == "order_placed"]
    totals = np.array([h.data["total"] for h in orders])
    assert np.median(totals) == pytest.approx(26, rel=0.08)
    assert totals.mean() == pytest.approx(35.9, rel=0.12)
    gaps = np.concatenate([np.diff(days[(days > -365) & (days < 180)]) for days in world.people.purchases])
    assert np.median(gaps) == pytest.approx(33, abs=5)
    assert all(h.at < START + DAY for h in orders)


def test_the_year_before_agrees_with_what_the_shop_knows(world):
    counted = Counter(h.contact_id for h in world.earlier_orders())
    known = {p.id: p.attributes["orders_365d"] for p in world.people.all}
    assert all(0 <= known[who] - n <= 2 for who, n in counted.items())  # two orders on one day are one event


def test_a_person_leaves_a_cart_about_once_in_25_days(world, carts):
    assert within(len(carts), 5_000 * 60, 0.04)


def test_small_steps_hear_the_same_as_one_large_step():
    small, large = World(3, 400, START), World(3, 400, START)
    step = timedelta(minutes=15)
    heard = [h for n in range(4 * 96) for h in small.happenings(START + n * step, START + (n + 1) * step)]
    assert heard == large.happenings(START, START + 4 * DAY)


def test_asking_in_another_order_gives_the_same_answers():
    forward, backward = World(3, 400, START), World(3, 400, START)
    days = [START + n * DAY for n in range(6)]
    ahead = {at: forward.happenings(at, at + DAY) for at in days}
    assert {at: backward.happenings(at, at + DAY) for at in reversed(days)} == ahead


def test_messages_may_be_reported_in_any_order(carts):
    messages = sent(carts[:600], "email/cart_social")
    shuffled = [messages[n] for n in np.random.default_rng(1).permutation(600)]
    assert World(7, 5_000, START).reactions(shuffled) == World(7, 5_000, START).reactions(messages)


@pytest.mark.parametrize("arm", ARMS)
def test_orders_after_a_cart_come_as_often_as_the_table_says(world, carts, arm):
    for group, name in enumerate(("majority", "app", "bargain")):
        own = [h for h in carts if world.truth(h.contact_id).group == name]
        orders = sum(world.cart_outcome(h.contact_id, h.data["cart_id"], arm, h.at) is not None for h in own)
        base = np.mean([world.truth(h.contact_id).base for h in own])
        assert within(orders, len(own), float(base + LIFTS[group, ARMS.index(arm)]))


def test_what_the_stream_tells_is_what_cart_outcome_tells(world, carts):
    asked = carts[:2000]
    alone = {h.id for h in world.happenings(START, START + 70 * DAY) if h.name == "order_placed"}
    caused = {h.id for h in world.reactions(sent(asked, "email/cart_offer10")) if h.name == "order_placed"}
    for h in asked:
        key = f"order:{h.data['cart_id']}"
        what = world.cart_outcome(h.contact_id, h.data["cart_id"], "email/cart_offer10", h.at + timedelta(hours=1))
        bounced = world.truth(h.contact_id).bounces
        assert (key in alone or key in caused) == (what is not None) or bounced


def test_one_cart_becomes_at_most_one_order_however_many_messages_follow(carts):
    world = World(7, 5_000, START)
    messages = [m for name in ("plain", "social", "offer10") for m in sent(carts, f"email/cart_{name}")]
    orders = [h for h in world.reactions(messages) if h.name == "order_placed"]
    alone = {h.id for h in world.happenings(START, START + 70 * DAY)}
    assert not alone & {h.id for h in orders}
    assert len(orders) > len({h.id for h in orders})  # the same id each time: the shop keeps the first


def test_an_order_falls_into_the_48_hours_after_the_message(world, carts):
    left_at = {f"order:{h.data['cart_id']}": h.at for h in carts}
    orders = [h for h in world.reactions(sent(carts, "email/cart_social")) if h.name == "order_placed"]
    assert all(timedelta(hours=1) < h.at - left_at[h.id] < timedelta(hours=49) for h in orders)


def test_an_offer_takes_ten_percent_off(world, carts):
    values = {f"order:{h.data['cart_id']}": h.data["value"] for h in carts}
    orders = [h for h in world.reactions(sent(carts, "email/cart_offer10")) if h.name == "order_placed"]
    assert all(h.data["total"] == pytest.approx(0.9 * values[h.id], abs=0.01) for h in orders)


def test_people_click_four_times_as_often_as_they_order_because_of_it(world, carts):
    own = [h for h in carts if world.truth(h.contact_id).group == "majority" and not world.truth(h.contact_id).bounces]
    heard = world.reactions(sent(own, "email/cart_social"))
    clicks = sum(h.name == "clicked" for h in heard)
    assert click_chance("majority", "email/cart_social") == 0.16
    assert within(clicks, len(own), 0.155)  # a little less: who orders anyway does not order because of it


def test_night_owls_click_at_night_and_nobody_else_does(world, carts):
    hours = {True: [], False: []}
    for h in world.reactions(sent(carts, "email/cart_social")):
        if h.name == "clicked":
            zone = world.people.zones[world.people.index(h.contact_id)]
            hours[world.truth(h.contact_id).night_owl].append(h.at.astimezone(zone).hour)
    assert np.mean([h >= 22 or h < 4 for h in hours[True]]) > 0.6
    assert np.mean([h < 6 for h in hours[False]]) < 0.1


def test_machines_click_within_two_seconds_and_only_in_mail(world, carts):
    heard = world.reactions(sent(carts[:3000], "push/cart_nudge", "push"))
    assert not [h for h in heard if h.name == "machine_click"]
    messages = {m.key: m.at for m in sent(carts[:3000], "email/cart_plain")}
    machines = [h for h in world.reactions(sent(carts[:3000], "email/cart_plain")) if h.name == "machine_click"]
    assert machines
    assert all(h.at - messages[h.key] < timedelta(seconds=2) for h in machines)


def test_an_answer_names_its_message_by_the_send_key(world, carts):
    for h in world.reactions(sent(carts[:500], "email/cart_social")):
        assert h.key
        if h.name not in ("order_placed", "app_opened"):
            assert h.data["key"] == h.key
            assert h.data["message"] == "email/cart_social"


def test_an_address_that_bounces_gives_nothing_else(world, carts):
    heard = world.reactions(sent(carts, "email/cart_social"))
    gone = {h.contact_id for h in heard if h.name == "bounced"}
    assert gone == {h.contact_id for h in carts if world.truth(h.contact_id).bounces}
    assert not [h for h in heard if h.contact_id in gone and h.name != "bounced"]


def test_many_messages_in_a_week_drive_people_away():
    leave = {}
    for load in (1, 6):
        world = World(7, 5_000, START)
        messages = [
            Sent(f"{who}-{n}", world.people.id_of(who), "push/hello", "push", START + n * timedelta(hours=20))
            for who in range(5_000)
            for n in range(load)
        ]
        last = {m.key for m in messages if m.key.endswith(f"-{load - 1}")}
        leave[load] = sum(h.name == "unsubscribed" and h.key in last for h in world.reactions(messages))
    assert within(leave[1], 5_000, 0.001)
    assert within(leave[6], 5_000, 0.001 * 1.5**5)


def test_some_events_arrive_late_and_some_twice(world):
    heard = world.happenings(START, START + 60 * DAY)
    ids = Counter(h.id for h in heard)
    assert within(sum(n == 2 for n in ids.values()), len(ids), 0.01)
    assert max(ids.values()) == 2
    first = {h.id: h for h in reversed(heard)}
    late = sum(h.heard_at - h.at > timedelta(minutes=20) for h in first.values())
    assert within(late, len(ids), 0.02)


def test_the_best_message_is_the_one_of_the_hidden_group(world):
    arms = ("email/cart_plain", "email/cart_social", "email/cart_offer10", "push/cart_nudge", "nothing")
    best = {"majority": "email/cart_social", "app": "push/cart_nudge", "bargain": "email/cart_offer10"}
    for person in world.people.all[:500]:
        truth = world.truth(person.id)
        assert truth.best_of(arms) == best[truth.group]
    assert expected("bargain", 0.05, "email/cart_offer10") == pytest.approx(0.16 * 0.9)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("nothing", ("nothing", 1.0)), ("email/cart_social", ("social", 1.0)), ("push/cart_nudge", ("push", 1.0)),
        ("email/winback_gift", ("offer10", 0.5)), ("push/winback_new_in", ("push", 0.5)),
        ("email/cart_last_short", ("plain", 0.25)), ("email/welcome_bestsellers", ("social", 0.5)),
    ],
)  # fmt: skip
def test_a_message_is_read_by_its_name(message, kind):
    assert kind_of(message) == kind


def test_somebody_else_is_refused(world):
    with pytest.raises(ValueError, match="not one of the 5000 invented people"):
        world.truth("c_9999")


def test_ninety_days_of_five_thousand_people_cost_little_time(carts):
    began = time.process_time()
    world = World(11, 5_000, START)
    step = timedelta(minutes=15)
    for n in range(90 * 96):
        world.happenings(START + n * step, START + (n + 1) * step)
    assert time.process_time() - began < 5
