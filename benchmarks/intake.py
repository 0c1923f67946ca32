"""`python -m benchmarks.intake [--events N] [--databases sqlite postgresql] [--json]`: events a second through the web.

A process of its own answers our own door (`POST /v1/events`) and then the one of tracking clients (`POST /v1/batch`,
where people are resolved by their identities), in batches of 20 over kept connections, and each answer comes after the
commit; two other processes post. CPU is that of the answering process, and of PostgreSQL where the store is there.
Nobody steps meanwhile: what a tick costs is what `make bench` measures. The baseline of the same run is the store
alone: the same events written in transactions of 500, without HTTP, JSON and checks.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from benchmarks import whole
from benchmarks.processor import cpu_of
from benchmarks.readers import people
from engine.app import digest_with
from engine.drill.postgres import NoServer, serve
from engine.intake.taking import Terms
from engine.store.connect import create, open_store, reading, writing
from engine.store.intake import NewContact, NewEvent, record
from engine.store.people import add_contacts
from engine.store.profiles import Trust
from engine.store.tables import events
from engine.tokens import Tokens
from engine.web.app import build_app
from engine.web.doors import Doors, Facts
from engine.web.server import WebServer
from journeys.project import Data

DURABLE = ("listen_addresses=", "max_connections=100", "shared_buffers=256MB")
BATCH = 20  # events of one POST
PEOPLE = 20_000
CONNECTIONS = 16
KEY = "bench-key"
EVENTS = {"product_viewed": {"sku": "text", "family": "text", "price": "number"}}


@dataclass(frozen=True, slots=True)
class Figures:
    """What came in: events, seconds on the clock, CPU seconds, and where they were spent."""

    store: str
    door: str
    events: int
    wall_s: float
    cpu_s: float
    events_per_cpu_s: int
    events_per_s: int
    store_alone_per_cpu_s: int
    commits: int


def intake(url: str, door: str, count: int, server: int | None = None) -> Figures:
    """Measure one door beside the store alone; `server` is the process of PostgreSQL."""
    store = open_store(url)
    with writing(store) as conn:
        create(conn)
    _load(store)
    alone = _alone(store, count // 4, server)
    with _answering(url) as (port, pid):
        began, cpu = time.perf_counter(), cpu_of(pid) + _server(server)
        _post(port, door, count)
        wall, spent = time.perf_counter() - began, cpu_of(pid) + _server(server) - cpu
    stored, commits = _stored(store)
    store.dispose()
    if stored != count + count // 4:
        raise SystemExit(f"{stored} events are stored, {count + count // 4} were acknowledged")
    return Figures(
        store="PostgreSQL" if server else "SQLite", door=door, events=count, wall_s=round(wall, 2),
        cpu_s=round(spent, 2),
        events_per_cpu_s=round(count / spent), events_per_s=round(count / wall), store_alone_per_cpu_s=alone,
        commits=commits,
    )  # fmt: skip


def _server(pid: int | None) -> float:
    return cpu_of(pid) if pid else 0.0


def _load(store: sa.Engine) -> None:
    crowd = iter(people(PEOPLE))
    while some := list(islice(crowd, 1000)):
        with writing(store) as conn:
            known = [NewContact(p.id, p._asdict(), {"email": p.email}, frozenset({"promo"}), "bench") for p in some]
            add_contacts(conn, known, whole.NOON, digest_with(b"bench"))


def _alone(store: sa.Engine, count: int, server: int | None) -> int:
    """Write events without the web; return events per CPU second."""
    now = datetime.now(UTC)
    news = [NewEvent(f"alone{n}", f"p{n % PEOPLE:07d}", "product_viewed", now, _data(n)) for n in range(count)]
    cpu = time.process_time() + _server(server)
    for first in range(0, count, 500):
        with writing(store) as conn:
            record(conn, news[first : first + 500], now, timedelta(days=1))
    return round(count / (time.process_time() + _server(server) - cpu))


def _data(n: int) -> dict[str, object]:
    return {"sku": f"S-{n % 5000}", "family": ("shoes", "hats", "coats")[n % 3], "price": 10 + n % 90}


def _stored(store: sa.Engine) -> tuple[int, int]:
    counted = sa.func.count(), sa.func.count(sa.distinct(events.c.received_at))
    with reading(store) as conn:
        stored, instants = conn.execute(sa.select(*counted)).one()
        return int(stored), int(instants)


@contextmanager
def _answering(url: str) -> Iterator[tuple[int, int]]:
    command = [sys.executable, "-m", "benchmarks.intake", "--answer", url]
    root = Path(__file__).resolve().parent.parent
    child = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield int(child.stdout.readline() if child.stdout else 0), child.pid
    finally:
        child.communicate(timeout=30)


def answer(url: str) -> None:
    """Be the process that answers, until standard input ends."""
    facts = Facts("bench", (KEY,), EVENTS, {}, timedelta(days=1), "strict", sources={KEY: "web"})
    terms = Terms(Data({}, EVENTS, {}), Trust(), digest_with(b"bench"), timedelta(days=1))
    doors = Doors(open_store(url), Tokens([b"bench-secret-of-32-characters-ok"]), _now, _nobody, facts, terms=terms)
    server = WebServer(build_app(doors), "127.0.0.1:0", "127.0.0.1:0")
    server.start()
    print(server.url.rpartition(":")[2], flush=True)
    sys.stdin.read()
    server.stop()


def _now() -> datetime:
    return datetime.now(UTC)


def _nobody() -> None:
    """Step nobody."""


def _post(port: int, door: str, count: int) -> None:
    """Send everything over kept connections, from two processes that are not measured."""
    half = count // 2
    shares = [range(n * half, (n + 1) * half) for n in range(2)]
    senders = [multiprocessing.Process(target=_send, args=(port, door, share)) for share in shares]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
        if sender.exitcode:
            raise SystemExit("a batch was not accepted")


def _send(port: int, door: str, numbers: range) -> None:
    requests = [_request(door, numbers[first : first + BATCH]) for first in range(0, len(numbers), BATCH)]
    with ThreadPoolExecutor(CONNECTIONS // 2) as pool:
        shares = [requests[place :: CONNECTIONS // 2] for place in range(CONNECTIONS // 2)]
        for done in [pool.submit(_connection, port, share) for share in shares]:
            done.result()


def _request(door: str, numbers: range) -> bytes:
    at = datetime.now(UTC).isoformat()
    body = json.dumps({"batch": [_ITEMS[door](n, at) for n in numbers]}).encode()
    head = f"POST {door} HTTP/1.1\r\nHost: x\r\nAuthorization: {_KEYS[door]}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _own(n: int, at: str) -> dict[str, object]:
    said = {"id": f"e{n}", "event": "product_viewed", "contact": f"p{n % PEOPLE:07d}"}
    return {**said, "at": at, "properties": _data(n)}


def _tracked(n: int, at: str) -> dict[str, object]:
    said = {"type": "track", "messageId": f"e{n}", "userId": f"p{n % PEOPLE:07d}", "event": "product_viewed"}
    return {**said, "timestamp": at, "properties": _data(n)}


_ITEMS = {"/v1/events": _own, "/v1/batch": _tracked}
_KEYS = {"/v1/events": f"Bearer {KEY}", "/v1/batch": f"Basic {b64encode(f'{KEY}:'.encode()).decode()}"}


def _connection(port: int, requests: Sequence[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as wire, wire.makefile("rb") as answers:
        for request in requests:
            wire.sendall(request)
            status, length = answers.readline(), 0
            while (line := answers.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            said = answers.read(length)
            if not (b" 202 " in status and b'"refused":0' in said) and b'"success":true' not in said:
                raise SystemExit(f"{status.decode()} {said[:300].decode()}")


HEAD = f"{'store':<12}{'door':<12}{'events':>9}{'per CPU s':>11}{'per s':>9}{'store alone':>13}{'commits':>9}"


def line(figures: Figures) -> str:
    return (
        f"{figures.store:<12}{figures.door:<12}{figures.events:>9,}{figures.events_per_cpu_s:>11,}"
        f"{figures.events_per_s:>9,}{figures.store_alone_per_cpu_s:>13,}{figures.commits:>9,}"
    )


def measured(databases: Sequence[str], count: int) -> Iterator[Figures]:
    """Measure both doors on each of these databases, as far as it can be had."""
    if "sqlite" in databases:
        for number, door in enumerate(_ITEMS):
            with tempfile.TemporaryDirectory() as folder:
                yield intake(f"sqlite:///{folder}/intake{number}.db", door, count)
    if "postgresql" in databases:
        try:
            server = serve(DURABLE)
        except NoServer as error:
            print(f"PostgreSQL is not measured: {error}", flush=True)
            return
        with server:
            for number, door in enumerate(_ITEMS):
                yield intake(server.database(f"intake{number}"), door, count, server.pid)


def main() -> None:
    asked = argparse.ArgumentParser(description="events a second through the web doors, acknowledged after the commit")
    asked.add_argument("--events", type=int, default=40_000, help="a multiple of 80")
    asked.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    asked.add_argument("--json", action="store_true")
    asked.add_argument("--answer", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.answer:
        answer(given.answer)
        return
    if not given.json:
        print(HEAD)
    found = []
    for figures in measured(given.databases, given.events - given.events % 80):
        found.append(asdict(figures))
        if not given.json:
            print(line(figures), flush=True)
    print(json.dumps(found) if given.json else f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
