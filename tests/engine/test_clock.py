"""The clock never goes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from engine.clock import SimulatedClock, SystemClock

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_the_system_clock_is_aware_and_never_goes_back(monkeypatch):
    clock = SystemClock()
    first = clock.now()
    assert first.utcoffset() == timedelta(0)

    class Yesterday(datetime):
        @classmethod
        def now(cls, *_):
            return first - timedelta(days=1)

    monkeypatch.setattr("engine.clock.datetime", Yesterday)
    assert clock.now() == first


def test_a_simulated_clock_stands_still_until_it_jumps():
    clock = SimulatedClock(START)
    assert clock.now() == clock.now() == START
    clock.jump(START + timedelta(days=3))
    assert clock.now() == START + timedelta(days=3)


def test_a_simulated_clock_does_not_jump_back():
    clock = SimulatedClock(START)
    clock.jump(START - timedelta(hours=1))
    assert clock.now() == START


def test_a_simulated_clock_speaks_utc():
    clock = SimulatedClock(START.astimezone(timezone(timedelta(hours=2))))
    assert clock.now().tzinfo is UTC


def test_a_start_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        SimulatedClock(datetime(2026, 3, 1))
