"""When a journey looks for people, in the project's zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from engine.errors import ConfigError
from engine.timetable import next_at

PARIS = ZoneInfo("Europe/Paris")
WEDNESDAY = datetime(2026, 3, 4, 11, 30, tzinfo=UTC)  # 12:30 in Paris


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("daily 06:00", datetime(2026, 3, 5, 5, 0, tzinfo=UTC)),
        ("daily 13:00", datetime(2026, 3, 4, 12, 0, tzinfo=UTC)),
        ("hourly", datetime(2026, 3, 4, 12, 0, tzinfo=UTC)),
        ("15m", datetime(2026, 3, 4, 11, 45, tzinfo=UTC)),
        ("mon 09:00", datetime(2026, 3, 9, 8, 0, tzinfo=UTC)),
        ("mon,thu 09:00", datetime(2026, 3, 5, 8, 0, tzinfo=UTC)),
        ("weekdays 09:00", datetime(2026, 3, 5, 8, 0, tzinfo=UTC)),
        ("weekends 09:00", datetime(2026, 3, 7, 8, 0, tzinfo=UTC)),
        ("1st 10:00", datetime(2026, 4, 1, 8, 0, tzinfo=UTC)),
        ("31st 10:00", datetime(2026, 3, 31, 8, 0, tzinfo=UTC)),
        ('cron "0 9 * * 1"', datetime(2026, 3, 9, 8, 0, tzinfo=UTC)),  # cron's 1 is Monday
        ('cron "0 9 * * 0"', datetime(2026, 3, 8, 8, 0, tzinfo=UTC)),
        ('cron "0 9 * * 1-5"', datetime(2026, 3, 5, 8, 0, tzinfo=UTC)),
        ('cron "*/15 * * * *"', datetime(2026, 3, 4, 11, 45, tzinfo=UTC)),
    ],
)
def test_the_next_instant_is_the_one_that_the_words_say(text: str, expected: datetime) -> None:
    assert next_at(text, WEDNESDAY, PARIS) == expected


def test_a_local_time_that_does_not_exist_comes_once_that_night() -> None:
    before = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    first = next_at("daily 02:30", before, PARIS)
    assert first == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert next_at("daily 02:30", first, PARIS) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


def test_a_local_time_that_exists_twice_comes_once() -> None:
    first = next_at("daily 02:30", datetime(2026, 10, 24, 12, 0, tzinfo=UTC), PARIS)
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert next_at("daily 02:30", first, PARIS) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_words_that_say_no_time_are_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match="daily 06:00"):
        next_at("whenever", WEDNESDAY, PARIS)
