"""A CloudEvent (1.0) -> what it means here. Pure.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md

Rules
- (source, id) of the event is its id here: whatever is sent again counts once.
- `subject` says whom it is about; without one, `userId`, `user_id` or `contact` in its data, else `anonymousId`.
- `type` is the declared event: as it stands, its last part (`com.shop.order_placed`), or that in small letters.
- A time ahead of our clock is now.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from engine.audience.identity import ANONYMOUS, Who
from engine.intake.calls import ITEM_BYTES, Call, Sent, Wrong, event_name, hashed
from engine.intake.clocks import happened, instant
from engine.intake.traits import properties_of, text_of
from engine.store.problems import Trouble, shown
from journeys.data_file import BUILT_IN
from journeys.project import Data

REQUIRED = ("id", "source", "type", "specversion")
_USERS = ("userId", "user_id", "contact", "contact_id")
_ANONYMOUS = ("anonymousId", "anonymous_id")


def read_event(event: Any, data: Data, how: Sent) -> Call | Trouble:
    """Return what an event in its structured form means."""
    if not isinstance(event, dict):
        return Trouble(how.source, "", "an event is a JSON object", shown(event))
    given = text_of(event.get("id"), 1000) or ""
    try:
        return _call(event, data, how)
    except Wrong as wrong:
        return Trouble(how.source, given[:200], str(wrong), shown(event))


def from_headers(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the structured form of an event in the binary one: `ce-*` headers, and its data as the body.

    Kafka's `ce_*` headers are given as `ce-*`.
    """
    event: dict[str, Any] = {name[3:]: unquote(value) for name, value in headers.items()}
    if not body:
        return event
    try:
        event["data"] = json.loads(body)
    except (ValueError, RecursionError):
        event["data_base64"] = base64.b64encode(body[:ITEM_BYTES]).decode()
    return event


def _call(event: Mapping[str, Any], data: Data, how: Sent) -> Call:
    missing = [name for name in REQUIRED if not event.get(name)]
    if missing:
        raise Wrong(f"is no CloudEvent: `{missing[0]}` is missing")
    if len(json.dumps(event, default=str)) > ITEM_BYTES:
        raise Wrong(f"is over {ITEM_BYTES // 1024} KB")
    said = _data(event)
    name = _name(str(event["type"]), data)
    when = instant(event["time"]) if event.get("time") is not None else None
    if when is None and event.get("time") is not None:
        raise Wrong(f'cannot read the time "{str(event["time"])[:40]}"; write 2026-03-01T09:30:00Z')
    found, wrong = properties_of(said, data.events.get(name, {}))
    id_ = hashed(f"{event['source']}:{event['id']}")
    call = Call(id_, how.source, name, happened(when, None, how.received), _who(event, said), found)
    troubles = [Trouble(how.source, str(event["id"])[:200], f"{prop} of {name}: {says}; the event was kept without it",
                        shown(event)) for prop, says in wrong]  # fmt: skip
    return replace(call, troubles=tuple(troubles))


def _name(kind: str, data: Data) -> str:
    if kind in data.events and kind not in BUILT_IN:
        return kind
    return event_name(kind.replace("/", ".").rpartition(".")[2] or kind, data)


def _who(event: Mapping[str, Any], said: Mapping[str, Any]) -> Who:
    user = text_of(event.get("subject")) or _first(said, _USERS)
    anonymous = _first(event, ("anonymousid",)) or _first(said, _ANONYMOUS)
    if user is None and anonymous is None:
        raise Wrong("names nobody: write whom it is about as `subject`")
    if user is not None and user.startswith(ANONYMOUS):
        raise Wrong(f'a subject does not begin with "{ANONYMOUS}"')
    return Who(user, None if user else anonymous)


def _first(said: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := text_of(said.get(name), 195)) is not None), None)


def _data(event: Mapping[str, Any]) -> dict[str, Any]:
    said = event.get("data")
    if said is None and isinstance(event.get("data_base64"), str):
        try:
            said = json.loads(base64.b64decode(event["data_base64"], validate=True))
        except (ValueError, binascii.Error, RecursionError):
            raise Wrong("its data are no JSON") from None
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise Wrong("its data must be a JSON object")
    return said
