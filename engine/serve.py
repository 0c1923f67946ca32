"""One process that does everything: the metronome with tick, deliver and learn, and the web pages beside it.

Rules
- Stepping and learning take turns: they share the models. Delivering and the web go on beside them.
- Stopping takes no new claim and waits for what is under way, so that no message is left in doubt.
- Two of these on one store are safe, they share the claims; the mark beside a SQLite store is there to tell people.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO

from channels.errors import TemplateProblem
from engine.engine import Engine, Ticked
from engine.posting import Posted
from engine.scheduler import Job, Metronome
from engine.store import delivering
from engine.store.connect import reading
from engine.teaching import Taught
from engine.tokens import Tokens, load_secrets
from engine.web.app import build_app
from engine.web.doors import Doors, Facts
from engine.web.server import WebServer

LEARN_EVERY = 60.0  # seconds
POST_EVERY = 1.0  # seconds; what a channel's rate lets out in one go is a second's worth
TELL_EVERY = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to serve: where the web pages are, how often to step, whether anything is sent."""

    bind: str | None = None
    every: timedelta = timedelta(seconds=5)
    sends: bool = True


@dataclass(frozen=True, slots=True)
class Heard:
    """Who is told what was done; quiet passes are not told."""

    ticked: Callable[[Ticked, float], None]
    posted: Callable[[Posted], None]
    taught: Callable[[Taught], None]


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
    _metronome: Metronome = field(init=False)
    _web: WebServer = field(init=False)

    def __post_init__(self) -> None:
        jobs: dict[str, tuple[Job, float]] = {
            "tick": (self._tick, self.wishes.every.total_seconds()),
            "learn": (self._learn, LEARN_EVERY),
        }
        if self.wishes.sends:
            jobs["deliver"] = self._deliver, min(POST_EVERY, self.wishes.every.total_seconds())
        self._metronome = Metronome(jobs)
        project = self.engine.project
        self._web = WebServer(build_app(self._doors()), self.wishes.bind or project.bind, project.bind)

    @property
    def url(self) -> str:
        """Return where the web pages are."""
        return self._web.url

    def start(self) -> None:
        """Begin; returns at once."""
        self._web.start()
        self._metronome.start()

    def stop(self) -> None:
        """Take nothing new, finish what is under way."""
        self._ending.set()
        self._web.stop()
        self._metronome.stop()

    def _doors(self) -> Doors:
        project = self.engine.project
        tokens = Tokens(load_secrets(project.root, project.secret))
        return Doors(
            store=self.engine.store,
            tokens=tokens,
            now=self.engine.clock.now,
            wake=lambda: self._metronome.wake("tick"),
            facts=Facts.of(project),
            view=self._view,
        )

    def _view(self, key: str) -> str | None:
        """Return a message as its reader got it, None when it cannot be rendered any more."""
        with reading(self.engine.store) as conn:
            found = delivering.find(conn, key)
        if found is None:
            return None
        try:
            return self.engine.post.letters.preview(found).html or None
        except (TemplateProblem, KeyError):
            return None

    def _tick(self) -> None:
        """Step everybody who is due, a claim at a time."""
        began = self.engine.clock.now()
        total = Ticked()
        while not self._ending.is_set():
            with self._turn:
                done = self.engine.tick()
            if not done.due:
                break
            total = total + done
            if done.sends and self.wishes.sends:
                self._metronome.wake("deliver")
        self.ticked = self.ticked + total
        if total.due:
            self.heard.ticked(total, (self.engine.clock.now() - began).total_seconds())

    def _deliver(self) -> None:
        """Send what is due, a claim at a time; a long queue is told in between."""
        total, told_at = Posted(), self.engine.clock.now()
        while not self._ending.is_set() and (done := self.engine.deliver()).claimed:
            total = total + done
            if done.troubles:
                break
            if self.engine.clock.now() - told_at > TELL_EVERY:
                self._tell(total)
                total, told_at = Posted(), self.engine.clock.now()
        self._tell(total)

    def _tell(self, posted: Posted) -> None:
        self.posted = self.posted + posted
        if posted.claimed:
            self.heard.posted(posted)

    def _learn(self) -> None:
        total = Taught()
        while not self._ending.is_set():
            with self._turn:
                done = self.engine.learn()
            total = total + done
            if done.looked_at < self.engine.limits.decisions:
                break
        self.taught = self.taught + total
        if total.looked_at:
            self.heard.taught(total)


class Mark:
    """A file beside a SQLite store that says who serves it; `other` is the process that was there first."""

    def __init__(self, store: Path) -> None:
        self._path = store.with_name(f"{store.name}.serving")
        self._file: IO[str] | None = self._path.open("a+", encoding="ascii")
        self.other = ""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            self.other = self._file.read().strip() or "unknown"
            self._file.close()
            self._file = None
        else:
            self._file.truncate(0)
            self._file.write(str(os.getpid()))
            self._file.flush()

    def remove(self) -> None:
        """Take the file away, if it is ours."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._file.close()
            self._file = None
