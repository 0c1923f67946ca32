"""Drills 11 and 12: events told twice to a server that is killed, and journeys that race for the same cap."""

from __future__ import annotations

import json
import random
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import sqlalchemy as sa

from engine.app import usable
from engine.clock import SystemClock
from engine.drill.checks import Sent, account
from engine.drill.crew import crew
from engine.drill.drill import Ask, Found, judged
from engine.drill.ground import MAIL, Setting, definitions, lay, make_store, people, quiet_far_from, settle, smtp, start
from engine.drill.sink import MailSink
from engine.drill.windows import overruns
from engine.store.connect import open_store, reading
from engine.store.tables import enrollments, events

SILENT = "journey: trip\ntopic: promo\nenter: {event: started}\nreenter: always\nstates:\n  one: {exit: heard}\n"
RACING = "journey: NAME\ntopic: promo\nenter: {event: started}\nstates:\n" + "".join(
    f"  s{n}: {{send: email/NAMEs{n}, when_capped: skip}}\n" for n in range(3)
)
BATCH = 20
TRIES = 2000


def told_twice(ask: Ask) -> Found:
    """Drill 11: posts of events, 30 % of them again, 10 % out of order, while the server is killed."""
    count, kills = ask.some(3000, 200), ask.some(10, 2)
    chance, now = ask.chance, SystemClock().now()
    url = f"sqlite:///{ask.folder / 'events.db'}"
    folder = lay(ask.folder, url, Setting(journeys={"trip": SILENT}, limits=quiet_far_from(now)))
    store = make_store(url)
    settle(store, folder, people(50), now)
    store.dispose()
    acked, killed = _posted(folder, count, kills, chance)
    store = open_store(url)
    with reading(store) as conn:
        there = set(conn.execute(sa.select(events.c.id).where(events.c.source != "journey")).scalars())
        twice = conn.execute(sa.select(sa.func.count()).select_from(enrollments)).scalar_one()
    store.dispose()
    lost = acked - there
    wrong = [f"{len(lost)} acknowledged events are not there: {sorted(lost)[:3]}"] if lost else []
    if len(acked) != count:
        wrong.append(f"{len(acked)} of {count} events were acknowledged in the end")
    if len(there) != count or twice > count:
        wrong.append(f"{len(there)} events and {twice} runs of {count}")
    scale = f"{count:,} events, 30 % twice, 10 % out of order, K={killed}"
    return Found(scale, lost=len(lost), wrong=tuple(wrong), figures={"kills": killed, "runs": twice})


def _body(n: int) -> dict[str, object]:
    return {"event": "started", "contact": f"p{n % 50}", "id": f"e{n}", "properties": {"value": n}}


def _posted(folder: Path, count: int, kills: int, chance: random.Random) -> tuple[set[str], int]:
    """Post everything until it is acknowledged, and kill the server now and then; return what was acknowledged."""
    bodies = [_body(n) for n in range(count)]
    for _ in range(count // 10):
        a, b = chance.randrange(count), chance.randrange(count)
        bodies[a], bodies[b] = bodies[b], bodies[a]
    batches = [bodies[at : at + BATCH] for at in range(0, count, BATCH)]
    batches += chance.sample(batches, len(batches) * 3 // 10)
    acked, killed = set[str](), 0
    every = max(1, len(batches) // (kills + 1))
    with _served(folder) as server:
        for n, batch in enumerate(batches):
            if n % every == every - 1 and killed < kills:
                server.kill()
                killed += 1
            server.post(batch)
            acked |= {str(one["id"]) for one in batch}
    return acked, killed


class Served:
    """A server that is started again when it is killed."""

    def __init__(self, start: object, end: object, port: int) -> None:
        self._start, self._end, self.port = start, end, port
        self.pid = 0

    def kill(self) -> None:
        """Kill it in the middle of whatever it does; the next one starts at once."""
        self._end(self.pid)  # type: ignore[operator]
        self.pid = self._start()  # type: ignore[operator]

    def post(self, batch: list[dict[str, object]]) -> None:
        """Post until it is acknowledged, as a client does."""
        body = json.dumps({"batch": batch})
        head = {"Authorization": "Bearer a-write-key", "Content-Type": "application/json"}
        for _ in range(TRIES):
            http = HTTPConnection("127.0.0.1", self.port, timeout=10)
            with suppress(OSError, HTTPException):
                http.request("POST", "/v1/events", body, head)
                answer = http.getresponse()
                said = answer.read()
                if answer.status == 202:
                    return
                if answer.status < 500:
                    raise AssertionError(f"the server answers {answer.status}: {said[:200]!r}")
            http.close()
            time.sleep(0.01)
        raise AssertionError("the server does not come back")


@contextmanager
def _served(folder: Path) -> Iterator[Served]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with crew(folder) as found:
        server = Served(lambda: found.start(f"serve:{port}"), lambda pid: found.end(pid, signal.SIGKILL), port)
        server.pid = server._start()  # type: ignore[operator]  # noqa: SLF001 - its own maker
        yield server


def racing(ask: Ask) -> Found:
    """Drill 12: three journeys race for a cap of 3 in 7 days, with workers that are killed."""
    count, kills = ask.some(400, 20), ask.some(8, 2)
    now, sink = SystemClock().now(), MailSink(latency=0.001)
    url = _database(ask)
    journeys = {f"race{n}": RACING.replace("NAME", f"race{n}") for n in range(3)}
    messages = {f"email/race{n}s{m}.html": MAIL for n in range(3) for m in range(3)}
    setting = Setting(journeys, smtp(sink.port), caps="3/7d", limits=quiet_far_from(now), messages=messages)
    folder = lay(ask.folder, url, setting)
    store = make_store(url)
    settle(store, folder, people(count), now)
    start(store, count, now)
    store.dispose()
    with crew(folder) as workers:
        for n in range(kills):
            while len(workers.pids) < 4:
                workers.start()
            time.sleep(ask.chance.uniform(0.05, 0.3))
            workers.end(workers.pids[n % len(workers.pids)])
        workers.wait(workers.start())
        for pid in list(workers.pids):
            workers.wait(pid)
    sink.close()
    store = open_store(url)
    found = account(store, Sent(dict(sink.accepted)))
    over = list(overruns(store, usable(definitions(folder)).limits.caps))
    store.dispose()
    wrong = over[:5]
    if found.intents != 3 * count:
        wrong.append(f"{found.intents} messages, {3 * count} fit the cap")
    kind = url.partition(":")[0].partition("+")[0]
    return judged(found, f"N={count:,}, 3 journeys, 4 workers, K={kills}, {kind}", wrong=wrong)


def _database(ask: Ask) -> str:
    from engine.drill.drill import Skipped  # noqa: PLC0415

    with suppress(Skipped):
        if ask.postgres is not None:
            return ask.postgres()
    return f"sqlite:///{ask.folder / 'race.db'}"
