"""Local time over both daylight-saving nights."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.calendar import days_later, instant, next_open, quiet_until, unit_start
from journeys import Place, QuietHours, Window

ZONES = sorted(available_timezones() - {"localtime"})
ALL = frozenset(range(7))
moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31)).map(lambda d: d.replace(tzinfo=UTC))
zones = st.sampled_from(ZONES).map(ZoneInfo)
clock = st.times().map(lambda t: t.replace(second=0, microsecond=0))


@pytest.mark.parametrize(
    ("day", "at", "zone", "expected"),
    [
        (date(2026, 3, 29), time(2, 30), "Europe/Paris", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        (date(2026, 10, 25), time(2, 30), "Europe/Paris", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (date(2026, 3, 8), time(2, 0), "America/New_York", datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        (date(2026, 10, 4), time(2, 15), "Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
        (date(2026, 6, 1), time(9), "Asia/Kathmandu", datetime(2026, 6, 1, 3, 15, tzinfo=UTC)),
    ],
)
def test_a_local_time_that_does_not_exist_is_the_end_of_the_gap_and_one_that_exists_twice_the_first(
    day, at, zone, expected
):
    assert instant(day, at, ZoneInfo(zone)) == expected


@given(moments, zones, clock, clock, st.floats(0, 0.999))
def test_a_window_never_opens_before_and_always_inside(at, zone, opens, closes, u):
    window = Window(opens, closes, ALL)
    found = next_open(window, at, zone, u)
    assert found >= at
    assert next_open(window, found, zone, u) == found
    assert found - at <= timedelta(days=3)


@given(moments, zones, clock, st.sets(st.integers(0, 6), min_size=1))
def test_an_exact_time_is_exact_and_on_its_day(at, zone, opens, days):
    found = next_open(Window(opens, None, frozenset(days)), at, zone, 0.5)
    assert found >= at
    assert found == instant(found.astimezone(zone).date(), opens, zone)


@given(moments, zones, clock, clock)
def test_quiet_hours_end_after_now_and_are_over_then(at, zone, start, end):
    quiet = QuietHours(start, end, ALL, "wait", timedelta(0), Place("x", 1, 1))
    until = quiet_until(quiet, at, zone)
    if until is not None:
        assert at < until <= at + timedelta(hours=26)
        if start != end:
            assert quiet_until(quiet, until, zone) is None


@given(moments, zones, st.sampled_from(["day", "week", "month"]))
def test_a_calendar_unit_holds_its_instant_and_touches_the_next(at, zone, unit):
    start, end = unit_start(unit, at, zone)
    assert start <= at < end
    assert unit_start(unit, end, zone)[0] == end


@given(moments, zones, st.integers(0, 40))
def test_days_later_is_a_local_midnight_that_many_dates_on(at, zone, count):
    found = days_later(at, count, zone)
    assert (found.astimezone(zone).date() - at.astimezone(zone).date()).days == count


def test_a_window_over_midnight_is_open_after_midnight():
    window = Window(time(22), time(2), ALL)
    at = datetime(2025, 6, 2, 1, 0, tzinfo=UTC)
    assert next_open(window, at, ZoneInfo("UTC"), 0.5) == at


def test_days_alone_open_at_midnight_and_no_day_at_all_is_now():
    at = datetime(2025, 6, 3, 10, 0, tzinfo=UTC)  # a Tuesday
    zone = ZoneInfo("UTC")
    assert next_open(Window(None, None, frozenset({3})), at, zone, 0.5) == datetime(2025, 6, 5, tzinfo=UTC)
    assert next_open(Window(None, None, frozenset({1})), at, zone, 0.5) == at
    assert next_open(Window(None, None, frozenset()), at, zone, 0.5) == at


def test_quiet_hours_hold_only_on_the_days_they_begin_on():
    quiet = QuietHours(time(21), time(8), frozenset({5}), "wait", timedelta(0), Place("x", 1, 1))
    saturday, monday = datetime(2025, 6, 7, 22, tzinfo=UTC), datetime(2025, 6, 2, 22, tzinfo=UTC)
    assert quiet_until(quiet, saturday, ZoneInfo("UTC")) == datetime(2025, 6, 8, 8, tzinfo=UTC)
    assert quiet_until(quiet, monday, ZoneInfo("UTC")) is None
