"""Audiences handed over: who consents comes in, who does not is let go, and no crash forgets either."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from scene import NOW, Door, digest, move, people, put

from engine.erasing import erase
from engine.errors import ConfigError, NotHandedOver
from engine.hashing import hashed
from engine.sharing import look, push
from engine.store import sharing
from engine.store.connect import reading, writing
from engine.store.consenting import ConsentChange, change_consents
from engine.store.intake import NewContact, add_contacts
from engine.store.out_tables import shared
from engine.store.tables import audit
from journeys.outward import Outlet

FILES = Outlet("vip_google", "vip", "google", "google", folder="out", phone="phone")
CALLS = Outlet("vip_crm", "vip", "webhook", "plain", webhook="crm")
ADS = frozenset({"ads", "promo"})


def clock():
    return NOW


@pytest.fixture
def shop(store: sa.Engine, tmp_path: Path) -> SimpleNamespace:
    """Ana and Ben consent and are in it; Cem is in it without consent, Dua consents and is not in it."""
    people(
        store,
        NewContact("ana", {"phone": "+33612345678"}, {"email": "Ana@x.org"}, ADS),
        NewContact("ben", {}, {"email": "ben@x.org"}, ADS),
        NewContact("cem", {}, {"email": "cem@x.org"}, frozenset({"promo"})),
        NewContact("dua", {}, {"email": "dua@x.org"}, ADS),
        NewContact("eli", {}, {}, ADS),
    )
    put(store, {"ana": 1, "ben": 1, "cem": 1, "dua": 0, "eli": 1})
    project: Any = SimpleNamespace(root=tmp_path, webhooks={"crm": {"url": "https://crm.example/in"}})
    return SimpleNamespace(store=store, project=project, pushed=lambda outlet=FILES, door=None: push(
        store, project, outlet, door, clock))  # fmt: skip


def rows(store: sa.Engine) -> dict[str, str]:
    with reading(store) as conn:
        return {row.contact_id: row.state for row in conn.execute(sa.select(shared))}


def withdraw(store: sa.Engine, contact: str) -> None:
    with writing(store) as conn:
        change_consents(conn, [ConsentChange(contact, "ads", "", granted=False, source="test")], NOW)


def told(door: Door) -> list[tuple[list[str], list[str]]]:
    bodies = [json.loads(one.body)["data"] for one in door.heard]
    return [
        tuple(sorted(h for one in body[side] for h in one["email"]) for side in ("add", "remove")) for body in bodies
    ]


def test_the_file_is_the_one_that_the_network_takes(shop):
    found = shop.pushed()
    assert (found.added, found.removed, found.nameless) == (2, 0, 1)
    (file,) = found.files
    assert file.name == "vip_google-00001-2-add.csv"
    assert file.read_text() == (
        "Email,Phone\n"
        f"{hashed('ana@x.org')},{hashed('+33612345678')}\n"
        f"{hashed('ben@x.org')},\n"
    )  # fmt: skip
    assert file.stat().st_mode & 0o777 == 0o600
    assert not shop.pushed().files  # nobody came or went
    with reading(shop.store) as conn:
        (said,) = conn.execute(sa.select(audit.c.detail).where(audit.c.what == "audience_pushed")).scalars()
    assert (said["told"], said["let_go"]) == (2, 0)


def test_who_takes_consent_back_leaves_or_changes_address_is_let_go(shop):
    shop.pushed()
    withdraw(shop.store, "ana")
    put(shop.store, {"dua": 1})
    with writing(shop.store) as conn:
        add_contacts(conn, [NewContact("ben", {}, {"email": "ben@new.org"})], NOW, digest)
    assert (look(shop.store, FILES).added, look(shop.store, FILES).removed) == (1, 1)
    remove, add = shop.pushed().files
    assert hashed("ana@x.org") in remove.read_text()
    assert hashed("dua@x.org") in add.read_text()
    assert hashed("ben@new.org") in add.read_text()
    assert rows(shop.store) == {"ben": "told", "dua": "told"}


def test_whoever_is_erased_is_let_go_by_the_next_push_and_then_nothing_is_left(shop):
    shop.pushed()
    erase(shop.store, ["ana"], {}, (digest, clock))
    assert "ana" not in rows(shop.store)
    (remove,) = shop.pushed().files
    assert hashed("ana@x.org") in remove.read_text()
    assert rows(shop.store) == {"ben": "told"}


@pytest.mark.parametrize("trouble", ["deferred", "failed", RuntimeError("killed"), OSError("cut off")])
def test_what_the_receiver_may_not_have_heard_is_said_again(shop, trouble):
    door = Door(trouble)
    with pytest.raises((NotHandedOver, RuntimeError, OSError)):
        shop.pushed(CALLS, door)
    assert set(rows(shop.store).values()) == {"adding"}
    withdraw(shop.store, "ana")  # it may have heard of her: it is told to let go
    shop.pushed(CALLS, door)
    both = sorted([hashed("ana@x.org"), hashed("ben@x.org")])
    assert told(door) == [(both, []), ([hashed("ben@x.org")], [hashed("ana@x.org")])]
    assert rows(shop.store) == {"ben": "told"}
    assert door.heard[0].key != door.heard[1].key


def test_many_people_go_in_pieces_and_each_is_settled_when_it_is_heard(shop, monkeypatch):
    monkeypatch.setattr("engine.sharing.PIECE", 1)
    monkeypatch.setattr(sharing, "PAGE", 1)
    door = Door("sent", "deferred")
    with pytest.raises(NotHandedOver, match="crm did not take vip_crm"):
        shop.pushed(CALLS, door)
    assert rows(shop.store) == {"ana": "told", "ben": "adding"}
    shop.pushed(CALLS, door)
    assert [len(add) for add, _ in told(door)] == [1, 1, 1]
    assert rows(shop.store) == {"ana": "told", "ben": "told"}


def test_a_segment_that_is_not_filled_lets_nobody_go(shop):
    shop.pushed()
    with pytest.raises(ConfigError, match="not filled yet"):
        shop.pushed(Outlet("vip_google", "gone", "google", "google", folder="out"))
    assert len(rows(shop.store)) == 2
    emptied = shop.pushed(Outlet("vip_google", "", "google", "google", folder="out"))
    assert (emptied.removed, rows(shop.store)) == (2, {})


def test_moves_alone_change_nothing(shop):
    shop.pushed()
    move(shop.store, ("ana", "vip", False, NOW))
    assert not shop.pushed().files
