"""Text and plain JSON values -> values of the types of data.yaml, or why not."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time, tzinfo
from typing import Any

from journeys.zones import zone

YES = frozenset({"true", "yes", "y", "1", "on", "ja", "oui", "si", "sí", "x"})
NO = frozenset({"false", "no", "n", "0", "off", "nein", "non", ""})
_GERMAN_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
LONGEST = 4000


class Unreadable(ValueError):
    """Says what was expected."""


def value_of(text: str, type_name: str, choices: tuple[str, ...] = ()) -> Any:
    """Return the value that `text` means; Unreadable says what would be right."""
    said = text.strip()
    kind = type_name.partition("(")[0].strip()
    if len(said) > LONGEST:
        raise Unreadable(f"is longer than {LONGEST:,} characters")
    if kind == "number":
        return _number(said)
    if kind == "flag":
        return _flag(said)
    if kind in ("date", "time"):
        return _date(said) if kind == "date" else _time(said)
    if kind == "timezone":
        return _zone(said)
    if kind == "enum":
        return _choice(said, choices)
    return _list(said) if kind == "list" else said


def _number(said: str) -> int | float:
    try:
        found = float(said)
    except ValueError:
        raise Unreadable(f'"{said[:40]}" is no number; write 1234.5') from None
    if not math.isfinite(found) or "_" in said:
        raise Unreadable(f'"{said[:40]}" is no number')
    return int(said) if re.fullmatch(r"[+-]?\d{1,15}", said) else found


def _flag(said: str) -> bool:
    word = said.lower()
    if word not in YES and word not in NO:
        raise Unreadable(f'"{said[:40]}" is neither true nor false')
    return word in YES


def _date(said: str) -> str:
    german = _GERMAN_DATE.fullmatch(said)
    text = f"{german[3]}-{int(german[2]):02}-{int(german[1]):02}" if german else said
    try:
        return (date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text).date()).isoformat()
    except ValueError:
        raise Unreadable(f'"{said[:40]}" is no date; write 1990-12-31') from None


def _time(said: str) -> str:
    try:
        return time.fromisoformat(said).isoformat("minutes")
    except ValueError:
        raise Unreadable(f'"{said[:40]}" is no time of day; write 18:30') from None


def _zone(said: str) -> str:
    found = zone(said)
    if found is None:
        raise Unreadable(f'there is no time zone "{said[:40]}"; write Europe/Paris')
    return found.key


def _choice(said: str, choices: tuple[str, ...]) -> str:
    found = [choice for choice in choices if choice.lower() == said.lower()]
    if not found:
        raise Unreadable(f'"{said[:40]}" is not one of {", ".join(choices)}')
    return found[0]


def _list(said: str) -> list[Any]:
    if said.startswith("["):
        try:
            found = json.loads(said)
        except ValueError:
            raise Unreadable("is no JSON list") from None
        if isinstance(found, list):
            return found
    return [part.strip() for part in re.split(r"[;|,]", said) if part.strip()]


def instant_of(text: str, local: tzinfo) -> datetime:
    """Return the instant that `text` means; one without a zone is local to the project."""
    said = text.strip()
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise Unreadable(
            f'cannot read the time "{said[:40]}"; write 2026-03-01 18:52 or 2026-03-01T17:52:00Z'
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=local)


def subscription_of(text: str) -> str:
    """Return a push subscription as compact JSON."""
    try:
        found = json.loads(text)
    except ValueError:
        raise Unreadable("the push subscription is no JSON") from None
    keys = found.get("keys") if isinstance(found, Mapping) else None
    endpoint = str(found.get("endpoint") or "") if isinstance(found, Mapping) else ""
    if (
        not endpoint.startswith(("https://", "http://127.0.0.1:"))
        or not isinstance(keys, Mapping)
        or not {"p256dh", "auth"} <= keys.keys()
    ):
        raise Unreadable("a push subscription has an https endpoint and keys p256dh and auth")
    return json.dumps(found, separators=(",", ":"))
