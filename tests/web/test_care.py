"""Whoever watches is told the truth: alive, at work, and how much; and from elsewhere there is nothing to see."""

from __future__ import annotations

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from engine.engine import Ticked
from engine.metrics import GAUGES, Meters
from engine.posting import Posted
from engine.store.connect import writing
from engine.store.tables import deliveries
from engine.web.app import build_app
from engine.web.doors import Doors
from engine.web.server import WebServer

FREE = "127.0.0.1:0"


@pytest.fixture
def watched(shop):
    """The shop over a real socket, with meters, and a trouble that can be set."""
    meters, trouble = Meters(shop.store, lambda: shop.now), [None]
    doors = Doors(
        shop.store, shop.tokens, lambda: shop.now, lambda: None, shop.facts, meters=meters, trouble=lambda: trouble[0]
    )
    server = WebServer(build_app(doors), FREE, FREE)
    server.start()
    with httpx.Client(base_url=server.url) as http:
        yield http, meters, trouble
    server.stop()


def values(text: str) -> dict[str, float]:
    families = text_string_to_metric_families(text)
    return {
        f"{one.name}{''.join(sorted(one.labels.values()))}": one.value for family in families for one in family.samples
    }


def test_what_was_done_and_how_the_store_stands_is_counted(shop, watched):
    http, meters, _ = watched
    with writing(shop.store) as conn:
        row = conn.execute(sa.select(deliveries)).one()._asdict()
        conn.execute(deliveries.insert().values(row | {"key": "k2", "status": "unknown"}))
    meters.ticked(Ticked(due=3, moves=5), 0.2)
    meters.ticked(Ticked(due=1), 0.1)
    meters.posted(Posted(2, {"sent": 1, "deferred": 1}, {}, ("smtp is away",)), 0.5)
    found = values(http.get("/metrics").text)
    assert (found["sojourn_steps_totaldue"], found["sojourn_steps_totalmoves"]) == (4, 5)
    assert (found["sojourn_messages_totalsent"], found["sojourn_channel_troubles_total"]) == (1, 1)
    assert (found["sojourn_messages_in_doubt"], found["sojourn_store_up"]) == (1, 1)
    assert {f"sojourn_{name}" for name in GAUGES} <= set(found)


def test_metrics_are_for_this_machine_alone(shop, watched):
    http, _, _ = watched
    assert http.get("/metrics").status_code == 200
    assert http.get("/metrics", headers={"x-forwarded-for": "203.0.113.9"}).status_code == 404
    assert shop.client().get("/metrics").status_code == 404  # this client comes from elsewhere


def test_ready_means_at_work_and_says_what_keeps_it(watched):
    http, _, trouble = watched
    assert (http.get("/readyz").status_code, http.get("/healthz").status_code) == (200, 200)
    trouble[0] = "it is stopping"
    said = http.get("/readyz")
    assert (said.status_code, said.json()["reason"]) == (503, "it is stopping")
    assert http.get("/healthz").status_code == 200
