"""A batch with a message that cannot be written in time, or in memory, goes out without it, and the ledger says why."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from channels.captured import CapturedChannel
from engine.app import Options, build, read
from engine.clock import SimulatedClock
from engine.rendering import line
from engine.rendering.asked import Asked, Bounds, Refused
from engine.rendering.process import RenderProcess
from engine.store.connect import create, open_store, reading, writing
from engine.store.intake import NewContact, NewEvent, add_contacts
from engine.store.tables import deliveries

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
FILES = {
    "sojourn.yaml": """\
project: post
timezone: UTC
store: "sqlite:///post.db"
secret: a-secret-for-the-post
web: {base_url: "https://go.shop.test"}
channels: {email: {provider: captured, from: Shop <hello@shop.test>}}
topics: {promo: {title: Offers}}
""",
    "data.yaml": "contact: {email: text, name: text}\nevents: {signed_up: {}}\n",
    "journeys/welcome.yaml": "journey: welcome\ntopic: promo\nenter: {event: signed_up}\n"
    "states: {hello: {send: email/a}}\n",
    "templates/email/a.txt": '<!-- subject: "Hi" -->\n{% set big = "x y" %}{% for a in contact.name|list %}'
    "{% if contact.name.title().title().title() == a %}n{% endif %}{% endfor %}"
    '{{ contact.name[:9] }} https://shop.test/x {{ unsubscribe_url }}\n',
}  # fmt: skip
NAMES = {"ana": "Ana", "bad": "x y" * 3_000, "cleo": "Cleo"}


@pytest.fixture
def engine(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    store = open_store("sqlite://")
    with writing(store) as conn:
        create(conn)
        who = [
            NewContact(key, {"name": name}, {"email": f"{key}@a.test"}, frozenset({"promo"}))
            for key, name in NAMES.items()
        ]
        add_contacts(conn, who, NOON, lambda _, a: a)
    box = CapturedChannel("email")
    made = build(read(tmp_path, {}), Options(clock=SimulatedClock(NOON), store=store, channels={"email": box}))
    made.record([NewEvent(f"s-{key}", key, "signed_up") for key in NAMES])
    made.drain()
    yield made
    made.close()


def ledger(engine) -> dict[str, tuple[str, str, str]]:
    d = deliveries.c
    with reading(engine.store) as conn:
        rows = conn.execute(sa.select(d.contact_id, d.status, d.kind, d.detail)).all()
    return {row.contact_id: (row.status, row.kind or "", row.detail or "") for row in rows}


def test_who_has_the_message_that_takes_too_long_has_none_and_everybody_else_has_theirs(engine):
    letters = engine.post.letters
    letters.renderer = RenderProcess({name: letters.library._messages[name] for name in ("email/a",)}, Bounds(0.25))
    posted = engine.deliver()
    assert posted.sent == 2
    assert {one.to for one in engine.post.channels["email"].envelopes} == {"ana@a.test", "cleo@a.test"}
    assert ledger(engine)["bad"] == ("failed", "render", "it took longer than 0.25 s to render")
    assert b"https://go.shop.test/c/" in engine.post.channels["email"].envelopes[0].body


def test_when_no_process_comes_up_every_message_waits_and_the_operator_is_told(engine, monkeypatch):
    monkeypatch.setattr(line.sys, "executable", "/bin/false")
    engine.post.letters.renderer = RenderProcess({})
    posted = engine.deliver()
    assert [trouble.partition(":")[0] for trouble in posted.troubles] == ["templates"]
    assert {status for status, _, _ in ledger(engine).values()} == {"queued"}


class Editing:
    """A renderer whose files change under it."""

    def rendered(self, asked):
        return (Refused("its files have changed", stale=True) for one in asked if isinstance(one, Asked))

    def close(self) -> None: ...


def test_a_message_whose_files_change_while_it_is_written_is_written_later(engine):
    engine.post.letters.renderer = Editing()
    engine.deliver()
    assert {status for status, _, _ in ledger(engine).values()} == {"deferred"}
