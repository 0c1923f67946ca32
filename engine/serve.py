"""One process that does everything: the jobs of the engine, the runner that sees to them, and the web pages beside it.

Rules
- Stepping and learning take turns: they share the models. Delivering and the web go on beside them.
- Stopping takes no new claim and waits for what is under way, so that no message is left in doubt.
- Any number of these on one store are safe, they share the claims; `presence` tells people of the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Generic, Protocol, Self, TypeVar

from channels.errors import TemplateProblem
from engine.app import digest_with
from engine.chores import CHORES, Done, Periodic, perform
from engine.double_opt_in import messages_of
from engine.engine import Engine, Ticked
from engine.intake.taking import Terms
from engine.metrics import Meters
from engine.posting import Posted
from engine.rendering.process import RenderProcess
from engine.runner import Job, Runner, local
from engine.store import alarms, delivering
from engine.store.connect import reading
from engine.teaching import Taught
from engine.tokens import Tokens, load_secrets
from engine.web.app import build_app
from engine.web.doors import Doors, Facts
from engine.web.server import WebServer

LEARN_EVERY = 60.0  # seconds
POST_EVERY = 1.0  # seconds; what a channel's rate lets out in one go is a second's worth
TELL_EVERY = timedelta(seconds=10)
MOST = 1000
"""Most claims that are spread over workers at once; whoever finds a full one calls for another."""

TICK, DELIVER, LEARN, CHORE = "tick", "deliver", "learn", "chore-"

Runs = Callable[[Mapping[str, Job], threading.Event], Runner]


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to serve: where the web pages are, how often to step, whether anything is sent, on one machine or many."""

    bind: str | None = None
    every: timedelta = timedelta(seconds=5)
    sends: bool = True
    runs: Runs = local


@dataclass(frozen=True, slots=True)
class Heard:
    """Who is told what was done; quiet passes are not told."""

    ticked: Callable[[Ticked, float], None]
    posted: Callable[[Posted], None]
    taught: Callable[[Taught], None]
    chored: Callable[[Done], None] = lambda _: None


class Sum(Protocol):
    """What passes add up to."""

    def __add__(self, other: Self, /) -> Self: ...


S = TypeVar("S", bound=Sum)


@dataclass(slots=True)
class Passing(Generic[S]):
    """A pass of several pieces, told when it is over, a long one in between."""

    begun: datetime | None = None
    total: S | None = None

    def add(self, piece: S, now: datetime, *, more: bool) -> tuple[S, float] | None:
        """Return what is to be told now, and how many seconds it took."""
        self.begun = self.begun or now
        self.total = piece if self.total is None else self.total + piece
        return None if more and now - self.begun < TELL_EVERY else self.rest(now)

    def rest(self, now: datetime) -> tuple[S, float] | None:
        """Return what was not told yet: a pass may be ended between two pieces."""
        told = None if self.total is None or self.begun is None else (self.total, (now - self.begun).total_seconds())
        self.begun = self.total = None
        return told


