"""What every channel promises, whatever it speaks."""

from __future__ import annotations

import http.server
import io
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from channels.captured import CapturedChannel
from channels.channel import Channel, Envelope
from channels.console import ConsoleChannel
from channels.maildir import MaildirChannel
from channels.smtp import SmtpChannel
from channels.smtp_line import SmtpSettings
from channels.webhook import Host, WebhookChannel
from channels.webpush import WebPushChannel, WebPushSettings, _b64, generate_vapid_key

MAIL = b"Subject: Hi\r\n\r\nHi\r\n"
POINT = serialization.PublicFormat.UncompressedPoint


@dataclass
class Door:
    """A channel, an address it can reach, and the count of what has passed."""

    channel: Channel
    to: str
    arrived: list[Any]

    def envelopes(self, count: int) -> list[Envelope]:
        return [Envelope(f"e{n}:1", self.to, MAIL, "b@acme.test", timeout=2) for n in range(count)]


@pytest.fixture
def arrivals() -> list[Any]:
    return []


@pytest.fixture
def web(arrivals: list[Any]) -> Iterator[int]:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrivals.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            status = int(self.path.strip("/") or 201)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/201")
            self.end_headers()
            self.wfile.write(b"x" * 100_000 if status == 200 else b"said")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def relay(arrivals: list[Any]) -> Iterator[int]:
    class Inbox:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            arrivals.append(envelope.content)
            return "250 ok"

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    controller = Controller(Inbox(), hostname="127.0.0.1", port=port)
    controller.start()
    yield port
    controller.stop()


class Lines(io.StringIO):
    def __init__(self, arrivals: list[Any]) -> None:
        super().__init__()
        self.arrivals = arrivals

    def write(self, text: str) -> int:
        self.arrivals.append(text)
        return super().write(text)


