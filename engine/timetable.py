"""When a journey looks for people to start: "daily 06:00", "hourly", "15m", "mon 09:00", "1st 10:00", cron "...".

Local times are the project's; over the daylight-saving nights they follow calendar.instant, so none is doubled.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from engine.core.calendar import instant
from engine.errors import ConfigError
from journeys import parse_span

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CRON_DAYS = ("sun", *DAYS)  # cron counts from Sunday, and 7 is Sunday again; the library counts from Monday
WORDS = {"weekdays": ",".join(DAYS[:5]), "weekends": ",".join(DAYS[5:])}
_DAILY = re.compile(r"^daily (\d\d):(\d\d)$")
_WEEKLY = re.compile(r"^((?:mon|tue|wed|thu|fri|sat|sun)(?:,(?:mon|tue|wed|thu|fri|sat|sun))*) (\d\d):(\d\d)$")
_NUMBER = re.compile(r"(?<!/)\b[0-7]\b")
_MONTHLY = re.compile(r"^(\d{1,2})(?:st|nd|rd|th) (\d\d):(\d\d)$")
_CRON = re.compile(r'^cron "?([^"]+)"?$')


def next_at(text: str, after: datetime, zone: tzinfo) -> datetime:
    """Return the first instant later than `after` that `text` names."""
    if text == "hourly":
        return after.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    span = parse_span(text)
    if span is not None and span > timedelta(0):
        return after + span
    if (cron := _CRON.match(text)) is not None:
        return _cron(cron[1], after, zone)
    return _by_day(text, after, zone)


def _cron(text: str, after: datetime, zone: tzinfo) -> datetime:
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 - only cron lines need it

    *fields, weekdays = text.split()
    line = " ".join((*fields, _NUMBER.sub(lambda number: CRON_DAYS[int(number[0])], weekdays)))
    found = CronTrigger.from_crontab(line, timezone=zone).get_next_fire_time(None, after + timedelta(microseconds=1))
    if found is None:
        raise ConfigError(f'the schedule cron "{text}" never comes')
    at: datetime = found.astimezone(UTC)
    return at


def _by_day(text: str, after: datetime, zone: tzinfo) -> datetime:
    today = after.astimezone(zone).date()
    for offset in range(400):
        day = today + timedelta(days=offset)
        at = _on(text, day)
        if at is not None and (found := instant(day, at, zone)) > after:
            return found
    raise ConfigError(f'the schedule "{text}" cannot be read; write daily 06:00, hourly, 15m, mon 09:00 or 1st 10:00')


def _on(text: str, day: date) -> time | None:
    """Return the time of day at which `text` comes on `day`, None when it does not."""
    if (daily := _DAILY.match(text)) is not None:
        return time(int(daily[1]), int(daily[2]))
    word, _, rest = text.partition(" ")
    if (weekly := _WEEKLY.match(f"{WORDS.get(word, word)} {rest}")) and DAYS[day.weekday()] in weekly[1].split(","):
        return time(int(weekly[2]), int(weekly[3]))
    if (monthly := _MONTHLY.match(text)) is not None and day.day == int(monthly[1]):
        return time(int(monthly[2]), int(monthly[3]))
    return None
