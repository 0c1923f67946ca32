"""Event intake: who may send, what is taken, and that sending twice is harmless."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from engine.store.connect import writing
from engine.store.tables import alarms, events

KEY = {"authorization": "Bearer key-one"}
ORDER = {"event": "order_placed", "contact": "ana", "id": "o1", "at": "2026-03-01T11:00:00Z", "data": {"total": 12.5}}


def post(client, body, headers=KEY):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/v1/events", content=content, headers=headers)


def reason(answer):
    return answer.json()["results"][0]["reason"]


def test_an_event_is_stored_rings_its_contact_and_wakes_the_engine(shop):
    answer = post(shop.client(), ORDER)
    assert (answer.status_code, answer.json()["results"]) == (202, [{"id": "o1", "status": "accepted"}])
    row = shop.rows(events)[0]
    assert (row["id"], row["name"], row["data"], row["source"]) == ("o1", "order_placed", {"total": 12.5}, "http")
    assert row["at"] == datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert [row["contact_id"] for row in shop.rows(alarms)] == ["ana"]
    assert shop.woken == 1


def test_the_words_of_the_usual_sdks_mean_the_same(shop):
    item = {"name": "order_placed", "userId": "ana", "messageId": "m1", "timestamp": "2026-03-01T12:00:00.250+01:00"}
    answer = post(shop.client(), {"batch": [item | {"properties": {"order_id": "A1"}}]})
    assert answer.status_code == 202
    row = shop.rows(events)[0]
    assert (row["id"], row["at"].hour, row["data"]) == ("m1", 11, {"order_id": "A1"})


def test_sending_again_changes_nothing_and_is_answered_alike(shop):
    client = shop.client()
    first, again = post(client, ORDER), post(client, {"batch": [ORDER, ORDER]})
    assert first.json()["results"][0] == again.json()["results"][0]
    assert len(shop.rows(events)) == 1


def test_an_event_without_an_id_can_be_sent_again_when_it_has_a_time(shop):
    client, item = shop.client(), {name: value for name, value in ORDER.items() if name != "id"}
    ids = {post(client, item).json()["results"][0]["id"] for _ in range(3)}
    assert len(ids) == len(shop.rows(events)) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer"},
        {"authorization": "Basic ???"},
        {"authorization": "Basic " + base64.b64encode(b":key-one").decode()},
        {"authorization": "Digest key-one"},
    ],
)
def test_without_a_good_key_every_answer_is_the_same_401(shop, headers):
    answer = post(shop.client(), ORDER, headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json() == {"error": "a write key is needed: Authorization: Bearer <key>"}
    assert shop.rows(events) == []


def test_each_key_works_as_bearer_or_as_basic_user(shop):
    client = shop.client()
    basic = {"authorization": "Basic " + base64.b64encode(b"key-two:").decode()}
    assert [post(client, ORDER, h).status_code for h in (KEY, basic)] == [202, 202]


def test_a_project_without_keys_takes_no_events(shop):
    assert post(shop.client(keys=()), ORDER, {"authorization": "Bearer "}).status_code == 401


def test_wrong_keys_are_limited_and_right_ones_are_not(shop):
    client = shop.client()
    assert [post(client, ORDER, {}).status_code for _ in range(11)][-2:] == [401, 429]
    assert post(client, ORDER).status_code == 202


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"event": "order_place"}, 'no event called "order_place" in data.yaml; did you mean "order_placed"?'),
        ({"event": "xyz"}, 'no event called "xyz" in data.yaml; add it under `events`'),
        ({"event": None}, "`event` is missing"),
        ({"event": 7}, "`event` must be text that is not empty"),
        ({"contact": ""}, "`contact` is missing"),
        ({"contact": "bob"}, 'no contact called "bob"; import it first'),
        ({"contact": "a" * 201}, "`contact` must be at most 200 printable characters"),
        ({"contact": "a\nb"}, "`contact` must be at most 200 printable characters"),
        ({"contact": ["ana"]}, "`contact` must be text that is not empty"),
        ({"id": {"a": 1}}, "`id` must be text that is not empty"),
        ({"at": "yesterday"}, 'cannot read `at` "yesterday"; write it as "2026-03-01T09:30:00Z"'),
        ({"at": "2026-03-01T11:00:00"}, '`at` "2026-03-01T11:00:00" has no zone; add Z, or an offset such as +02:00'),
        ({"at": "2026-03-02T11:00:00Z"}, '`at` "2026-03-02T11:00:00Z" is in the future'),
        ({"at": "0001-01-01T00:00:00+23:00"}, '`at` "0001-01-01T00:00:00+23:00" is out of range'),
        ({"at": 1772360000}, '`at` must be a time such as "2026-03-01T09:30:00Z"'),
        ({"data": [1]}, "`properties` must be a JSON object"),
        ({"data": {"total": "12"}}, '"total" of order_placed must be a number, not "12"'),
        ({"data": {"total": True}}, '"total" of order_placed must be a number, not true'),
        ({"data": {"gift": 1}}, '"gift" of order_placed must be a flag, not 1'),
        ({"data": {"note": "x" * 20_000}}, "`properties` are over 16 KiB"),
    ],
)
def test_what_is_wrong_with_an_event_is_said_with_the_way_out(shop, change, says):
    answer = post(shop.client(), ORDER | change)
    assert (answer.status_code, reason(answer)) == (400, says)
    assert shop.rows(events) == []


def test_one_bad_event_costs_the_others_nothing(shop):
    batch = [ORDER, "rubbish", ORDER | {"id": "o2", "event": "nope"}, ORDER | {"id": "o3", "contact": "bob"}]
    answer = post(shop.client(), {"batch": [*batch, ORDER | {"id": "o4"}]})
    assert answer.status_code == 202
    assert [r["status"] for r in answer.json()["results"]] == ["accepted", "refused", "refused", "refused", "accepted"]
    assert (answer.json()["accepted"], answer.json()["refused"]) == (2, 3)
    assert {row["id"] for row in shop.rows(events)} == {"o1", "o4"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b'{"batch": {}}', 400),
        (b"\xff\xfe", 400),
        (b'{"event": NaN}', 400),
        (b'{"contact": "\\ud800"}', 400),
        (b"[" * 30_000, 400),
        (b" " * (64 * 1024 + 1), 413),
        (json.dumps({"batch": [{}] * 501}).encode(), 413),
        (b'{"batch": []}', 202),
    ],
)
def test_a_body_that_is_none_is_one_clear_error(shop, body, status):
    answer = post(shop.client(), body)
    assert answer.status_code == status
    assert answer.json().get("error", "") or status == 202


def test_an_old_event_is_kept_but_starts_nothing(shop):
    post(shop.client(), ORDER | {"at": "2026-02-20T11:00:00Z"})
    assert [row["starts"] for row in shop.rows(events)] == [False]


def test_a_senders_clock_may_be_a_little_ahead(shop):
    post(shop.client(), ORDER | {"at": (shop.now + timedelta(minutes=4)).isoformat()})
    assert shop.rows(events)[0]["at"] == shop.now


def test_many_senders_at_once_share_commits_and_lose_nothing(shop):
    commits = []
    sa.event.listen(shop.store, "commit", lambda _: commits.append(1))
    asked = [("POST", "/v1/events", {"json": ORDER | {"id": f"o{n}"}, "headers": KEY}) for n in range(60)]
    answers = shop.client().at_once(asked)
    assert {answer.status_code for answer in answers} == {202}
    assert len(shop.rows(events)) == 60
    assert len(commits) < 30


def test_when_nothing_can_be_stored_the_sender_is_told_to_come_again(shop):
    with writing(shop.store) as conn:
        conn.execute(sa.text("ALTER TABLE events RENAME TO elsewhere"))
    answer = post(shop.client(), ORDER)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert shop.woken == 0
