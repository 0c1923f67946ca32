"""CloudEvents over HTTP (1.0): `POST /v1/cloudevents`, structured, binary or a batch, with a write key.

Rules
- 202 means committed; what is wrong with one event is its own, and stands in `sojourn event problems`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.intake.calls import Call, Sent
from engine.intake.cloudevents import from_headers, read_event
from engine.intake.taking import Terms
from engine.store.problems import Trouble
from engine.web.doors import Doors
from engine.web.events import given_key
from engine.web.intake.segment import BODY_BYTES, UNKNOWN, WAITING, Items, Refusal, as_json, body_of, source_of, taken
from engine.web.limits import Strikes

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"


class CloudEvents:
    """Answers `/v1/cloudevents`."""

    def __init__(self, doors: Doors, terms: Terms, recorder: Items, strikes: Strikes) -> None:
        self._doors = doors
        self._terms = terms
        self._recorder = recorder
        self._strikes = strikes

    async def post(self, request: Request) -> Response:
        """Take one event or a batch."""
        try:
            said = await self._said(request)
            await taken(self._recorder, said)
        except Refusal as no:
            return JSONResponse({"error": str(no)}, no.status, no.headers)
        self._doors.wake()
        wrong = [one.reason for one in said if isinstance(one, Trouble)]
        answer: dict[str, Any] = {"accepted": len(said) - len(wrong), "refused": len(wrong)}
        return JSONResponse(answer | ({"reasons": wrong[:20]} if wrong else {}), 202)

    async def _said(self, request: Request) -> list[Call | Trouble]:
        source = source_of(given_key(request.headers.get("authorization", "")), self._doors.facts.sources)
        if source is None:
            raise Refusal(429 if self._strikes.strike(request) else 401, UNKNOWN, {"WWW-Authenticate": "Bearer"})
        if self._recorder.waiting > WAITING:
            raise Refusal(429, "more comes in than can be stored; send it again", {"Retry-After": "2"})
        body = await body_of(request, BODY_BYTES)
        how = Sent(source, self._doors.now())
        return [read_event(event, self._terms.data, how) for event in _events(request.headers, body)]


def _events(headers: Mapping[str, str], body: bytes) -> list[Any]:
    """Return the events of a request in their structured form."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == BATCH:
        events = as_json(body)
        if not isinstance(events, list):
            raise Refusal(400, "a batch is a JSON list of events")
        return events
    if kind == STRUCTURED or "ce-id" not in headers:
        return [as_json(body)]
    return [from_headers({name: value for name, value in headers.items() if name.startswith("ce-")}, body)]
