"""A shop that has sent one message, and its doors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from starlette.types import ASGIApp

from engine.store.connect import open_store, reading, writing
from engine.store.tables import consents, contacts, deliveries, events, metadata, templates
from engine.tokens import Tokens
from engine.web.app import build_app
from engine.web.doors import Doors, Facts
from journeys.project import Topic

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
DELIVERY: dict[str, Any] = {
    "contact_id": "ana", "journey": "welcome", "state": "hello", "message": "email/hello", "channel": "email",
    "topic": "promo", "transactional": False, "counted": True, "decided": False, "request": {}, "status": "sent",
    "queued_at": NOON, "due_at": NOON, "attempt": 1, "fence": 1, "sent_at": NOON, "template": "v1", "links": None,
}  # fmt: skip


class Client:
    """Asks an application without a network, one request after the other."""

    def __init__(self, app: ASGIApp) -> None:
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app, client=("192.0.2.7", 5000))
        self._http = httpx.AsyncClient(transport=transport, base_url="http://shop", headers={"user-agent": PERSON})

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._runner.run(self._http.request(method, path, **more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def head(self, path: str, **more: Any) -> httpx.Response:
        return self.request("HEAD", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)

    def at_once(self, requests: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
        async def ask() -> list[httpx.Response]:
            return await asyncio.gather(*(self._http.request(method, path, **more) for method, path, more in requests))

        return self._runner.run(ask())

    def close(self) -> None:
        self._runner.run(self._http.aclose())
        self._runner.close()


@dataclass
class Shop:
    store: sa.Engine
    tokens: Tokens
    facts: Facts
    now: datetime = NOON + timedelta(minutes=5)
    woken: int = 0
    key: str = "0123456789abcdef:1"
    clients: list[Client] = field(default_factory=list)

    def client(self, **facts: Any) -> Client:
        known = {name: getattr(self.facts, name) for name in self.facts.__slots__} | facts
        doors = Doors(self.store, self.tokens, lambda: self.now, self._wake, Facts(**known))
        client = Client(build_app(doors))
        self.clients.append(client)
        return client

    def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        with reading(self.store) as conn:
            return [dict(row._mapping) for row in conn.execute(sa.select(table))]

    def events(self) -> list[tuple[str, Any]]:
        return [(row["name"], row["data"].get("rule", row["data"].get("link"))) for row in self.rows(events)]

    def consents(self) -> str:
        return next(row["consents"] for row in self.rows(contacts) if row["id"] == "ana")

    def ledger(self) -> list[tuple[str, bool]]:
        return [(row["topic"], row["granted"]) for row in self.rows(consents)]

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def opened() -> Iterator[Callable[[sa.Engine, Facts, dict[str, Any]], Shop]]:
    """Give what opens a shop on a store with these attributes of its one reader, who was sent one message."""
    shops: list[Shop] = []

    def make(store: sa.Engine, facts: Facts, attributes: dict[str, Any]) -> Shop:
        shop = Shop(store, Tokens([b"a secret of the shop"]), facts)
        person = {"id": "ana", "attributes": attributes, "consents": "promo", "created_at": NOON, "updated_at": NOON}
        with writing(store) as conn:
            conn.execute(contacts.insert(), [person])
            conn.execute(deliveries.insert(), [DELIVERY | {"key": shop.key}])
        shops.append(shop)
        return shop

    yield make
    for client in (one for shop in shops for one in shop.clients):
        client.close()


@pytest.fixture
def shop(tmp_path) -> Iterator[Shop]:
    store = open_store(f"sqlite:///{tmp_path}/shop.db", durability="normal")
    topics = {"promo": Topic("Offers & news"), "tips": Topic("Tips"), "account": Topic("Orders", transactional=True)}
    known = {"signed_up": {}, "order_placed": {"total": "number", "order_id": "text", "gift": "flag"}, "clicked": {}}
    facts = Facts("Acme <Shop>", ("key-one", "key-two"), known, topics, timedelta(hours=24), "strict")
    shop = Shop(store, Tokens([b"a secret of the shop"]), facts)
    person = {"id": "ana", "attributes": {}, "consents": "promo tips", "created_at": NOON, "updated_at": NOON}
    links = ["https://shop.test/a?x=1&y=2", None, "https://shop.test/c", "javascript:alert(1)"]
    with writing(store) as conn:
        metadata.create_all(conn)
        conn.execute(contacts.insert(), [person])
        conn.execute(templates.insert(), [{"version": "v1", "message": "email/hello", "links": links, "at": NOON}])
        own = {"1": "https://shop.test/only-ana"}
        conn.execute(deliveries.insert(), [DELIVERY | {"key": shop.key, "links": own}])
    yield shop
    for client in shop.clients:
        client.close()
    store.dispose()
