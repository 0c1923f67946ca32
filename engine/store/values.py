"""How values stand in JSON columns: compact, and always something that both databases can keep."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import Any


def _plain(value: Any) -> Any:
    """Return what JSON has no word for as one that it has."""
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


_decode = json.JSONDecoder().raw_decode
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain).encode


def to_json(value: Any) -> str:
    """Return `value` as JSON; what no database could keep (NaN, NUL, half a character) is replaced."""
    if value == {}:
        return "{}"
    try:
        text = _encode(value)
    except ValueError:
        text = _encode(_finite(value))
    if "\\u0000" in text:
        text = text.replace("\\u0000", "\\ufffd")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def from_json(text: str | bytes) -> Any:
    """Return the value of JSON that was written here: there is no space around it to look for."""
    if text == "{}":
        return {}
    return _decode(text)[0] if isinstance(text, str) else json.loads(text)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(part) for name, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value
