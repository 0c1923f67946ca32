"""The doors in a process of their own, to be killed: `door.py STORE PORT`."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta

from served import KEYS
from tracked import DATA, TERMS

from engine.store.connect import open_store
from engine.tokens import Tokens
from engine.web.app import build_app
from engine.web.doors import Doors, Facts
from engine.web.server import WebServer

if __name__ == "__main__":
    store = open_store(sys.argv[1], durability="full")
    facts = Facts("shop", tuple(KEYS), DATA.events, {}, timedelta(days=2), "off", sources=KEYS)
    doors = Doors(store, Tokens([b"a secret of the shop"]), lambda: datetime.now(UTC), lambda: None, facts, terms=TERMS)
    server = WebServer(build_app(doors), f"127.0.0.1:{sys.argv[2]}", "")
    server.start()
    print("open", flush=True)  # noqa: T201
    time.sleep(600)
