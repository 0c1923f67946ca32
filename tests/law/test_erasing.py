"""Whom an erasure meets, what it leaves, and that an export shows all of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from engine.erasing import erase, scrub
from engine.exporting import KEYED, export
from engine.store.belongings import PERSONAL
from engine.store.connect import reading, writing
from engine.store.intake import NewContact, NewEvent, add_contacts, record
from engine.store.profile_tables import merges
from engine.store.tables import audit, changes, consents, contacts, deliveries, enrollments, events, metadata
from engine.store.values import to_json

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEPT = {"paid": (frozenset({"total", "kind"}), frozenset({"card"}))}


def digest(channel: str, address: str) -> str:
    return f"#{hash((channel, address.strip().lower()))}"


def message(key: str, status: str, **more: Any) -> dict[str, Any]:
    return {
        "key": key, "contact_id": "ana", "journey": "trip", "state": "s", "message": "email/x", "channel": "email",
        "topic": "promo", "transactional": False, "counted": True, "decided": False, "request": {"vars": {"a": "Ana"}},
        "status": status, "queued_at": NOW, "due_at": NOW, "attempt": 0, "fence": 1, "address": "ana@x.org",
        "detail": "550 ana@x.org", **more,
    }  # fmt: skip


@pytest.fixture
def lived(store: sa.Engine) -> sa.Engine:
    """Ana, who was Ani before a merge, with a run, messages in every state, and events; and Bob."""
    with writing(store) as conn:
        people = [NewContact("ana", {"name": "Ana"}, {"email": "ana@x.org"}, frozenset({"promo"})), NewContact("bob")]
        add_contacts(conn, people, NOW, digest)
        add_contacts(conn, [NewContact("ana", {"name": "Anna"}, {"email": "ana@y.org"})], NOW, digest)
        record(conn, [
            NewEvent("order of ana", "ana", "paid", NOW, {"total": 7.5, "kind": "card", "to": "Ana", "n": 3}),
            NewEvent("other of ana", "ana", "paid", NOW, {"total": "Ana", "kind": "by Ana"}),
            NewEvent("c1", "ana", "clicked", NOW, {"key": "r1:1", "message": "email/x", "note": "Ana"}),
        ], NOW)  # fmt: skip
        conn.execute(consents.insert().values(
            contact_id="ani", topic="promo", channel="", granted=True, source="ani's form", at=NOW))  # fmt: skip
        conn.execute(merges.insert().values(
            id="m1", contact_id="ana", gone="ani", at=NOW, why="hand", source="hand", before={"name": "Ani"}))  # fmt: skip
        conn.execute(enrollments.insert().values(
            id="r1", contact_id="ana", journey="trip", version="1", state="s", group="learner", status="parked",
            phase="ready", entered_at=NOW, state_at=NOW, trigger="order of ana", cause="c1", steps=1, visits={},
            entry={"to": "Ana"}, values={}, reason="ValueError: Ana"))  # fmt: skip
        rows = [message("r1:1", "sent", sent_at=NOW), message("r1:2", "queued", next_at=NOW),
                message("r1:3", "sending", owner="w", lease_until=NOW + timedelta(minutes=5))]  # fmt: skip
        for row in rows:
            conn.execute(deliveries.insert().values(row))
    return store


def all_rows(store: sa.Engine) -> str:
    with reading(store) as conn:
        return repr([[tuple(row) for row in conn.execute(sa.select(table))] for table in metadata.tables.values()])


def test_an_erasure_takes_the_person_and_leaves_the_count(lived: sa.Engine) -> None:
    done = erase(lived, ["ana", "nobody"], KEPT, (digest, lambda: NOW))
    assert (done.people, done.unknown) == (1, ["nobody"])
    said = all_rows(lived)
    assert not [word for word in ("ana", "Ana", "ani", "Anna", "Ani") if word in said]
    with reading(lived) as conn:
        e, d, n = events.c, deliveries.c, enrollments.c
        bodies = conn.execute(sa.select(e.data)).scalars().all()
        left: list[dict[str, Any]] = [{"key": "r1:1", "message": "email/x"}, {"total": 7.5, "kind": "card"}, {}]
        assert sorted(bodies, key=repr) == sorted(left, key=repr)
        assert dict(conn.execute(sa.select(d.key, d.status)).all()) == {
            "r1:1": "sent", "r1:2": "suppressed", "r1:3": "unknown",
        }  # fmt: skip
        run = conn.execute(sa.select(n.status, n.reason, n.trigger, n.contact_id)).one()
        assert (run.status, run.reason) == ("left", "erased")
        assert run.trigger in set(conn.execute(sa.select(e.id)).scalars())  # the order that started it never counts
        assert set(conn.execute(sa.select(e.contact_id)).scalars()) == {run.contact_id}
        assert conn.execute(sa.select(contacts.c.id)).scalars().all() == ["bob"]
        assert conn.execute(sa.select(audit.c.what)).scalars().all() == ["erased"]
    assert scrub(lived) is None


def test_whoever_was_erased_is_not_brought_back_by_an_import(lived: sa.Engine) -> None:
    erase(lived, ["ana"], KEPT, (digest, lambda: NOW))
    back = [NewContact("ana"), NewContact("x", {}, {"email": "ANA@x.org"}), NewContact("y", {}, {"email": "ana@y.org"})]
    with writing(lived) as conn:
        counts = add_contacts(conn, [*back, NewContact("z")], NOW, digest)
    assert (counts.new, counts.erased) == (1, 3)


def test_an_export_holds_every_table_that_is_about_people(lived: sa.Engine) -> None:
    with writing(lived) as conn:
        found = export(conn, "ana", digest, NOW)
        assert conn.execute(sa.select(audit.c.what)).scalars().all() == ["exported"]
        there = {one.table for one in PERSONAL if conn.execute(sa.select(metadata.tables[one.table]).limit(1)).first()}
    tables = found["tables"]
    assert set(tables) == {one.table for one in PERSONAL}
    assert {name for name, rows in tables.items() if rows} == there - KEYED
    assert found["also_known_as"] == ["ani"]
    assert len(tables["deliveries"]) == 3
    assert [row["attributes"] for row in tables["changes"]] == [{"name": "Ana"}]
    assert "bob" not in to_json(found)
    with reading(lived) as conn:
        assert len(conn.execute(sa.select(changes)).all()) == 1
