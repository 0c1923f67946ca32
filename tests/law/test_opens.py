"""Opens: off by default, a day and no more, and of nobody who did not consent."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from channels.captured import CapturedChannel
from engine.app import Options, build, read
from engine.clock import SimulatedClock
from engine.engine import Engine
from engine.store.connect import create, open_store, reading, writing
from engine.store.consenting import ConsentChange, change_consents
from engine.store.intake import NewContact, NewEvent, add_contacts, record
from engine.store.law_tables import opens
from engine.store.tables import events
from engine.web.app import build_app
from engine.web.doors import Doors, Facts

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
PROJECT = """\
project: shop
timezone: UTC
store: "sqlite://"
secret: a-secret-for-the-pictures
web: {base_url: "http://shop.test"}
channels: {email: {provider: captured, from: a@b.test}}
topics: {promo: {title: Offers}}
tracking: {opens: OPENS}
"""
TRIP = "journey: trip\ntopic: promo\nenter: {event: started}\nstates:\n  one: {send: email/a}\n"
PERSON = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


def lived(folder: Path, mode: str) -> tuple[Engine, dict[str, str]]:
    """Send one mail to Ana, who consents to tracking, and one to Bob; return their HTML."""
    file = folder / "templates" / "email" / "a.html"
    file.parent.mkdir(parents=True)
    file.write_text('<!-- subject: "x" --><html><body><a href="{{ unsubscribe_url }}">n</a></body></html>')
    (folder / "journeys").mkdir()
    (folder / "journeys" / "trip.yaml").write_text(TRIP)
    (folder / "data.yaml").write_text("contact: {email: text}\nevents: {started: {}}\n")
    (folder / "sojourn.yaml").write_text(PROJECT.replace("OPENS", mode))
    store, mails = open_store("sqlite://"), CapturedChannel("email")
    with writing(store) as conn:
        create(conn)
    engine = build(read(folder, {}), Options(clock=SimulatedClock(NOW), channels={"email": mails}, store=store))
    with writing(store) as conn:
        people = [NewContact("ana", {}, {"email": "ana@x.test"}, frozenset({"promo", "tracking"})),
                  NewContact("bob", {}, {"email": "bob@x.test"}, frozenset({"promo"}))]  # fmt: skip
        add_contacts(conn, people, NOW, lambda c, a: f"{c}:{a}")
        record(conn, [NewEvent(who, who, "started") for who in ("ana", "bob")], NOW)
    engine.drain()
    engine.deliver()
    return engine, {envelope.to.partition("@")[0]: envelope.body.decode() for envelope in mails.envelopes}


def get(engine: Engine, path: str, **headers: str) -> httpx.Response:
    doors = Doors(engine.store, engine.post.letters.tokens, engine.clock.now, lambda: None, Facts.of(engine.project))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(build_app(doors))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as http:
            return await http.get(path, headers={**PERSON, **headers})

    return asyncio.run(ask())


def noted(engine: Engine) -> list[tuple[Any, ...]]:
    with reading(engine.store) as conn:
        assert conn.execute(sa.select(events.c.id).where(events.c.name == "opened")).all() == []
        return [tuple(row) for row in conn.execute(sa.select(opens))]


def picture(html: str) -> str | None:
    found = re.search(r"/i/([\w-]+)", html.replace("=\n", "").replace("=\r\n", ""))
    return found and f"/i/{found[1]}"


@pytest.mark.parametrize("mode", ["false", '"off"'])
def test_without_a_word_there_is_no_picture(tmp_path: Path, mode: str) -> None:
    _, html = lived(tmp_path, mode)
    assert {who: picture(said) for who, said in html.items()} == {"ana": None, "bob": None}


def test_the_day_of_the_last_open_is_kept_of_those_who_consent(tmp_path: Path) -> None:
    engine, html = lived(tmp_path, "date_only")
    path = picture(html["ana"])
    assert path is not None
    assert picture(html["bob"]) is None
    answer = get(engine, path)
    assert answer.headers["content-type"] == "image/gif"
    assert noted(engine) == [("ana", NOW.replace(hour=0))]
    engine.clock.jump(NOW + timedelta(days=3))
    get(engine, path, **{"user-agent": "Mozilla/5.0"})  # a proxy that loads everything
    assert noted(engine) == [("ana", NOW.replace(hour=0))]
    get(engine, path)
    assert noted(engine) == [("ana", NOW.replace(hour=0) + timedelta(days=3))]
    assert get(engine, "/i/anything").content == answer.content


def test_whoever_withdraws_is_forgotten_and_old_pictures_write_nothing(tmp_path: Path) -> None:
    engine, html = lived(tmp_path, "date_only")
    path = picture(html["ana"]) or ""
    get(engine, path)
    with writing(engine.store) as conn:
        change_consents(conn, [ConsentChange("ana", "tracking", "", granted=False, source="page")], NOW)
    assert noted(engine) == []
    assert get(engine, path).status_code == 200
    assert noted(engine) == []


def test_a_yes_is_no_answer(tmp_path: Path) -> None:
    lived(tmp_path, "date_only")
    (tmp_path / "sojourn.yaml").write_text(PROJECT.replace("OPENS", "true"))
    assert [(p.code, p.line) for p in read(tmp_path, {}).problems if p.severity == "error"] == [("S112", 8)]
