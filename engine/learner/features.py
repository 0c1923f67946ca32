"""What a model sees of a contact: one line of tokens `name=value`, written down with the decision.

Rules
- The line is plain text that no model can misread: every character outside [A-Za-z0-9_.~-] is percent-encoded, so
  a name typed by a stranger cannot open a namespace, a second line or a number.
- A missing value is a token of its own (`~none`): "we do not know" is knowledge.
- A number stays a number, `name:64.9`; each model bins it by its own frozen schema (schema.py), or by fixed bins
  (1, 2, 3, 5, 10, ... and their negatives) before one was fitted. Spans and dates are numbers of days.
- SCHEMA names the way of encoding; a model that learned under another one is not used.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from journeys import NOTHING, Arm, Choose, Scope

SCHEMA = "raw-2"
LONGEST = 120  # characters of a token
MOST = 64  # tokens of a line
MOST_OF_LIST = 8

LARGEST = 1e12  # what lies beyond is as large as this

HOURS = ("now.hour", "hour")

NONE = "~none"
NOTHING_MORE: Mapping[str, Any] = MappingProxyType({})
STEPS = (1.0, 2.0, 3.0, 5.0)
_UNSAFE = re.compile(r"[^A-Za-z0-9_.~-]")
_PLAIN = (str, bytes, int, float, type(None))
_SEVERAL = (Sequence, set, frozenset)
_ODD = re.compile(r"[^A-Za-z0-9_.=~%-]")


def encode(choose: Choose, scope: Scope, more: Mapping[str, Any] = NOTHING_MORE) -> str:
    """Return the context of a decision as it is logged and learned; `more` are values by name beside the author's,
    such as how the person behaved lately.
    """
    asked = ((ask.source, ask.value(scope)) for ask in choose.context)
    found = (token for name, value in (*asked, *more.items()) for token in _tokens(name, value, scope.now))
    return " ".join(list(dict.fromkeys(found))[:MOST])


def arm_features(arm: Arm) -> str:
    """Return what is known of an arm: message, channel, topic, offer, daypart; and which it is, where these do not say.

    What two arms share lets the one start warm where the other is known.
    """
    if arm.message in {"", NOTHING}:
        return _token("m", NOTHING)
    said = {name: arm.vars[name] for name in ("topic", "offer") if isinstance(arm.vars.get(name), str | int | float)}
    parts = {"m": arm.message, "ch": arm.channel, **said, "t": arm.daypart}
    own = {} if arm.id == arm.message else {"id": arm.id}
    return " ".join(_token(name, _text(str(value))) for name, value in (parts | own).items() if value != "")


def arms_of(choose: Choose) -> Mapping[str, str]:
    """Return the features of every arm by id."""
    return {arm.id: arm_features(arm) for arm in choose.arms}


@lru_cache(maxsize=8192)
def safe_tokens(line: str) -> tuple[str, ...]:
    """Return the tokens of a logged line, harmless whatever stands in it; each once, at most MOST."""
    return tuple(dict.fromkeys(harmless(token) for token in line.split()))[:MOST]


def harmless(token: str) -> str:
    """Return the token with every character that a model could misread percent-encoded; cut when it is long."""
    return _short(_ODD.sub(_percent, token))


def _tokens(source: str, value: Any, now: datetime) -> Iterator[str]:
    """Yield one token per value; a list gives one per element."""
    if isinstance(value, _PLAIN) or not isinstance(value, _SEVERAL):
        number = None if source in HOURS else _number(value, now)
        yield _token(source, _word(source, value)) if number is None else f"{_name(source)}:{number}"
    else:
        words = sorted({_word(source, element) for element in value})[:MOST_OF_LIST]
        yield from (_token(source, word) for word in words or [NONE])


def _number(value: Any, now: datetime) -> str | None:
    """Return what is a number; spans and dates as days, to three digits: people wait with the same line for hours."""
    match value:
        case bool():
            return None
        case float() if math.isnan(value):
            return None
        case int() | float():
            return f"{max(-LARGEST, min(LARGEST, value)):.9g}"
        case timedelta():
            return f"{value / timedelta(days=1):.3g}"
        case datetime() if value.tzinfo:
            return f"{(value - now) / timedelta(days=1):.3g}"
        case date():
            return str((date(value.year, value.month, value.day) - now.date()).days)
    return None


def _word(source: str, value: Any) -> str:
    """Return one value as text: flags 0/1, hours by three (24 levels learn too slowly), the rest as it is."""
    match value:
        case None:
            return NONE
        case bool():
            return str(int(value))
        case int() | float() if source in HOURS and 0 <= value < 24:
            return f"{int(value) // 3 * 3:02d}h"
        case float() if math.isnan(value):
            return NONE
        case time():
            return f"{value.hour:02d}h"
    return _text(str(value))


def _text(value: str) -> str:
    safe = _UNSAFE.sub(_percent, value)
    return "%7E" + safe[1:] if safe.startswith("~") else safe  # only we may say ~none


@lru_cache(maxsize=8192)
def number_bin(value: float) -> str:
    """Return the bin of a number, named by its bound nearest to zero: 7 -> "5", -0.25 -> "-0.2", 0 -> "0"."""
    try:
        size = abs(float(value))
    except OverflowError:
        size = math.inf
    if math.isnan(size):
        return NONE
    if size < 0.01:
        return "0"
    size = min(size, 1e9)
    power = 10.0 ** math.floor(math.log10(size))
    step = max((step for step in STEPS if step * power <= size * (1 + 1e-12)), default=1.0)
    return f"{'-' if value < 0 else ''}{step * power:.10g}"


@lru_cache(maxsize=8192)
def _token(name: str, word: str) -> str:
    return _short(f"{_name(name)}={word}")


def _name(source: str) -> str:
    return _UNSAFE.sub(_percent, source)


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found.group().encode("utf-8", "surrogatepass"))


def _short(token: str) -> str:
    """Cut a long token, and keep it different from every other one with the same beginning."""
    if len(token) <= LONGEST:
        return token
    return f"{token[: LONGEST - 9]}~{hashlib.sha256(token.encode()).hexdigest()[:8]}"
