"""Kafka: the consumer is killed between database and offsets; nothing is lost and nothing counts twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from tracked import DATA, TERMS

from engine.errors import ConfigError, StoreUnavailable
from engine.intake import kafka
from engine.intake.kafka import Intake, Reading
from engine.store.connect import create, open_store, reading, writing
from engine.store.profile_tables import problems
from engine.store.tables import events

confluent = pytest.importorskip("confluent_kafka", reason="Kafka was NOT tested: pip install confluent-kafka")

EVENTS = int(os.environ.get("SOJOURN_KAFKA_EVENTS", "600"))
KILLED = EVENTS > 600  # really: each costs six seconds of waiting
HERE = Path(__file__).parent
SHORT = {"session.timeout.ms": "6000"}  # the least: so long it takes until the group knows that one is dead


@pytest.fixture(scope="module")
def brokers():
    """Give the address of librdkafka's own broker; it lives as long as its producer."""
    producer = confluent.Producer({"bootstrap.servers": "ignored", "test.mock.num.brokers": 1})
    found = next(f"{one.host}:{one.port}" for one in producer.list_topics(timeout=10).brokers.values())
    return producer, found


def structured(n: int) -> bytes:
    event = {"specversion": "1.0", "id": f"e{n}", "source": "/orders", "type": "order_placed", "subject": f"c{n % 50}",
             "data": {"total": n}}  # fmt: skip
    return json.dumps(event).encode()


def binary(n: int) -> tuple[bytes, list[tuple[str, bytes]]]:
    said = {"specversion": "1.0", "id": f"e{n}", "source": "/orders", "type": "order_placed", "subject": f"c{n % 50}"}
    return json.dumps({"total": n}).encode(), [(f"ce_{name}", value.encode()) for name, value in said.items()]


def produce(producer, topic: str, count: int) -> None:
    for n in range(count):
        while True:
            try:
                if n % 2:
                    producer.produce(topic, structured(n), key=f"c{n % 50}")
                else:
                    value, headers = binary(n)
                    producer.produce(topic, value, key=f"c{n % 50}", headers=headers)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0
    producer.produce(topic, b"\xff poison", key="c1")
    assert producer.flush(60) == 0


def pull_on(intake: Intake) -> None:
    for _ in range(100):
        intake.pull(0.3)


class Cut(Exception):
    """The end of a process, between its database and its offsets."""


def die_before_the_offsets(intake: Intake) -> None:
    """Take one batch in and commit no offset."""
    intake._consumer = Deaf(intake._consumer)
    with pytest.raises(Cut):
        pull_on(intake)
    intake.close()


class Deaf:
    """A consumer that dies when it is to commit."""

    def __init__(self, consumer) -> None:
        self._consumer = consumer

    def __getattr__(self, name: str):
        return getattr(self._consumer, name)

    def commit(self, **_) -> None:
        raise Cut


def kill_before_the_offsets(url: str, address: str) -> None:
    """Let another process take one batch in, and kill it before it commits its offsets."""
    words = [sys.executable, str(HERE / "stream.py"), url, address]
    env = {**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parent.parent}"}
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env)
    late = threading.Timer(90, child.kill)
    late.start()
    try:
        assert child.stdout.readline() == "stored\n"
    finally:
        late.cancel()
        child.kill()
        child.communicate()


def test_a_consumer_that_dies_twice_before_its_offsets_loses_and_doubles_nothing(brokers, tmp_path):
    producer, address = brokers
    url = f"sqlite:///{tmp_path / 'store.db'}"
    store = open_store(url, durability="normal")
    with writing(store) as conn:
        create(conn)
    produce(producer, "orders", EVENTS)
    if KILLED:
        for _ in range(2):
            kill_before_the_offsets(url, address)
    # a group of its own for each that dies: that of a dead one waits for six seconds; all wait three to begin, at once
    dying = [Intake(store, TERMS, Reading(address, ("orders",), f"group{turn}"), _now) for turn in range(2)]
    intake = Intake(store, TERMS, Reading(address, ("orders",), settings=SHORT), _now)
    for one in dying:
        die_before_the_offsets(one)
    deadline = time.monotonic() + 60 + EVENTS / 500
    while intake.count.read <= EVENTS:  # no offset was ever committed: all of it is read again
        assert time.monotonic() < deadline, f"{_count(store)} of {EVENTS}"
        intake.pull(0.3)
    intake.close()
    with reading(store) as conn:
        totals = [data["total"] for (data,) in conn.execute(sa.select(events.c.data))]
    assert sorted(totals) == list(range(EVENTS))
    assert _refused(store) == [("kafka", "is no JSON")]
    assert intake.count.duplicates > 0, "what was stored before the end was read again"
    store.dispose()


def test_what_the_store_did_not_take_is_read_again(brokers, tmp_path, monkeypatch):
    producer, address = brokers
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}", durability="normal")
    with writing(store) as conn:
        create(conn)
    produce(producer, "again", 20)
    intake = Intake(store, TERMS, Reading(address, ("again",), "other"), _now)

    def broken(*_):
        raise StoreUnavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(kafka, "take", broken)
        with pytest.raises(StoreUnavailable):
            pull_on(intake)
    for _ in range(100):
        intake.pull(0.3)
        if _count(store) == 20:
            break
    assert _count(store) == 20
    intake.close()
    store.dispose()


def test_settings_that_nobody_can_use_are_said():
    with pytest.raises(ConfigError, match="cannot be used"):
        Intake(open_store("sqlite://"), TERMS, Reading("127.0.0.1:1", ("x",), settings={"no.such": "1"}), _now)


def test_the_data_of_the_shop_know_the_event():
    assert "order_placed" in DATA.events


def _now() -> datetime:
    return datetime.now(UTC)


def _count(store) -> int:
    with reading(store) as conn:
        return conn.execute(sa.select(sa.func.count()).select_from(events)).scalar_one()


def _refused(store) -> list[tuple[str, str]]:
    with reading(store) as conn:
        return [tuple(row) for row in conn.execute(sa.select(problems.c.source, problems.c.reason))]
