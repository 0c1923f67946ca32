"""What a command answers: data for programs, lines for people, problems, and how it ended."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """`lines` are what people read on stdout; `data` and `problems` are the JSON object's; `code` is the exit code."""

    data: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    problems: Sequence[Mapping[str, Any]] = ()
    code: int = 0


def to_json(value: Any) -> str:
    """Return `value` as JSON: records by their fields, instants as ISO-8601 UTC, numbers unrounded."""
    return json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    return value.value if isinstance(value, Enum) else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, Path):
        return value.as_posix()
    return str(value)
