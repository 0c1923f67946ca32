"""The thread through all rooms: an event over HTTP, a decision, a mail over SMTP, a click, a reward, a new policy."""

from __future__ import annotations

import email
import re
from datetime import UTC, datetime, timedelta
from email.policy import default
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from mailroom import Inbox, free_port

from engine.app import Options, build, read
from engine.clock import SimulatedClock
from engine.learner.features import arms_of
from engine.learner.models import load_model
from engine.store.connect import create, open_store, reading, writing
from engine.store.intake import NewContact, add_contacts
from engine.store.tables import decisions, deliveries, policies, refusals
from engine.web.app import build_app
from engine.web.doors import Doors, Facts
from engine.web.server import WebServer

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
FREE = "127.0.0.1:0"
PROJECT = """\
project: thread
timezone: UTC
store: "sqlite:///thread.db"
secret: a-secret-for-the-thread
web: {base_url: "BASE", keys: [a-write-key]}
channels: {email: {provider: smtp, host: 127.0.0.1, port: PORT, starttls: "off", from: Shop <shop@a.test>}}
topics: {promo: {title: Offers}}
"""
DATA = """\
contact: {email: text, first_name: text}
events: {signed_up: {source: text}, order_placed: {total: number}}
"""
JOURNEY = """\
journey: welcome
topic: promo
enter: {event: signed_up}
states:
  hello:
    choose:
      arms: [email/a, email/b]
      reward: {within: 2d, score: {clicked: 1}}
  more: {after: 1d, send: email/c}
"""
MAIL = """\
<!--
subject: "Hello {{ contact.first_name or 'you' }}"
-->
<p>Hi {{ contact.first_name or 'there' }}, <a href="https://shop.example/NAME">look here</a>.</p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>
"""
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@pytest.fixture
def inbox():
    box, port = Inbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


def project(folder: Path, port: int) -> Path:
    for name in "abc":
        path = folder / "templates" / "email" / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(MAIL.replace("NAME", name))
    (folder / "journeys").mkdir()
    (folder / "sojourn.yaml").write_text(PROJECT.replace("PORT", str(port)).replace("BASE", "http://go.test"))
    (folder / "data.yaml").write_text(DATA)
    (folder / "journeys" / "welcome.yaml").write_text(JOURNEY)
    return folder


@pytest.fixture
def thread(tmp_path, inbox):
    """An engine with one contact, its web server, and the mails that arrive."""
    box, port = inbox
    folder = project(tmp_path, port)
    store = open_store(f"sqlite:///{folder / 'thread.db'}")
    ana = NewContact("ana", {"email": "ana@a.test", "first_name": "Ana"}, {"email": "ana@a.test"}, frozenset({"promo"}))
    with writing(store) as conn:
        create(conn)
        add_contacts(conn, [ana], NOON, lambda _, address: address)
    clock = SimulatedClock(NOON)
    engine = build(read(folder, {}), Options(clock=clock, store=store))
    doors = Doors(store, engine.post.letters.tokens, clock.now, lambda: None, Facts.of(engine.project))
    server = WebServer(build_app(doors), FREE, FREE)
    server.start()
    with httpx.Client(base_url=server.url, headers=BROWSER) as http:
        yield engine, clock, http, box
    server.stop()
    engine.close()


def signed_up(http: httpx.Client) -> int:
    event = {"event": "signed_up", "contact": "ana", "id": "s1", "properties": {"source": "web"}}
    return http.post("/v1/events", json=event, headers={"authorization": "Bearer a-write-key"}).status_code


def test_from_an_event_to_a_mail_to_a_click_to_a_better_policy(thread):
    engine, clock, http, box = thread
    assert (signed_up(http), signed_up(http)) == (202, 202)  # the second is the same event again
    assert engine.drain().started == 1
    assert engine.deliver().sent == 1
    mail = email.message_from_bytes(box.messages[0], policy=default)
    assert mail["Subject"] == "Hello Ana"
    in_html, in_text = (
        set(re.findall(r"http://go\.test(/c/[\w-]+)", mail.get_body((part,)).get_content()))
        for part in ("html", "plain")
    )
    assert in_html == in_text
    [link] = in_html
    clock.jump(NOON + timedelta(minutes=5))
    answer = http.get(link)
    assert (answer.status_code, answer.headers["location"][:-1]) == (302, "https://shop.example/")
    engine.drain()
    assert engine.learn().published == ("welcome.hello thompson@1",)
    with reading(engine.store) as conn:
        [decision] = conn.execute(sa.select(decisions)).all()
        [first] = conn.execute(sa.select(policies).where(policies.c.role == "serves")).all()
    assert (decision.reward, decision.learned, first.learned) == (1.0, 1.0, 0)  # the window is open: a copy knows it
    arms = arms_of(engine.definitions.journeys["welcome"].states["hello"].action)
    asked = [load_model("thompson", raw, dict(first.settings)) for raw in (first.model, first.serving)]
    before, after = (model.estimates([decision.features], arms)[0][decision.arm] for model in asked)
    assert after > before
    clock.jump(NOON + timedelta(days=3))
    assert engine.learn().published == ("welcome.hello thompson@3",)
    with reading(engine.store) as conn:
        learned = conn.execute(sa.select(policies.c.learned).order_by(policies.c.number)).scalars().all()
    assert learned[-1] == 1


def test_after_an_unsubscribe_nothing_more_leaves(thread):
    engine, clock, http, box = thread
    signed_up(http)
    engine.drain()
    engine.deliver()
    mail = email.message_from_bytes(box.messages[0], policy=default)
    one_click = mail["List-Unsubscribe"].strip("<>").removeprefix("http://go.test")
    assert http.get(one_click).status_code == 200  # a scanner's visit changes nothing
    assert http.post(one_click, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    clock.jump(NOON + timedelta(days=1))
    engine.drain()
    assert engine.deliver().sent == 0
    with reading(engine.store) as conn:
        [rule] = conn.execute(sa.select(refusals.c.rule)).scalars()
        [sent] = conn.execute(sa.select(deliveries.c.status)).scalars()
    assert (rule, sent, len(box.messages)) == ("no_consent", "sent", 1)


def test_a_property_that_the_event_did_not_say_is_empty_in_the_mail_and_no_error(thread):
    engine, _, http, box = thread
    mail = engine.project.root / "templates" / "email" / "a.html"
    for name in "ab":
        mail.with_stem(name).write_text(MAIL.replace("Hi ", "Hi from {{ entry.source or 'nowhere' }} "))
    event = {"event": "signed_up", "contact": "ana", "id": "s2", "properties": {}}
    http.post("/v1/events", json=event, headers={"authorization": "Bearer a-write-key"})
    engine.drain()
    assert engine.deliver().sent == 1
    assert b"Hi from nowhere" in box.messages[0]
