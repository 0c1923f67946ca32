"""What the settings of a channel say about pace: `rate`, `provider_rates`, `warm_up`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from channels.errors import ChannelMisconfigured
from channels.providers import PROVIDERS, provider_of

_SECONDS = {"s": 1, "min": 60, "m": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}
_RATE = re.compile(r"(\d+)/(\w+)")
_DAYS = re.compile(r"(\d+)\s*(?:d|days?)?")


def rate(name: str, where: str, said: Any) -> float:
    """Return messages a second of "20/s", "600/min", "5000/h", "50000/day"."""
    found = _RATE.fullmatch(str(said).replace(" ", ""))
    if found is None or found[2] not in _SECONDS or not int(found[1]):
        raise ChannelMisconfigured(name, f"channels.{name}.{where} cannot be read: write 20/s, 600/min or 5000/h")
    return int(found[1]) / _SECONDS[found[2]]


def provider_rates(name: str, settings: Mapping[str, Any]) -> dict[str, float]:
    """Return messages a second by provider; a domain of a large one means all of it, "*" every one not named."""
    said = settings.get("provider_rates") or {}
    if not isinstance(said, Mapping):
        raise ChannelMisconfigured(name, f"channels.{name}.provider_rates is {{google: 20/s, web.de: 5/s, '*': 2/s}}")
    return {_provider(str(key)): rate(name, f"provider_rates.{key}", value) for key, value in said.items()}


def _provider(said: str) -> str:
    return said if said == "*" or said in PROVIDERS else provider_of(f"x@{said}")


def warm_up(name: str, settings: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return (messages on the first day, days until they double), None without a warm-up."""
    said = settings.get("warm_up")
    if not said:
        return None
    some = said if isinstance(said, Mapping) else {"start": said}
    start, every = str(some.get("start") or ""), _DAYS.fullmatch(str(some.get("double_every") or "1d"))
    count, _, unit = start.partition("/")
    if not count.isdigit() or not int(count) or unit not in {"day", "d"} or every is None or not int(every[1]):
        raise ChannelMisconfigured(name, f"write channels.{name}.warm_up: {{start: 200/day, double_every: 1d}}")
    return int(count), int(every[1])
