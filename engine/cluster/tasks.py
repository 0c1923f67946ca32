"""The jobs of `serve` as tasks of procrastinate: what is put on its queue, how often, and under which lock.

Rules
- One task of the queue is one piece: a claim of contacts, a pass of the learner, a look at one chore. Never one
  contact: a task costs about 6 ms of the database and of its worker.
- What is put there from time to time is put there once for all workers: procrastinate's table of turns sees to that.
- A task that waits already is not put there twice (`queueing_lock`); the learner and each chore run once at a time
  (`lock`). The rescue has no lock: should its worker die, another one must be free to come.
- A task that fails is not tried again by the queue: what is to be done stands in the store, and is due again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import procrastinate
import sqlalchemy as sa
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status

from engine.runner import Job
from engine.scheduler import Complaints
from engine.store import wakes
from engine.store.connect import writing

CARE = "care"
"""The queue of all that is not stepping: it has workers of its own, so that a long night keeps nobody waiting."""

SPREAD, RESCUE = "spread", "rescue"
BEAT = 1.5  # seconds between two signs of life of a worker
STALLED = 6.0  # seconds without one, after which its jobs are given to others
RESCUE_EVERY = 2.0

Run = Callable[[], bool]


@dataclass(slots=True)
class Tasks:
    """The tasks of one process. `step` is what is spread over workers; each of the others is one task of its own."""

    store: sa.Engine
    step: Job
    others: Mapping[str, Job]
    threads: ThreadPoolExecutor
    complaints: Complaints = field(default_factory=Complaints)

    def app(self, conninfo: str) -> procrastinate.App:
        """Return procrastinate's application with all tasks."""
        connector = procrastinate.PsycopgConnector(
            conninfo=conninfo, min_size=1, max_size=4, timeout=10, kwargs={"connect_timeout": 5}
        )
        app = procrastinate.App(connector=connector)
        app.task(name=wakes.STEP, queue=wakes.STEP)(self._stepping)
        often = {SPREAD: (self.step.every, self._spreading), RESCUE: (RESCUE_EVERY, self._rescuing(app))}
        often |= {name: (job.every, self._piecewise(name, job.run)) for name, job in self.others.items()}
        for name, (seconds, run) in often.items():
            lock = name if name in self.others else None
            task = app.task(name=name, queue=CARE, queueing_lock=name, lock=lock)(run)
            app.periodic(cron=cron(seconds), periodic_id=name)(task)
        return app

    async def _stepping(self) -> None:
        """Step one claim; where there may be more, another worker may take the next one while this one tells."""
        if await self._done(wakes.STEP, self._settled):
            await self._done(wakes.STEP, self._call)

    def _settled(self) -> bool:
        with writing(self.store) as conn:
            wakes.settle(conn)
        return self.step.run()

    def _call(self) -> bool:
        with writing(self.store) as conn:
            wakes.rung(conn)
        return False

    async def _spreading(self, timestamp: int) -> None:
        await self._done(SPREAD, self._spread)

    def _spread(self) -> bool:
        batches = self.step.pieces() if self.step.pieces else 1
        with writing(self.store) as conn:
            wakes.spread(conn, batches)
        return False

    def _piecewise(self, name: str, run: Run) -> Callable[..., Awaitable[None]]:
        async def piece_after_piece(timestamp: int) -> None:  # noqa: ARG001 - procrastinate names it
            while await self._done(name, run):
                pass

        return piece_after_piece

    async def _done(self, name: str, run: Run) -> bool:
        """Run it in a thread; what it raises is said once, and it is due again before long."""
        loop = asyncio.get_running_loop()
        return bool(await loop.run_in_executor(self.threads, self.complaints.heard, name, run))

    def _rescuing(self, app: procrastinate.App) -> Callable[..., Awaitable[None]]:
        async def rescue(timestamp: int) -> None:  # noqa: ARG001 - procrastinate names it
            for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED):
                await _again(app, job)

        return rescue


async def _again(app: procrastinate.App, job: Any) -> None:
    """Put the job of a dead worker back; where one like it waits already, that one does it."""
    try:
        await app.job_manager.retry_job(job)
    except UniqueViolation:
        await app.job_manager.finish_job(job, status=Status.ABORTED, delete_job=True)


def cron(seconds: float) -> str:
    """Return about every so many seconds as a cron line with seconds: whole ones that part a minute, an hour, a day."""
    for unit, most, line in ((1, 60, "* * * * * */{}"), (60, 60, "*/{} * * * * 0"), (3600, 24, "0 */{} * * * 0")):
        count = max(1, round(seconds / unit))
        if count < most:
            return line.format(count)
    return "0 3 * * * 0"
