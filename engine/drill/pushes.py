"""Drill 23: push services that answer everything they may, browsers' and Firebase's; every answer has one meaning."""

from __future__ import annotations

import http.server
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import sqlalchemy as sa

from channels.channel import Envelope
from channels.errors import ChannelMisconfigured
from channels.fcm import FcmChannel, FcmSettings
from channels.webpush import WebPushChannel, WebPushSettings, generate_vapid_key
from engine.clock import SimulatedClock
from engine.drill.course import Course
from engine.drill.drill import Ask, Found, Skipped
from engine.drill.ground import Setting, people, start, subscription
from engine.store.connect import reading
from engine.store.tables import addresses, deliveries

Rows = tuple[tuple[str, str, str], ...]
BROWSERS: Rows = (  # the path of the endpoint, and what its answer means (reliability.md 2.4)
    ("201", "sent", ""), ("202", "sent", ""), ("404", "failed", "gone"), ("410", "failed", "gone"),
    ("413", "failed", "content"), ("302", "failed", "content"), ("429", "deferred", ""), ("406", "deferred", ""),
    ("500", "deferred", ""), ("503", "deferred", ""), ("401", "failed", "config"), ("drop", "unknown", ""),
)  # fmt: skip
FIREBASE: Rows = (
    ("200 ", "sent", ""), ("404 UNREGISTERED", "failed", "gone"), ("403 SENDER_ID_MISMATCH", "failed", "gone"),
    ("401 THIRD_PARTY_AUTH_ERROR", "failed", "config"), ("400 INVALID_ARGUMENT", "failed", "content"),
    ("429 QUOTA_EXCEEDED", "deferred", ""), ("503 UNAVAILABLE", "deferred", ""), ("500 INTERNAL", "deferred", ""),
)  # fmt: skip
WAIT = 120  # seconds that a service asks for


@dataclass(slots=True)
class Service:
    """Both services in one; `asked` counts the posts of each device."""

    port: int = 0
    asked: Counter[str] = field(default_factory=Counter)

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Return what a post is answered; (0, b"") hangs up."""
        if path == "/token":
            return 200, b'{"access_token": "t", "expires_in": 3600, "token_type": "Bearer"}'
        if path.startswith("/v1/"):
            device = json.loads(body)["message"]["token"]
            self.asked[device] += 1
            status, _, word = device.partition(" ")
            detail = {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": word}
            said = {"error": {"code": int(status), "details": [detail]}} if word else {"name": "projects/p/messages/7"}
            return int(status), json.dumps(said).encode()
        self.asked[path] += 1
        what = path.split("/")[1]
        return (int(what), b"said") if what.isdigit() else (0, b"")


def services(ask: Ask) -> Found:
    """Drill 23: every row of the table; who is gone is forgotten; one request an attempt, not too early."""
    with _served() as service:
        wrong = [*_browsers(ask, service), *_patient(service), *_firebase(service)]
        wrong += [f"{device} was asked {n} times" for device, n in service.asked.items() if n > 1]
    return Found(f"{len(BROWSERS)} answers to browsers' messages, {len(FIREBASE)} of Firebase", wrong=tuple(wrong[:10]))


def _browsers(ask: Ask, service: Service) -> Iterator[str]:
    setting = Setting(
        journeys={"trip": "journey: trip\ntopic: promo\nenter: {event: started}\nstates:\n  one: {send: push/note}\n"},
        messages={"push/note.yaml": "title: x\nbody: y\n"},
        more=", push: {provider: captured}",
        limits='quiet_hours: {from: "03:00", to: "03:01"}',
    )
    now = datetime.now(UTC)  # by which Retry-After is read
    course = Course(ask.folder, setting, clock=SimulatedClock(now))
    for n, (path, _, _) in enumerate(BROWSERS):
        who = people(n + 1, f"http://127.0.0.1:{service.port}/{path}")[n]
        course.settle([who])
    start(course.store, len(BROWSERS), now)
    push = WebPushChannel(_settings())
    engine = course.engine({"push": push})
    engine.drain()
    engine.deliver()
    push.close()
    d, a = deliveries.c, addresses.c
    with reading(course.store) as conn:
        ended = {row.contact_id: row for row in conn.execute(sa.select(d.contact_id, d.status, d.kind, d.next_at))}
        rows = conn.execute(sa.select(a.contact_id).where(a.channel == "push", a.suppressed.is_(None))).scalars()
        known = set(rows)
    for n, (path, status, kind) in enumerate(BROWSERS):
        row = ended[f"p{n}"]
        if (row.status, row.kind or "") != (status, kind):
            yield f"{path}: {row.status} {row.kind}, expected {status} {kind}"
        if (f"p{n}" in known) == (kind == "gone"):
            yield f"{path}: the subscription is {'still used' if kind == 'gone' else 'forgotten'}"


def _patient(service: Service) -> Iterator[str]:
    """Say when a message would be tried again sooner or later than its service asks."""
    push = WebPushChannel(_settings())
    envelope = Envelope("later:1", subscription(f"http://127.0.0.1:{service.port}/429/later"), b"{}", timeout=2)
    began = datetime.now(UTC)
    (answer,) = push.send([envelope], frozenset)
    push.close()
    wait = (answer.retry_at - began).total_seconds() if answer.retry_at else 0.0
    if not WAIT - 1 <= wait <= WAIT + 5:
        yield f"Retry-After: {WAIT} is tried again in {wait:.1f} s"


def _settings() -> WebPushSettings:
    try:
        return WebPushSettings(generate_vapid_key()[0], "mailto:ops@drill.test", connections=2, loopback=True)
    except ChannelMisconfigured as missing:
        raise Skipped(str(missing)) from None


def _firebase(service: Service) -> Iterator[str]:
    for device, status, kind in FIREBASE:
        channel = FcmChannel(FcmSettings(_account(service), f"http://127.0.0.1:{service.port}", 1))
        envelope = Envelope(f"{device}:1", device, b'{"title": "x", "body": "y"}', timeout=2)
        (answer,) = channel.send([envelope], frozenset)
        channel.close()
        if (answer.status, answer.kind) != (status, kind):
            yield f"Firebase {device}: {answer.status} {answer.kind}, expected {status} {kind}"


_KEYS: dict[str, str] = {}


def _account(service: Service) -> Mapping[str, str]:
    """Return a service account, with a key that was made here."""
    if not _KEYS:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - a key is asked for here alone
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form = serialization.PrivateFormat.PKCS8
        pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        _KEYS["pem"] = pem.decode()
    return {
        "type": "service_account", "project_id": "p", "private_key": _KEYS["pem"], "client_email": "a@p.example",
        "token_uri": f"http://127.0.0.1:{service.port}/token",
    }  # fmt: skip


@contextmanager
def _served() -> Iterator[Service]:
    service = Service()

    class Answer(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status, said = service.answer(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.send_header("Content-Type", "application/json")
            self.send_header("Retry-After", str(WAIT))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    service.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
