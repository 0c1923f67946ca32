"""Webhooks on segments: each move at least once, under a key of its own, whatever fails in between."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from scene import NOW, Door, digest, move, people

from channels.channel import Envelope, Receipt
from channels.webhook import Host, WebhookChannel
from engine.erasing import erase
from engine.noticing import LONGEST, PATIENCE, key, tell
from engine.store.connect import reading, writing
from engine.store.intake import NewContact
from engine.store.noticing import LEASE, SURE
from engine.store.out_tables import notices
from engine.store.segment_tables import segment_moves

HOOKS = {"crm": {"url": "https://crm.example/in", "on": ["vip"]}, "silent": {"url": "https://x.example/"}}


@pytest.fixture
def world(store: sa.Engine) -> SimpleNamespace:
    people(store, NewContact("ana"), NewContact("ben"))
    at = SimpleNamespace(now=NOW)
    move(store, ("ana", "vip", True, NOW))  # history: before anybody listened

    def told(door: Door) -> dict[str, int]:
        return tell(store, (HOOKS, door), lambda: at.now)

    told(Door())
    return SimpleNamespace(store=store, at=at, told=told)


def left(store: sa.Engine) -> list[tuple[str, str, int]]:
    with reading(store) as conn:
        asked = sa.select(notices.c.contact_id, notices.c.state, notices.c.attempt).order_by(notices.c.move_id)
        return [tuple(row) for row in conn.execute(asked)]


def test_each_move_is_one_call_with_its_key_and_what_was_before_is_history(world):
    move(world.store, ("ana", "vip", False, NOW), ("ben", "vip", True, NOW), ("ben", "other", True, NOW))
    door = Door()
    assert world.told(door)["sent"] == 2
    assert world.told(door)["sent"] == 0
    first = int(door.heard[0].key.rpartition(":")[2])
    assert [one.key for one in door.heard] == [f"vip:ana:{first}", f"vip:ben:{first + 1}"]
    assert json.loads(door.heard[0].body) == {
        "type": "segment.left", "timestamp": "2026-03-02T12:00:00Z",
        "data": {"segment": "vip", "contact": "ana", "why": "paid", "move": first},
    }  # fmt: skip


def test_a_call_that_fails_is_made_again_later_with_the_same_key_until_patience_ends(world):
    move(world.store, ("ana", "vip", False, NOW))
    door = Door("deferred", "deferred", RuntimeError("killed"))
    assert world.told(door) == {"sent": 0, "waiting": 1, "failed": 0}
    assert world.told(door)["waiting"] == 0  # not at once
    world.at.now += LONGEST
    assert world.told(door)["waiting"] == 1
    world.at.now += LONGEST
    with pytest.raises(RuntimeError):
        world.told(door)
    world.at.now += LEASE
    assert world.told(door)["sent"] == 1
    (same,) = {one.key for one in door.heard}
    assert same.startswith("vip:ana:")
    move(world.store, ("ben", "vip", True, NOW))
    world.told(Door("deferred"))
    world.at.now += PATIENCE + LONGEST
    assert world.told(Door("deferred"))["failed"] == 1


def test_a_no_for_good_ends_it_and_an_order_to_wait_is_kept(world):
    move(world.store, ("ana", "vip", False, NOW), ("ben", "vip", True, NOW))
    later = NOW + timedelta(minutes=20)
    door = Door(lambda k: Receipt(k, "failed", "content", "422"), lambda k: Receipt(k, "deferred", retry_at=later))
    assert world.told(door) == {"sent": 0, "waiting": 1, "failed": 1}
    world.at.now = later
    assert world.told(door)["sent"] == 1


def test_a_move_that_is_committed_after_a_later_one_is_told_and_old_rows_go(world):
    with writing(world.store) as conn:
        newest = conn.execute(sa.select(sa.func.max(segment_moves.c.id))).scalar_one()
        row = {"contact_id": "ben", "segment": "vip", "entered": True, "at": NOW, "why": "late"}
        conn.execute(segment_moves.insert().values(id=newest + 9, **row))
    assert world.told(Door())["sent"] == 1
    with writing(world.store) as conn:
        conn.execute(segment_moves.insert().values(id=newest + 8, **{**row, "contact_id": "ana"}))
    door = Door()
    world.told(door)
    assert [one.key for one in door.heard] == [f"vip:ana:{newest + 8}"]
    for _ in range(3):
        world.at.now += SURE
        assert world.told(Door())["sent"] == 0
    assert left(world.store) == []


def test_the_erased_are_told_of_no_more(world):
    move(world.store, ("ana", "vip", False, NOW))
    world.told(Door("deferred"))
    erase(world.store, ["ana"], {}, (digest, lambda: NOW))
    world.at.now += LONGEST
    assert world.told(Door())["sent"] == 0
    assert left(world.store) == []


def test_a_private_network_is_not_called_and_any_name_makes_a_key_of_ascii():
    move_ = SimpleNamespace(segment="vip", contact_id="José\r\nX: 1 <a@b.de>", move_id=7)
    assert key(move_) == "vip:Jos%C3%A9%0D%0AX%3A%201%20%3Ca@b.de%3E:7"
    hooks = {"crm": {"url": "http://127.0.0.1:9/in", "on": ["vip"]}}
    door = WebhookChannel(hosts=[Host("127.0.0.1:9")])
    (receipt,) = door.send([Envelope(key(move_), hooks["crm"]["url"], b"{}")], frozenset)
    assert (receipt.status, receipt.kind) == ("failed", "config")
