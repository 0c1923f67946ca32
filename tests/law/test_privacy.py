"""Somebody who is in everything: an export shows all of it, an erasure leaves no trace, an opt-out ends profiling."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

import engine.store.schema  # noqa: F401 - it knows every table
from engine.erasing import erase
from engine.exporting import KEYED, export
from engine.store.belongings import PERSONAL, Belonging
from engine.store.campaign_tables import audiences, reservations
from engine.store.campaigns import reachable
from engine.store.connect import reading, writing
from engine.store.consenting import PROFILING, ConsentChange, change_consents
from engine.store.intake import NewContact, add_contacts
from engine.store.tables import contacts, metadata
from engine.store.traits import allowed
from engine.store.value_tables import traits

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MARK = "lena-m-471"
PLAIN = {"enrollments": {"status": "active", "reason": "x"}, "deliveries": {"status": "queued"}}


def digest(channel: str, address: str) -> str:
    return f"#{sum(map(ord, channel + address.strip().lower()))}"


def row(one: Belonging, place: int) -> dict[str, Any]:
    """Return a row of a table that is full of her: wherever the list says that it goes, her mark stands."""
    table = metadata.tables[one.table]
    full = one.treatment == "delete"
    found: dict[str, Any] = {}
    for column in table.c:
        if column.name in (one.column, one.also):
            found[column.name] = f"k{place}" if one.through else MARK
        elif full or column.name in one.clears:
            found[column.name] = _value(column, MARK)
        elif not column.nullable:
            found[column.name] = _value(column, "plain")
    numbered = {c.name for c in table.primary_key if c.autoincrement is True}
    parents = {other.through for other in PERSONAL if other.through}
    found |= {c.name: "k0" for c in table.primary_key if f"{table.name}.{c.name}" in parents}
    found |= {one.column: "k0"} if one.through else {}
    return {k: v for k, v in found.items() if k not in numbered} | PLAIN.get(one.table, {})


def _value(column: sa.Column[Any], word: str) -> Any:
    kind = type(column.type).__name__
    if kind == "Instant":
        return NOW
    if isinstance(column.type, sa.Boolean):
        return False
    if isinstance(column.type, sa.Integer | sa.BigInteger | sa.Float):
        return 1
    if isinstance(column.type, sa.LargeBinary):
        return word.encode()
    return (
        word if isinstance(column.type.dialect_impl(_SQLITE), sa.String) and "Json" not in kind else _body(kind, word)
    )


_SQLITE = sa.create_engine("sqlite://").dialect


def _body(kind: str, word: str) -> Any:
    return word if kind == "Sealed" else {"said": word}


@pytest.fixture
def everywhere(store: sa.Engine) -> sa.Engine:
    """Lena, with a row in every table that is about people, and Ben."""
    with writing(store) as conn:
        lena = NewContact(MARK, {"name": MARK}, {"email": f"{MARK}@x.org"}, frozenset({"ads", "promo"}))
        add_contacts(conn, [lena, NewContact("ben")], NOW, digest)
        for place, one in enumerate(PERSONAL):
            if one.table not in (KEYED | {"contacts", "addresses"}):
                conn.execute(metadata.tables[one.table].insert().values(row(one, place)))
    return store


def traces(store: sa.Engine) -> list[str]:
    with reading(store) as conn:
        return [name for name, table in metadata.tables.items() if MARK in repr(conn.execute(sa.select(table)).all())]


def test_an_export_shows_every_table_and_an_erasure_leaves_a_trace_in_none(everywhere: sa.Engine) -> None:
    there = set(traces(everywhere))
    for one in PERSONAL:
        assert one.treatment == "keep" or one.through or one.table in there, f"the test puts nothing into {one.table}"
    with writing(everywhere) as conn:
        found = export(conn, MARK, digest, NOW)["tables"]
    assert {name for name in found if not found[name]} <= KEYED
    done = erase(everywhere, [MARK], {}, (digest, lambda: NOW))
    assert done.people == 1
    assert traces(everywhere) == []
    with reading(everywhere) as conn:
        assert conn.execute(sa.select(contacts.c.id)).scalars().all() == ["ben"]


def test_whoever_refuses_profiling_is_in_no_figure_about_people(everywhere: sa.Engine) -> None:
    with writing(everywhere) as conn:
        change_consents(conn, [ConsentChange(MARK, PROFILING, "", granted=False, source="test")], NOW)
    with reading(everywhere) as conn:
        for table in (traits, reservations):  # interests and value; places in campaigns
            assert not conn.execute(sa.select(table).where(table.c.contact_id == MARK)).all()
        mine = sa.select(audiences.c.reasons).where(audiences.c.contact_id == MARK)
        assert conn.execute(mine).scalars().all() == [[]]
        for who in (allowed(), reachable("email", "promo")):  # discovery, value and interests; targeting
            assert MARK not in conn.execute(sa.select(contacts.c.id).where(who)).scalars().all()
