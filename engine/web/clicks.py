"""A click: looked up, judged, recorded, sent on its way. Also the message shown in a browser.

Rules
- The destination comes from what was sent, never from the request: a link of ours leads nowhere we did not write.
- Every click is kept; only a person's is called `clicked`, and only that one moves anybody or teaches anything.
- A click wakes nobody: the next beat is soon enough, and until then a burst of clicks can still show itself.
- A click that cannot be recorded is still answered: the reader must not pay for our disk.
"""

from __future__ import annotations

import logging
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from engine.errors import StoreError
from engine.store.answering import CLICKED, MACHINE, take_back
from engine.store.connect import reading, writing
from engine.store.intake import NewEvent, Recorded
from engine.store.links import Link, link_target
from engine.store.recovering import resolve_unknown
from engine.web import pages
from engine.web.doors import Doors
from engine.web.limits import Strikes
from engine.web.recording import Recorder
from engine.web.traffic import Bursts, Ranges, machine_rule

log = logging.getLogger(__name__)


class Clicks:
    """Answers `/c/{token}` and `/v/{token}`."""

    def __init__(self, doors: Doors, recorder: Recorder[NewEvent, Recorded], strikes: Strikes) -> None:
        self._doors = doors
        self._recorder = recorder
        self._strikes = strikes
        self._bursts = Bursts()
        self._ranges = Ranges()

    async def follow(self, request: Request) -> Response:
        """Record the click and redirect to where its link leads."""
        named = self._doors.tokens.read_click(request.path_params["token"])
        if named is None:
            return pages.too_many() if self._strikes.strike(request) else pages.unknown()
        link = await run_in_threadpool(self._look_up, *named)
        if link is None or not link.url.startswith(("http://", "https://")):
            return pages.unknown()
        try:
            await self._record(request, link, named[1])
        except StoreError:
            log.warning("a click on %s was answered but could not be recorded", link.key)
        return RedirectResponse(link.url, 302, pages.QUIET_HEADERS)

    async def view(self, request: Request) -> Response:
        """Show a sent message as a page."""
        key = self._doors.tokens.read_view(request.path_params["token"])
        if key is None:
            return pages.too_many() if self._strikes.strike(request) else pages.unknown()
        html = None if self._doors.view is None else await run_in_threadpool(self._doors.view, key)
        if html is None:
            return pages.page("No longer here", "<p>This message cannot be shown in a browser any more.</p>", 404)
        policy = "default-src 'none'; style-src 'unsafe-inline'; img-src http: https: data:; font-src https:; sandbox"
        headers = pages.QUIET_HEADERS | {"Content-Security-Policy": f"{policy} allow-top-navigation-by-user-activation"}
        return HTMLResponse(html, headers=headers)

    def _look_up(self, key: str, number: int) -> Link | None:
        with reading(self._doors.store) as conn:
            return link_target(conn, key, number)

    async def _record(self, request: Request, link: Link, number: int) -> None:
        now = self._doors.now()
        rule = machine_rule(request, link, now, self._doors.facts.bot_filter)
        earlier: list[str] = []
        if rule in ("", "early") and self._doors.facts.bot_filter == "strict":
            crowded, earlier = self._crowded(request, link, number, now)
            rule = rule or crowded  # what came too early shows what comes with it, a moment later
        await self._recorder.record([_event(link, number, now, rule)])
        if earlier:
            await run_in_threadpool(self._take_back, earlier)
        if link.status == "unknown":
            await run_in_threadpool(self._settle, link.key)

    def _crowded(self, request: Request, link: Link, number: int, now: datetime) -> tuple[str, list[str]]:
        """Return the rule that this click breaks together with earlier ones, and the events of those."""
        seen = _event_id(CLICKED, link.key, number, now)
        host = request.client.host if request.client else ""
        crowd = self._ranges.note(host, link.message, link.key, (now, seen))
        burst = self._bursts.note(link.key, number, now, seen)
        if burst is not None:
            return "burst", burst
        return ("range", crowd) if crowd is not None else ("", [])

    def _settle(self, key: str) -> None:
        """A message in doubt has arrived: somebody, or some machine, followed its link."""
        with writing(self._doors.store) as conn:
            resolve_unknown(conn, [key])

    def _take_back(self, ids: list[str]) -> None:
        with writing(self._doors.store) as conn:
            take_back(conn, ids)


def _event_id(name: str, key: str, number: int, at: datetime) -> str:
    """Return an id that makes a double click one event."""
    return f"{name}:{key}:{number}:{int(at.timestamp())}"


def _event(link: Link, number: int, at: datetime, rule: str) -> NewEvent:
    name = MACHINE if rule else CLICKED
    data = {"key": link.key, "message": link.message, "link": number, "journey": link.journey, "state": link.state}
    return NewEvent(
        id=_event_id(name, link.key, number, at),
        contact_id=link.contact_id,
        name=name,
        at=at,
        data=data | ({"rule": rule} if rule else {}),
        source="click",
    )
