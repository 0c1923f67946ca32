"""Event intake: `POST /v1/events`, one event or a batch, with a write key.

Rules
- Each item is judged by itself: what is wrong with one costs the others nothing, and its reason says what to do.
- Sending the same again is harmless: an id is stored once, and the answer is the same.
- 202 means committed.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.errors import StoreError
from engine.store.intake import NewEvent, Recorded
from engine.web.doors import Doors
from engine.web.item import Refused, read_item
from engine.web.limits import Strikes, TooLarge, read_body
from engine.web.recording import Recorder

_BATCH = 500


class Intake:
    """Answers `/v1/events`."""

    def __init__(self, doors: Doors, recorder: Recorder[NewEvent, Recorded], strikes: Strikes) -> None:
        self._doors = doors
        self._recorder = recorder
        self._strikes = strikes

    async def post(self, request: Request) -> Response:
        """Store the events that are in order, and say of each whether it was."""
        if not _authorised(request, self._doors.facts.keys):
            return _too_many() if self._strikes.strike(request) else _unauthorised()
        try:
            items = _items(await read_body(request))
        except TooLarge:
            return _error(413, "the body is over 64 KiB; send smaller batches")
        except ValueError as error:
            return _error(400, str(error))
        if len(items) > _BATCH:
            return _error(413, f"{len(items)} events in one batch; at most {_BATCH}")
        return await self._store([self._read(item) for item in items])

    def _read(self, item: Any) -> NewEvent | Refused:
        return read_item(item, self._doors.facts.events, self._doors.now())

    async def _store(self, read: Sequence[NewEvent | Refused]) -> Response:
        events = [item for item in read if isinstance(item, NewEvent)]
        try:
            unknown = frozenset((await self._recorder.record(events)).unknown if events else ())
        except StoreError:
            return _error(503, "nothing was stored; send it again", {"Retry-After": "5"})
        results = [_result(item, unknown) for item in read]
        accepted = sum(result["status"] == "accepted" for result in results)
        if accepted:
            self._doors.wake()
        answer = {"accepted": accepted, "refused": len(results) - accepted, "results": results}
        return JSONResponse(answer, 202 if accepted or not results else 400)


def _result(item: NewEvent | Refused, unknown: frozenset[str]) -> Mapping[str, str]:
    if isinstance(item, Refused):
        return {"id": item.id, "status": "refused", "reason": item.reason}
    if item.contact_id in unknown:
        reason = f'no contact called "{item.contact_id}"; import it first'
        return {"id": item.id, "status": "refused", "reason": reason}
    return {"id": item.id, "status": "accepted"}


def _items(body: bytes) -> list[Any]:
    """Return the events of a body: its `batch`, or the one event it is. Raise ValueError with what is wrong."""
    try:
        said = json.loads(body, parse_constant=_no_constant)
        json.dumps(said, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    except UnicodeError:
        raise ValueError("the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"the body is not JSON: {error}") from None
    if not isinstance(said, dict):
        raise ValueError('the body must be one event, or {"batch": [...]}')  # noqa: TRY004  (the sender's mistake)
    batch = said.get("batch", [said])
    if not isinstance(batch, list):
        raise ValueError("`batch` must be a list of events")  # noqa: TRY004
    return batch


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def _authorised(request: Request, keys: Sequence[str]) -> bool:
    given = given_key(request.headers.get("authorization", "")).encode()
    known = [compare_digest(given, key.encode()) for key in keys if key]  # all of them: the time tells nothing
    return any(known)


def given_key(header: str) -> str:
    """Return the key of `Bearer key`, or the user of Basic (how the usual SDKs send it)."""
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _unauthorised() -> Response:
    return _error(401, "a write key is needed: Authorization: Bearer <key>", {"WWW-Authenticate": "Bearer"})


def _too_many() -> Response:
    return _error(429, "too many wrong keys; wait a minute", {"Retry-After": "60"})


def _error(status: int, says: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": says}, status, headers)
