"""The Segment HTTP tracking API: what its clients and those of RudderStack deliver, they deliver here unchanged.

Source: https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/

Rules
- 200 means committed. A client that got no answer sends again, and a message counts once by its source and id.
- What is wrong with one item is that item's alone: the others are taken, and it stands in `sojourn event problems`.
- Only what nobody could read is refused as a whole: 400 the body, 401 the key. Too much at once is 429, to be repeated.
- Bodies are JSON whatever their Content-Type says, gzip or not: browsers send text/plain, which needs no preflight.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.errors import StoreError
from engine.intake.calls import TYPES, Call, Sent, read_call
from engine.intake.clocks import instant
from engine.intake.taking import Taken, Terms
from engine.store.problems import Trouble
from engine.web.doors import Doors
from engine.web.events import given_key
from engine.web.limits import Strikes
from engine.web.recording import Recorder

BODY_BYTES: Final = 500 * 1024
ITEMS: Final = 2_500  # of one batch
WAITING: Final = 20_000  # items that may wait for their commit; then senders are asked to come again
UNKNOWN: Final = "a write key is needed, one of web.keys in sojourn.yaml"
SHORT: Final[Mapping[str, str]] = {kind[0]: kind for kind in TYPES}
"""What analytics.js calls them: /v1/t, /v1/i, ..."""

CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Content-Encoding, X-Retry-Count, AnonymousId",
    "Access-Control-Max-Age": "86400",
}

Items = Recorder["Call | Trouble", Taken]


class Refusal(Exception):
    """A request that is not taken at all."""

    def __init__(self, status: int, says: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(says)
        self.status, self.headers = status, headers or {}


class Tracking:
    """Answers /v1/identify, track, page, screen, group, alias, batch, their short names, and the settings of a page."""

    def __init__(self, doors: Doors, terms: Terms, recorder: Items, strikes: Strikes) -> None:
        self._doors = doors
        self._terms = terms
        self._recorder = recorder
        self._strikes = strikes

    async def post(self, request: Request) -> Response:
        """Take one call or a batch, and answer when all of it is committed."""
        try:
            said = await self._said(request)
            await taken(self._recorder, said)
        except Refusal as no:
            return JSONResponse({"success": False, "message": str(no)}, no.status, {**CORS, **no.headers})
        self._doors.wake()
        return JSONResponse({"success": True}, headers=CORS)

    async def ask(self, _: Request) -> Response:
        """Answer a browser that asks first."""
        return Response(status_code=204, headers=CORS)

    async def settings(self, request: Request) -> Response:
        """Say where analytics.js is to deliver: here."""
        key = request.path_params["key"]
        if source_of(key, self._doors.facts.sources) is None:
            return JSONResponse({"error": UNKNOWN}, 404, CORS)
        here = f"{request.url.hostname}:{request.url.port}" if request.url.port else str(request.url.hostname)
        door = {"apiKey": key, "apiHost": f"{here}/v1", "protocol": request.url.scheme, "unbundledIntegrations": []}
        plan = {"track": {"__default": {"enabled": True, "integrations": {}}}}
        return JSONResponse({"integrations": {"Segment.io": door}, "plan": plan}, headers=CORS)

    async def _said(self, request: Request) -> list[Call | Trouble]:
        if self._recorder.waiting > WAITING:
            raise Refusal(429, "more comes in than can be stored; send it again", {"Retry-After": "2"})
        body = as_object(await body_of(request, BODY_BYTES))
        source = self._source(request, body)
        received = self._doors.now()
        how = Sent(source, received, instant(body.get("sentAt")))
        return [read_call(item, self._terms.data, how) for item in _items(body, request)]

    def _source(self, request: Request, body: Mapping[str, Any]) -> str:
        given = given_key(request.headers.get("authorization", "")) or str(body.get("writeKey") or "")
        source = source_of(given, self._doors.facts.sources)
        if source is None:
            if self._strikes.strike(request):
                raise Refusal(429, "too many wrong keys; wait a minute", {"Retry-After": "60"})
            raise Refusal(401, UNKNOWN, {"WWW-Authenticate": "Basic"})
        return source


def source_of(given: str, sources: Mapping[str, str]) -> str | None:
    """Return the source that has this write key; every key is compared, so that the time tells nothing."""
    same = [source for key, source in sources.items() if key and compare_digest(given.encode(), key.encode())]
    return same[0] if same else None


async def taken(recorder: Items, said: Sequence[Call | Trouble]) -> None:
    """Return when all of it is committed; Refusal when the store does not answer."""
    try:
        if said:
            await recorder.record(said)
    except StoreError:
        raise Refusal(503, "nothing was stored; send it again", {"Retry-After": "5"}) from None


async def body_of(request: Request, most: int) -> bytes:
    """Return the body, unpacked; Refusal 400 when it is over `most` bytes, packed or unpacked."""
    too_large = Refusal(400, f"the body is over {most // 1024} KB; send smaller batches")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise too_large
    if request.headers.get("content-encoding", "").lower() != "gzip":
        return bytes(body)
    unpack = zlib.decompressobj(wbits=31)
    try:
        plain = unpack.decompress(bytes(body), most + 1)
    except zlib.error:
        raise Refusal(400, "the body is not gzip, as its Content-Encoding says") from None
    if len(plain) > most:
        raise too_large
    if not unpack.eof:
        raise Refusal(400, "the gzip body ends too early")
    return plain


def as_json(body: bytes) -> Any:
    """Return what a body says; Refusal 400 when it is no JSON."""
    try:
        said = json.loads(body, parse_constant=_no_constant)
        json.dumps(said, ensure_ascii=False).encode()
    except RecursionError:
        raise Refusal(400, "the JSON is nested too deeply") from None
    except UnicodeError:
        raise Refusal(400, "the body is not UTF-8") from None
    except ValueError as error:
        raise Refusal(400, f"the body is not JSON: {error}") from None
    return said


def as_object(body: bytes) -> dict[str, Any]:
    said = as_json(body)
    if not isinstance(said, dict):
        raise Refusal(400, 'the body must be one call, or {"batch": [...]}')
    return said


def _items(body: Mapping[str, Any], request: Request) -> list[Any]:
    kind = request.path_params["kind"]
    if kind not in ("batch", "import", "b"):
        return [{**body, "type": SHORT.get(kind, kind)}]
    items = body.get("batch")
    if not isinstance(items, list):
        raise Refusal(400, "`batch` must be a list of calls")
    if len(items) > ITEMS:
        raise Refusal(400, f"{len(items)} calls in one batch; at most {ITEMS}")
    return items


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")
