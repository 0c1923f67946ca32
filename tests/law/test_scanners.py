"""Machines that read mail before people do are told from people, and unsubscribe nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.drill.drill import Ask
from engine.drill.scanners import traces
from engine.web.traffic import Ranges

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_made_up_readers_are_told_apart(tmp_path: Path) -> None:
    found = traces(Ask(tmp_path, scale=0.01))
    assert found.wrong == ()


def crowd(host: str, people: int, seconds: float) -> list[str] | None:
    ranges = Ranges()
    last = None
    for n in range(people):
        last = ranges.note(host.format(n), "email/x", f"r{n}:1", (NOON + n * timedelta(seconds=seconds), f"e{n}"))
    return last


def test_many_people_of_one_message_from_one_range_within_a_minute_are_one_machine() -> None:
    assert crowd("104.47.8.{}", 21, 1) == [f"e{n}" for n in range(20)]
    assert crowd("2a01:111:f400:{}::1", 21, 1) == [f"e{n}" for n in range(20)]
    assert crowd("104.47.8.{}", 20, 1) is None
    assert crowd("104.47.8.{}", 40, 4) is None  # as many, but slowly
    assert crowd("104.47.{}.8", 40, 1) is None  # from everywhere
    assert crowd("127.0.0.1", 40, 1) is None  # a proxy of our own
    assert crowd("10.0.0.{}", 40, 1) is None
