"""The rules of the tracking API: bodies, sizes, keys, clocks, what is refused and what is answered."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from served import Served, serving
from tracked import NOON

from engine.intake.clocks import happened, instant
from engine.store.profile_tables import problems
from engine.store.tables import contacts, events
from engine.web.intake import segment

BASIC = {"Authorization": f"Basic {base64.b64encode(b'shop-key:').decode()}"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("tracking")) as found:
        yield found


@pytest.fixture(scope="module")
def http(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, headers=BASIC) as client:
        yield client


def track(user: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "track", "userId": user, "event": "Order Placed", "messageId": message or user, **more}


def batch(*items: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"batch": items, **more}).encode()


def test_gzip_chunked_and_text_plain_are_read(served, http):
    packed = gzip.compress(batch(track("b1")))
    plain = {"Content-Type": "text/plain"}
    answers = [
        http.post("/v1/batch", content=packed, headers={"Content-Encoding": "gzip"}),
        http.post("/v1/batch", content=iter([batch(track("b2"))[:20], batch(track("b2"))[20:]])),
        http.post(
            "/v1/t", content=json.dumps({**track("b3"), "writeKey": "web-key"}), headers={**plain, "Authorization": ""}
        ),
        http.post("/v1/track", json=track("b4"), headers={"Authorization": "Bearer web-key"}),
        http.post("/v1/import", content=batch(track("b5"))),
    ]
    assert [(one.status_code, one.json()) for one in answers] == [(200, {"success": True})] * 5
    assert served.events_of("b1", "b2", "b3", "b4", "b5") == [(f"b{n}", "order_placed") for n in range(1, 6)]
    sources = sa.select(events.c.contact_id, events.c.source).where(events.c.contact_id.in_(("b1", "b3")))
    assert sorted(served.rows(sources)) == [("b1", "shop"), ("b3", "web")]


@pytest.mark.parametrize("packed", [False, True])
def test_a_body_of_501_kb_is_400_packed_or_not(served, http, packed):
    body = batch(*(track("large", f"large{n}", properties={"x": "x" * 10_000}) for n in range(51)))
    assert len(body) > segment.BODY_BYTES
    headers = {"Content-Encoding": "gzip"} if packed else {}
    answer = http.post("/v1/batch", content=gzip.compress(body) if packed else body, headers=headers)
    assert answer.status_code == 400
    assert "500 KB" in answer.json()["message"]
    assert served.events_of("large") == []


def test_an_item_of_33_kb_is_refused_alone_and_named(served, http):
    big = track("mixed", "too-big", properties={"x": "x" * 33 * 1024})
    assert http.post("/v1/batch", content=batch(track("mixed", "fine"), big)).status_code == 200
    assert served.events_of("mixed") == [("mixed", "order_placed")]
    said = sa.select(problems.c.message_id, problems.c.reason, sa.func.length(sa.cast(problems.c.item, sa.Text)))
    ((message, reason, length),) = served.rows(said.where(problems.c.message_id == "too-big"))
    assert (message, reason) == ("too-big", "is 33 KB; at most 32 KB an item")
    assert length <= 2_100


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ({"type": "track", "userId": "x", "event": "Order Plced"}, 'no event called "order_plced" in data.yaml; did you mean "order_placed"?'),
        ({"type": "track", "userId": "x", "event": "Clicked"}, '"clicked" is an event of our own; call yours otherwise'),
        ({"type": "track", "event": "Order Placed"}, "names nobody: userId or anonymousId is needed"),
        ({"type": "trick", "userId": "x"}, 'no call of the type "trick": track, identify, page, screen, group, alias'),
        ({"type": "track", "userId": "x", "event": "Order Placed", "timestamp": "soon"}, 'cannot read the timestamp "soon"; write 2026-03-01T09:30:00Z'),
        ({"type": "identify", "userId": "anon:x"}, 'a userId does not begin with "anon:"'),
        ({"type": "identify", "userId": "x", "traits": [1]}, "`traits` must be a JSON object"),
        (17, "a call is a JSON object"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_item_stands_in_the_problems(served, http, item, says):
    before = len(served.rows(sa.select(problems.c.id)))
    assert http.post("/v1/batch", content=json.dumps({"batch": [item]})).json() == {"success": True}
    assert says in [reason for (reason,) in served.rows(sa.select(problems.c.reason))]
    http.post("/v1/batch", content=json.dumps({"batch": [item]}))
    assert len(served.rows(sa.select(problems.c.id))) == before + 1, "the same again adds none"


def test_a_value_of_another_type_is_a_problem_and_the_rest_is_taken(served, http):
    traits = {"age": "old", "plan": "GOLD", "newsletter": "yes", "firstName": "Ana", "shoeSize": 41}
    items = [
        {"type": "identify", "userId": "typed", "messageId": "typed1", "traits": traits},
        track("typed", "typed2", properties={"total": "much", "orderId": "A7"}),
    ]
    http.post("/v1/batch", content=batch(*items))
    person = served.rows(sa.select(contacts.c.attributes).where(contacts.c.id == "typed"))
    assert person == [({"plan": "gold", "newsletter": True, "first_name": "Ana"},)]
    happened_ = dict(served.rows(sa.select(events.c.name, events.c.data).where(events.c.contact_id == "typed")))
    assert happened_["order_placed"] == {"orderId": "A7"}
    assert happened_["identified"]["unknown"] == ["shoeSize"]
    said = served.rows(sa.select(problems.c.reason).where(problems.c.message_id.in_(("typed1", "typed2"))))
    assert sorted(reason for (reason,) in said) == [
        'the trait age "old" is no number; write 1234.5; the others were taken',
        'total of order_placed: "much" is no number; write 1234.5; the event was kept without it',
    ]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Authorization": "Basic bm9ib2R5Og=="}, 401),
        (b"{", {}, 400), (b"[]", {}, 400), (b'{"batch": 3}', {}, 400), (b'{"batch": [], "x": NaN}', {}, 400),
        (b"junk", {"Content-Encoding": "gzip"}, 400), (gzip.compress(b'{"batch": []}', mtime=0)[:-9], {"Content-Encoding": "gzip"}, 400),
        (b'{"batch": []}', {}, 200),
    ],
)  # fmt: skip
def test_what_nobody_can_read_is_refused_as_a_whole(http, body, headers, status):
    answer = http.post("/v1/batch", content=body, headers=headers)
    assert (answer.status_code, answer.json()["success"]) == (status, status == 200)


def test_a_browser_may_ask_first_and_read_the_answer(http):
    asked = http.options("/v1/t", headers={"Origin": "https://shop.test", "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == "*"
    assert "Content-Type" in asked.headers["access-control-allow-headers"]
    assert http.post("/v1/t", json=track("cors")).headers["access-control-allow-origin"] == "*"


def test_the_settings_of_a_page_name_this_host(served, http):
    door = http.get("/v1/projects/web-key/settings").json()["integrations"]["Segment.io"]
    assert (door["apiHost"], door["protocol"]) == (f"{served.host}/v1", "http")
    assert http.get("/v1/projects/nobody/settings").status_code == 404


def test_too_much_at_once_is_to_be_sent_again(http, monkeypatch):
    monkeypatch.setattr(segment, "WAITING", -1)
    answer = http.post("/v1/t", json=track("crowd"))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")


def test_a_clock_three_hours_ahead_is_set_right_and_history_stays_history(served, http):
    ahead = NOON + timedelta(hours=3)
    assert happened(ahead - timedelta(minutes=1), ahead, NOON) == NOON - timedelta(minutes=1)
    assert happened(NOON - timedelta(days=365), NOON - timedelta(seconds=1), NOON) == NOON - timedelta(days=365)
    assert happened(NOON + timedelta(seconds=4), NOON + timedelta(seconds=4), NOON) == NOON, "never in the future"
    assert happened(None, ahead, NOON) == NOON
    assert happened(ahead, None, NOON) == NOON
    assert instant("2026-03-01T12:00:00.000Z") == NOON == instant(1772366400000) == instant("2026-03-01T13:00:00+01:00")


def test_cloud_events_in_each_of_their_forms(served, http):
    event = {"specversion": "1.0", "id": "c1", "source": "/orders", "type": "com.shop.order_placed", "subject": "cloud",
             "time": "2026-01-01T10:00:00Z", "data": {"total": 12}}  # fmt: skip
    structured = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
    binary = {
        "ce-specversion": "1.0",
        "ce-id": "c2",
        "ce-source": "/orders",
        "ce-type": "OrderPlaced",
        "ce-subject": "cloud",
    }
    poison = {**event, "id": "c4", "specversion": ""}
    answers = [
        http.post("/v1/cloudevents", content=json.dumps(event), headers=structured),
        http.post("/v1/cloudevents", content=json.dumps(event), headers=structured),
        http.post("/v1/cloudevents", content=b'{"total": 13}', headers={**binary, "Content-Type": "application/json"}),
        http.post("/v1/cloudevents", content=json.dumps([{**event, "id": "c3"}, poison]),
                  headers={"Content-Type": "application/cloudevents-batch+json"}),
    ]  # fmt: skip
    assert [one.status_code for one in answers] == [202] * 4
    assert answers[3].json() == {"accepted": 1, "refused": 1, "reasons": ["is no CloudEvent: `specversion` is missing"]}
    found = served.rows(sa.select(events.c.id, events.c.data).where(events.c.contact_id == "cloud"))
    assert sorted((id_, data["total"]) for id_, data in found) == [
        ("/orders:c1", 12),
        ("/orders:c2", 13),
        ("/orders:c3", 12),
    ]
    assert http.post("/v1/cloudevents", content=b"{}", headers={"Authorization": ""}).status_code in (401, 429)
