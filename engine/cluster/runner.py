"""The runner of one of many processes: two workers of procrastinate in a thread, and a metronome for its own jobs.

Rules
- One worker steps, one claim at a time: stepping is work for a processor. The other does the rest, side by side.
- A worker that ends because the database went away is begun again, at once and then ever more slowly, up to PATIENCE.
- Stopping takes nothing new, waits for what is under way, and leaves no job behind as begun.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import psycopg
import psycopg_pool
import sqlalchemy as sa
from procrastinate.exceptions import ProcrastinateException
from procrastinate.worker import Worker

from engine.cluster.tasks import BEAT, CARE, STALLED, Tasks
from engine.runner import Job, local
from engine.store import wakes

log = logging.getLogger(__name__)

FIRST, PATIENCE = 0.2, 3.0  # seconds before a worker is begun again: the first time, and at most
POLL = 2.0  # seconds between two looks at the queue if no notice of a job should come through
TICK = "tick"


class Cluster:
    """Runs the shared jobs whenever it is this process's turn, and its own ones always."""

    def __init__(self, store: sa.Engine, jobs: Mapping[str, Job], ending: threading.Event) -> None:
        self._own = local({name: job for name, job in jobs.items() if job.own}, ending)
        others = {name: job for name, job in jobs.items() if not job.own and name != TICK}
        self._side = len(others) + 2
        self._threads = ThreadPoolExecutor(self._side + 1, thread_name_prefix="cluster")
        self._tasks = Tasks(store, jobs[TICK], others, self._threads)
        self._conninfo = conninfo(store.url)
        self._names = frozenset(name for name, job in jobs.items() if job.own)
        self._ending = ending
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="cluster", daemon=True)
        for name in ("procrastinate", "psycopg.pool"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what it would say, this runner says in a line

    def start(self) -> None:
        """Begin; returns at once."""
        self._own.start()
        self._thread.start()

    def wake(self, name: str) -> None:
        """Have a job of this process done now; for shared ones, whoever records something calls a worker with it."""
        if name in self._names:
            self._own.wake(name)

    def stop(self) -> None:
        """Take nothing new and return when what is under way is done."""
        self._ending.set()
        if self._loop is not None and self._over is not None:
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._own.stop()
        self._threads.shutdown()

    def _run(self) -> None:
        asyncio.run(self._live())

    async def _live(self) -> None:
        """Work until the end; begin again what a database that went away has ended."""
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        pause = FIRST
        while not self._ending.is_set():
            began = self._loop.time()
            try:
                await self._work(self._over)
            except (ProcrastinateException, psycopg.Error, psycopg_pool.PoolTimeout, OSError) as error:
                log.warning("the job queue does not answer and is asked again: %s", _line(error))
            else:
                if not self._ending.is_set():
                    log.warning("the connection to the job queue was lost and is made again")
            pause = FIRST if self._loop.time() - began > PATIENCE else min(2 * pause, PATIENCE)
            await _wait(self._over, pause * random.uniform(0.5, 1.0))  # noqa: S311 - not all at the same instant

    async def _work(self, over: asyncio.Event) -> None:
        """Run both workers until one of them ends, or all is over."""
        app = self._tasks.app(self._conninfo)
        async with app.open_async():
            workers = [
                Worker(
                    app, queues=[queue], name=queue, concurrency=at_once, fetch_job_polling_interval=POLL,
                    delete_jobs="always", install_signal_handlers=False, update_heartbeat_interval=BEAT,
                    stalled_worker_timeout=STALLED,
                )
                for queue, at_once in ((wakes.STEP, 1), (CARE, self._side))
            ]  # fmt: skip
            runs = [asyncio.create_task(_run(worker)) for worker in workers]
            end = asyncio.create_task(over.wait())
            await asyncio.wait([*runs, end], return_when=asyncio.FIRST_COMPLETED)
            for worker in workers:
                worker.stop()  # type: ignore[no-untyped-call]
            end.cancel()
            for result in await asyncio.gather(*runs, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result


async def _run(worker: Worker) -> None:
    await worker.run()  # type: ignore[no-untyped-call]


def cluster(store: sa.Engine, jobs: Mapping[str, Job], ending: threading.Event) -> Cluster:
    """Return the runner of one of many processes of this PostgreSQL store."""
    return Cluster(store, jobs, ending)


def conninfo(url: sa.URL) -> str:
    """Return the address of the store as PostgreSQL's own library reads it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


async def _wait(over: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(over.wait(), seconds)
    except TimeoutError:
        return


def _line(error: BaseException) -> str:
    """Return the first line of what is at the bottom of it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0] or type(error).__name__