class Seen(list[Any]):
    """Files in a folder, counted when asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def __len__(self) -> int:
        return len(list(self.folder.glob("*.eml")))


@pytest.fixture(params=["smtp", "maildir", "console", "webpush", "webhook", "captured"])
def door(request: pytest.FixtureRequest, arrivals: list[Any], tmp_path: Path) -> Iterator[Door]:
    made = DOORS[request.param](request, arrivals, tmp_path)
    yield made
    made.channel.close()


def _smtp(request: pytest.FixtureRequest, arrivals: list[Any], folder: Path) -> Door:
    port = request.getfixturevalue("relay")
    return Door(SmtpChannel(SmtpSettings("127.0.0.1", port, connections=2)), "ana@x.test", arrivals)


def _maildir(request: pytest.FixtureRequest, arrivals: list[Any], folder: Path) -> Door:
    return Door(MaildirChannel(folder), "ana@x.test", Seen(folder / "new"))


def _console(request: pytest.FixtureRequest, arrivals: list[Any], folder: Path) -> Door:
    return Door(ConsoleChannel(stream=Lines(arrivals)), "ana@x.test", arrivals)


def _webpush(request: pytest.FixtureRequest, arrivals: list[Any], folder: Path) -> Door:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    keys = {"p256dh": _b64(public.public_bytes(serialization.Encoding.X962, POINT)), "auth": _b64(b"a" * 16)}
    to = {"endpoint": f"http://127.0.0.1:{request.getfixturevalue('web')}/201", "keys": keys}
    channel = WebPushChannel(WebPushSettings(generate_vapid_key()[0], "mailto:a@b.test", loopback=True))
    return Door(channel, json.dumps(to), arrivals)


def _webhook(request: pytest.FixtureRequest, arrivals: list[Any], folder: Path) -> Door:
    port = request.getfixturevalue("web")
    return Door(
        WebhookChannel(hosts=[Host(f"127.0.0.1:{port}", private=True)]), f"http://127.0.0.1:{port}/201", arrivals
    )


def _captured(request: pytest.FixtureRequest, arrivals: list[Any], folder: Path) -> Door:
    channel = CapturedChannel()
    channel.envelopes = arrivals
    return Door(channel, "ana@x.test", arrivals)


DOORS = {
    "smtp": _smtp,
    "maildir": _maildir,
    "console": _console,
    "webpush": _webpush,
    "webhook": _webhook,
    "captured": _captured,
}


class TestEveryChannel:
    def test_one_receipt_for_each_envelope(self, door: Door) -> None:
        envelopes = door.envelopes(7)
        receipts = list(door.channel.send(envelopes, frozenset))
        assert sorted(r.key for r in receipts) == [e.key for e in envelopes]
        assert {r.status for r in receipts} == {"sent"}
        assert len(door.arrived) == 7

    def test_a_message_leaves_only_after_its_intent(self, door: Door) -> None:
        intended: set[str] = set()

        def intend(keys: Sequence[str]) -> frozenset[str]:
            assert len(door.arrived) <= len(intended)
            assert intended.isdisjoint(keys)
            intended.update(keys)
            return frozenset(keys)

        for receipt in door.channel.send(door.envelopes(5), intend):
            assert receipt.key in intended
        assert len(door.arrived) == 5

    def test_a_withheld_message_does_not_leave(self, door: Door) -> None:
        receipts = list(door.channel.send(door.envelopes(4), lambda keys: frozenset(keys) - {"e1:1", "e2:1"}))
        assert {r.key: r.status for r in receipts} == {
            "e0:1": "sent", "e1:1": "withheld", "e2:1": "withheld", "e3:1": "sent",
        }  # fmt: skip
        assert len(door.arrived) == 2

    def test_nothing_to_send_is_nothing_sent(self, door: Door) -> None:
        assert list(door.channel.send([], frozenset)) == []

    def test_an_intent_that_fails_sends_nothing(self, door: Door) -> None:
        def broken(keys: Sequence[str]) -> frozenset[str]:
            raise RuntimeError("the database is gone")

        with pytest.raises(RuntimeError, match="database"):
            list(door.channel.send(door.envelopes(3), broken))
        assert len(door.arrived) == 0
        assert {r.status for r in door.channel.send(door.envelopes(3), frozenset)} == {"sent"}


class TestWebhook:
    @pytest.mark.parametrize(
        ("path", "status", "kind"),
        [("200", "sent", ""), ("302", "failed", "config"), ("400", "failed", "content"), ("401", "failed", "config"),
         ("410", "failed", "gone"), ("429", "deferred", ""), ("500", "deferred", ""), ("503", "deferred", "")],
    )  # fmt: skip
    def test_an_answer_means(self, web: int, arrivals: list[Any], path: str, status: str, kind: str) -> None:
        hook = WebhookChannel(hosts=[Host(f"127.0.0.1:{web}", private=True)])
        (answer,) = hook.send([Envelope("k", f"http://127.0.0.1:{web}/{path}", b"{}")], frozenset)
        assert (answer.status, answer.kind) == (status, kind)
        assert answer.detail.startswith(path)
        assert len(answer.detail) <= 64 * 1024 + 4
        assert len(arrivals) == 1
        assert arrivals[0][0]["Idempotency-Key"] == "k"

    @pytest.mark.parametrize("url", ["file:///etc/passwd", "http://evil.test/", "x", "http://127.0.0.1@evil.test/"])
    def test_another_host_is_never_asked(self, url: str) -> None:
        (answer,) = WebhookChannel(hosts=[Host("127.0.0.1", private=True)]).send([Envelope("k", url, b"{}")], frozenset)
        assert (answer.status, answer.kind) == ("failed", "config")

    def test_a_silent_host_is_asked_again_later(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            to = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            hook = WebhookChannel(hosts=[Host(urlsplit(to).netloc, private=True)])
            (answer,) = hook.send([Envelope("k", to, b"{}", timeout=0.05)], frozenset)
        assert answer.status == "deferred"


def test_the_console_cannot_be_painted_on() -> None:
    stream = io.StringIO()
    mail = Envelope("k", "a\x1b[2J@b.test", b"Subject: \x1b[31mred\r\n\r\n")
    list(ConsoleChannel(stream=stream).send([mail], frozenset))
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_a_captured_channel_may_only_count() -> None:
    channel = CapturedChannel(keep=False)
    list(channel.send([Envelope("k", "a@b.test", b"")], frozenset))
    assert (channel.count, channel.envelopes) == (1, [])
