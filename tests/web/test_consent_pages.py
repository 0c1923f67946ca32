"""Leaving and choosing: a GET changes nothing, a POST holds from its answer on."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from engine.store.connect import writing
from engine.store.tables import deliveries, events

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def leave(shop):
    return f"/u/{shop.tokens.unsubscribe(shop.key)}"


def test_opening_the_unsubscribe_link_changes_nothing(shop):
    client = shop.client()
    answers = [client.get(leave(shop)), client.head(leave(shop)), client.request("OPTIONS", leave(shop))]
    assert [answer.status_code for answer in answers] == [200, 200, 405]
    assert "Unsubscribe from Offers &amp; news?" in answers[0].text
    assert "Acme &lt;Shop&gt;" in answers[0].text
    assert (shop.consents(), shop.ledger(), shop.events()) == ("promo tips", [], [])


def test_one_click_takes_the_topic_away_at_once(shop):
    answer = shop.client().post(leave(shop), data=ONE_CLICK)
    assert answer.status_code == 200
    assert (shop.consents(), shop.ledger()) == ("tips", [("promo", False)])
    row = shop.rows(events)[0]
    assert (row["name"], row["data"]["topic"], row["data"]["key"]) == ("unsubscribed", "promo", shop.key)
    assert shop.woken == 1


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"data": ONE_CLICK},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": b"\xff\x00"},
        {"content": b"x" * 70_000},
        {"headers": {"user-agent": "GmailImageProxy bot"}},
    ],
)
def test_any_post_with_a_good_token_counts(shop, more):
    assert shop.client().post(leave(shop), **more).status_code == 200
    assert shop.consents() == "tips"


def test_asking_twice_is_one_event(shop):
    client = shop.client()
    assert [client.post(leave(shop)).status_code for _ in range(3)] == [200] * 3
    assert len(shop.events()) == 1


def test_everything_can_be_refused_in_one_go(shop):
    client = shop.client()
    answer = client.post(leave(shop), data={"scope": "all"})
    assert "no more messages" in answer.text
    assert (shop.consents(), shop.ledger()) == ("", [("", False)])


def test_a_person_we_forgot_gets_the_same_answer(shop):
    client = shop.client()
    known = client.post(leave(shop))
    with writing(shop.store) as conn:
        conn.execute(sa.delete(deliveries))
    forgotten = client.post(leave(shop))
    assert (known.status_code, forgotten.status_code) == (200, 200)
    assert "You are unsubscribed" in forgotten.text


@pytest.mark.parametrize("path", ["/u/", "/p/"])
def test_a_bad_token_can_do_nothing(shop, path):
    client = shop.client()
    for token in ("x", shop.tokens.click(shop.key, 0), shop.tokens.view(shop.key)):
        assert client.post(path + token).status_code == 404
    assert (shop.consents(), shop.events()) == ("promo tips", [])


def test_an_unsubscribe_that_cannot_be_stored_is_not_called_done(shop):
    with writing(shop.store) as conn:
        conn.execute(sa.text("ALTER TABLE consents RENAME TO elsewhere"))
    answer = shop.client().post(leave(shop))
    assert (answer.status_code, shop.consents(), shop.events()) == (503, "promo tips", [])
    assert "Nothing was changed" in answer.text


def test_topics_are_listed_as_they_stand_and_transactional_ones_are_no_choice(shop):
    shop.client().post(leave(shop))
    page = shop.client().get(f"/p/{shop.tokens.preferences(shop.key)}").text
    assert re.findall(r'value="(\w+)"( checked)?', page) == [("promo", ""), ("tips", " checked")]


def test_choosing_topics_writes_what_changed_and_only_that(shop):
    client, path = shop.client(), f"/p/{shop.tokens.preferences(shop.key)}"
    assert "Saved." in client.post(path, data={"topic": ["promo", "account", "nonsense"]}).text
    assert (shop.consents(), shop.ledger()) == ("promo", [("tips", False)])
    client.post(path, data={"topic": ["promo", "tips"]})
    assert (shop.consents(), shop.ledger()) == ("promo tips", [("tips", False), ("tips", True)])
    assert [name for name, _ in shop.events()] == ["unsubscribed"]


@pytest.mark.parametrize("kind", ["/", "/u/", "/p/"])
def test_pages_forbid_everything_but_themselves(shop, kind):
    tokens = {"/": "", "/u/": shop.tokens.unsubscribe(shop.key), "/p/": shop.tokens.preferences(shop.key)}
    answer = shop.client().get(kind + tokens[kind])
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "<script" not in answer.text
    assert "set-cookie" not in answer.headers


def test_health_is_told_apart(shop):
    client = shop.client()
    assert client.get("/healthz").json() == {"status": "ok"}
