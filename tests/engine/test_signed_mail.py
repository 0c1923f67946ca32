"""A mail as the engine makes it: signed, with a return path of its own, and in a stream that providers can name."""

from __future__ import annotations

import email
import email.policy
import json
from datetime import UTC, datetime

import dkim
import pytest

from channels.captured import CapturedChannel
from channels.dkim import generate, record, signer
from channels.errors import ChannelMisconfigured
from engine.app import Options, build, read
from engine.clock import SimulatedClock
from engine.store.connect import create, open_store, writing
from engine.store.intake import NewContact, NewEvent, add_contacts

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
PROJECT = """\
project: post
timezone: UTC
store: "sqlite:///post.db"
secret: a-secret-for-the-post
web: {base_url: "https://go.shop.test"}
channels:
  email:
    provider: captured
    from: Shop <hello@shop.test>
    idempotency_header: Relay-Idempotency-Key
topics: {promo: {title: Offers}, orders: {transactional: true}}
"""
MAIL = '<!--\nsubject: "Hello"\n-->\n<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>\n'


def mailed(folder, *settings: str, topic: str = "promo"):
    """Return the envelope of a journey's one mail."""
    (folder / "templates" / "email").mkdir(parents=True, exist_ok=True)
    (folder / "templates" / "email" / "a.html").write_text(MAIL)
    (folder / "journeys").mkdir(exist_ok=True)
    (folder / "data.yaml").write_text("contact: {email: text}\nevents: {signed_up: {}}\n")
    journey = f"journey: welcome\ntopic: {topic}\nenter: {{event: signed_up}}\nstates: {{hello: {{send: email/a}}}}\n"
    (folder / "journeys" / "welcome.yaml").write_text(journey)
    said = "".join(f"    {line}\n" for line in settings)
    (folder / "sojourn.yaml").write_text(PROJECT.replace("topics:", f"{said}topics:"))
    store, door = open_store("sqlite://"), CapturedChannel("email")
    with writing(store) as conn:
        create(conn)
        add_contacts(conn, [NewContact("ana", {}, {"email": "ana@a.test"}, frozenset({"promo"}))], NOON, lambda _, a: a)
    engine = build(read(folder, {}), Options(clock=SimulatedClock(NOON), store=store, channels={"email": door}))
    engine.record([NewEvent("s1", "ana", "signed_up")])
    engine.drain()
    engine.deliver()
    engine.close()
    return engine, door.envelopes[0]


def parsed(raw: bytes):
    return email.message_from_bytes(raw, policy=email.policy.default)


def test_a_mail_is_signed_and_comes_back_to_its_own_mailbox(tmp_path):
    pem = generate()
    key = json.dumps({"domain": "shop.test", "selector": "s1", "key": pem})
    engine, sent = mailed(tmp_path, f"dkim: {key}", "bounces: bounces.shop.test")
    local, _, domain = sent.sender.partition("@")
    assert domain == "bounces.shop.test"
    assert engine.post.letters.tokens.read_mailbox("bounce", local.removeprefix("b+")) == sent.key
    mail = parsed(sent.body)
    web, mailto = mail["List-Unsubscribe"].split(", ")
    assert web.startswith("<https://go.shop.test/u/")
    leave = mailto.removeprefix("<mailto:u+").removesuffix("@bounces.shop.test>")
    assert engine.post.letters.tokens.read_mailbox("leave", leave) == sent.key
    assert mail["List-Id"] == "Offers <promo.shop.test>"
    assert mail["Feedback-ID"] == "welcome:email/a:promo:shop.test"
    assert mail["Relay-Idempotency-Key"] == mail["Message-ID"][1:27]
    assert "Precedence" not in mail
    text = record(signer("shop.test", "s1", pem))[1].encode()
    assert dkim.verify(sent.body, dnsfunc=lambda *_, **__: text)


def test_without_settings_the_sender_is_the_return_path_and_nothing_is_signed(tmp_path):
    _, sent = mailed(tmp_path)
    assert sent.sender == "hello@shop.test"
    assert "DKIM-Signature" not in parsed(sent.body)
    assert "mailto" not in parsed(sent.body)["List-Unsubscribe"]


def test_a_transactional_mail_belongs_to_no_list(tmp_path):
    _, sent = mailed(tmp_path, "bounces: bounces.shop.test", topic="orders")
    mail = parsed(sent.body)
    assert not {"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"} & set(mail.keys())
    assert mail["Feedback-ID"] == "welcome:email/a:orders:shop.test"


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("dkim: {domain: shop.test, selector: s1}", r"email\.dkim\.key"),
        ("dkim: {domain: shop.test, selector: s1, key: nonsense}", "PEM"),
        ("dkim: yes please", "domain, selector, key"),
        ("bounces: not a domain", "not a domain"),
        ("bounces: {maildir: /var/mail}", r"bounces\.domain"),
        ("on_unknown: maybe", "hold, resend or resolve"),
    ],
)
def test_a_wrong_setting_stops_before_anything_is_sent(tmp_path, setting, says):
    with pytest.raises(ChannelMisconfigured, match=says):
        mailed(tmp_path, setting)


def test_a_relay_that_drops_second_copies_is_asked_by_sending_again(tmp_path):
    assert mailed(tmp_path, "on_unknown: resolve")[0].post.terms.resend >= {"email"}


def test_without_such_a_header_there_is_nobody_to_ask(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.PROJECT", PROJECT.replace("    idempotency_header: Relay-Idempotency-Key\n", ""))
    assert "email" not in mailed(tmp_path, "on_unknown: resolve")[0].post.terms.resend
