"""A project's web doors on a real socket, with a real clock: what clients of others deliver to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from tracked import DATA, TERMS

from engine.store.connect import create, open_store, reading, writing
from engine.store.tables import events
from engine.tokens import Tokens
from engine.web.app import build_app
from engine.web.doors import Doors, Facts
from engine.web.server import WebServer

KEYS = {"shop-key": "shop", "web-key": "web"}


class Served:
    """The doors, and what came in through them."""

    def __init__(self, url: str, store: sa.Engine) -> None:
        self.url = url
        self.host = url.removeprefix("http://")
        self.store = store

    def rows(self, query: Any) -> list[Any]:
        with reading(self.store) as conn:
            return [tuple(row) for row in conn.execute(query).all()]

    def events_of(self, *people: str) -> list[tuple[str, str]]:
        """Return (contact, event) of these people."""
        e = events.c
        return sorted(self.rows(sa.select(e.contact_id, e.name).where(e.contact_id.in_(people))))


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    store = open_store(f"sqlite:///{folder / 'store.db'}", durability="normal")
    with writing(store) as conn:
        create(conn)
    facts = Facts("shop", tuple(KEYS), DATA.events, {}, timedelta(days=2), "off", sources=KEYS)
    doors = Doors(store, Tokens([b"a secret of the shop"]), lambda: datetime.now(UTC), lambda: None, facts, terms=TERMS)
    server = WebServer(build_app(doors), "127.0.0.1:0", "")
    server.start()
    try:
        yield Served(server.url, store)
    finally:
        server.stop()
        store.dispose()
