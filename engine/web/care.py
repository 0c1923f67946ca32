"""What watches a process: is it alive, is it at work, and what does it count.

Rules
- `/healthz`: the process answers and so does its store. `/readyz`: it is at work, and nothing keeps it from sending.
- `/metrics` is for this machine alone: who asks from elsewhere, or through a proxy, is told that there is no such page.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.errors import StoreError
from engine.metrics import TYPE
from engine.store.connect import reading
from engine.web import pages
from engine.web.doors import Doors

FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


def routes(doors: Doors) -> Sequence[Route]:
    """Return the pages of whoever watches."""
    care = Care(doors)
    return (Route("/healthz", care.health), Route("/readyz", care.ready), Route("/metrics", care.metrics))


class Care:
    """Answers whoever watches."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def health(self, _: Request) -> Response:
        return await self._answered(self._store_answers)

    async def ready(self, _: Request) -> Response:
        return await self._answered(self._at_work)

    async def metrics(self, request: Request) -> Response:
        meters = self._doors.meters
        if meters is None or not _from_here(request):
            return pages.unknown()
        return Response(await run_in_threadpool(meters.page), media_type=TYPE)

    async def _answered(self, ask: Callable[[], str | None]) -> Response:
        try:
            trouble = await run_in_threadpool(ask)
        except StoreError as error:
            trouble = str(error)
        if trouble:
            return JSONResponse({"status": "unavailable", "reason": trouble}, 503, {"Cache-Control": "no-store"})
        return JSONResponse({"status": "ok"}, 200, {"Cache-Control": "no-store"})

    def _store_answers(self) -> str | None:
        with reading(self._doors.store) as conn:
            conn.execute(sa.text("SELECT 1"))
        return None

    def _at_work(self) -> str | None:
        return self._store_answers() or (self._doors.trouble() if self._doors.trouble else None)


def _from_here(request: Request) -> bool:
    if any(name in request.headers for name in FORWARDED) or request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
