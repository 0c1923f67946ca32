"""A topic that asks twice: a wish waits until its own mailbox has said yes, by POST and in time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from channels.captured import CapturedChannel
from engine.app import Options, build, read
from engine.clock import SimulatedClock
from engine.double_opt_in import asking_of
from engine.engine import Engine
from engine.store.connect import create, open_store, reading, writing
from engine.store.consenting import ConsentChange, change_consents, may_advertise, may_profile, may_track
from engine.store.intake import Counts, NewContact, add_contacts
from engine.store.tables import consents, contacts, deliveries
from engine.store.value_tables import traits
from engine.web.app import build_app
from engine.web.doors import Doors, Facts

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
PROJECT = """\
project: shop
timezone: UTC
store: "sqlite://"
secret: a-secret-for-double-opt-in
web: {base_url: "http://shop.test"}
channels: {email: {provider: captured, from: a@b.test}}
topics: {promo: {title: Offers, double_opt_in: true}, tips: {title: Tips}}
"""
ANA = NewContact("ana", {}, {"email": "ana@x.test"}, frozenset({"promo", "tips"}))


@dataclass
class Shop:
    engine: Engine
    clock: SimulatedClock
    mails: CapturedChannel

    def add(self, *people: NewContact) -> Counts:
        with writing(self.engine.store) as conn:
            asking = asking_of(self.engine.project)
            return add_contacts(conn, people, self.clock.now(), lambda c, a: f"{c}:{a}", asking)

    def link(self) -> str:
        """Send what waits; return the address that the last mail names."""
        self.engine.deliver()
        mail = message_from_bytes(self.mails.envelopes[-1].body, policy=default)
        assert mail["Subject"] == "Please confirm: Offers"
        assert "List-Unsubscribe" not in mail
        found = re.search(r"http://shop\.test(/o/\S+)", mail.get_body().get_content())
        assert found is not None
        return found[1]

    def words(self) -> str:
        with reading(self.engine.store) as conn:
            return conn.execute(sa.select(contacts.c.consents).where(contacts.c.id == "ana")).scalar_one()

    def ledger(self) -> list[tuple[str, str]]:
        with reading(self.engine.store) as conn:
            rows = conn.execute(sa.select(consents.c.topic, consents.c.state).order_by(consents.c.id)).all()
        return [(row[0], row[1]) for row in rows]


class Client:
    """Asks an application without a network."""

    def __init__(self, doors: Doors) -> None:
        self._runner = asyncio.Runner()
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(build_app(doors)), base_url="http://shop.test")

    def ask(self, method: str, path: str) -> httpx.Response:
        return self._runner.run(self._http.request(method, path))

    def close(self) -> None:
        self._runner.run(self._http.aclose())
        self._runner.close()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    (tmp_path / "sojourn.yaml").write_text(PROJECT)
    (tmp_path / "data.yaml").write_text("contact: {email: text}\nevents: {started: {}}\n")
    store, clock, mails = open_store("sqlite://"), SimulatedClock(NOW), CapturedChannel("email")
    with writing(store) as conn:
        create(conn)
    return Shop(build(read(tmp_path, {}), Options(clock=clock, channels={"email": mails}, store=store)), clock, mails)


@pytest.fixture
def web(shop: Shop) -> Iterator[Client]:
    doors = Doors(
        shop.engine.store, shop.engine.post.letters.tokens, shop.clock.now, lambda: None, Facts.of(shop.engine.project)
    )
    client = Client(doors)
    yield client
    client.close()


def test_a_wish_is_granted_when_its_mailbox_says_yes_and_not_before(shop: Shop, web: Client) -> None:
    assert shop.add(ANA).asked == 1
    assert (shop.words(), shop.ledger()) == ("tips", [("promo", "pending"), ("tips", "granted")])
    assert shop.add(ANA).asked == 0  # nobody is asked twice in a day
    link = shop.link()
    assert "Do you want “Offers”?" in web.ask("GET", link).text
    assert web.ask("HEAD", link).status_code == 200
    assert shop.words() == "tips"  # whoever only looks consents to nothing
    assert "Thank you" in web.ask("POST", link).text
    assert shop.words() == "promo tips"
    assert web.ask("POST", link).status_code == 200
    assert shop.ledger() == [("promo", "pending"), ("tips", "granted"), ("promo", "granted")]
    with reading(shop.engine.store) as conn:
        proof = conn.execute(
            sa.select(consents.c.proof).where(consents.c.state == "granted", consents.c.topic == "promo")
        )
        assert proof.scalar_one().startswith("confirmed by mail c")


def test_a_link_that_is_too_old_or_not_ours_grants_nothing(shop: Shop, web: Client) -> None:
    shop.add(ANA)
    link = shop.link()
    shop.clock.jump(NOW + timedelta(days=7))
    assert web.ask("POST", link).status_code == 410
    assert web.ask("POST", link[:-1] + ("A" if link[-1] != "A" else "B")).status_code == 404
    other = link.replace("/o/", "/u/")
    assert web.ask("POST", other).status_code == 404
    assert shop.words() == "tips"


def test_whoever_comes_with_proof_is_not_asked(shop: Shop) -> None:
    assert shop.add(NewContact("ana", {}, {"email": "a@x.test"}, frozenset({"promo"}), proof="form 4711")).asked == 0
    assert shop.words() == "promo"
    with reading(shop.engine.store) as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(deliveries)).scalar() == 0


def test_a_mail_of_the_projects_own_asks_where_there_is_one(shop: Shop) -> None:
    file = shop.engine.project.root / "templates" / "email" / "confirm_promo.html"
    file.parent.mkdir(parents=True)
    file.write_text('<!-- subject: "x" --><a href="{{ confirm_url }}">yes</a>')
    project = read(shop.engine.project.root, {}).project
    assert project is not None
    assert asking_of(project).topics == {"promo": "email/confirm_promo"}


def test_profiling_is_allowed_until_somebody_says_no_and_ads_and_tracking_need_a_yes(shop: Shop) -> None:
    shop.add(ANA)

    def say(topic: str, *, granted: bool) -> frozenset[str]:
        with writing(shop.engine.store) as conn:
            change_consents(conn, [ConsentChange("ana", topic, "", granted=granted, source="page")], shop.clock.now())
        return frozenset(shop.words().split())

    words = frozenset(shop.words().split())
    assert (may_profile(words), may_advertise(words), may_track(words)) == (True, False, False)
    with writing(shop.engine.store) as conn:
        conn.execute(traits.insert().values(contact_id="ana", value={}, interests={}, at=NOW))
    assert not may_profile(say("profiling", granted=False))
    with reading(shop.engine.store) as conn:
        assert conn.execute(sa.select(traits.c.contact_id)).all() == []
    assert may_profile(say("profiling", granted=True))
    assert may_advertise(say("ads", granted=True))
    words = say("", granted=False)
    assert (may_profile(words), may_advertise(words)) == (True, False)
