"""Who will buy: the past is never told what came after it, the same arrays choose the same people, every row says why."""

from __future__ import annotations

import json

import numpy as np
import pytest
from little_shop import END, PEOPLE, shop

from engine.audience.arrays import DAY, WINDOW, Arrays
from engine.audience.choosing import Terms, chosen, flags_of, reasons, replayed, said, scored
from engine.audience.features import NAMES, features, past
from engine.audience.logistic import fit
from engine.audience.targeting import (
    Targeting,
    TooLittle,
    from_record,
    interval,
    near,
    taught,
    to_record,
    wanted,
    wanted_new,
)
from journeys.campaign import Products, Volume

SHOES = Products(families=("f0",))


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return shop()


@pytest.fixture(scope="module")
def targeting(arrays: Arrays) -> Targeting:
    return taught(arrays)


def test_what_is_known_before_an_instant_is_what_arrays_of_that_instant_know(arrays):
    minute = END - 3 * WINDOW
    then = shop(minute)
    same = np.array([then.place[sku] for sku in arrays.skus])
    own = flags_of(arrays, SHOES)
    now = features(past(arrays, minute), wanted(arrays, own, before=True))
    look = wanted(then, flags_of(then, SHOES))
    kept = [n for n, name in enumerate(NAMES) if name != "affinity"]
    assert np.allclose(now[:, kept], features(past(then, minute), look)[:, kept])
    assert np.allclose(arrays.before, then.ease[np.ix_(same, same)], atol=1e-5)


def test_some_of_the_people_have_the_same_features_as_among_all(arrays):
    some = np.array([3, 70, 71, 399], np.int32)
    look = wanted(arrays, flags_of(arrays, SHOES))
    for minute in (END, END - WINDOW):
        assert np.array_equal(features(past(arrays, minute, some), look), features(past(arrays, minute), look)[some])


def test_never_is_long_ago_and_counts_are_counts(arrays):
    own = flags_of(arrays, SHOES)
    rows = np.expm1(features(past(arrays, END), wanted(arrays, own)))
    bought = np.bincount(arrays.who[own[arrays.item]], minlength=PEOPLE)
    assert np.allclose(rows[:, NAMES.index("own_ever")], bought)
    assert np.allclose(rows[bought == 0, NAMES.index("own_since")], 730, rtol=1e-3)
    assert (rows[:, NAMES.index("visits_ever")].round() == np.diff(arrays.seen)).all()


def test_the_same_arrays_teach_the_same_weights_and_a_record_keeps_them(arrays, targeting):
    again = taught(arrays)
    assert again.version == targeting.version
    assert taught(arrays, seed=1).version != targeting.version
    kept = from_record(json.loads(json.dumps(to_record(targeting))))
    assert kept.version == targeting.version
    assert np.array_equal(kept.warm.weights.weights, targeting.warm.weights.weights)


def test_too_few_orders_teach_nothing_and_it_is_said(arrays):
    with pytest.raises(TooLittle, match="too little to learn from"):
        taught(shop(END - 170 * DAY))


def test_it_finds_those_who_like_the_family(arrays, targeting):
    found = scored(arrays, targeting, SHOES)
    home = np.arange(PEOPLE) % 4 == 0
    top = np.argsort(-found.chances)[:50]
    assert home[top].mean() > 0.6  # a quarter of all do
    assert 0 < found.money < 200


def test_new_products_are_for_those_who_bought_what_is_called_alike(arrays, targeting):
    found = scored(arrays, targeting, Products(words="running shoes"))
    top = np.argsort(-found.chances)[:50]
    assert (np.arange(PEOPLE) % 4 == 0)[top].mean() > 0.6
    assert {arrays.skus[n] for n in np.flatnonzero(wanted_new(arrays, "shoes").own)} == {"s00", "s01", "s02"}


def test_the_circle_is_the_family_then_the_department_then_all(arrays):
    names = lambda flags: sorted(sku for sku, flag in zip(arrays.skus, flags, strict=True) if flag)  # noqa: E731
    assert names(near(arrays, flags_of(arrays, Products(skus=("s04",))))) == ["s03", "s04", "s05"]
    assert names(near(arrays, flags_of(arrays, SHOES))) == [f"s0{n}" for n in range(6)]
    assert len(names(near(arrays, flags_of(arrays, Products(departments=("d0",)))))) == 12


def test_an_audience_keeps_its_terms_and_is_the_same_again(arrays, targeting):
    found = scored(arrays, targeting, SHOES)
    reached = np.arange(PEOPLE) % 3 > 0
    terms = Terms(Volume(share=0.3), 0.1, 0.25, seed=7)
    one, two = chosen(found, reached, terms), chosen(found, reached, terms)
    size = round(0.3 * reached.sum())
    assert np.array_equal(one.people, two.people) and np.array_equal(one.held, two.held)
    assert (len(one.people), one.by_chance.sum(), one.held.sum()) == (size, round(0.1 * size), round(0.25 * size))
    assert reached[one.people].all() and len(set(one.people.tolist())) == size
    assert one.low < one.forecast < one.high
    mine = one.people[~one.by_chance]
    rest = np.setdiff1d(np.flatnonzero(reached), one.people)
    assert found.chances[mine].min() >= found.chances[rest].max()
    other = chosen(found, reached, Terms(Volume(share=0.3), 0.1, 0.25, seed=8))
    assert not np.array_equal(one.held, other.held)


@pytest.mark.parametrize(
    ("volume", "size"),
    [(Volume(number=10), 10), (Volume(number=9999), PEOPLE), (Volume(worth=1e9), 0), (Volume(share=0), 0)],
)
def test_a_volume_is_a_number_a_share_or_what_pays(arrays, targeting, volume, size):
    found = scored(arrays, targeting, SHOES)
    assert len(chosen(found, np.ones(PEOPLE, bool), Terms(volume, 0.05, 0.1, 1)).people) == size


def test_every_chosen_person_has_reasons_in_words(arrays, targeting):
    found = scored(arrays, targeting, SHOES)
    top = np.argsort(-found.chances)[:5].astype(np.int32)
    for why in reasons(found, top):
        assert 1 <= len(why) <= 3 and all(adds > 0 for _, adds, _ in why)
        assert all("{" not in said(reason) for reason in why)


def test_rules_stand_beside_the_model_for_the_last_complete_window(arrays, targeting):
    by = {one.way: one for one in replayed(arrays, targeting, SHOES, 0.2)}
    assert {"model", "rfm", "rfm_in_segment", "segment", "recency"} <= by.keys()
    assert by["model"].buyers > by["rfm"].buyers
    assert replayed(arrays, targeting, Products(words="shoe"), 0.2) == ()


def test_the_interval_is_wider_where_forecasts_were_wrong(targeting):
    low, high = interval(targeting.warm, 100.0)
    assert low < 100 < high
    assert interval(targeting.warm, 0.0) == (0.0, 0.0)


def test_the_fit_is_where_the_slope_is_nought():
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(2000, 3)).astype(np.float32)
    happened = chance.random(2000) < 1 / (1 + np.exp(-(rows @ [1.0, -0.5, 0.0] - 1)))
    found = fit(rows, happened, np.ones(2000, np.float32))
    off = happened - found.chances(rows)
    assert abs(off.sum()) < 0.1
    assert np.allclose(((rows - found.mean) / found.spread).T @ off, found.weights, atol=0.1)
