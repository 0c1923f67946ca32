"""A push all the way: an event, a decision made, an encrypted message that real services would take, a dead browser."""

from __future__ import annotations

import base64
import http.server
import json
import os
import re
import threading
from datetime import UTC, datetime

import http_ece
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from channels.webpush import generate_vapid_key
from engine.app import Options, build, read
from engine.clock import SimulatedClock
from engine.store.connect import create, open_store, reading, writing
from engine.store.intake import NewContact, NewEvent, add_contacts
from engine.store.tables import addresses, deliveries

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
PROJECT = """\
project: taps
timezone: UTC
store: "sqlite:///taps.db"
secret: a-secret-for-the-taps
web: {base_url: "http://go.test"}
channels: {push: {provider: webpush, key: KEY, contact: "mailto:ops@a.test", loopback: true}}
topics: {promo: {title: Offers}}
"""
JOURNEY = """\
journey: nudge
topic: promo
enter: {event: looked}
states:
  tap: {send: push/tap}
"""
TAP = 'title: "Hello {{ contact.first_name }}"\nbody: "Come and see"\nlink: https://shop.example/tap\nttl: 1h\n'


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@pytest.fixture
def service():
    """A push service: what it got, and the subscription of a person (`gone` is one it has forgotten)."""
    private, auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
    got: list[tuple[dict[str, str], bytes]] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(410 if self.path == "/gone" else 201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def subscription(path: str) -> str:
        form = serialization.PublicFormat.UncompressedPoint
        public = private.public_key().public_bytes(serialization.Encoding.X962, form)
        keys = {"p256dh": b64(public), "auth": b64(auth)}
        return json.dumps({"endpoint": f"http://127.0.0.1:{server.server_port}/{path}", "keys": keys})

    def said(body: bytes) -> dict[str, str]:
        return json.loads(http_ece.decrypt(body, private_key=private, auth_secret=auth, version="aes128gcm"))

    yield got, subscription, said
    server.shutdown()
    server.server_close()


@pytest.fixture
def engine(tmp_path, service):
    _, subscription, _ = service
    (tmp_path / "templates" / "push").mkdir(parents=True)
    (tmp_path / "templates" / "push" / "tap.yaml").write_text(TAP)
    (tmp_path / "journeys").mkdir()
    (tmp_path / "journeys" / "nudge.yaml").write_text(JOURNEY)
    (tmp_path / "sojourn.yaml").write_text(PROJECT.replace("KEY", generate_vapid_key()[0]))
    (tmp_path / "data.yaml").write_text("contact: {first_name: text}\nevents: {looked: {}}\n")
    store = open_store(f"sqlite:///{tmp_path / 'taps.db'}")
    people = [
        NewContact(who, {"first_name": who.title()}, {"push": subscription(who)}, frozenset({"promo"}))
        for who in ("ana", "gone")
    ]
    with writing(store) as conn:
        create(conn)
        add_contacts(conn, people, NOON, lambda _, address: address)
    made = build(read(tmp_path, {}), Options(clock=SimulatedClock(NOON), store=store))
    yield made
    made.close()


def test_a_push_arrives_as_services_want_it_and_a_dead_subscription_is_deleted(engine, service):
    got, _, said = service
    engine.record([NewEvent(f"looked-{who}", who, "looked", NOON) for who in ("ana", "gone")])
    engine.drain()
    engine.deliver()
    with reading(engine.store) as conn:
        ended = {row[0]: row[1] for row in conn.execute(sa.select(deliveries.c.contact_id, deliveries.c.status))}
        left = conn.execute(sa.select(addresses.c.contact_id)).scalars().all()
        [key] = conn.execute(sa.select(deliveries.c.key).where(deliveries.c.contact_id == "ana")).scalars()
    assert (ended, left) == ({"ana": "sent", "gone": "failed"}, ["ana"])
    assert [headers["TTL"] for headers, _ in got] == ["3600", "3600"]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,32}", headers["Topic"]) for headers, _ in got)
    [payload] = [payload for payload in (said(body) for _, body in got) if payload["key"] == key]
    assert payload["title"] == "Hello Ana"
    assert payload["link"].startswith("http://go.test/c/")
