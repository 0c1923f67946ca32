"""Interests are sums that fade: the same whatever comes in which order, and each event counts once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from counter import DATA, START, shop
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audience.interests import HELD, add, crosses, now_worth, share, strongest, topics_of
from engine.engine import Engine
from engine.interesting import Interesting, recount
from engine.store import traits
from engine.store.columns import to_micros
from engine.store.connect import reading, writing
from engine.store.consenting import ConsentChange, change_consents
from engine.store.intake import NewEvent, record, ring
from engine.store.membership import standing_in
from engine.store.products import put_products
from journeys.expression import Scope
from journeys.person import interest, top_interest
from journeys.project import Buying, Interests

HALF = timedelta(days=90)
DAY = 86_400_000_000
NOW = to_micros(START)
SHOWN = st.tuples(
    st.sampled_from(["shoes", "socks", "hats", "tents"]),
    st.sampled_from([1.0, 2.0, 4.0, 8.0]),
    st.integers(NOW - 400 * DAY, NOW),
)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(SHOWN, max_size=30), st.randoms(use_true_random=False), st.integers(1, 7))
def test_any_order_and_any_batches_come_to_the_sum_by_definition(shown, chance, size):
    mixed = [*shown]
    chance.shuffle(mixed)
    scores = {}
    for n in range(0, len(mixed), size):
        scores = add(scores, mixed[n : n + size], HALF)
    wanted = {}
    for topic, points, at in shown:
        wanted[topic] = wanted.get(topic, 0.0) + points * 2 ** (-(NOW - at) / (90 * DAY))
    held = now_worth(scores, NOW, HALF)
    assert held == pytest.approx(wanted)
    assert list(held.values()) == sorted(held.values(), reverse=True)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(SHOWN, min_size=1, max_size=12), st.floats(0.01, 0.99), st.floats(0.0, 0.5))
def test_the_instant_at_which_a_share_crosses_a_limit_is_neither_early_nor_late(shown, limit, popular):
    scores = add({}, shown, HALF)

    def over(at):
        return share(now_worth(scores, at, HALF), "shoes", popular) > limit

    span = crosses(now_worth(scores, NOW, HALF), "shoes", limit, HALF, popular)
    if span is None or span > timedelta(days=5000):
        assert over(NOW) == over(NOW + 4000 * DAY) or abs(limit - popular) < 1e-6
        return
    at = NOW + span // timedelta(microseconds=1)
    slack = 60_000_000
    assert over(NOW) == over(at - slack) or span < timedelta(minutes=2)
    assert over(at + slack) != over(NOW) or abs(share(now_worth(scores, NOW, HALF), "shoes", popular) - limit) < 1e-6


def test_of_too_many_topics_the_weakest_go_and_twelve_count():
    scores = add({}, [(f"t{n:02}", float(n + 1), NOW) for n in range(60)], HALF)
    assert len(scores) == HELD
    assert strongest(scores, HALF) == tuple(f"t{n:02}" for n in range(59, 47, -1))


def test_one_look_is_no_passion_and_somebody_who_showed_nothing_has_no_interest():
    held = now_worth(add({}, [("shoes", 1.0, NOW)], HALF), NOW, HALF)
    assert share(held, "shoes") == pytest.approx(1 / 6)
    assert share({}, "shoes") == 0.0
    assert share({}, "shoes", 0.3) == pytest.approx(0.3)


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(SHOWN, max_size=12))
def test_the_language_reads_the_same_share_and_the_same_strongest_topic(shown):
    scores = add({}, shown, HALF)
    scope = Scope(START, UTC, traits={"interests": scores})
    assert interest("shoes", HALF)(scope) == pytest.approx(share(now_worth(scores, NOW, HALF), "shoes"))
    assert top_interest(HALF)(scope) == next(iter(strongest(scores, HALF)), None)


def test_a_topic_is_the_event_s_own_or_that_of_each_product_it_names_once():
    wanted, buying = Interests("family", {"bought": 8}), Buying("bought", items="items")
    products = {"S-1": "shoes", "7": "socks"}
    assert topics_of({"family": "hats", "sku": "S-1"}, wanted, products) == {"hats"}
    assert topics_of({"sku": 7}, wanted, products) == {"socks"}
    order = {"items": [{"sku": "S-1"}, {"sku": "S-1"}, {"sku": "none"}, {"family": "tents"}, "junk"]}
    assert topics_of(order, wanted, products, buying) == {"shoes", "tents"}
    assert topics_of({"family": ["a", " ", 3], "sku": "S-1"}, wanted, products) == {"a"}


@pytest.fixture
def engine(tmp_path: Path, store: sa.Engine) -> Engine:
    return shop(tmp_path / "project", store)


def say(engine: Engine, *events: tuple[str, str, dict]) -> None:
    """Record (contact, event, data) now."""
    with writing(engine.store) as conn:
        count = conn.execute(sa.text("SELECT count(*) FROM events")).scalar()
        news = [NewEvent(f"e{count + n}", who, name, None, data) for n, (who, name, data) in enumerate(events)]
        record(conn, news, engine.clock.now(), create=True)


def held(engine: Engine, *ids: str) -> dict[str, dict[str, float]]:
    with reading(engine.store) as conn:
        found = traits.interests_of(conn, ids)
    at = to_micros(engine.clock.now())
    return {id_: now_worth(scores, at, HALF) for id_, scores in found.items() if scores}


def test_ticks_of_any_size_and_a_night_that_counts_anew_come_to_the_same(engine: Engine):
    with writing(engine.store) as conn:
        put_products(conn, {"S-1": {"family": "shoes"}}, START)
    say(engine, ("a", "viewed", {"sku": "S-1"}), ("b", "viewed", {"family": "hats"}), ("c", "viewed", {"sku": "?"}))
    engine.limits = replace(engine.limits, contacts=1)
    engine.drain()
    engine.clock.jump(START + HALF)
    say(engine, ("a", "bought", {"items": [{"sku": "S-1"}], "total": 5}), ("a", "viewed", {"family": "hats"}))
    engine.drain()
    by_ticks = held(engine, "a", "b", "c")
    assert by_ticks == {"a": pytest.approx({"shoes": 8.5, "hats": 1.0}), "b": pytest.approx({"hats": 0.5})}
    say(engine, ("b", "viewed", {"family": "tents"}))  # not yet seen by a walk: the next tick counts it
    assert recount(engine) == "interests of 2 people in 2 topics"
    assert held(engine, "a", "b") == {key: pytest.approx(value) for key, value in by_ticks.items()}
    engine.drain()
    assert held(engine, "b")["b"]["tents"] == pytest.approx(1.0)


def test_a_tick_that_dies_counts_nothing_and_the_next_counts_it_once(engine: Engine, monkeypatch):
    say(engine, ("a", "viewed", {"family": "hats"}))
    with monkeypatch.context() as patch:

        def die(*_):
            raise KeyboardInterrupt

        patch.setattr(Interesting, "forget", die)
        with pytest.raises(KeyboardInterrupt):
            engine.tick()
    assert held(engine, "a") == {}
    engine.drain()
    engine.drain()
    assert held(engine, "a") == {"a": {"hats": 1.0}}


def test_who_is_parked_is_not_counted_and_counted_once_when_they_go_on(engine: Engine, monkeypatch):
    say(engine, ("a", "viewed", {"family": "hats"}), ("b", "viewed", {"family": "hats"}))
    with monkeypatch.context() as patch:
        real = engine._walked

        def broken(snapshots, moment):
            walks, _ = real(snapshots, moment)
            return [one for one in walks if one.snapshot.contact.id != "a"], {"a": "a bug"}

        patch.setattr(type(engine), "_walked", lambda _, snapshots, moment: broken(snapshots, moment))
        engine.tick()
    assert held(engine, "a", "b") == {"b": {"hats": 1.0}}
    with writing(engine.store) as conn:
        ring(conn, ["a"], engine.clock.now())
    engine.drain()
    assert held(engine, "a", "b") == {"a": {"hats": 1.0}, "b": {"hats": 1.0}}


def test_a_segment_hears_of_an_interest_by_the_event_that_shows_it(tmp_path: Path, store: sa.Engine):
    engine = shop(tmp_path / "segments", store, DATA + "segments: {hatters: 'interest(\"hats\") > 0.3'}\n")
    say(engine, *[("a", "viewed", {"family": "hats"})] * 3, ("b", "viewed", {"family": "socks"}))
    engine.drain()
    with reading(store) as conn:
        assert standing_in(conn, "a") == {"hatters"}
        assert standing_in(conn, "b") == frozenset()


def test_who_refuses_profiling_has_no_interests_and_loses_those_they_had(engine: Engine):
    say(engine, ("a", "viewed", {"family": "hats"}), ("b", "viewed", {"family": "hats"}))
    engine.drain()
    with writing(engine.store) as conn:
        change_consents(conn, [ConsentChange("a", "", "profiling", granted=False, source="test")], START)
    recount(engine)
    say(engine, ("a", "viewed", {"family": "hats"}))
    engine.drain()
    assert held(engine, "a", "b") == {"b": {"hats": 1.0}}


def test_without_interests_in_data_yaml_nothing_is_counted(tmp_path: Path, store: sa.Engine):
    engine = shop(tmp_path / "bare", store, DATA.partition("interests:")[0])
    say(engine, ("a", "viewed", {"family": "hats"}))
    engine.drain()
    assert held(engine, "a") == {}
    assert recount(engine) is None
