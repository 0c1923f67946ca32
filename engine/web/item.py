"""One event as it is posted -> NewEvent, or why it is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from hashlib import blake2b
from typing import Any
from uuid import uuid4

from engine.store.intake import NewEvent

_AHEAD = timedelta(minutes=5)  # clocks of senders differ; what is a little ahead happens now
_LONGEST_NAME = 200
_LONGEST_DATA = 16 * 1024
_TYPES: Mapping[str, type | tuple[type, ...]] = {"text": str, "number": (int, float), "flag": bool, "list": list}


@dataclass(frozen=True, slots=True)
class Refused:
    id: str
    reason: str


class _Wrong(Exception):
    """Carries the reason."""


def read_item(item: Any, events: Mapping[str, Mapping[str, str]], now: datetime) -> NewEvent | Refused:
    """Return the event an item means; both our words and those of the usual SDKs are understood."""
    if not isinstance(item, dict):
        return Refused("", "an event is a JSON object")
    given = _first(item, "id", "messageId")
    try:
        name = _name(_first(item, "event", "name"), events)
        contact = _text(_first(item, "contact", "userId"), "contact")
        data = _data(_first(item, "properties", "data"), name, events[name])
        at = _at(_first(item, "at", "timestamp"), now)
        key = _text(given, "id") if given is not None else _made_id(item)
    except _Wrong as wrong:
        return Refused(given if isinstance(given, str) else "", str(wrong))
    return NewEvent(id=key, contact_id=contact, name=name, at=at, data=data, source="http")


def _first(item: Mapping[str, Any], *names: str) -> Any:
    return next((item[name] for name in names if item.get(name) is not None), None)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Wrong(
            f"`{what}` is missing" if value is None or value == "" else f"`{what}` must be text that is not empty"
        )
    if len(value) > _LONGEST_NAME or not value.isprintable():
        raise _Wrong(f"`{what}` must be at most {_LONGEST_NAME} printable characters")
    return value


def _name(value: Any, events: Mapping[str, Mapping[str, str]]) -> str:
    name = _text(value, "event")
    if name not in events:
        near = get_close_matches(name, events, 1)
        hint = f'; did you mean "{near[0]}"?' if near else "; add it under `events`"
        raise _Wrong(f'no event called "{name}" in data.yaml{hint}')
    return name


def _data(value: Any, name: str, declared: Mapping[str, str]) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Wrong("`properties` must be a JSON object")
    if len(json.dumps(value)) > _LONGEST_DATA:
        raise _Wrong(f"`properties` are over {_LONGEST_DATA // 1024} KiB")
    for prop, kind in declared.items():
        given = value.get(prop)
        if given is not None and not _fits(given, kind):
            raise _Wrong(f'"{prop}" of {name} must be a {kind}, not {json.dumps(given)[:40]}')
    return value


def _fits(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind not in _TYPES or kind == "flag"
    return isinstance(value, _TYPES.get(kind, object))


def _at(value: Any, now: datetime) -> datetime:
    if value is None:
        return now
    if not isinstance(value, str):
        raise _Wrong('`at` must be a time such as "2026-03-01T09:30:00Z"')
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise _Wrong(f'cannot read `at` "{value[:40]}"; write it as "2026-03-01T09:30:00Z"') from None
    if at.tzinfo is None:
        raise _Wrong(f'`at` "{value}" has no zone; add Z, or an offset such as +02:00')
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        raise _Wrong(f'`at` "{value}" is out of range') from None
    if at > now + _AHEAD:
        raise _Wrong(f'`at` "{value}" is in the future')
    return min(at, now)


def _made_id(item: Mapping[str, Any]) -> str:
    """Return an id for an event that has none: the same for the same words, so sending those again is harmless.

    Without a time of its own, two equal events cannot be told from one sent twice; then each is one.
    """
    if _first(item, "at", "timestamp") is None:
        return uuid4().hex
    return blake2b(json.dumps(item, sort_keys=True).encode(), digest_size=16).hexdigest()
