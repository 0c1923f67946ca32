"""G11 through the web: how long after an event left a client its contact stands in the segment, `serve` running.

A hundred segments; anonymous people view three products, and the call that says who they are (`identify`) makes the
third view count for a known contact. Posts of 20 calls go to `POST /v1/batch` at an even pace; the store is asked every
20 ms who has entered. SOJOURN_RATE says how many calls a second (500 is the aim), SOJOURN_SECONDS for how long,
SOJOURN_PEOPLE how many others there are. Without being woken by what comes in, `serve` would look
every 5 s.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import httpx
import sqlalchemy as sa

from benchmarks.people.line import Line, NoData, Result
from benchmarks.people.segments import NAMES, project
from benchmarks.readers import people
from benchmarks.soak_doors import free_port
from engine.drill.postgres import NoServer, serve
from engine.store.connect import create, open_store, writing
from engine.store.intake import NewContact, add_contacts
from engine.store.segment_tables import segment_moves

RATE = int(os.environ.get("SOJOURN_RATE", "500"))
SECONDS = int(os.environ.get("SOJOURN_SECONDS", "20"))
PEOPLE = int(os.environ.get("SOJOURN_PEOPLE", "10000"))
BATCH, VIEWS, PATIENCE, CLIENTS = 20, 3, 60, 4
KEY = "bench-key"
DURABLE = ("listen_addresses=", "max_connections=100", "shared_buffers=256MB")
SOJOURN = [sys.executable, "-c", "import sys; from engine.cli import main; sys.exit(main())"]


def entered(database: str) -> Callable[[Path | None], Result]:
    """Return the line of one database."""

    def run(_: Path | None) -> Result:
        with tempfile.TemporaryDirectory() as folder, _address(database, Path(folder)) as url:
            store = open_store(url)
            _load(store)
            with _serving(Path(folder), url) as door:
                late, lost, pace = _watched(store, door)
            store.dispose()
        if not late:
            raise SystemExit("nobody entered the segment")
        late.sort()
        median, p95 = late[len(late) // 2], late[int(len(late) * 0.95)]
        said = f"median {median * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms at {pace:.0f} calls/s, {len(late):,} entered"
        figures = {"median_s": median, "p95_s": p95, "entered": len(late), "lost": lost, "calls_a_second": pace}
        return Result(said, f"lost {lost}", p95 < 1 and not lost and pace > 0.9 * RATE, figures)

    return run


@contextmanager
def _address(database: str, folder: Path) -> Iterator[str]:
    if database == "sqlite":
        yield f"sqlite:///{folder}/store.db"
        return
    try:
        server = serve(DURABLE)
    except NoServer as error:
        raise NoData(f"no PostgreSQL: {error}") from error
    with server:
        yield server.database("entering")


def _load(store: sa.Engine) -> None:
    with writing(store) as conn:
        create(conn)
    crowd = iter(people(PEOPLE))
    while some := list(islice(crowd, 1000)):
        with writing(store) as conn:
            rows = [NewContact(one.id, {"age": 40}, {}, frozenset(), "bench") for one in some]
            add_contacts(conn, rows, datetime.now(UTC), lambda _, address: address)


@contextmanager
def _serving(folder: Path, url: str) -> Iterator[str]:
    """Run `sojourn serve` on a project of a hundred segments, and give where it answers."""
    bind = f"127.0.0.1:{free_port()}"
    (folder / "journeys").mkdir()
    (folder / "sojourn.yaml").write_text(
        f"project: entering\ntimezone: UTC\nstore: {url}\nsecret: only-for-measuring-only-for-measuring\n"
        "channels: {email: {provider: captured, from: a@b.test}}\ntopics: {promo: {title: Ideas}}\n"
        f"web: {{base_url: 'http://{bind}', bind: '{bind}', keys: [{KEY}]}}\n",
        encoding="utf-8",
    )
    rules = "".join(f"  {name}: {one.source}\n" for name, one in list(project().segments.items())[1:])
    names = "".join(f"  {name}: {{total: number}}\n" for name in NAMES)
    (folder / "data.yaml").write_text(
        'contact: {tier: "enum(basic, silver, gold) = basic", age: number}\nevents:\n'
        f"  product_viewed: {{sku: text}}\n{names}segments:\n"
        f"  looking: count(product_viewed within 7d) >= {VIEWS} and contact.age > 3\n{rules}",
        encoding="utf-8",
    )
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen([*SOJOURN, "-C", str(folder), "serve"], stdout=log, stderr=log)
        try:
            yield _answering(bind, process, folder / "serve.log")
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)


def _answering(bind: str, process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx.get(f"http://{bind}/", trust_env=False)
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return f"http://{bind}"
    raise SystemExit(f"sojourn serve does not answer: {log.read_text(encoding='utf-8')[-500:]}")


def _watched(store: sa.Engine, door: str) -> tuple[list[float], int, float]:
    """Post at an even pace and watch who enters; return how late each was, how many never came, and the pace."""
    sent: dict[str, float] = {}
    began = time.monotonic()
    clients = [threading.Thread(target=_post, args=(door, sent, n), daemon=True) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    seen, last, took, ended = dict[str, float](), 0, 0.0, None
    m = segment_moves.c
    while ended is None or (len(seen) < len(sent) and time.monotonic() < ended + PATIENCE):
        with store.connect() as conn:
            query = sa.select(m.id, m.contact_id).where(m.id > last, m.segment == "looking").order_by(m.id)
            rows = conn.execute(query).all()
        now = time.monotonic()
        for last, who in rows:  # noqa: B007 - the next look begins behind the last
            seen.setdefault(who, now)
        if ended is None and not any(client.is_alive() for client in clients):
            ended, took = now, now - began
        time.sleep(0.02)
    known = set(sent)
    late = [at - sent[who] for who, at in seen.items() if who in known]
    return late, len(sent) - len(late), len(sent) * (VIEWS + 1) / took


def _post(door: str, sent: dict[str, float], client: int) -> None:
    """Send the calls of one of CLIENTS, each at its time: views without a name, then who it was."""
    began, count, each = time.monotonic(), RATE * SECONDS // (VIEWS + 1), BATCH // (VIEWS + 1)
    with httpx.Client(base_url=door, auth=(KEY, ""), trust_env=False, timeout=PATIENCE) as http:
        for first in range(client * each, count, CLIENTS * each):
            time.sleep(max(0.0, began + first * (VIEWS + 1) / RATE - time.monotonic()))
            numbers = range(first, min(first + each, count))
            batch = [call for n in numbers for call in _calls(n)]
            at = time.monotonic()
            sent.update({f"new{n}": at for n in numbers})
            http.post("/v1/batch", json={"batch": batch}).raise_for_status()


def _calls(n: int) -> Iterator[Mapping[str, object]]:
    at, who = datetime.now(UTC).isoformat(), {"anonymousId": f"a{n}"}
    for view in range(VIEWS):
        said = {"type": "track", "messageId": f"v{n}-{view}", "event": "product_viewed", "properties": {"sku": "S"}}
        yield {**said, **who, "timestamp": at}
    traits = {"age": 30}
    yield {"type": "identify", "messageId": f"i{n}", "userId": f"new{n}", **who, "timestamp": at, "traits": traits}


LINES = tuple(
    Line(f"G11 {database}, client -> entered, serve", "p95 < 1 s at 500/s", entered(database))
    for database in ("sqlite", "postgresql")
)