@dataclass(slots=True)
class Service:
    """An engine at work until `stop`."""

    engine: Engine
    wishes: Wishes
    heard: Heard
    ticked: Ticked = field(default_factory=Ticked)
    posted: Posted = field(default_factory=Posted)
    taught: Taught = field(default_factory=Taught)
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _ending: threading.Event = field(default_factory=threading.Event)
    _ticks: Passing[Ticked] = field(default_factory=Passing)
    _posts: Passing[Posted] = field(default_factory=Passing)
    _lessons: Passing[Taught] = field(default_factory=Passing)
    _looked_at: float = field(default_factory=time.monotonic)  # when a tick last came to an end
    _meters: Meters = field(init=False)
    _runner: Runner = field(init=False)
    _web: WebServer = field(init=False)

    def __post_init__(self) -> None:
        self._meters = Meters(self.engine.store, self.engine.clock.now)
        letters = self.engine.post.letters
        messages = messages_of(self.engine.project)
        letters.renderer = letters.renderer or RenderProcess(messages)  # begun by the first message
        self._runner = self.wishes.runs(self.jobs(), self._ending)
        project = self.engine.project
        self._web = WebServer(build_app(self._doors()), self.wishes.bind or project.bind, project.bind)

    def jobs(self) -> dict[str, Job]:
        """Return what there is to do, by name."""
        every = self.wishes.every.total_seconds()
        jobs = {TICK: Job(self._tick, every, pieces=self._claims), LEARN: Job(self._learn, LEARN_EVERY)}
        if self.wishes.sends:
            jobs[DELIVER] = Job(self._deliver, min(POST_EVERY, every), own=True)
        for chore in CHORES:
            if self.wishes.sends or not chore.sends:
                seconds = max(every, chore.beat.total_seconds())
                jobs[f"{CHORE}{chore.name}"] = Job(partial(self._chore, chore), seconds)
        return jobs

    @property
    def url(self) -> str:
        """Return where the web pages are."""
        return self._web.url

    def start(self) -> None:
        """Begin; returns at once."""
        self._web.start()
        self._runner.start()

    def stop(self) -> None:
        """Take nothing new, finish what is under way."""
        self._ending.set()
        self._web.stop()
        self._runner.stop()
        now = self.engine.clock.now()
        self._tell_ticked(self._ticks.rest(now))
        self._tell_posted(self._posts.rest(now))
        self._tell_taught(self._lessons.rest(now))

    def _doors(self) -> Doors:
        project = self.engine.project
        secrets = load_secrets(project.root, project.secret)
        tokens = Tokens(secrets)
        return Doors(
            store=self.engine.store,
            tokens=tokens,
            now=self.engine.clock.now,
            wake=lambda: self._runner.wake(TICK),
            facts=Facts.of(project),
            view=self._view,
            terms=Terms.of(project, digest_with(secrets[-1])),
            meters=self._meters,
            trouble=self._trouble,
        )

    def _trouble(self) -> str | None:
        """Return what keeps this process from its work."""
        if self._ending.is_set():
            return "it is stopping"
        if self.engine.post.halted:
            return self.engine.post.halted
        quiet = time.monotonic() - self._looked_at
        patience = max(60.0, 5 * self.wishes.every.total_seconds())
        if self.wishes.runs is local and quiet > patience:  # in a cluster somebody else may have looked
            return f"no tick has come to an end for {quiet:.0f} s"
        return None

    def _view(self, key: str) -> str | None:
        """Return a message as its reader got it, None when it cannot be rendered any more."""
        with reading(self.engine.store) as conn:
            found = delivering.find(conn, key)
        if found is None:
            return None
        try:
            [told] = self.engine.post.told(self.engine.store, [found], self.engine.clock.now())
            return self.engine.post.letters.preview(told).html or None
        except (TemplateProblem, KeyError):
            return None

    def _tick(self) -> bool:
        """Step one claim of those who are due."""
        now = self.engine.clock.now
        self._ticks.begun = self._ticks.begun or now()
        began = time.monotonic()
        with self._turn:
            done = self.engine.tick()
        self._looked_at = time.monotonic()
        self._meters.ticked(done, self._looked_at - began)
        if done.sends and self.wishes.sends:
            self._runner.wake(DELIVER)
        more = bool(done.emitted) or done.due >= self.engine.limits.contacts  # a walk ends when nothing more is due
        self._tell_ticked(self._ticks.add(done, now(), more=more))
        return more

    def _tell_ticked(self, told: tuple[Ticked, float] | None) -> None:
        if told is not None:
            self.ticked = self.ticked + told[0]
            if told[0].due:
                self.heard.ticked(*told)

    def _claims(self) -> int:
        """Return how many claims wait now, one at least: an entrance may be due where no contact is."""
        most, now = self.engine.limits.contacts, self.engine.clock.now()
        with reading(self.engine.store) as conn:
            return 1 + alarms.due_count(conn, now, (MOST - 1) * most) // most

    def _deliver(self) -> bool:
        """Send one claim of what is due; a channel in trouble is asked again at the next beat."""
        began = time.monotonic()
        done = self.engine.deliver()
        self._meters.posted(done, time.monotonic() - began)
        more = bool(done.claimed) and not done.troubles
        self._tell_posted(self._posts.add(done, self.engine.clock.now(), more=more))
        return more

    def _tell_posted(self, told: tuple[Posted, float] | None) -> None:
        if told is not None:
            self.posted = self.posted + told[0]
            if told[0].claimed:
                self.heard.posted(told[0])

    def _learn(self) -> bool:
        """Look at one claim of decisions that something happened to."""
        began = time.monotonic()
        with self._turn:
            done = self.engine.learn()
        self._meters.taught(done, time.monotonic() - began)
        more = done.looked_at >= self.engine.limits.decisions
        self._tell_taught(self._lessons.add(done, self.engine.clock.now(), more=more))
        return more

    def _tell_taught(self, told: tuple[Taught, float] | None) -> None:
        if told is not None:
            self.taught = self.taught + told[0]
            if told[0].looked_at:
                self.heard.taught(told[0])

    def _chore(self, chore: Periodic) -> bool:
        done = perform(self.engine, chore)
        if done is not None and done.said:
            self.heard.chored(done)
        return False
