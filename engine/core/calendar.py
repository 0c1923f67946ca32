"""Local time: windows, quiet hours, calendar units, in the contact's zone and over both daylight-saving nights.

Rules
- A local time that does not exist is the first valid instant after the gap; one that exists twice is the first.
- Every function takes and returns aware UTC instants; `zone` is the contact's.
- A day's bounds are the same for everybody in a zone, so they are kept: batches ask for them thousands of times.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from journeys import QuietHours, Window

MIDNIGHT = time(0)
DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


def instant(day: date, at: time, zone: tzinfo) -> datetime:
    """Return the UTC instant of a local time of day."""
    local = datetime.combine(day, at)
    utc = local.replace(tzinfo=zone).astimezone(UTC)
    if utc.astimezone(zone).replace(tzinfo=None) == local:
        return utc
    return _end_of_gap(local, zone)


def _end_of_gap(local: datetime, zone: tzinfo) -> datetime:
    """Return the first valid instant after the gap that swallowed `local`, to the second (zones shift on seconds)."""
    low = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    high = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    return high


@lru_cache(maxsize=8192)
def _span(day: date, opens: time, closes: time, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the instants between which [opens, closes) lasts that begins on `day`, over midnight when it must."""
    return instant(day, opens, zone), instant(day if closes > opens else day + DAY, closes, zone)


def next_open(window: Window, ready: datetime, zone: tzinfo, u: float) -> datetime:
    """Return the first instant at or after `ready` inside the window.

    A wait for a window's opening ends at a random minute in it (`u` in [0, 1) says which); an exact time is exact.
    """
    today = ready.astimezone(zone).date()
    for offset in range(-1, 9):
        day = today + offset * DAY
        if day.weekday() not in window.days:
            continue
        found = _opening(window, day, ready, (zone, u))
        if found is not None:
            return found
    return ready  # a window without days, which `check` refuses


def _opening(window: Window, day: date, ready: datetime, where: tuple[tzinfo, float]) -> datetime | None:
    zone, u = where
    if window.opens is not None and window.closes is None:
        at = instant(day, window.opens, zone)
        return at if at >= ready else None
    opens, closes = _span(day, window.opens or MIDNIGHT, window.closes or MIDNIGHT, zone)
    if closes <= ready:
        return None
    if opens <= ready:
        return ready
    return opens if window.opens is None else opens + _MINUTE * int(u * ((closes - opens) / _MINUTE))


def next_clear(
    window: Window, quiet: QuietHours | None, ready: datetime, where: tuple[tzinfo, float]
) -> datetime | None:
    """Return the first instant at or after `ready` that is in the window and out of the quiet hours, None if none is.

    `where` is (zone, u). A wait ends at a random minute of what the quiet hours leave of the window's day.
    """
    zone, u = where
    today = ready.astimezone(zone).date()
    for offset in range(-1, 9):
        day = today + offset * DAY
        opens, closes = _span(day, window.opens or MIDNIGHT, window.closes or MIDNIGHT, zone)
        if day.weekday() not in window.days or closes <= ready:
            continue
        pieces = _clear(max(opens, ready), closes, quiet, zone)
        if pieces:
            return ready if pieces[0][0] == ready else _minute_of(pieces, u)
    return None


def _clear(start: datetime, end: datetime, quiet: QuietHours | None, zone: tzinfo) -> list[tuple[datetime, datetime]]:
    """Return what the quiet hours leave of [start, end), in order."""
    pieces, first = [], start.astimezone(zone).date()
    for offset in range(-1, 3) if quiet is not None else ():
        day = first + offset * DAY
        if quiet is None or day.weekday() not in quiet.days:
            continue
        hush, over = _span(day, quiet.start, quiet.end, zone)
        if start < hush < end:
            pieces.append((start, hush))
        if hush < end and over > start:
            start = over
    return [*pieces, (start, end)] if start < end else pieces


def _minute_of(pieces: list[tuple[datetime, datetime]], u: float) -> datetime:
    """Return the minute of the pieces, laid end to end, on which `u` in [0, 1) falls."""
    left = int(u * sum((end - start) // _MINUTE for start, end in pieces))
    for start, end in pieces:
        if left < (end - start) // _MINUTE:
            return start + _MINUTE * left
        left -= (end - start) // _MINUTE
    return pieces[0][0]  # less than a minute in all


def quiet_until(quiet: QuietHours, at: datetime, zone: tzinfo) -> datetime | None:
    """Return when the quiet hours that `at` lies in end, or None when it lies in none."""
    today = at.astimezone(zone).date()
    for day in (today - DAY, today):
        if day.weekday() in quiet.days:
            start, end = _span(day, quiet.start, quiet.end, zone)
            if start <= at < end:
                return end
    return None


def unit_start(unit: str, at: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the [start, end) of the calendar day, week (from Monday) or month that `at` lies in."""
    return _unit(unit, at.astimezone(zone).date(), zone)


@lru_cache(maxsize=8192)
def _unit(unit: str, today: date, zone: tzinfo) -> tuple[datetime, datetime]:
    if unit == "day":
        first, after = today, today + DAY
    elif unit == "week":
        first = today - today.weekday() * DAY
        after = first + 7 * DAY
    else:
        first = today.replace(day=1)
        after = (first + 32 * DAY).replace(day=1)
    return instant(first, MIDNIGHT, zone), instant(after, MIDNIGHT, zone)


def days_later(at: datetime, days: int, zone: tzinfo) -> datetime:
    """Return the local midnight that begins the day `days` after that of `at`."""
    return instant(at.astimezone(zone).date() + days * DAY, MIDNIGHT, zone)
