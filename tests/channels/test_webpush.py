"""A browser can read what was pushed, and every answer of a push service has one meaning."""

from __future__ import annotations

import base64
import http.server
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02

from channels.channel import Envelope, Receipt
from channels.errors import ChannelMisconfigured
from channels.webpush import PAYLOAD_LIMIT, WebPushChannel, WebPushSettings, generate_vapid_key, push_topic

PAYLOAD = json.dumps({"title": "Hi Ana ✓", "key": "e1:3"}).encode()


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass
class Service:
    """A push service, and the browser behind it; the path of an endpoint is the status it answers."""

    port: int = 0
    private: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: os.urandom(16))
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def subscription(self, path: str = "201") -> str:
        form = serialization.PublicFormat.UncompressedPoint
        public = self.private.public_key().public_bytes(serialization.Encoding.X962, form)
        keys = {"p256dh": b64(public), "auth": b64(self.auth)}
        return json.dumps({"endpoint": f"http://127.0.0.1:{self.port}/{path}", "keys": keys})

    def read(self, body: bytes) -> bytes:
        return bytes(http_ece.decrypt(body, private_key=self.private, auth_secret=self.auth, version="aes128gcm"))


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()

    class Answer(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            made.got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            what = self.path.strip("/")
            if what == "stall":
                time.sleep(0.2)
            if not what.isdigit():
                self.close_connection = True
                return
            self.send_response(int(what))
            self.send_header("Content-Length", "4")
            self.send_header("Location", "/message/7")
            self.send_header("Retry-After", "120")
            self.end_headers()
            self.wfile.write(b"said")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def channel() -> Iterator[WebPushChannel]:
    private, _ = generate_vapid_key()
    made = WebPushChannel(WebPushSettings(private, "mailto:ops@acme.test", connections=2, loopback=True))
    yield made
    made.close()


def everything(keys: Sequence[str]) -> frozenset[str]:
    return frozenset(keys)


def push(channel: WebPushChannel, *subscriptions: str, body: bytes = PAYLOAD, timeout: float = 0.1) -> list[Receipt]:
    envelopes = [
        Envelope(f"e{n}:1", to, body, headers={"ttl": "60"}, timeout=timeout) for n, to in enumerate(subscriptions)
    ]
    return list(channel.send(envelopes, everything))


def test_the_browser_reads_the_payload(channel: WebPushChannel, service: Service) -> None:
    (answer,) = push(channel, service.subscription(), timeout=2)
    assert (answer.status, answer.provider_id) == ("sent", "/message/7")
    headers, body = service.got[0]
    assert service.read(body) == PAYLOAD
    assert (headers["TTL"], headers["Urgency"], headers["Topic"]) == ("60", "normal", push_topic("e0:1"))
    assert len(headers["Topic"]) == 32


def test_the_request_is_signed_with_our_key(channel: WebPushChannel, service: Service) -> None:
    push(channel, service.subscription(), timeout=2)
    assert Vapid02.verify(service.got[0][0]["Authorization"])


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("202", "sent", ""),
        ("404", "failed", "gone"),
        ("410", "failed", "gone"),
        ("401", "failed", "config"),
        ("413", "failed", "content"),
        ("429", "deferred", ""),
        ("406", "deferred", ""),
        ("503", "deferred", ""),
        ("302", "failed", "content"),
        ("stall", "unknown", ""),
        ("drop", "unknown", ""),
    ],
)
def test_an_answer_means(channel: WebPushChannel, service: Service, path: str, status: str, kind: str) -> None:
    (answer,) = push(channel, service.subscription(path))
    assert (answer.status, answer.kind) == (status, kind)
    assert len(service.got) == 1


def test_retry_after_is_honoured(channel: WebPushChannel, service: Service) -> None:
    (answer,) = push(channel, service.subscription("429"), timeout=2)
    assert answer.retry_at is not None
    assert abs(answer.retry_at - datetime.now(UTC) - timedelta(seconds=120)) < timedelta(seconds=3)


def test_a_service_that_is_not_there_is_safe_to_ask_again(channel: WebPushChannel, service: Service) -> None:
    nowhere = json.loads(service.subscription())
    nowhere["endpoint"] = "http://127.0.0.1:1/x"
    assert [r.status for r in push(channel, json.dumps(nowhere))] == ["deferred"]


def test_three_refusals_of_the_key_stop_the_channel(channel: WebPushChannel, service: Service) -> None:
    answers = push(channel, *[service.subscription("403")] * 6, timeout=2)
    assert [r.status for r in answers] == ["failed"] * 4 + ["deferred"] * 2
    with pytest.raises(ChannelMisconfigured, match=r"channels\.push\.key"):
        push(channel, service.subscription())


@pytest.mark.parametrize(
    "subscription",
    ["", "{}", "[]", "null", "x", '{"endpoint": 1}', '{"endpoint": "https://push.test/x", "keys": {}}',
     '{"endpoint": "https://127.0.0.1/x", "keys": {"p256dh": "x", "auth": "x"}}',
     '{"endpoint": "https://localhost/x", "keys": {"p256dh": "x", "auth": "x"}}',
     '{"endpoint": "http://push.test/x", "keys": {"p256dh": "x", "auth": "x"}}',
     '{"endpoint": "https://push.test/x", "keys": {"p256dh": "x", "auth": "x"}}'],
)  # fmt: skip
def test_a_subscription_that_cannot_be_used_is_gone(channel: WebPushChannel, subscription: str) -> None:
    (answer,) = push(channel, subscription)
    assert (answer.status, answer.kind) == ("failed", "gone")


def test_the_largest_payload_fits_and_one_byte_more_does_not(channel: WebPushChannel, service: Service) -> None:
    (answer,) = push(channel, service.subscription(), body=b"x" * PAYLOAD_LIMIT, timeout=2)
    assert answer.status == "sent"
    assert len(service.got[0][1]) <= 4096
    (answer,) = push(channel, service.subscription(), body=b"x" * (PAYLOAD_LIMIT + 1))
    assert (answer.status, answer.kind) == ("failed", "content")


def test_a_key_that_is_none_names_the_setting() -> None:
    with pytest.raises(ChannelMisconfigured, match=r"channels\.push\.key"):
        WebPushChannel(WebPushSettings("nonsense", "mailto:a@b.test"))


def test_without_the_package_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebpush", None)
    with pytest.raises(ChannelMisconfigured, match=r"pip install 'sojourn\[push\]'"):
        WebPushChannel(WebPushSettings("x", "mailto:a@b.test"))


@pytest.mark.parametrize("name", ["localhost.localdomain", "push.inside.example"])
def test_an_endpoint_that_leads_into_our_own_network_is_gone_and_never_asked(
    monkeypatch, service: Service, name: str
) -> None:
    private, _ = generate_vapid_key()
    made = WebPushChannel(WebPushSettings(private, "mailto:ops@acme.test", connections=1))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", service.port))])
    subscription = service.subscription().replace(f"http://127.0.0.1:{service.port}", f"https://{name}")
    (answer,) = push(made, subscription, timeout=1)
    made.close()
    assert (answer.status, answer.kind) == ("failed", "gone")
    assert "private network" in answer.detail
    assert service.got == []
