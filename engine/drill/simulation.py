"""Ring 2: days of journeys in seconds, on a virtual clock, in a world that goes wrong by a seed.

Rules
- One worker runs at a time and hands on at the named points, as the seed says: the same seed is the same history.
- Workers end, freeze past their lease, lose answers of the store; servers refuse, accept and hang up; ticks come
  late; clocks jump. At FAULTS_END all of that stops, and what is left must be done within LIVELY.
- What must hold: the four multisets, the sums, no message begun after an unsubscribe was acknowledged, no cap
  overrun, nothing left to do in the end.

The method is FoundationDB's and TigerBeetle's: a run is a number, and a failure is printed with it.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from channels.failpoints import armed
from channels.templates import Library
from engine.app import usable
from engine.drill.checks import Account, Sent, account
from engine.drill.drill import Ask, Found
from engine.drill.ground import MAIL, START, Setting, Stage, definitions, lay, people, settle
from engine.drill.shifts import Shop
from engine.drill.weather import NONE, World
from engine.drill.windows import overruns
from engine.store.connect import reading, writing
from engine.store.delivering import next_due
from engine.store.intake import ConsentChange, NewEvent, change_consents, record
from engine.store.tables import alarms, deliveries

PEOPLE = 12
DAYS = 8
FAULTS_END = timedelta(days=6)
LIVELY = timedelta(days=4)  # a deferred message may wait for hours, quiet hours and caps for days
TURNS = 4000  # hand-overs after which a run is stuck
TRIP = """\
journey: trip
topic: promo
enter: {event: started}
reenter: {after: 1d}
goal: {event: paid, within: 5d}
states:
  one: {choose: {arms: [email/hello, email/again, push/nudge, nothing], reward: {within: 1d, score: {paid: 1}}}}
  listen: {wait_for: {event: poked, within: 20h}, then: two, else: three}
  two: {after: 3h, send: email/more}
  three: {after: 1d, send: push/nudge, when_capped: skip}
"""
NEWS = """\
journey: news
topic: promo
enter: {event: poked}
reenter: always
states:
  tell: {after: 30m, send: email/hello}
