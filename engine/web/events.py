"""Event intake: `POST /v1/events`, one event or a batch, with a write key.

Rules
- Each item is judged by itself: what is wrong with one costs the others nothing, and its reason says what to do.
- Sending the same again is harmless: an id is stored once, and the answer is the same.
- 202 means committed.
- Who says a write key may only send events. Who must not be imitated signs instead, as Standard Webhooks says, with a
  secret that never travels; what is sent again, by them or by a thief, comes to the same ids and is stored once.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from channels.signing import ID, SIGNATURE, verified
from engine.errors import StoreError
from engine.store.intake import NewEvent, Recorded
from engine.web.doors import Doors
from engine.web.item import Refused, read_item
from engine.web.limits import Strikes, TooLarge, TooSlow, read_body
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
        signs = SIGNATURE in request.headers
        if not signs and not _authorised(request, self._doors.facts.keys):
            return self._unknown(request)
        try:
            body = await read_body(request)
            source = self._signer(request, body) if signs else "http"
            if not source:
                return self._unknown(request)
            items = _items(body)
        except TooSlow:
            return _error(408, "the body took too long")
        except TooLarge:
            return _error(413, "the body is over 64 KiB; send smaller batches")
        except ValueError as error:
            return _error(400, str(error))
        if len(items) > _BATCH:
            return _error(413, f"{len(items)} events in one batch; at most {_BATCH}")
        if signs:
            items = _named(items, request.headers[ID])
        return await self._store([self._read(item, source) for item in items])

    def _signer(self, request: Request, body: bytes) -> str:
        """Return the source whose secret signed the body, lately; "" when none did."""
        now, found = self._doors.now().timestamp(), ""
        for secret, source in self._doors.facts.secrets:  # all of them: the time tells nothing
            found = source if verified([secret], request.headers, body, now) else found
        return found

    def _unknown(self, request: Request) -> Response:
        return _too_many() if self._strikes.strike(request) else _unauthorised()

    def _read(self, item: Any, source: str) -> NewEvent | Refused:
        read = read_item(item, self._doors.facts.events, self._doors.now())
        return replace(read, source=source) if isinstance(read, NewEvent) and source != "http" else read

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


def _named(items: list[Any], key: str) -> list[Any]:
    """Give ids to signed events that have none: sent again under the same webhook-id they are the same events."""
    made = (blake2b(f"{key} {n}".encode(), digest_size=16).hexdigest() for n in range(len(items)))
    known = ("id", "messageId")
    return [
        {**item, "id": new} if isinstance(item, dict) and not any(item.get(name) for name in known) else item
        for item, new in zip(items, made, strict=True)
    ]


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
