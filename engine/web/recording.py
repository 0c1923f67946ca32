"""Events of many requests, written in one transaction: whoever comes while a commit runs shares the next one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from starlette.concurrency import run_in_threadpool

from engine.store.intake import NewEvent, Recorded

log = logging.getLogger(__name__)

Write = Callable[[Sequence[NewEvent]], Recorded]

_AT_ONCE = 2_000  # events of one transaction
_Waiting = tuple[Sequence[NewEvent], "asyncio.Future[frozenset[str]]"]


class Recorder:
    """Groups writes; `record` returns when its events are committed, and raises when they are not."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def record(self, events: Sequence[NewEvent]) -> frozenset[str]:
        """Commit these events, together with those of others; return the contacts that do not exist."""
        done: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()
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

    def _next(self) -> list[_Waiting]:
        taken, size = 0, 0
        for events, _ in self._waiting:
            size += len(events)
            if taken and size > _AT_ONCE:
                break
            taken += 1
        group, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return group

    async def _commit(self, group: list[_Waiting]) -> None:
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
                done.set_result(frozenset(recorded.unknown))
