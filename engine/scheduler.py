"""The metronome: calls a few jobs at their intervals, and sooner when somebody wakes them; nothing else.

Rules
- Jobs are code and live in memory: what must happen later is a due time in the store, never a job here.
- A job never runs beside itself; beats missed while it ran, or while the machine slept, come to one.
- A job that raises is logged once until it changes its mind, and beats on; a database that does not answer is a line.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Self, TypeVar

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from engine.errors import EngineError

log = logging.getLogger(__name__)

T = TypeVar("T")
Job = Callable[[], object]

_JUMP = 30.0  # seconds by which the wall clock may part from the steady one before beats are set anew
_WATCH = 5.0  # seconds between two looks at the clocks


class Metronome:
    """Runs each job every so many seconds, the first time at once; starts on `start()` or in a `with` block."""

    def __init__(self, jobs: Mapping[str, tuple[Job, float]]) -> None:
        self._beats = {name: _Beat(name, job) for name, (job, _) in jobs.items()}
        quiet = logging.getLogger(f"{__name__}.apscheduler")
        quiet.setLevel(logging.ERROR)  # a beat skipped because the job still runs is how it should be
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(max(1, 2 * len(jobs)))},
            # 2, and the beat itself lets one in: with 1 a wake between a job's last line and APScheduler's own
            # book-keeping would be dropped
            job_defaults={"coalesce": True, "max_instances": 2, "misfire_grace_time": None},
            timezone=UTC,
            logger=quiet,
        )
        for name, (_, seconds) in jobs.items():
            self._scheduler.add_job(
                self._beats[name].run, "interval", seconds=seconds, id=name, next_run_time=datetime.now(UTC)
            )
        self._stopped = threading.Event()
        self._watch = threading.Thread(target=self._watch_clock, name="metronome-watch", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._scheduler.start()
        self._watch.start()

    def wake(self, name: str) -> None:
        """Have the job run as soon as it can: now, or once more when it runs already. Many calls make one run."""
        if self._beats[name].wish() and not self._stopped.is_set():
            self._scheduler.modify_job(name, next_run_time=datetime.now(UTC))

    def stop(self) -> None:
        """Start nothing new and return when the running jobs are done."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        for beat in self._beats.values():
            beat.end()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
            self._watch.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _watch_clock(self) -> None:
        """Set the beats anew when the wall clock was put back or forth: APScheduler would sleep through it."""
        offset = time.time() - time.monotonic()
        while not self._stopped.wait(_WATCH):
            offset, before = time.time() - time.monotonic(), offset
            if abs(offset - before) > _JUMP:
                log.warning("the clock of this machine jumped by %+.0f s", offset - before)
                for name in self._beats:
                    self.wake(name)


class _Beat:
    """One job, with what is needed to never lose a wish and never run twice at a time."""

    def __init__(self, name: str, job: Job) -> None:
        self._name = name
        self._job = job
        self._lock = threading.Lock()
        self._wished = False
        self._running = False
        self._ended = False
        self._complaints = Complaints()

    def wish(self) -> bool:
        """Ask for a run; return whether it has to be put on the schedule."""
        with self._lock:
            first = not self._wished
            self._wished = True
            return first and not self._running and not self._ended

    def end(self) -> None:
        with self._lock:
            self._ended = True

    def run(self) -> None:
        while self._begin():
            self._once()
            with self._lock:
                self._running = False
                again = self._wished and not self._ended
            if not again:
                return

    def _begin(self) -> bool:
        with self._lock:
            if self._running or self._ended:
                return False
            self._running = True
            self._wished = False
            return True

    def _once(self) -> None:
        self._complaints.heard(self._name, self._job)


class Complaints:
    """Runs things that may fail: each failure is logged once, until it is another one or it works again."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def heard(self, name: str, job: Callable[[], T]) -> T | None:
        """Return what the job returns, None when it failed. What the operator has to see to is said in a line."""
        try:
            done = job()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said, and the next beat comes
            complaint = f"{type(error).__name__}: {error}"
            if complaint != self._last.get(name):
                _complain(name, error)
            self._last[name] = complaint
            return None
        if self._last.pop(name, None) is not None:
            log.warning("%s works again", name)
        return done


def _complain(name: str, error: Exception) -> None:
    if isinstance(error, EngineError):
        log.warning("%s failed and will be tried again: %s", name, error)
    else:
        log.error("%s failed and will be tried again", name, exc_info=error)
