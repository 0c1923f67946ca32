"""Clicks: where they lead, and which of them count."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from engine.store.connect import writing
from engine.store.tables import deliveries, events

NO_PERSON = [
    "curl/8.5.0",
    "",
    "Mozilla/5.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1)",
    "BarracudaCentral/1.0",
    "Mozilla/5.0 (Windows NT 5.1) GoogleImageProxy",
    "python-requests/2.32",
    "Mozilla/5.0 (X11) HeadlessChrome/120",
]
PEOPLE = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0 Mobile Safari/537.36",
]


def test_a_click_is_recorded_and_leads_where_the_message_said(shop):
    answer = shop.client().get(f"/c/{shop.tokens.click(shop.key, 0)}")
    assert (answer.status_code, answer.headers["location"]) == (302, "https://shop.test/a?x=1&y=2")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers
    row = shop.rows(events)[0]
    assert (row["name"], row["contact_id"], row["at"], row["fresh"]) == ("clicked", "ana", shop.now, True)
    assert row["data"] == {
        "key": shop.key, "message": "email/hello", "link": 0, "journey": "welcome", "state": "hello",
    }  # fmt: skip


def test_a_link_that_differs_from_person_to_person_leads_to_the_persons_own(shop):
    answer = shop.client().get(f"/c/{shop.tokens.click(shop.key, 1)}")
    assert answer.headers["location"] == "https://shop.test/only-ana"


def test_a_double_click_is_one_event_and_a_later_one_another(shop):
    client, path = shop.client(), f"/c/{shop.tokens.click(shop.key, 0)}"
    client.get(path)
    client.get(path)
    shop.now += timedelta(seconds=30)
    client.get(path)
    assert shop.events() == [("clicked", 0), ("clicked", 0)]


@pytest.mark.parametrize("agent", NO_PERSON)
def test_a_machine_is_sent_on_but_its_click_is_none(shop, agent):
    answer = shop.client().get(f"/c/{shop.tokens.click(shop.key, 0)}", headers={"user-agent": agent})
    assert answer.status_code == 302
    assert shop.events() == [("machine_click", "agent")]


@pytest.mark.parametrize("agent", PEOPLE)
def test_people_with_ordinary_browsers_are_people(shop, agent):
    shop.client().get(f"/c/{shop.tokens.click(shop.key, 0)}", headers={"user-agent": agent})
    assert shop.events() == [("clicked", 0)]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_head_and_options_are_no_clicks_whatever_the_filter(shop, method):
    answer = shop.client(bot_filter="off").request(method, f"/c/{shop.tokens.click(shop.key, 0)}")
    assert (answer.status_code, shop.events()) == (302, [("machine_click", "method")])


def test_a_person_who_comes_in_the_second_of_a_scanner_still_counts(shop):
    client, path = shop.client(), f"/c/{shop.tokens.click(shop.key, 0)}"
    client.head(path)
    client.get(path)
    assert shop.events() == [("machine_click", "method"), ("clicked", 0)]


def test_a_prefetch_is_no_click(shop):
    shop.client().get(f"/c/{shop.tokens.click(shop.key, 0)}", headers={"sec-purpose": "prefetch;prerender"})
    assert shop.events() == [("machine_click", "prefetch")]


def test_a_click_within_two_seconds_of_sending_is_a_machines(shop):
    client = shop.client()
    shop.now -= timedelta(minutes=5, seconds=-1.9)
    client.get(f"/c/{shop.tokens.click(shop.key, 0)}")
    shop.now += timedelta(seconds=0.2)
    client.get(f"/c/{shop.tokens.click(shop.key, 2)}")
    assert shop.events() == [("machine_click", "early"), ("clicked", 2)]


def test_a_click_before_the_servers_answer_is_a_machines(shop):
    with writing(shop.store) as conn:
        conn.execute(sa.update(deliveries).values(status="sending"))
    shop.client().get(f"/c/{shop.tokens.click(shop.key, 0)}")
    assert shop.events() == [("machine_click", "early")]


def test_three_links_in_two_seconds_are_a_machine_all_of_them(shop):
    client = shop.client()
    for link in (0, 1, 2, 0):
        client.get(f"/c/{shop.tokens.click(shop.key, link)}")
        shop.now += timedelta(seconds=0.5)
    assert {name for name, _ in shop.events()} == {"machine_click"}


def test_a_click_that_a_walk_has_seen_is_never_rewritten(shop):
    client = shop.client()
    client.get(f"/c/{shop.tokens.click(shop.key, 0)}")
    with writing(shop.store) as conn:
        conn.execute(sa.update(events).values(fresh=False))
    client.get(f"/c/{shop.tokens.click(shop.key, 1)}")
    client.get(f"/c/{shop.tokens.click(shop.key, 2)}")
    assert shop.events() == [("clicked", 0), ("machine_click", 1), ("machine_click", "burst")]


def test_three_links_at_leisure_are_a_person(shop):
    client = shop.client()
    for link in (0, 1, 2):
        client.get(f"/c/{shop.tokens.click(shop.key, link)}")
        shop.now += timedelta(seconds=1.5)
    assert shop.events() == [("clicked", 0), ("clicked", 1), ("clicked", 2)]


def test_the_filter_can_be_turned_down(shop):
    client, path = shop.client(bot_filter="off"), f"/c/{shop.tokens.click(shop.key, 0)}"
    client.get(path, headers={"user-agent": "curl/8"})
    basic = shop.client(bot_filter="basic")
    shop.now -= timedelta(minutes=5)
    basic.get(path)
    assert shop.events() == [("clicked", 0), ("clicked", 0)]


def test_every_link_that_leads_nowhere_gets_the_same_answer(shop):
    client = shop.client()
    wrong = [
        "/c/nonsense",
        f"/c/{shop.tokens.unsubscribe(shop.key)}",
        f"/c/{shop.tokens.click('fedcba9876543210:1', 0)}",
        f"/c/{shop.tokens.click(shop.key, 9)}",
        f"/c/{shop.tokens.click(shop.key, 3)}",  # not http
        "/u/nonsense",
        "/p/nonsense",
        "/v/nonsense",
        "/nowhere",
    ]
    answers = [client.get(path) for path in wrong]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert shop.events() == []


def test_guessing_is_stopped_after_ten_wrong_links_while_right_ones_work(shop):
    client = shop.client()
    statuses = [client.get(f"/c/wrong{n}").status_code for n in range(12)]
    assert statuses == [404] * 10 + [429] * 2
    assert client.get(f"/c/{shop.tokens.click(shop.key, 0)}").status_code == 302
    assert client.post(f"/u/{shop.tokens.unsubscribe(shop.key)}").status_code == 200


def test_a_reader_is_sent_on_even_when_nothing_can_be_stored(shop):
    with writing(shop.store) as conn:
        conn.execute(sa.text("ALTER TABLE events RENAME TO elsewhere"))
    answer = shop.client().get(f"/c/{shop.tokens.click(shop.key, 0)}")
    assert (answer.status_code, answer.headers["location"]) == (302, "https://shop.test/a?x=1&y=2")
