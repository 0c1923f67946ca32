"""The addresses at which clients of others deliver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.intake.calls import TYPES, Call
from engine.intake.taking import Taken, Terms, take
from engine.store.connect import writing
from engine.store.problems import Trouble
from engine.web.doors import Doors
from engine.web.intake.cloudevents import CloudEvents
from engine.web.intake.segment import CORS, SHORT, Tracking
from engine.web.limits import Strikes
from engine.web.recording import Recorder

KINDS = (*TYPES, *SHORT, "batch", "import", "b")


def routes(doors: Doors, strikes: Strikes) -> list[Route]:
    """Return the doors for tracking clients; none when the project says nothing about them."""
    terms = doors.terms
    if terms is None:
        return []
    recorder = Recorder(_writer(doors, terms))
    tracking, events = Tracking(doors, terms, recorder, strikes), CloudEvents(doors, terms, recorder, strikes)
    return [
        Route("/sojourn.js", _snippet, methods=["GET", "HEAD"]),
        Route("/v1/cloudevents", events.post, methods=["POST"]),
        Route("/v1/projects/{key}/settings", tracking.settings, methods=["GET"]),
        *(_call(kind, tracking) for kind in KINDS),
        Route("/v1/m", _metrics, methods=["POST"]),
    ]


def _call(kind: str, tracking: Tracking) -> Route:
    async def answer(request: Request) -> Response:
        request.path_params["kind"] = kind
        return await (tracking.ask(request) if request.method == "OPTIONS" else tracking.post(request))

    return Route(f"/v1/{kind}", answer, methods=["POST", "OPTIONS"])


def _writer(doors: Doors, terms: Terms) -> Callable[[Sequence[Call | Trouble]], Taken]:
    def write(said: Sequence[Call | Trouble]) -> Taken:
        with writing(doors.store) as conn:
            return take(conn, said, terms, doors.now())

    return write


async def _snippet(_: Request) -> Response:
    text = files("engine.web.intake").joinpath("sojourn.js").read_text("utf-8")
    headers = {**CORS, "Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(text, media_type="text/javascript", headers=headers)


async def _metrics(_: Request) -> Response:
    """Answer what analytics.js tells about itself; nobody keeps it."""
    return JSONResponse({"success": True}, headers=CORS)