"""
SETTING = Setting(
    journeys={"trip": TRIP, "news": NEWS},
    more=", push: {provider: captured}",
    caps="3/day, 9/7d",
    limits='quiet_hours: {from: "22:00", to: "07:00"}',
    messages={
        "email/hello.html": MAIL, "email/again.html": MAIL, "email/more.html": MAIL,
        "push/nudge.yaml": "title: x\nbody: y\n",
    },
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Story:
    """How a run ended; `wrong` says what must not be."""

    seed: int
    resend: bool
    workers: int
    account: Account
    faults: Mapping[str, int]
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"seed {self.seed} ({'resend' if self.resend else 'hold'}, {self.workers} workers): {'; '.join(self.wrong)}"
        )


class Simulation:
    """Runs seeds one after the other over the same files."""

    def __init__(self, folder: Path) -> None:
        self.stage = Stage()
        self.files = {}
        for resend in (False, True):
            setting = Setting(**{name: getattr(SETTING, name) for name in SETTING.__slots__} | {"resend": resend})
            self.files[resend] = definitions(lay(folder / str(resend), "sqlite://", setting))
        self.library = Library(usable(self.files[False]).messages)
        settle(self.stage.store, usable(self.files[False]).root, people(PEOPLE, "https://push.test"), START)
        self.empty = self.stage.kept()

    def run(self, seed: int) -> Story:
        """Run one seed."""
        self.stage.reset(self.empty)
        resend = seed % 2 == 1
        world = World(seed, self.stage, self.files[resend], self.library, resend)
        shop = Shop(world, 1 + seed % 8)
        script, world.leaves = _script(world), partial(_leave, world)
        with armed(shop.at):
            try:
                over = self._play(world, shop, script)
            finally:
                shop.close()
        found = account(self.stage.store, Sent(dict(world.accepted), dict(world.accepted)))
        return Story(seed, resend, shop.crew, found, dict(world.faults), tuple(_judge(world, found, over)))

    def _play(self, world: World, shop: Shop, script: list[tuple[datetime, Callable[[], None]]]) -> bool:
        """Let everything happen; return whether all was done in the end."""
        end = START + FAULTS_END + LIVELY
        for _ in range(TURNS):
            now = world.clock.now()
            if now >= START + FAULTS_END:
                world.odds = NONE
            while script and script[0][0] <= now:
                script.pop(0)[1]()
            if shop.round():
                continue
            at = _next(world, shop, script)
            if at is None or at > end:
                return at is None or not _left(world, end)
            world.clock.jump(at + _lateness(world))
            world.instant()
        return False


def _lateness(world: World) -> timedelta:
    """Return how much too late the next tick comes: mostly a little, sometimes as after a night, or a wrong clock."""
    if world.odd("jump"):
        return timedelta(hours=world.chance.uniform(1, 30))
    return timedelta(seconds=world.chance.uniform(0, 300))


def _next(world: World, shop: Shop, script: list[tuple[datetime, Callable[[], None]]]) -> datetime | None:
    """Return when the next thing happens."""
    with reading(world.stage.store) as conn:
        message = next_due(conn)
        alarm = conn.execute(sa.select(sa.func.min(alarms.c.due_at))).scalar_one()
    times = [message, alarm, shop.wake_at(), script[0][0] if script else None]
    at = min((one for one in times if one is not None), default=None)
    return None if at is None else max(at, world.clock.now() + timedelta(milliseconds=1))


def _left(world: World, end: datetime) -> bool:
    """Return whether something that was due before `end` was not done."""
    with reading(world.stage.store) as conn:
        message = next_due(conn)
        alarm = conn.execute(sa.select(sa.func.min(alarms.c.due_at))).scalar_one()
    return any(at is not None and at <= end for at in (message, alarm))


def _script(world: World) -> list[tuple[datetime, Callable[[], None]]]:
    """Return what people do, in order: events, some of them told twice."""
    chance, acts = world.chance, list[tuple[datetime, Callable[[], None]]]()
    for n in range(PEOPLE * 4):
        at = START + timedelta(hours=chance.uniform(0, 24 * DAYS * 0.8))
        name = chance.choice(("started", "started", "poked", "paid"))
        news = NewEvent(f"e{n}", f"p{chance.randrange(PEOPLE)}", name, at, {"value": 1, "total": 1})
        acts += [(at, _tell(world, news))] * (2 if chance.random() < 0.3 else 1)
    return sorted(acts, key=lambda act: act[0])


def _tell(world: World, news: NewEvent) -> Callable[[], None]:
    def tell() -> None:
        with writing(world.stage.store) as conn:
            record(conn, [news], world.clock.now(), timedelta(hours=24))
        world.instant()

    return tell


def _leave(world: World, key: str) -> None:
    """The reader of this message says goodbye, just before it goes."""
    with writing(world.stage.store) as conn:
        who = conn.execute(sa.select(deliveries.c.contact_id).where(deliveries.c.key == key)).scalar_one()
        change_consents(conn, [ConsentChange(who, "promo", "", granted=False, source="drill")], world.clock.now())
    world.left[who] = world.instant()


def _judge(world: World, found: Account, over: bool) -> Iterator[str]:
    if found.lost or found.unexpected or found.broken:
        yield f"lost {found.lost}, unexpected {found.unexpected}, broken {dict(found.broken)}"
    doubts = sum(world.faults[what] for what in ("exit", "freeze", "lost", "cut", "mute"))
    if found.duplicated > (doubts if world.resend else 0):
        yield f"{found.duplicated} second copies"
    if found.unknown > 3 * doubts:
        yield f"{found.unknown} in doubt after {doubts} faults"
    if found.waiting or not over:
        yield f"{found.waiting} messages still wait {LIVELY.days} days after the last fault"
    if not found.intents:
        yield "nothing was sent at all"
    yield from _late(world)
    yield from overruns(world.stage.store, usable(world.files).limits.caps)


def _late(world: World) -> Iterator[str]:
    """Yield the messages whose intent was asked for after their reader's goodbye was acknowledged."""
    d = deliveries.c
    with reading(world.stage.store) as conn:
        readers = {row.key: row.contact_id for row in conn.execute(sa.select(d.key, d.contact_id))}
    for key, at in world.begun.items():
        if at > world.left.get(readers[key], at):
            yield f"{key} was begun after {readers[key]} had left"


def seeds(ask: Ask) -> Found:
    """Drill 37, in small: one seed after the other."""
    count = ask.some(40)
    stories, begun = [], Counter[str]()
    runs = Simulation(ask.folder)
    for n in range(count):
        stories.append(runs.run(ask.seed * 1000 + n))
        begun.update(stories[-1].faults)
        ask.tell(f"{n + 1} of {count} seeds, {sum(begun.values()):,} faults")
    accounts = [story.account for story in stories]
    total = {
        name: sum(getattr(one, name) for one in accounts) for name in ("lost", "unexpected", "unknown", "accepted")
    }
    figures = {
        "faults": dict(begun), "messages": sum(one.intents for one in accounts), "accepted": total["accepted"],
        "virtual_days": count * DAYS,
        "second_copies_with_resend": sum(s.account.duplicated for s in stories if s.resend),
    }  # fmt: skip
    copies = sum(story.account.duplicated for story in stories if not story.resend)
    scale = f"{count} seeds from {ask.seed * 1000}, {PEOPLE} contacts, {DAYS} days each, {sum(begun.values()):,} faults"
    wrong = tuple(str(story) for story in stories if story.wrong)
    return Found(scale, total["lost"], copies, total["unexpected"], total["unknown"], wrong, figures)


def main(argv: Sequence[str]) -> int:
    """Run many seeds: `python -m engine.drill.simulation --seeds 1000 [--from 0]`; 1 when one of them fails."""
    parser = argparse.ArgumentParser(prog="python -m engine.drill.simulation", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--from", type=int, default=0, dest="first")
    wish = parser.parse_args(argv)
    failed = 0
    with TemporaryDirectory(prefix="drill-seeds-") as folder:
        runs = Simulation(Path(folder))
        for seed in range(wish.first, wish.first + wish.seeds):
            story = runs.run(seed)
            failed += bool(story.wrong)
            said = f"FAILED {story}" if story.wrong else f"seed {seed} ok, {story.account.intents} messages"
            sys.stdout.write(f"{said}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
