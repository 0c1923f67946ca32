"""Two real processes, one killed in the middle: who got what, and what `serve --cluster` says where it cannot be."""

from __future__ import annotations

import os
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.cluster import Plan, run, table
from engine.app import Options, build, read
from engine.cli import main
from engine.drill import ground
from engine.engine import Limits
from engine.presence import ALONE, MANY, ahead, name_connections, others
from engine.store.connect import open_store, reading, writing
from engine.store.intake import NewEvent, record
from engine.store.tables import deliveries

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
PEOPLE = 15
PAIR = "journey: NAME\ntopic: promo\nenter: {event: EVENT}\nstates:\n  one: {send: email/hello}\n"


def test_a_process_is_killed_and_the_database_crashes_and_everybody_gets_one_mail_or_is_listed():
    result = run(Plan(sends=200, restarts=1, lease=1.0, latency=0.002, durable=False, replaced=False, patience=60.0))
    assert result.ok, table(result)
    assert result.account.unknown <= 3 * 3  # the lines that were open: of the killed one, and of both at the crash
    assert (result.account.lost, result.account.duplicated, result.account.unexpected) == (0, 0, 0)


def test_two_engines_that_step_the_same_people_at_once_keep_to_their_cap(postgresql, tmp_path: Path):
    address = postgresql.lend()
    journeys = {name: PAIR.replace("NAME", name).replace("EVENT", event) for name, event in
                (("a", "started"), ("b", "poked"))}  # fmt: skip
    folder = ground.lay(tmp_path, address, ground.Setting(journeys=journeys, caps="1/day"))
    store = open_store(address)
    ground.settle(store, folder, ground.people(PEOPLE), NOON)
    engines = [build(read(folder, {}), Options(limits=Limits(contacts=3))) for _ in range(2)]
    over = threading.Event()

    def step(engine) -> None:
        while not over.is_set():
            engine.tick()
            over.wait(0.002)
        engine.drain()

    threads = [threading.Thread(target=step, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for name in ("started", "poked"):
        for n in range(PEOPLE):
            with writing(store) as conn:
                record(conn, [NewEvent(f"{name}{n}", f"p{n}", name, None, {})], datetime.now(UTC))
    over.set()
    for thread in threads:
        thread.join()
    with reading(store) as conn:
        who = Counter(conn.execute(sa.select(deliveries.c.contact_id).where(deliveries.c.status == "queued")).scalars())
    for engine in engines:
        engine.close()
    store.dispose()
    postgresql.take_back(address)
    assert who == Counter(f"p{n}" for n in range(PEOPLE))


def test_a_cluster_without_postgresql_is_told_the_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    ground.lay(tmp_path, f"sqlite:///{tmp_path / 'store.db'}", ground.Setting())
    assert main(["-C", str(tmp_path), "serve", "--cluster"]) == 2
    said = capsys.readouterr().err
    assert 'write `store: "postgresql://..."` in sojourn.yaml, or serve without --cluster' in said


def test_a_cluster_without_its_libraries_is_told_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(__import__("sys").modules, "engine.cluster.runner", None)
    ground.lay(tmp_path, "postgresql://nobody@127.0.0.1:1/none", ground.Setting())
    assert main(["-C", str(tmp_path), "serve", "--cluster"]) == 2
    assert "pip install 'sojourn[cluster]'" in capsys.readouterr().err


def test_who_serves_a_store_that_another_one_serves_hears_of_it(postgresql, monkeypatch: pytest.MonkeyPatch):
    address = postgresql.lend()
    monkeypatch.setenv("PGAPPNAME", "")
    stores = []
    for role, pid in ((ALONE, 7), (MANY, 8), (MANY, 9)):
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        name_connections(role)
        stores.append(open_store(address))
        expected = {7: [], 8: ["process 7"], 9: ["process 7"]}[pid]  # members of one cluster expect each other
        assert [other.partition(", ")[2] for other in others(stores[-1], role)] == expected
    met = {other.partition(", ")[2] for other in others(stores[0], ALONE)}
    assert {"process 8"} <= met  # whoever serves alone hears of every other one
    for store in stores:
        store.dispose()
    postgresql.take_back(address)


def test_a_clock_that_is_not_the_databases_is_told(store: sa.Engine):
    early = ahead(store, lambda: datetime.now(UTC) + timedelta(hours=1))
    assert round(early, -1) == (3600 if store.dialect.name == "postgresql" else 0)
    assert ahead(store, lambda: datetime.now(UTC)) == 0.0
