"""What messages say to each reader beyond attributes: products, interests, segments, surveys; with and without arrays."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
import sqlalchemy as sa
from lives import DATA, DAY, HOUR, PROJECT, START, Life

from channels.asking import Showing
from engine.audience.recommend import Bought
from engine.content import remember
from engine.shelves import FRESH, Shelves
from engine.store import delivering, showing
from engine.store.answer_tables import shown
from engine.store.connect import reading, writing
from engine.store.intake import ConsentChange, NewEvent, change_consents, record
from engine.store.products import put_products
from engine.store.tables import contacts, deliveries
from engine.store.traits import keep_interests

SHOP = (
    DATA.replace("started: {value: number}", "started: {value: number}, order_placed: {total: number, items: list}")
    + """\
buying: {event: order_placed, value: total, items: items}
surveys: {nps: {title: How was it?, questions: [{property: score, kind: scale, text: Well?}]}}
"""
)
HELLO = """<!--
subject: "{{ recommend(3) | map(attribute='sku') | join(' ') }}"
-->
{% for p in recommend(3) %}<a href="{{ p.url }}">{{ p.name }} {{ p.price | money }}{{ p.colour }}</a>{% endfor %}
new:{% for p in recommend(2, new=true) %}{{ p.sku }},{% endfor %}
{% if interest("tea") > 0.3 %}likes tea{% else %}likes nothing{% endif %} top:{{ top_interest or "none" }}
{% if in_segment(good) %}gold block{% else %}plain block{% endif %}
<a href="{{ survey_url('nps', score=9) }}">nine</a> <a href="{{ unsubscribe_url }}">n</a>
"""
AGAIN = "<!--\nsubject: \"{{ recommend(3) | map(attribute='sku') | join(' ') }}\"\n-->\n<p>{{ unsubscribe_url }}</p>"
PRODUCTS: dict[str, dict[str, Any]] = {
    f"s{n}": {"name": f"Thing {n}", "family": "tea" if n < 4 else "jam", "price": n + 0.5, "stock": 5,
              "url": f"https://shop.test/s{n}"}
    for n in range(8)
}  # fmt: skip


@pytest.fixture
def shop(life: Life) -> Life:
    """A shop in which s1 sells best, then s5, then s2; ana buys tea, bob is new."""
    life.say("sojourn.yaml", PROJECT)
    life.say("data.yaml", SHOP)
    life.say("templates/email/hello.html", HELLO)
    life.say("templates/email/again.html", AGAIN)
    assert life.engine
    life.enter("ana", "bob", *(f"buyer{n}" for n in range(6)))
    with writing(life.store) as conn:
        put_products(conn, PRODUCTS, START)
        for n, sku in enumerate(["s1"] * 3 + ["s5"] * 2 + ["s2"]):
            record(conn, [bought(f"buyer{n}", sku, 3)], START)
        record(conn, [bought("ana", "s3", 20), bought("ana", "s3", 5)], START)
        keep_interests(conn, {"ana": {"tea": [9.0, int(START.timestamp() * 1e6)], "jam": [1.0, 0]}}, START)
    return life


def bought(who: str, sku: str, days: int) -> NewEvent:
    at = START - timedelta(days=days)
    return NewEvent(f"{who}{sku}{days}", who, "order_placed", at, {"total": 5, "items": [{"sku": sku, "price": 5}]})


def mails(life: Life, state: str = "hello") -> dict[str, tuple[str, str]]:
    """Return subject and HTML of what everybody got."""
    with reading(life.store) as conn:
        rows = conn.execute(
            sa.select(deliveries.c.key, deliveries.c.contact_id).where(deliveries.c.state == state)
        ).all()
    who = {row.key: row.contact_id for row in rows}
    found = {}
    for one in life.engine.post.channels["email"].envelopes:  # type: ignore[attr-defined]
        if one.key in who:
            mail = message_from_bytes(one.body, policy=policy.default)
            page = mail.get_body(("html",))
            assert page is not None
            found[who[one.key]] = str(mail["Subject"]), page.get_content()
    return found


def statuses(life: Life) -> set[tuple[str, str]]:
    with reading(life.store) as conn:
        return {tuple(row) for row in conn.execute(sa.select(deliveries.c.status, deliveries.c.detail)).all()}


def test_each_reader_gets_their_own_and_a_week_later_something_else(shop):
    with writing(shop.store) as conn:
        conn.execute(contacts.update().where(contacts.c.id == "ana").values(attributes={"tier": "gold"}))
        change_consents(conn, [ConsentChange("bob", "profiling", "", granted=False, source="x")], START)
    shop.live()
    assert statuses(shop) == {("sent", "captured")}
    ana, bob = mails(shop)["ana"], mails(shop)["bob"]
    assert ana[0].split()[0] == "s3"  # what she buys again and again
    assert len(set(ana[0].split())) == len(set(bob[0].split())) == 3
    assert bob[0].split()[0] == "s1"  # what sells best
    assert "Thing 3 €3.50</a>" in ana[1]
    assert "s3," not in re.split("new:", ana[1])[1]
    assert ("likes tea" in ana[1], "top:tea" in ana[1], "gold block" in ana[1]) == (True, True, True)
    assert ("likes nothing" in bob[1], "top:none" in bob[1], "plain block" in bob[1]) == (True, True, True)
    [path] = re.findall(r'href="[^"]*/s/nps/([^"?]+)\?score=9"', ana[1])
    assert shop.engine.post.letters.tokens.read_survey(path, "nps")

    shop.live(2 * DAY + HOUR)
    later = mails(shop, "rest")
    assert not set(later["ana"][0].split()) & set(ana[0].split())
    assert len(set(later["bob"][0].split())) == 3


def test_a_message_that_is_made_again_shows_what_it_showed(shop):
    shop.live()
    with reading(shop.store) as conn:
        [key] = conn.execute(sa.select(shown.c.key).where(shown.c.contact_id == "bob")).scalars()
        found = delivering.find(conn, key)
    assert found is not None
    shop.clock.jump(START + timedelta(hours=3))
    [told] = shop.engine.post.told(shop.store, [found], shop.clock.now())
    assert shop.engine.post.letters.preview(told).subject == mails(shop)["bob"][0]


def test_statements_do_not_grow_with_the_batch_and_nothing_is_asked_for_nobody(shop):
    counts = []

    def count(*_: object) -> None:
        counts[-1] += 1

    content = shop.engine.post.content
    assert content is not None
    shop.engine.drain()
    with reading(shop.store) as conn:
        keys = conn.execute(sa.select(deliveries.c.key).order_by(deliveries.c.key)).scalars().all()
        every = [found for key in keys if (found := delivering.find(conn, key))]
    content.told(shop.store, every[:1], shop.engine.post.library, START)
    sa.event.listen(shop.store, "before_cursor_execute", count)
    for batch in (every[:1], every, [replace(one, message="email/more") for one in every]):
        counts.append(0)
        content.told(shop.store, batch, shop.engine.post.library, START)
    assert counts[0] == counts[1]
    assert counts[2] == 0


def test_never_fewer_than_asked_while_there_are_any_and_nothing_without_stock(shop):
    with writing(shop.store) as conn:
        gone = {f"s{n}": {"stock": 0} for n in range(2, 8)}
        put_products(conn, gone | {"fresh": {"name": "New today"}}, START)
        shelf = Shelves(shop.engine.project, (b"x",)).stock(conn, START)
    none = shelf.best(None, Showing(3), ())
    assert sorted(none) == ["fresh", "s0", "s1"]
    assert sorted(shelf.best(None, Showing(3), {"s0", "s1", "fresh"})) == ["fresh", "s0", "s1"]
    place = shelf.shelf.arrays.place
    had = Bought(*map(_array, ([place["s1"]], [2.0])))
    assert "s1" not in shelf.best(had, Showing(3, new=True), ())
    assert shelf.best(had, Showing(1, repeat_after=30), ())[0] != "s1"
    assert "s1" in shelf.best(had, Showing(3, repeat_after=30), ())


def test_what_is_sold_out_goes_within_minutes_and_an_empty_catalogue_shows_nothing(shop):
    shelves = Shelves(shop.engine.project, (b"x",))
    with writing(shop.store) as conn:
        assert "s1" in shelves.stock(conn, START).best(None, Showing(1), ())
        put_products(conn, {"s1": {"stock": 0}}, START)
        assert shelves.stock(conn, START + FRESH).best(None, Showing(1), ()) == ["s5"]
        conn.execute(sa.text("DELETE FROM products"))
        bare = Shelves(shop.engine.project, (b"x",)).stock(conn, START)
        assert bare.best(None, Showing(3), ()) == []


def test_what_was_shown_is_remembered_for_a_week(shop):
    shop.engine.drain()
    with writing(shop.store) as conn:
        keys = conn.execute(sa.select(deliveries.c.key).limit(1)).scalars().all()
        one = delivering.find(conn, keys[0])
        assert one is not None
        sent = replace(one, content={"shown": {"3": ["s1"]}})
        remember(conn, [sent, replace(one, key="other:1")], START)
        remember(conn, [sent], START + HOUR)  # rendered again after a crash
        who = [one.contact_id]
        assert showing.lately(conn, who, [], START - DAY)[0] == {one.contact_id: {"s1"}}
        assert showing.lately(conn, who, [], START + DAY) == ({}, {})
        assert showing.lately(conn, who, [one.key], START + DAY)[1] == {one.key: {"3": ["s1"]}}


def _array(values: list[float]) -> Any:
    import numpy as np  # noqa: PLC0415

    return np.array(values, np.int32 if isinstance(values[0], int) else np.float64)
