"""What many requests say, written in one transaction: whoever comes while a commit runs shares the next one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

_AT_ONCE = 2_000  # items of one transaction


class Recorder(Generic[T, R]):
    """Groups writes; `record` returns when its items are committed, and raises when they are not."""

    def __init__(self, write: Callable[[Sequence[T]], R]) -> None:
        self._write = write
        self._waiting: list[tuple[Sequence[T], asyncio.Future[R]]] = []
        self._writer: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Return how many items wait for their commit to begin."""
        return sum(len(items) for items, _ in self._waiting)

    async def record(self, events: Sequence[T]) -> R:
        """Commit these items, together with those of others; return what the write of the whole group answers."""
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((events, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        return await done

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._commit(self._next())
        finally:
            self._writer = None

    def _next(self) -> list[tuple[Sequence[T], asyncio.Future[R]]]:
        taken, size = 0, 0
        for events, _ in self._waiting:
            size += len(events)
            if taken and size > _AT_ONCE:
                break
            taken += 1
        group, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return group

    async def _commit(self, group: list[tuple[Sequence[T], asyncio.Future[R]]]) -> None:
        try:
            recorded = await run_in_threadpool(self._write, [event for events, _ in group for event in events])
        except Exception as error:
            if len(group) > 1:  # one request's events must not cost the others theirs
                for one in group:
                    await self._commit([one])
                return
            log.exception("%d events could not be stored", len(group[0][0]))
            if not group[0][1].done():
                group[0][1].set_exception(error)
            return
        for _, done in group:
            if not done.done():  # a request that was given up waits no more
                done.set_result(recorded)
