"""What is recommended where no night has made arrays: what sells, more of it where the person buys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from engine.audience.recommend import NOTHING, Wish, histories, popular
from engine.store.connect import reading, writing
from engine.store.products import put_products
from engine.store.tables import contacts, events
from journeys.project import Buying

NOW = datetime(2027, 3, 1, tzinfo=UTC)
HOW = Buying(event="bought", value=None, items="items")
SHELVES = {"tea": ("pot", "cup", "tray"), "bags": ("red", "blue", "big")}


@pytest.fixture
def shopped(store: sa.Engine) -> sa.Engine:
    """Eight people: all bought bags lately, one only tea, long ago; one of the bags is sold out; one refuses."""
    lately, once = NOW - timedelta(days=3), NOW - timedelta(days=40)
    bought = [(f"p{n}", lately, "red" if n < 5 else "blue") for n in range(6)]
    bought += [("p7", once, "cup"), ("p0", lately, "pot"), *[("no", lately, "tray")]]
    with writing(store) as conn:
        put_products(conn, {sku: {"family": name} for name, skus in SHELVES.items() for sku in skus}, NOW)
        put_products(conn, {"big": {"stock": 0}}, NOW)
        people = [(f"p{n}", "") for n in range(8)] + [("no", "-profiling")]
        conn.execute(contacts.insert(), [
            {"id": id_, "attributes": {}, "consents": said, "created_at": once, "updated_at": once}
            for id_, said in people
        ])  # fmt: skip
        conn.execute(events.insert(), [
            {"id": f"e{n}", "contact_id": who, "name": "bought", "at": at, "received_at": at, "source": "test",
             "data": {"items": [{"sku": sku}]}, "fresh": False, "starts": False}
            for n, (who, at, sku) in enumerate(bought)
        ])  # fmt: skip
    return store


def test_without_arrays_strangers_get_what_sells_and_people_more_of_what_they_buy(shopped):
    with reading(shopped) as conn:
        shelf = popular(conn, HOW, NOW)
        had = histories(conn, HOW, shelf, ["p7", "p6", "nobody"], NOW)
    assert shelf.next(NOTHING, Wish(3)) == ["red", "blue", "pot"]
    assert list(had) == ["p7"] and [shelf.arrays.skus[n] for n in had["p7"].items] == ["cup"]
    told = shelf.next(had["p7"], Wish(6))
    assert told[0] == "cup" and sorted(told) == ["blue", "cup", "pot", "red", "tray"], "all but what is sold out"
    assert "tray" not in shelf.next(NOTHING, Wish(3)), "who refuses profiling makes nothing popular"
    assert shelf.best("p0", Wish(2)) == ["red", "pot"], "the orders of the last weeks are known without asking"


def test_an_empty_shop_recommends_its_catalogue(store):
    with writing(store) as conn:
        assert popular(conn, HOW, NOW).next(NOTHING, Wish(3)) == []
        put_products(conn, {"b": {}, "a": {}}, NOW)
        shelf = popular(conn, HOW, NOW)
        assert shelf.next(NOTHING, Wish(3)) == ["a", "b"] and histories(conn, HOW, shelf, ["x"], NOW) == {}
