"""The address book of the web room: which path is answered by whom.

Rules
- Endpoints are async, database work runs in threads, events of concurrent requests share a commit.
- No cookies, no JavaScript, nothing loaded from elsewhere; every page forbids both by its headers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.errors import StoreError
from engine.store.connect import writing
from engine.store.intake import NewEvent, Recorded, record
from engine.web import care, pages
from engine.web.clicks import Clicks
from engine.web.confirm import Confirmations
from engine.web.consent import Consents
from engine.web.doors import Doors
from engine.web.events import Intake
from engine.web.intake import doors as intake_doors
from engine.web.limits import Strikes
from engine.web.opens import Opens
from engine.web.recording import Recorder
from engine.web.surveys import Surveys

Answer = Callable[[Request], Awaitable[Response]]


def build_app(doors: Doors) -> Starlette:
    """Return the application that answers senders of events and readers of messages."""
    strikes = Strikes()
    recorder = Recorder(_writer(doors))
    intake, clicks = Intake(doors, recorder, strikes), Clicks(doors, recorder, strikes)
    consents, confirmations = Consents(doors, strikes), Confirmations(doors, strikes)
    surveys = Surveys(doors, strikes)
    routes = [
        Route("/", _front(doors)),
        *care.routes(doors),
        Route("/v1/events", intake.post, methods=["POST"]),
        Route("/c/{token}", clicks.follow, methods=["GET", "HEAD", "OPTIONS"]),
        Route("/v/{token}", clicks.view),
        Route("/u/{token}", consents.ask),
        Route("/u/{token}", consents.leave, methods=["POST"]),
        Route("/p/{token}", consents.list_topics),
        Route("/p/{token}", consents.choose_topics, methods=["POST"]),
        Route("/i/{token}", Opens(doors).show),
        Route("/o/{token}", confirmations.ask),
        Route("/o/{token}", confirmations.confirm, methods=["POST"]),
        Route("/s/{survey}/{token}", surveys.ask),
        Route("/s/{survey}/{token}", surveys.answer, methods=["POST"]),
        *intake_doors.routes(doors, strikes),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _http_error, StoreError: _store_error})


def _writer(doors: Doors) -> Callable[[Sequence[NewEvent]], Recorded]:
    def write(events: Sequence[NewEvent]) -> Recorded:
        with writing(doors.store) as conn:
            return record(conn, events, doors.now(), doors.facts.skip_after)

    return write


def _front(doors: Doors) -> Answer:
    async def front(_: Request) -> Response:
        return pages.status(doors.facts.name, bool(doors.facts.keys), len(doors.facts.topics))

    return front


async def _http_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        return pages.page("Not like this", "<p>This address does not answer that kind of request.</p>", 405)
    return pages.unknown()


async def _store_error(_: Request, __: Exception) -> Response:
    return pages.trouble()
