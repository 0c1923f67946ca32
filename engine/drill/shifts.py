"""The processes of a simulated run: threads of which one runs at a time, and who is next is said by the seed.

Rules
- A worker hands on at the named points, never in the middle of a transaction: a store in memory is one connection.
- A worker that ends is an engine that is left lying; another one is started in its place.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import sqlalchemy as sa

from engine.app import Options, build
from engine.drill.weather import Net, World
from engine.engine import Engine, Limits
from engine.errors import StoreError
from engine.failpoints import Exit

LEASE = timedelta(minutes=15)


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
