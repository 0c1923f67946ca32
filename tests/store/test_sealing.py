"""What is personal stands sealed in the store, is found and read as before, and survives a change of keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from engine.errors import ConfigError
from engine.store import keyring
from engine.store.connect import check_schema, open_store, reading, writing
from engine.store.intake import NewContact, Suppression, add_contacts, suppress
from engine.store.sealing import MARK, Sealing, new_key
from engine.store.sets import one_of
from engine.store.tables import addresses, changes, contacts

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OLD, NEW = new_key(), new_key()
ANA = NewContact("ana", {"phone": "+49301234", "city": "Bonn"}, {"email": "ana@x.org"})


def digest(channel: str, address: str) -> str:
    return f"{channel}:{address.lower()}"


def opened(database: str, *keys: str) -> sa.Engine:
    return open_store(database, "normal", sealing=Sealing(keys, ["phone"]) if keys else None)


@pytest.fixture
def sealed(database: str) -> Iterator[sa.Engine]:
    store = opened(database, OLD)
    check_schema(store)
    with writing(store) as conn:
        add_contacts(conn, [ANA, NewContact("bob", {}, {"email": "bob@x.org"})], NOW, digest)
    yield store
    store.dispose()


def raw(store: sa.Engine) -> str:
    """Return everything that stands in the tables, as the database has it."""
    with store.connect() as conn:
        names = sa.inspect(store).get_table_names()
        return repr([conn.exec_driver_sql(f"SELECT * FROM {name}").all() for name in names])  # noqa: S608


def test_neither_address_nor_private_attribute_stands_in_the_store(sealed: sa.Engine) -> None:
    with writing(sealed) as conn:
        moved = replace(ANA, attributes={"phone": "+49309999"}, addresses={"email": "ana@y.org"})
        add_contacts(conn, [moved], NOW, digest)
    said = raw(sealed)
    assert not [word for word in ("ana@", "+4930") if word in said]
    assert "Bonn" in said  # what is not private stands as it is: segments ask for it
    with reading(sealed) as conn:
        person = conn.execute(sa.select(contacts).where(contacts.c.id == "ana")).one()
        before = conn.execute(sa.select(changes)).one()
    assert person.attributes == {"phone": "+49309999", "city": "Bonn"}
    assert before.attributes == {"phone": "+49301234"}
    assert before.addresses[0][:2] == ["email", "ana@x.org"]


def test_an_address_is_found_by_its_plain_text_however_it_is_asked(sealed: sa.Engine) -> None:
    a = addresses.c
    with reading(sealed) as conn:
        for condition in (a.address == "ana@x.org", one_of(a.address, ["ana@x.org"])):
            assert conn.execute(sa.select(a.contact_id, a.address).where(condition)).all() == [("ana", "ana@x.org")]
        asked = sa.select(a.contact_id).where(a.address == sa.bindparam("to"))
        assert conn.execute(asked, {"to": "bob@x.org"}).scalars().all() == ["bob"]
    with writing(sealed) as conn:
        suppress(conn, [Suppression("email", "bob@x.org", "manual")], digest, NOW)
        add_contacts(conn, [replace(ANA, attributes={})], NOW, digest)
    with reading(sealed) as conn:
        assert conn.execute(sa.select(a.contact_id, a.suppressed).order_by(a.contact_id)).all() == [
            ("ana", None), ("bob", "manual"),
        ]  # fmt: skip


def test_while_keys_change_every_row_is_read_and_found_with_both(sealed: sa.Engine, database: str) -> None:
    both = opened(database, NEW, OLD)
    check_schema(both)
    with writing(both) as conn:
        keyring.reseal(conn, ["ana"])
    with reading(both) as conn:
        found = {who: conn.execute(sa.select(addresses.c.contact_id).where(addresses.c.address == f"{who}@x.org")).scalar()
                 for who in ("ana", "bob")}  # fmt: skip
        people = dict(conn.execute(sa.select(contacts.c.id, contacts.c.attributes)).all())
    assert found == {"ana": "ana", "bob": "bob"}
    assert people["ana"] == ANA.attributes
    with writing(both) as conn:
        assert keyring.people_after(conn, "") == ["ana", "bob"]
        keyring.reseal(conn, ["ana", "bob"])
        assert keyring.reseal(conn, ["ana", "bob"]) == 0
        keyring.retire(conn, NOW)
    both.dispose()
    alone = opened(database, NEW)
    check_schema(alone)
    with reading(alone) as conn:
        assert sorted(conn.execute(sa.select(addresses.c.address)).scalars()) == [
            "ana@x.org", "bob@x.org",
        ]  # fmt: skip
        kinds = keyring.counts(conn)
        assert set(kinds["addresses.address"]) == set(kinds["contacts.attributes"]) == {Sealing([NEW]).ids[0]}
    alone.dispose()


def test_a_sealed_store_is_not_opened_without_its_key(sealed: sa.Engine, database: str) -> None:
    for keys in ((), (NEW,)):
        store = opened(database, *keys)
        with pytest.raises(ConfigError, match=f"sealed with the key {Sealing([OLD]).ids[0]}"):
            check_schema(store)
        store.dispose()


def test_a_store_that_was_open_is_sealed_while_it_is_used_and_can_be_opened_again(database: str) -> None:
    plain = opened(database)
    with writing(plain) as conn:
        add_contacts(conn, [ANA], NOW, digest)
    assert "ana@x.org" in raw(plain)
    plain.dispose()
    store = opened(database, OLD)
    check_schema(store)
    with reading(store) as conn:
        assert (
            conn.execute(sa.select(addresses.c.contact_id).where(addresses.c.address == "ana@x.org")).scalar() == "ana"
        )
    with writing(store) as conn:
        keyring.reseal(conn, ["ana"])
    assert "ana@x.org" not in raw(store)
    assert MARK in raw(store)
    with writing(store) as conn:
        keyring.reseal(conn, ["ana"], plain=True)
        keyring.retire(conn, NOW, plain=True)
    assert MARK not in raw(store)
    assert "ana@x.org" in raw(store)
    store.dispose()


def test_a_sealed_value_opens_in_its_own_place_alone_and_not_when_it_was_altered() -> None:
    sealing = Sealing([OLD])
    text = sealing.seal("ana@x.org", "address")
    assert sealing.open(text, "address") == "ana@x.org"
    assert sealing.seal("", "address") != ""
    assert sealing.open(sealing.seal("", "address"), "address") == ""
    assert sealing.seal_once("x", "attribute a") != sealing.seal_once("x", "attribute a")
    for wrong, place in ((text, "ip"), (text[:-3] + "AAA", "address")):
        with pytest.raises(ConfigError, match="was altered"):
            sealing.open(wrong, place)
    with pytest.raises(ConfigError, match="no key"):
        Sealing(["short"])
