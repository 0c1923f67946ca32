"""Every answer of Firebase has one meaning; the account's token is asked once; a quota holds everybody back."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from channels.build import build_channel
from channels.channel import Envelope, Receipt
from channels.errors import ChannelMisconfigured
from channels.fcm import PAYLOAD_LIMIT, FcmChannel, FcmSettings

BODY = json.dumps({"title": "Hi Ana ✓", "body": "Look", "link": "https://go.shop.example/c/x", "key": "e0:1"}).encode()


@dataclass
class Firebase:
    port: int = 0
    status: int = 200
    word: str = ""
    retry_after: str = ""
    tokens: int = 0
    refuses_account: bool = False
    got: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, Any]]:
        if path == "/token":
            self.tokens += 1
            if self.refuses_account:
                return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            return 200, {"access_token": f"t{self.tokens}", "expires_in": 3600, "token_type": "Bearer"}
        self.got.append((path, headers["Authorization"], json.loads(body)["message"]))
        if self.status == 200:
            return 200, {"name": "projects/p/messages/7"}
        details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": self.word}]
        return self.status, {"error": {"code": self.status, "status": "X", "details": details if self.word else []}}


@pytest.fixture(scope="module")
def account_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.fixture
def firebase() -> Iterator[Firebase]:
    made = Firebase()

    class Answer(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status, said = made.answer(self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/json")
            if made.retry_after:
                self.send_header("Retry-After", made.retry_after)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    made.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def channel(firebase: Firebase, account_key: str) -> Iterator[FcmChannel]:
    account = {"type": "service_account", "project_id": "p", "private_key": account_key, "client_email": "a@p.example",
               "token_uri": f"{firebase.url}/token"}  # fmt: skip
    made = FcmChannel(FcmSettings(account, firebase.url, connections=2))
    yield made
    made.close()


def push(channel: FcmChannel, count: int = 1, body: bytes = BODY) -> list[Receipt]:
    envelopes = [Envelope(f"e{n}:1", f"token{n}", body, headers={"ttl": "60"}, timeout=2) for n in range(count)]
    return list(channel.send(envelopes, frozenset))


def test_a_message_arrives_with_what_replaces_a_second_copy_of_it(channel, firebase):
    (answer,) = push(channel)
    assert (answer.status, answer.provider_id) == ("sent", "projects/p/messages/7")
    path, authorization, message = firebase.got[0]
    assert (path, authorization, message["token"]) == ("/v1/projects/p/messages:send", "Bearer t1", "token0")
    assert message["notification"] == {"title": "Hi Ana ✓", "body": "Look"}
    assert message["data"] == {"link": "https://go.shop.example/c/x", "key": "e0:1"}
    assert message["android"]["collapse_key"] == message["apns"]["headers"]["apns-collapse-id"]
    push(channel)
    assert firebase.got[1][2]["android"] == message["android"]
    assert firebase.tokens == 1


@pytest.mark.parametrize(
    ("status", "word", "means", "kind"),
    [
        (404, "UNREGISTERED", "failed", "gone"), (403, "SENDER_ID_MISMATCH", "failed", "gone"),
        (401, "THIRD_PARTY_AUTH_ERROR", "failed", "config"), (403, "", "failed", "config"),
        (400, "INVALID_ARGUMENT", "failed", "content"), (429, "QUOTA_EXCEEDED", "deferred", ""),
        (503, "UNAVAILABLE", "deferred", ""), (500, "INTERNAL", "deferred", ""), (404, "", "failed", "content"),
    ],
)  # fmt: skip
def test_an_answer_means(channel, firebase, status, word, means, kind):
    firebase.status, firebase.word = status, word
    (answer,) = push(channel)
    assert (answer.status, answer.kind) == (means, kind)
    assert len(firebase.got) == 1  # nothing is repeated behind our back


def test_a_quota_holds_everybody_back_for_a_minute_at_least(channel, firebase):
    firebase.status, firebase.word, firebase.retry_after = 429, "QUOTA_EXCEEDED", "5"
    answers = push(channel, 6)
    assert {answer.status for answer in answers} == {"deferred"}
    assert len(firebase.got) == 2  # one group; the others were not even asked
    assert all(a.retry_at is not None and a.retry_at > datetime.now(UTC) + timedelta(seconds=50) for a in answers)


def test_three_refusals_of_the_account_stop_the_channel_and_delete_nobody(channel, firebase):
    firebase.status, firebase.word = 401, "THIRD_PARTY_AUTH_ERROR"
    assert {answer.kind for answer in push(channel, 4)} == {"config"}
    with pytest.raises(ChannelMisconfigured, match="credentials"):
        push(channel)


def test_an_account_that_is_refused_stops_the_channel_before_anything_goes(channel, firebase):
    firebase.refuses_account = True
    with pytest.raises(ChannelMisconfigured, match="service account is refused"):
        push(channel)
    assert firebase.got == []


def test_what_is_too_large_is_the_authors(channel, firebase):
    (answer,) = push(channel, body=b"x" * (PAYLOAD_LIMIT + 1))
    assert (answer.status, answer.kind, firebase.got) == ("failed", "content", [])


@pytest.mark.parametrize("said", ["", "no json", "{}"])
def test_settings_that_are_no_account_name_the_way_out(said):
    with pytest.raises(ChannelMisconfigured, match="credentials"):
        build_channel("push", {"provider": "fcm", "credentials": said})
