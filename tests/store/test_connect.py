"""How the store opens, takes turns and says what is wrong."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.errors import StoreUnavailable
from engine.store.connect import create, open_store, reading, writing
from engine.store.tables import audit, contacts
from engine.store.values import from_json, to_json

SHORT = timedelta(milliseconds=30)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


def count(engine: sa.Engine) -> int:
    with reading(engine) as conn:
        return conn.execute(sa.select(sa.func.count()).select_from(audit)).scalar_one()


def note(conn: sa.Connection) -> None:
    conn.exec_driver_sql("INSERT INTO audit (at, what, detail) VALUES (1, 'note', '{}')")


def in_threads(n: int, work) -> None:
    threads = [threading.Thread(target=work) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(("durability", "level"), [("full", 2), ("normal", 1)])
def test_a_file_is_in_wal_mode_with_the_durability_that_was_asked_for(url: str, durability, level):
    engine = open_store(url, durability)
    with reading(engine) as conn:
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert conn.exec_driver_sql("PRAGMA synchronous").scalar() == level
        assert conn.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000
    engine.dispose()


def test_a_writer_waits_for_its_turn_and_then_says_that_the_store_is_locked(url: str):
    first, second = open_store(url), open_store(url, patience=SHORT)
    with writing(first), pytest.raises(StoreUnavailable, match="locked by another process"), writing(second):
        pass
    first.dispose()
    second.dispose()


def test_writers_in_many_threads_never_meet_a_locked_store(url: str):
    engine = open_store(url, "normal")
    with writing(engine) as conn:
        create(conn)

    def work() -> None:
        for _ in range(10):
            with writing(engine) as conn:
                conn.exec_driver_sql("SELECT count(*) FROM audit").scalar()
                note(conn)

    in_threads(4, work)
    assert count(engine) == 40
    engine.dispose()


def test_a_reader_blocks_no_writer_and_sees_one_state(url: str):
    engine = open_store(url)
    with writing(engine) as conn:
        create(conn)
    with reading(engine) as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM audit").scalar() == 0
        with writing(engine) as conn:
            note(conn)
        assert reader.exec_driver_sql("SELECT count(*) FROM audit").scalar() == 0
    assert count(engine) == 1
    engine.dispose()


def test_a_store_in_memory_is_one_for_all_threads():
    engine = open_store("sqlite://")
    with writing(engine) as conn:
        create(conn)

    def work() -> None:
        for _ in range(10):
            with writing(engine) as conn:
                note(conn)

    in_threads(4, work)
    assert count(engine) == 40
    engine.dispose()


def test_two_stores_in_memory_are_two():
    one, other = open_store("sqlite://"), open_store("sqlite://")
    with writing(one) as conn:
        create(conn)
    with reading(other) as conn:
        assert sa.inspect(conn).get_table_names() == []
    one.dispose()
    other.dispose()


def test_a_transaction_that_breaks_off_leaves_nothing(store: sa.Engine):
    def break_off() -> None:
        with writing(store) as conn:
            note(conn)
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert count(store) == 0


def test_what_a_reader_writes_is_undone(store: sa.Engine):
    with reading(store) as conn:
        note(conn)
    assert count(store) == 0


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path):
    file = tmp_path / "notes.txt"
    file.write_bytes(b"these are notes, not tables\n" * 100)
    with pytest.raises(StoreUnavailable, match=r"notes\.txt is not a SQLite database"):
        open_store(f"sqlite:///{file}")
    assert file.read_bytes().startswith(b"these are notes")


def test_a_folder_that_is_missing_is_named(tmp_path: Path):
    with pytest.raises(StoreUnavailable, match=r"nowhere/store\.db cannot be opened"):
        open_store(f"sqlite:///{tmp_path}/nowhere/store.db")


def test_a_damaged_file_says_restore(tmp_path: Path, url: str):
    engine = open_store(url)
    with writing(engine) as conn:
        create(conn)
    engine.dispose()
    file = tmp_path / "store.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(StoreUnavailable, match="restore it from a backup"):
        open_store(url)


@pytest.mark.parametrize("address", ["", "store.db", "mysql://localhost/x", "sqlite:"])
def test_an_address_that_is_none_is_refused_in_one_sentence(address: str):
    with pytest.raises(StoreUnavailable):
        open_store(address)


def test_a_wrong_statement_is_our_mistake_and_stays_one(store: sa.Engine):
    twice = {"id": "ana", "attributes": {}, "created_at": None, "updated_at": None}
    with pytest.raises(sa.exc.IntegrityError), writing(store) as conn:
        conn.execute(contacts.insert().values(twice))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({}, {}),
        ({"a": [1, 2.5, None, True, "ü"]}, {"a": [1, 2.5, None, True, "ü"]}),
        ({"a": float("nan"), "b": [float("inf"), {"c": 1.0}]}, {"a": None, "b": [None, {"c": 1.0}]}),
        ({"a": "x\0y"}, {"a": "x\ufffdy"}),
        ({"a": "\ud800"}, {"a": "?"}),
        ({"a": timedelta(hours=1)}, {"a": 3600.0}),
        ({"a": {"z", "b"}}, {"a": ["b", "z"]}),
    ],
)
def test_json_keeps_what_it_can_and_never_what_no_database_could(value, kept):
    assert from_json(to_json(value)) == kept
    assert from_json(to_json(value).encode()) == kept
