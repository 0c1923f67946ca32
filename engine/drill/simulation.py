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
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from channels.channel import Envelope, Intend, Receipt
from channels.failpoints import armed, reached
from channels.templates import Library
from engine.app import Options, build, usable
from engine.clock import SimulatedClock
from engine.drill.checks import Account, Sent, account, name_of
from engine.drill.drill import Ask, Found
from engine.drill.ground import MAIL, START, Setting, Stage, definitions, lay, people, settle
from engine.drill.windows import overruns
from engine.engine import Engine, Limits
from engine.errors import StoreError
from engine.failpoints import Exit
from engine.store.connect import reading, writing
from engine.store.delivering import next_due
from engine.store.intake import ConsentChange, NewEvent, change_consents, record
from engine.store.tables import alarms, deliveries
from journeys.project import Definitions

PEOPLE = 12
DAYS = 8
FAULTS_END = timedelta(days=6)
LIVELY = timedelta(days=4)  # a deferred message may wait for hours, quiet hours and caps for days
LEASE = timedelta(minutes=15)
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
class Odds:
    """How likely each thing goes wrong, a time at each point or message."""

    exit: float = 0.004
    freeze: float = 0.004
    lost: float = 0.004  # the store's answer
    switch: float = 0.3
    defer: float = 0.08
    refuse: float = 0.01
    cut: float = 0.02  # before the message has arrived
    mute: float = 0.02  # after it has
    jump: float = 0.03


NONE = Odds(exit=0, freeze=0, lost=0, defer=0, refuse=0, cut=0, mute=0, jump=0)


@dataclass(slots=True)
class World:
    """Time, chance and the network of one run."""

    seed: int
    stage: Stage
    files: Definitions
    library: Library
    resend: bool
    chance: random.Random = field(init=False)
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(START))
    accepted: Counter[str] = field(default_factory=Counter)
    odds: Odds = field(default_factory=Odds)
    left: dict[str, int] = field(default_factory=dict)  # contact -> the moment at which goodbye was acknowledged
    begun: dict[str, int] = field(default_factory=dict)  # message -> the moment at which its intent was asked for
    moments: int = 0  # things that happened, in order
    faults: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - a seed is what makes a failure happen again

    def odd(self, what: str) -> bool:
        """Return whether this goes wrong now."""
        if self.chance.random() >= getattr(self.odds, what):
            return False
        self.faults[what] += 1
        return True

    def instant(self) -> int:
        """Return the number of this moment."""
        self.moments += 1
        return self.moments


@dataclass(slots=True)
class Net:
    """A channel over a bad network; `name` says whether mail or push."""

    name: str
    world: World
    group: int = 3

    def send(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        """Ask, write the intent of a few, send them, and yield what is known of each."""
        for at in range(0, len(envelopes), self.group):
            some, asked = envelopes[at : at + self.group], list[Envelope]()
            for one in some:
                reached(f"net {self.name} ask")
                if self.world.odd("defer"):
                    yield Receipt(one.key, "deferred", detail="451 later")
                else:
                    asked.append(one)
            asked_at = self.world.instant()
            going = intend([one.key for one in asked]) if asked else frozenset()
            self.world.begun.update(dict.fromkeys(going, asked_at))
            for one in asked:
                yield self._hand_over(one) if one.key in going else Receipt(one.key, "withheld")

    def _hand_over(self, one: Envelope) -> Receipt:
        world = self.world
        reached(f"net {self.name} body")
        if world.odd("refuse"):
            return Receipt(one.key, "failed", "content", "554 no")
        if world.odd("cut"):
            return Receipt(one.key, "unknown", detail="the connection was lost")
        world.accepted[name_of(one.key, self.name)] += 1
        reached(f"net {self.name} answer", applied=True)
        if world.odd("mute"):
            return Receipt(one.key, "unknown", detail="no answer came")
        return Receipt(one.key, "sent")

    def close(self) -> None:
        """Nothing is kept open."""


class Worker:
    """A process: a thread that runs only while it has the baton."""

    def __init__(self, shop: Shop, number: int) -> None:
        self.shop, self.number = shop, number
        self.frozen_until: datetime | None = None
        self.idle_since: int | None = None  # the moment at which it found nothing to do
        self.over = False
        self.trouble: BaseException | None = None
        self.go, self.back = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"worker-{number}", daemon=True)
        self.thread.start()

    def turn(self) -> None:
        """Let it run until it hands on."""
        self.go.set()
        self.back.wait()
        self.back.clear()

    def hand_on(self) -> None:
        """Give the baton back, and wait for the next turn."""
        self.back.set()
        self.go.wait()
        self.go.clear()
        if self.shop.closing:
            raise Exit

    def _run(self) -> None:
        self.go.wait()
        self.go.clear()
        engine: Engine | None = None
        try:
            engine = self.shop.engine()
            while not self.shop.closing:
                self._work(engine)
                self.hand_on()
        except Exit:
            pass
        except BaseException as bug:  # noqa: BLE001 - whatever it is, the run tells it
            self.trouble = bug
        self.over = True
        self.back.set()

    def _work(self, engine: Engine) -> None:
        try:
            ticked, posted = engine.tick(), engine.deliver()
            done = bool(ticked.due or posted.claimed)
        except StoreError:
            done = True
        self.idle_since = None if done else self.shop.world.moments
        if done:
            self.shop.world.instant()


