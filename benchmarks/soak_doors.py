"""The outer world's doors for the soak: a real SMTP server, and a push service with the browsers behind it.

Both stand on loopback, in threads of their own, and hand what they accept to the crowd before they answer.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import http_ece
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.soak_people import Crowd, Person
from engine.web.server import WebServer

ANY = "127.0.0.1:0"
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")


def free_port() -> int:
    """Return a port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Mailboxes:
    """What aiosmtpd calls with each message."""

    crowd: Crowd

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        at = time.time()
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        for to in envelope.rcpt_tos:
            self.crowd.mail(content, to, at)
        return "250 2.0.0 accepted"


@contextmanager
def mail_server(crowd: Crowd, port: int) -> Iterator[None]:
    """Run the SMTP server."""
    controller = Controller(Mailboxes(crowd), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


@dataclass(slots=True)
class Browser:
    """One person's subscription; only this end can read what is pushed."""

    private: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    def subscription(self, endpoint: str) -> str:
        """Return what the page that subscribes would post."""
        form = serialization.PublicFormat.UncompressedPoint
        public = self.private.public_key().public_bytes(serialization.Encoding.X962, form)
        return json.dumps({"endpoint": endpoint, "keys": {"p256dh": _b64(public), "auth": _b64(self.auth)}})

    def read(self, body: bytes) -> dict[str, Any]:
        said = http_ece.decrypt(body, private_key=self.private, auth_secret=self.auth, version="aes128gcm")
        return dict(json.loads(said))


@dataclass(slots=True)
class PushService:
    """Checks what real services check: the signature, TTL, Topic and encoding."""

    crowd: Crowd
    browsers: dict[str, Browser] = field(default_factory=dict)
    url: str = ""

    def subscribe(self, person: Person) -> str:
        browser = self.browsers[person.id] = Browser()
        return browser.subscription(f"{self.url}/push/{person.id}")

    async def take(self, request: Request) -> Response:
        who = request.path_params["who"]
        if wrong := _wrong(request):
            self.crowd.fault(f"push to {who}: {wrong}")
            return Response(wrong, 400)
        if self.crowd.people[who].gone:
            self.crowd.gone(who)
            return Response("unsubscribed or expired", 410)
        try:
            payload = self.browsers[who].read(await request.body())
        except ValueError as error:
            self.crowd.fault(f"push to {who} cannot be decrypted: {error}")
            return Response("cannot be read", 400)
        self.crowd.push(who, payload)
        return Response(status_code=201, headers={"Location": f"{self.url}/message/{payload['key']}"})


def _wrong(request: Request) -> str:
    if not Vapid02.verify(request.headers.get("authorization", "")):
        return "the signature is not good"
    if request.headers.get("content-encoding") != "aes128gcm" or not request.headers.get("ttl", "").isdigit():
        return "Content-Encoding or TTL is not good"
    return "" if _TOPIC.fullmatch(request.headers.get("topic", "-")) else "Topic is not good"


@contextmanager
def push_service(crowd: Crowd) -> Iterator[PushService]:
    """Run the push service."""
    service = PushService(crowd)
    app = Starlette(routes=[Route("/push/{who}", service.take, methods=["POST"])])
    server = WebServer(app, ANY, ANY)
    service.url = server.url
    server.start()
    try:
        yield service
    finally:
        server.stop()


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
