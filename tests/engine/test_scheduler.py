"""The metronome: regular, never beside itself, woken at will, deaf to failures, drained at the end."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from engine.scheduler import Metronome


class Counter:
    def __init__(self, lasts: float = 0.0) -> None:
        self.runs = 0
        self.at_once = 0
        self.most_at_once = 0
        self.lasts = lasts
        self.ran = threading.Event()

    def __call__(self) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.lasts)
        self.at_once -= 1
        self.runs += 1
        self.ran.set()

    def until(self, runs: int) -> int:
        deadline = time.monotonic() + 3
        while self.runs < runs and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.runs


def test_a_job_runs_at_once_and_then_at_its_interval():
    job = Counter()
    with Metronome({"tick": (job, 0.05)}):
        assert job.until(3) >= 3


def test_a_woken_job_runs_long_before_its_interval_is_over():
    job = Counter()
    with Metronome({"tick": (job, 3600)}) as metronome:
        job.until(1)
        metronome.wake("tick")
        assert job.until(2) == 2


def test_a_job_woken_while_it_runs_runs_once_more():
    job = Counter(lasts=0.1)
    with Metronome({"tick": (job, 3600)}) as metronome:
        time.sleep(0.05)
        for _ in range(50):
            metronome.wake("tick")
        job.until(2)
        time.sleep(0.15)
        assert job.runs == 2


def test_no_wish_is_lost_however_it_falls():
    seen, wished = [0], [0]
    with Metronome({"tick": (lambda: seen.append(wished[0]), 3600)}) as metronome:
        for n in range(1, 200):
            wished[0] = n
            metronome.wake("tick")
            time.sleep(0.0005 * (n % 3))
        deadline = time.monotonic() + 3
        while seen[-1] != 199 and time.monotonic() < deadline:
            time.sleep(0.005)
        assert seen[-1] == 199


def test_a_slow_job_never_runs_beside_itself_and_delays_no_other():
    slow, quick = Counter(lasts=0.15), Counter()
    with Metronome({"slow": (slow, 0.01), "quick": (quick, 0.01)}) as metronome:
        metronome.wake("slow")
        quick.until(5)
        slow.until(2)
    assert slow.most_at_once == 1
    assert quick.runs >= 5


def test_stop_waits_for_a_running_job_and_starts_nothing_after():
    job = Counter(lasts=0.15)
    metronome = Metronome({"tick": (job, 0.01)})
    metronome.start()
    time.sleep(0.05)
    metronome.wake("tick")
    metronome.stop()
    done = job.runs
    assert (done, job.at_once) == (1, 0)
    metronome.wake("tick")
    time.sleep(0.05)
    assert job.runs == done


def test_a_job_that_raises_is_logged_once_and_goes_on(caplog: pytest.LogCaptureFixture):
    tries = Counter()

    def fails() -> None:
        tries()
        if tries.runs < 4:
            raise ValueError("the disk is full")

    with caplog.at_level(logging.WARNING), Metronome({"tick": (fails, 0.02)}):
        tries.until(5)
    assert [r.getMessage() for r in caplog.records] == ["tick failed and will be tried again", "tick works again"]
    assert "the disk is full" in caplog.text


def test_stopping_a_metronome_that_never_started_is_fine():
    job = Counter()
    metronome = Metronome({"tick": (job, 1)})
    metronome.stop()
    metronome.stop()
    assert job.runs == 0
