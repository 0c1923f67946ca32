"""Where a contact's clock stands: its own time zone, else the single zone of its country."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo


def zone_of(attributes: Mapping[str, Any]) -> ZoneInfo | None:
    """Return the zone of a contact, None when its attributes do not tell."""
    name = attributes.get("timezone")
    found = zone(name) if isinstance(name, str) and name else None
    if found is not None:
        return found
    country = attributes.get("country")
    return _zone_in(country.strip().upper()) if isinstance(country, str) else None


@cache
def zone(name: str) -> ZoneInfo | None:
    """Return the zone called `name`, None when there is none."""
    try:
        return ZoneInfo(name.strip())
    except (ValueError, OSError, KeyError):
        return None


@cache
def _zone_in(country: str) -> ZoneInfo | None:
    """Return the zone of a country (ISO code) all of whose clocks agree the year round."""
    zones = [found for name in _zones().get(country, ()) if (found := zone(name))]
    clocks = {tuple(day.replace(tzinfo=one).utcoffset() for day in _DAYS) for one in zones}
    return zones[0] if len(clocks) == 1 else None


# One instant a month is enough to tell clocks apart: daylight saving time lasts for months.
_DAYS = [datetime(2025, month, 15) for month in range(1, 13)]  # noqa: DTZ001 - the zone is what is asked


@cache
def _zones() -> dict[str, list[str]]:
    """Return the zones of every country, the most populous first, by ISO code."""
    zones: dict[str, list[str]] = {}
    for line in resources.files("tzdata").joinpath("zoneinfo/zone.tab").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            code, _, name = line.split("\t")[:3]
            zones.setdefault(code, []).append(name)
    return zones
