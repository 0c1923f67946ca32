"""What a model sees of a contact: one line of tokens `name=value`, written down with the decision.

Rules
- The line is plain text that no model can misread: every character outside [A-Za-z0-9_.~-] is percent-encoded, so
  a name typed by a stranger cannot open a namespace, a second line or a number.
- A missing value is a token of its own (`~none`): "we do not know" is knowledge.
- Numbers become fixed bins (1, 2, 3, 5, 10, ... and their negatives). SCHEMA names the way of encoding; a model that
  learned under another one is not used.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from journeys import NOTHING, Arm, Choose, Scope

SCHEMA = "bins-1"
LONGEST = 120  # characters of a token
MOST = 64  # tokens of a line
MOST_OF_LIST = 8

NONE = "~none"
STEPS = (1.0, 2.0, 3.0, 5.0)
_UNSAFE = re.compile(r"[^A-Za-z0-9_.~-]")
_PLAIN = (str, bytes, int, float, type(None))
_SEVERAL = (Sequence, set, frozenset)
_ODD = re.compile(r"[^A-Za-z0-9_.=~%-]")


def encode(choose: Choose, scope: Scope) -> str:
    """Return the context of a decision as it is logged and learned."""
    found = (token for ask in choose.context for token in _tokens(ask.source, ask.value(scope), scope.now))
    return " ".join(list(dict.fromkeys(found))[:MOST])


def arm_features(arm: Arm) -> str:
    """Return what is known of an arm: which it is, its message, its channel."""
    if arm.message in {"", NOTHING}:
        return _token("m", NOTHING)
    return f"{_token('m', _text(arm.id))} {_token('ch', _text(arm.channel))}"


def arms_of(choose: Choose) -> Mapping[str, str]:
    """Return the features of every arm by id."""
    return {arm.id: arm_features(arm) for arm in choose.arms}


@lru_cache(maxsize=8192)
def safe_tokens(line: str) -> tuple[str, ...]:
    """Return the tokens of a logged line, harmless whatever stands in it; each once, at most MOST."""
    return tuple(dict.fromkeys(_short(_ODD.sub(_percent, token)) for token in line.split()))[:MOST]


def _tokens(source: str, value: Any, now: datetime) -> Iterator[str]:
    """Yield one token per value; a list gives one per element."""
    if isinstance(value, _PLAIN) or not isinstance(value, _SEVERAL):
        yield _token(source, _word(source, value, now))
    else:
        words = sorted({_word(source, element, now) for element in value})[:MOST_OF_LIST]
        yield from (_token(source, word) for word in words or [NONE])


def _word(source: str, value: Any, now: datetime) -> str:
    """Return one value as text: flags 0/1, numbers, spans and dates by bin, the rest as it is."""
    match value:
        case None:
            return NONE
        case bool():
            return str(int(value))
        case int() | float() | timedelta():
            return _binned(source, value)
        case datetime():
            return "d" + number_bin((value - now) / timedelta(days=1)) if value.tzinfo else str(value.date())
        case date():
            return "d" + number_bin((value - now.date()).days)
        case time():
            return f"{value.hour:02d}h"
    return _text(str(value))


def _text(value: str) -> str:
    safe = _UNSAFE.sub(_percent, value)
    return "%7E" + safe[1:] if safe.startswith("~") else safe  # only we may say ~none


def _binned(source: str, value: float | timedelta) -> str:
    if isinstance(value, timedelta):
        return number_bin(value / timedelta(days=1)) + "d"
    if source == "now.hour":
        return f"{int(value) // 3 * 3:02d}h"  # three hours alike: 24 levels learn too slowly
    return number_bin(value)


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
    return _short(f"{_UNSAFE.sub(_percent, name)}={word}")


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found.group().encode("utf-8", "surrogatepass"))


def _short(token: str) -> str:
    """Cut a long token, and keep it different from every other one with the same beginning."""
    if len(token) <= LONGEST:
        return token
    return f"{token[: LONGEST - 9]}~{hashlib.sha256(token.encode()).hexdigest()[:8]}"
