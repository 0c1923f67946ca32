"""Killed at any moment: nothing lost, nothing doubled, nothing silent."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller

from engine.app import Options, build, read
from engine.clock import SystemClock
from engine.store.connect import open_store, reading, writing
from engine.store.intake import NewContact, NewEvent, add_contacts, record
from engine.store.tables import deliveries, enrollments, moves

PEOPLE = 150
KILLS = 8
CONNECTIONS = 3
PROJECT = """\
project: crash
timezone: UTC
store: "WHERE"
secret: a-secret-for-the-crash-test
channels: {email: {provider: smtp, host: 127.0.0.1, from: a@b.test}}
topics: {promo: {title: Promo}}
caps: {all: [9/day]}
quiet_hours: {from: "FROM", to: "TO"}
"""
JOURNEY = """\
journey: trip
topic: promo
enter: {event: started}
states:
  one: {choose: {arms: [email/hello, email/again], reward: {within: 1d, score: {clicked: 1}}}}
  two: {send: email/more}
"""


class Mailbox:
    """Counts each Message-ID that the server has answered with 250, slowly enough to be caught in the act."""

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 - the server's name for it
        head = envelope.content.decode("latin-1").split("\r\n\r\n")[0]
        ident = next(line for line in head.split("\r\n") if line.lower().startswith("message-id:"))
        self.accepted[ident] += 1
        await asyncio.sleep(0.002)
        return "250 OK"


@pytest.fixture
def smtp():
    box = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


def project(folder: Path, database: str) -> Path:
    for name in ("hello", "again", "more"):
        path = folder / "templates" / "email" / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("<!--\nsubject: x\n-->\n<a href='{{ unsubscribe_url }}'>n</a>")
    (folder / "journeys").mkdir()
    far = SystemClock().now() + timedelta(hours=12)  # the one quiet minute is half a day away
    quiet = PROJECT.replace("FROM", f"{far:%H:%M}").replace("TO", f"{far + timedelta(minutes=1):%H:%M}")
    (folder / "sojourn.yaml").write_text(quiet.replace("WHERE", database))
    (folder / "data.yaml").write_text("contact: {email: text}\nevents: {started: {}}\n")
    (folder / "journeys" / "trip.yaml").write_text(JOURNEY)
    return folder


def people(database: str) -> None:
    store, now = open_store(database), SystemClock().now()
    with writing(store) as conn:
        rows = [
            NewContact(f"p{n}", {"email": f"p{n}@a.test"}, {"email": f"p{n}@a.test"}, frozenset({"promo"}))
            for n in range(PEOPLE)
        ]
        add_contacts(conn, rows, now, lambda _, address: address)
        record(conn, [NewEvent(f"e{n}", f"p{n}", "started") for n in range(PEOPLE)], now)
    store.dispose()


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    driver = Path(__file__).with_name("crash_driver.py")
    process = subprocess.Popen([sys.executable, str(driver), str(folder), str(port)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_killed_again_and_again_every_message_is_sent_once_or_listed_as_unknown(tmp_path, database, smtp):
    box, port = smtp
    folder = project(tmp_path, database)
    people(database)
    chance = random.Random(7)
    caught = 0
    for _ in range(KILLS):
        process = start(folder, port)
        time.sleep(chance.uniform(0.01, 0.12))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        caught += len(box.accepted) < 2 * PEOPLE
    assert caught >= KILLS // 2, "the kills came when the work was done"
    process = start(folder, port)
    assert process.wait(timeout=60) == 0
    process.stdout.close()

    engine = build(read(folder, {}), Options(channels={}))
    d = deliveries.c
    with reading(engine.store) as conn:
        status = {row.key: row.status for row in conn.execute(sa.select(d.key, d.status))}
        runs = dict(Counter(conn.execute(sa.select(enrollments.c.status)).scalars()))
        counted = conn.execute(sa.select(sa.func.count()).select_from(moves)).scalar_one()
        steps = conn.execute(sa.select(sa.func.sum(enrollments.c.steps))).scalar_one()
        sound = conn.execute(sa.text("PRAGMA integrity_check")).scalar_one() if "sqlite" in database else "ok"
    engine.close()
    counts = Counter(status.values())
    assert sound == "ok"
    assert runs == {"left": PEOPLE}
    assert counted == steps == 3 * PEOPLE
    assert len(status) == 2 * PEOPLE == counts["sent"] + counts["unknown"]
    assert counts["unknown"] <= KILLS * CONNECTIONS
    assert max(box.accepted.values()) == 1
    assert counts["sent"] <= len(box.accepted) <= counts["sent"] + counts["unknown"]
