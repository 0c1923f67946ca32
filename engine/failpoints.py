"""Faults at the named points: which are reached, and what happens at one of them.

Rules
- A commit is named by who makes it ("commit engine.engine.Engine.tick"), a step on the wire by what goes over it.
- `raise` breaks off as the network or the database would, `exit` ends the process (it is dead from then on: nothing
  it still tries has an effect), `hang` lets the world go on without us and then goes on as if nothing had been.
- `lost` is a raise where the effect has happened and only its answer is gone.

The method is that of SQLite's tests: count the points of one run, then run again and fail at each of them.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Literal

import sqlalchemy as sa

from channels.failpoints import Arm, armed, reached

__all__ = ["MODES", "Arm", "Counting", "Exit", "Fault", "Hit", "Mode", "Strike", "armed", "reached"]

Mode = Literal["raise", "lost", "exit", "hang"]
MODES: tuple[Mode, ...] = ("raise", "lost", "exit", "hang")
COMMIT = "commit"
BETWEEN = frozenset({"contextlib", "channels.failpoints", "engine.failpoints", "engine.store.connect"})


class Exit(BaseException):
    """The process ends here."""


class Fault(ConnectionResetError):
    """The network breaks off here."""


@dataclass(frozen=True, slots=True)
class Hit:
    """The n-th point that a run comes to (from 0); `applied`: its effect has happened, its answer is not seen."""

    n: int
    name: str
    applied: bool

    def __str__(self) -> str:
        return f"{self.n} {self.name}{' (applied)' if self.applied else ''}"

    @property
    def is_commit(self) -> bool:
        """Return whether it is the store's."""
        return self.name.startswith(COMMIT)

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Return what can go wrong here."""
        return ("lost", "exit", "hang") if self.applied else ("raise", "exit", "hang")


@dataclass(slots=True)
class Counting:
    """An arm that only writes down what is reached."""

    hits: list[Hit] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, name: str, applied: bool) -> None:
        with self._turn:
            self.hits.append(Hit(len(self.hits), _named(name), applied))


@dataclass(slots=True)
class Strike:
    """An arm that fails at the n-th point, once; `elsewhere` is what goes on while we hang."""

    n: int
    mode: Mode
    elsewhere: Callable[[Hit], None] = lambda _: None
    struck: Hit | None = None
    dead: bool = False
    _count: int = -1
    _away: bool = False
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, name: str, applied: bool) -> None:
        if self._away:
            return
        if self.dead:
            raise Exit
        with self._turn:
            self._count += 1
            if self._count != self.n:
                return
            self.struck = Hit(self.n, _named(name), applied)
        self._strike(self.struck)

    def revive(self) -> None:
        """Let a new process begin: it does not inherit the death of the old one."""
        self.dead = False

    def _strike(self, hit: Hit) -> None:
        if self.mode == "hang":
            self._away = True
            try:
                self.elsewhere(hit)
            finally:
                self._away = False
        elif self.mode == "exit":
            self.dead = True
            raise Exit
        elif hit.is_commit:
            raise sa.exc.OperationalError("COMMIT", None, ConnectionError("the connection to the store was lost"))
        else:
            raise Fault(104, f"injected at {hit}")


def _named(name: str) -> str:
    """Return the point's name; a commit's with who makes it."""
    if name != COMMIT:
        return name
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - who commits is the frame above the store's own
    while frame is not None and frame.f_globals.get("__name__") in BETWEEN:
        frame = frame.f_back
    return f"{COMMIT} {_site(frame.f_globals, frame)}" if frame else COMMIT


def _site(names: Mapping[str, object], frame: FrameType) -> str:
    return f"{names.get('__name__')}.{frame.f_code.co_qualname}"
