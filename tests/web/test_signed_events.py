"""Who signs events is believed, nobody else; who speaks slowly, or too much, is not waited for."""

from __future__ import annotations

import json
import socket
import time

import pytest

from channels.signing import ID, PREFIX, SIGNATURE, TIMESTAMP, signed
from engine.app import read
from engine.errors import ConfigError
from engine.store.tables import events
from engine.web import limits, server
from engine.web.app import build_app
from engine.web.doors import Doors, Facts
from engine.web.server import WebServer

SECRET, OTHER = b"a secret of the shop's till", b"a secret of somebody else's"
ORDER = {"event": "order_placed", "contact": "ana", "data": {"total": 12.5}}
BODY = json.dumps({"batch": [ORDER, {**ORDER, "data": {"total": 3}}]}).encode()


@pytest.fixture
def client(shop):
    return shop.client(secrets=((OTHER, "erp"), (SECRET, "till")))


def sent(shop, client, body: bytes = BODY, late: float = 0, **change: str):
    headers = signed([SECRET], "call-1", shop.now.timestamp() - late, body) | change
    return client.post("/v1/events", content=body, headers=headers)


def test_signed_events_are_stored_under_their_source_and_sending_them_again_changes_nothing(shop, client):
    first, second = sent(shop, client), sent(shop, client)
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    assert [row["source"] for row in shop.rows(events)] == ["till", "till"]
    assert len({row["id"] for row in shop.rows(events)}) == 2


@pytest.mark.parametrize("late", [299, -299])
def test_clocks_may_differ_by_five_minutes(shop, client, late):
    assert sent(shop, client, late=late).status_code == 202


def forged(shop) -> dict[str, dict[str, str]]:
    made = signed([SECRET], "call-1", shop.now.timestamp(), BODY)
    return {
        "another secret": signed([b"x" * 24], "call-1", shop.now.timestamp(), BODY),
        "another id": made | {ID: "call-2"},
        "another time": made | {TIMESTAMP: str(int(shop.now.timestamp()) + 1)},
        "too old": signed([SECRET], "call-1", shop.now.timestamp() - 301, BODY),
        "too new": signed([SECRET], "call-1", shop.now.timestamp() + 301, BODY),
        "no id": {SIGNATURE: made[SIGNATURE], TIMESTAMP: made[TIMESTAMP]},
        "nothing": {SIGNATURE: ""},
        "the secret as a key": {"authorization": "Bearer whsec_" + "YSBzZWNyZXQgb2YgdGhlIHNob3AncyB0aWxs"},
        "a good key beside a bad signature": {SIGNATURE: "v1,AAAA", "authorization": "Bearer key-one"},
    }


def test_whatever_is_forged_gets_the_same_401_and_stores_nothing(shop):
    for what, headers in forged(shop).items():
        client = shop.client(secrets=((SECRET, "till"),))
        answer = client.post("/v1/events", content=BODY, headers=headers)
        assert (what, answer.status_code) == (what, 401)
        assert answer.json() == {"error": "a write key is needed: Authorization: Bearer <key>"}
    made = signed([SECRET], "call-1", shop.now.timestamp(), BODY)
    changed = shop.client(secrets=((SECRET, "till"),)).post("/v1/events", content=BODY + b" ", headers=made)
    assert changed.status_code == 401
    assert shop.rows(events) == []


def test_guessing_signatures_is_stopped_and_a_right_one_is_still_heard(shop, client):
    answers = [sent(shop, client, **{SIGNATURE: f"v1,{n}"}).status_code for n in range(12)]
    assert answers == [401] * 10 + [429] * 2
    assert sent(shop, client).status_code == 202


def test_a_signature_opens_no_door_to_more_than_a_key_does(shop, client):
    assert sent(shop, client, b"x" * 65_537).status_code == 413
    assert sent(shop, client, json.dumps({"batch": [ORDER] * 501}).encode()).status_code == 413
    assert sent(shop, client, b"[").status_code == 400


SHOP = """\
project: shop
timezone: UTC
store: "sqlite:///shop.db"
web: {base_url: "https://go.shop.test", keys: {web: "${WRITE}", till: "${TILL}"}}
"""


def test_a_key_that_is_a_secret_signs_and_is_never_a_write_key(tmp_path):
    (tmp_path / "sojourn.yaml").write_text(SHOP)
    (tmp_path / "data.yaml").write_text("contact: {email: text}\nsources: {till: 1, web: 2}\n")
    till = PREFIX + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
    project = read(tmp_path, {"WRITE": "a-write-key", "TILL": till}).project
    facts = Facts.of(project)
    assert (facts.keys, facts.secrets) == (("a-write-key",), ((b"ABCDEFGHIJKLMNOPQRSTUVWX", "till"),))
    wrong = read(tmp_path, {"WRITE": "a-write-key", "TILL": PREFIX + "short"}).project
    with pytest.raises(ConfigError, match="a webhook secret is"):
        Facts.of(wrong)


@pytest.fixture
def served(shop, monkeypatch):
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.3)
    doors = Doors(shop.store, shop.tokens, lambda: shop.now, lambda: None, shop.facts)
    web = WebServer(build_app(doors), "127.0.0.1:0", "127.0.0.1:0")
    web.start()
    yield int(web.url.rpartition(":")[2])
    web.stop()


def dribbled(port: int, first: bytes) -> bytes:
    """Send a byte now and then; return what was answered before the other side hung up."""
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(first)
        deadline = time.monotonic() + 10
        line.settimeout(0.05)
        heard = b""
        while time.monotonic() < deadline:
            try:
                line.sendall(b"x")
                more = line.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                return heard
            if not more:
                return heard
            heard += more
    raise AssertionError("nobody hung up")


def test_who_dribbles_a_request_is_hung_up_on_while_others_are_answered(served):
    assert dribbled(served, b"GET / HTTP/1.1\r\nX: ") == b""
    again = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nX: "
    assert dribbled(served, again).startswith(b"HTTP/1.1 200")


def test_who_dribbles_a_body_is_told(served):
    head = b"POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer key-one\r\nContent-Length: 900\r\n\r\n"
    assert dribbled(served, head).startswith(b"HTTP/1.1 408")
