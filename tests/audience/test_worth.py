"""What people are worth is worked out for the right people, from the right orders, and says when it cannot tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from counter import DATA, START, memory, shop

from engine.audience import lead as leads
from engine.audience import worth as worths
from engine.audience.worth import Customers, fifths, valued
from engine.engine import Engine
from engine.errors import ConfigError
from engine.store import buying, traits
from engine.store.connect import reading, writing
from engine.store.consenting import ConsentChange, change_consents
from engine.store.intake import NewContact, NewEvent, add_contacts, record
from engine.store.membership import count
from engine.valuing import When, refresh, refreshed
from journeys.project import Buying

DAY = timedelta(days=1)
BOUGHT = Buying("bought", "total", "items")


def put(engine: Engine, events: list[tuple[str, str, datetime, dict]]) -> None:
    with writing(engine.store) as conn:
        people = sorted({who for who, *_ in events})
        add_contacts(conn, [NewContact(who) for who in people], START, lambda _, address: address)
        before = conn.execute(sa.text("SELECT count(*) FROM events")).scalar()
        news = [NewEvent(f"e{before + n}", *one) for n, one in enumerate((w, e, at, d) for w, e, at, d in events)]
        record(conn, news, START)


def crowd(seed: int = 5, people: int = 300) -> list[tuple[str, str, datetime, dict]]:
    """Views all the time; who viewed a lot lately buys soon after, in the past as now."""
    rng = np.random.default_rng(seed)
    events = []
    for n in range(people):
        keen = n % 3 == 0
        views, orders = rng.uniform(1, 170, 12 if keen else 2), rng.uniform(1, 200, rng.poisson(6 if keen else 0.7) + 1)
        totals = rng.gamma(6, 8 if keen else 4, len(orders)).tolist()
        events += [(f"c{n:03}", "viewed", START - ago * DAY, {"family": "hats"}) for ago in views]
        events += [
            (f"c{n:03}", "bought", START - ago * DAY, {"total": total})
            for ago, total in zip(orders, totals, strict=True)
        ]
    return events


@pytest.fixture
def engine(tmp_path: Path, store: sa.Engine) -> Engine:
    return shop(tmp_path / "project", store)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Engine]:
    made = shop(tmp_path / "plain", memory())
    yield made
    made.close()


def told(engine: Engine, contact_id: str) -> dict:
    with reading(engine.store) as conn:
        found = traits.trait_of(conn, contact_id)
    return dict(found["value"]) if found else {}


def test_orders_of_a_day_are_one_occasion_and_money_that_is_no_number_is_none(engine: Engine):
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    put(engine, [
        ("a", "bought", noon, {"total": 10}), ("a", "bought", noon + timedelta(hours=3), {"total": 2.5}),
        ("a", "bought", noon + timedelta(hours=11), {"total": "much"}), ("a", "bought", noon + 30 * DAY, {"total": True}),
        ("b", "bought", noon, {}), ("b", "viewed", noon, {"total": 9}),
    ])  # fmt: skip
    with reading(engine.store) as conn:
        utc = list(buying.customers(conn, BOUGHT, START, timedelta(0)))
        paris = list(buying.customers(conn, BOUGHT, START, timedelta(hours=1)))
    assert [(one.id, one.orders, one.days, one.money) for one in utc] == [("a", 4, 2, 12.5), ("b", 1, 1, 0.0)]
    assert (paris[0].days, utc[0].last - utc[0].first) == (3, 30)


def test_an_order_without_a_sum_is_the_sum_of_its_items(engine: Engine):
    items = [{"sku": "x", "price": 3, "quantity": 2}, {"sku": "y", "price": 1.5}, "junk", {"price": "free"}]
    put(engine, [("a", "bought", START - DAY, {"items": items}), ("a", "bought", START - 2 * DAY, {"items": None})])
    with reading(engine.store) as conn:
        (one,) = buying.customers(conn, Buying("bought", None, "items"), START, timedelta(0))
    assert (one.orders, one.money) == (2, 7.5)


def test_a_night_says_of_everybody_what_they_are_worth_and_how_likely_they_come(engine: Engine):
    put(engine, crowd())
    with writing(engine.store) as conn:
        change_consents(conn, [ConsentChange("c000", "", "profiling", granted=False, source="test")], START)
        traits.keep_values(conn, {"gone": {"worth": 9}}, START)
    assert refresh(engine) == "worth of 299 customers"
    assert told(engine, "c000") == {}
    assert told(engine, "gone") == {}
    keen, rare = told(engine, "c003"), told(engine, "c004")
    assert keen["worth"] > rare["worth"]
    assert (keen["frequency"], keen["tier"]) == (5, "high")
    assert keen["lead"] > 60 > rare["lead"]
    assert 0 < keen["alive"] <= 1
    assert ("alive" in rare) == (rare["orders"] > 1)
    assert keen["rfm"] == f"{keen['recency']}-5-{keen['monetary']}"
    with reading(engine.store) as conn:
        found = traits.fit_of(conn, "value")
    people = [one["people"] for one in found["tiers"]]
    assert sum(people) == 299
    assert people[0] == pytest.approx(60, abs=1)


def test_a_night_moves_people_between_segments_of_value_and_a_second_one_writes_nothing(tmp_path: Path):
    store = memory()
    engine = shop(tmp_path / "tiers", store, DATA + "segments: {best: value.tier == 'high'}\n")
    put(engine, crowd())
    engine.drain()
    with reading(store) as conn:
        assert count(conn, "best") == 0
    refresh(engine)
    engine.drain()
    with reading(store) as conn:
        assert count(conn, "best") == 60
    assert refreshed(store, engine.project.data, When(START)).written == 0
    engine.close()


def test_too_few_customers_have_their_fifths_and_nobody_can_tell_more(plain: Engine):
    put(plain, crowd(people=40))
    done = refreshed(plain.store, plain.project.data, When(START))
    assert done.worth is not None
    assert "there are 40 and" in done.worth.missing
    assert told(plain, "c003").keys() == {"orders", "spent", "rfm", "recency", "frequency", "monetary"}
    assert done.lead is not None
    assert "cannot tell yet" in done.lead.why_not


def test_without_the_extra_the_fifths_are_said_and_what_to_install(plain: Engine, monkeypatch):
    def missing(*_):
        raise ConfigError("lifetime value needs scipy: pip install 'sojourn[ml]'")

    monkeypatch.setattr(worths, "fit_purchases", missing)
    put(plain, crowd())
    assert "pip install 'sojourn[ml]'" in (refresh(plain) or "")
    assert told(plain, "c003")["frequency"] == 5


def test_without_buying_and_goal_there_is_nothing_to_do(tmp_path: Path):
    engine = shop(tmp_path / "bare", memory(), DATA.partition("buying:")[0])
    assert refresh(engine) is None
    engine.close()


def test_a_quarter_of_two_thousand_has_a_fit_of_its_own():
    rng = np.random.default_rng(3)
    n = 2600
    first = np.where(np.arange(n) < 2100, 20_000, 20_100) + rng.integers(0, 60, n)
    days = 1 + rng.poisson(np.where(np.arange(n) < 2100, 3.0, 0.5))
    last = np.where(days > 1, first + rng.integers(1, 150, n), first)
    seen = Customers([str(k) for k in range(n)], days, days, first, last, days * rng.gamma(6, 5, n), 20_400)
    found = valued(seen, (0.2, 0.3))
    assert [(one.name, one.people) for one in found.cohorts] == [("2024-Q4", 2100), ("", 500)]
    often, rarely = (one.purchases.r / one.purchases.alpha for one in found.cohorts)
    assert often > 2 * rarely


def test_fifths_are_fair_and_equal_ones_stand_together():
    assert fifths(np.arange(10)).tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert fifths(np.array([1, 1, 1, 1, 9])).tolist() == [3, 3, 3, 3, 5]


def test_a_score_that_is_no_better_than_chance_is_not_given():
    rng = np.random.default_rng(1)

    def window():
        rows = leads.Asked(
            [str(n) for n in range(800)], rng.normal(size=(800, 6)).astype("f4"), leads.columns_of(["viewed"])
        )
        return rows, rng.random(800) < 0.1

    found = leads.trained("bought", window(), window())
    assert found.model is None
    assert "no better than chance" in found.why_not


def test_a_score_survives_its_record_and_gives_three_reasons():
    rng = np.random.default_rng(2)
    columns = leads.columns_of(["viewed"])
    rows = np.abs(rng.normal(size=(800, 6))).astype("f4")
    window = (
        leads.Asked([str(n) for n in range(800)], rows, columns),
        rng.random(800) < 1 / (1 + np.exp(4 - 3 * rows[:, 0])),
    )
    found = leads.from_record(leads.to_record(leads.trained("bought", window, window)))
    assert found.auc[1] > 0.5
    person = np.log1p(np.array([7, 7, 9, 12, 100, 2], dtype="f4"))
    said = leads.reasons(found, person)
    assert len(said) == 3
    assert said[0] == "+ viewed 7 times in 28 days"