class Shop:
    """The crew of one run, and who has the baton."""

    def __init__(self, world: World, crew: int) -> None:
        self.world, self.crew = world, crew
        self.closing = False
        self.numbers = 0
        self.current: Worker | None = None
        self.workers: list[Worker] = []

    def engine(self) -> Engine:
        """Start a process's engine."""
        world = self.world
        options = Options(
            clock=world.clock, store=world.stage.store, limits=Limits(contacts=7, messages=5, lease=LEASE),
            channels={name: Net(name, world) for name in ("email", "push")},
        )  # fmt: skip
        made = build(world.files, options)
        made.post.letters.library = world.library
        return made

    def at(self, name: str, applied: bool) -> None:
        """A point is reached: what goes wrong there, and who goes on."""
        world, me = self.world, self.current
        if me is None or threading.current_thread() is not me.thread:
            return
        if self.closing or world.odd("exit"):
            raise Exit
        if name == "commit":
            if world.odd("lost"):
                raise sa.exc.OperationalError("COMMIT", None, ConnectionError("lost"))
            if not applied:
                return  # the store is ours now: nobody else can go on
        if world.odd("freeze"):
            me.frozen_until = world.clock.now() + LEASE * world.chance.uniform(0.3, 4)
            me.hand_on()
        elif world.chance.random() < world.odds.switch:
            me.hand_on()

    def round(self) -> bool:
        """Give one worker a turn; False when nobody has anything to do at this instant."""
        now = self.world.clock.now()
        for worker in [one for one in self.workers if one.over]:
            self.workers.remove(worker)
            if worker.trouble is not None:
                raise worker.trouble
        while len(self.workers) < self.crew:
            self.numbers += 1
            self.workers.append(Worker(self, self.numbers))
        awake = [one for one in self.workers if one.frozen_until is None or one.frozen_until <= now]
        busy = [one for one in awake if one.idle_since is None or one.idle_since < self.world.moments]
        if not busy:
            return False
        self.current = self.world.chance.choice(busy)
        self.current.frozen_until = None
        self.current.turn()
        self.current = None
        return True

    def wake_at(self) -> datetime | None:
        """Return when the first sleeper wakes."""
        return min((one.frozen_until for one in self.workers if one.frozen_until), default=None)

    def close(self) -> None:
        """End everybody."""
        self.closing = True
        for worker in self.workers:
            worker.go.set()
            worker.thread.join(10)


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
        return f"seed {self.seed} ({'resend' if self.resend else 'hold'}, {self.workers} workers): {'; '.join(self.wrong)}"


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
        script = _script(world)
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
    """Return what people do, in order: events (some told twice), and goodbyes."""
    chance, acts = world.chance, list[tuple[datetime, Callable[[], None]]]()
    for n in range(PEOPLE * 4):
        at = START + timedelta(hours=chance.uniform(0, 24 * DAYS * 0.8))
        name = chance.choice(("started", "started", "poked", "paid"))
        news = NewEvent(f"e{n}", f"p{chance.randrange(PEOPLE)}", name, at, {"value": 1, "total": 1})
        acts += [(at, _tell(world, news))] * (2 if chance.random() < 0.3 else 1)
    for who in chance.sample(range(PEOPLE), 3):
        acts.append((START + timedelta(hours=chance.uniform(5, 100)), _leave(world, f"p{who}")))
    return sorted(acts, key=lambda act: act[0])


def _tell(world: World, news: NewEvent) -> Callable[[], None]:
    def tell() -> None:
        with writing(world.stage.store) as conn:
            record(conn, [news], world.clock.now(), timedelta(hours=24))
        world.instant()

    return tell


def _leave(world: World, who: str) -> Callable[[], None]:
    def leave() -> None:
        with writing(world.stage.store) as conn:
            change_consents(conn, [ConsentChange(who, "promo", "", granted=False, source="drill")], world.clock.now())
        world.left[who] = world.instant()

    return leave


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
    total = {name: sum(getattr(one, name) for one in accounts) for name in ("lost", "unexpected", "unknown", "accepted")}
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
