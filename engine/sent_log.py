"""What left this machine, kept beside the store and not in it: the memory that a restored backup has not.

Rules
- One line per accepted message, "microseconds key", in a file per day under .sojourn/sent/LEDGER; written before the
  commit that says `sent`, so that it knows at least what the store knows.
- A key is a hash and a number: no address, no text. Files are dropped after `KEEP`.
- A store is older than this log when the last messages of the log are not in it at all.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from errno import ENOSPC
from pathlib import Path

from engine.errors import StoreUnavailable
from engine.store.columns import from_micros, to_micros

FOLDER = Path(".sojourn") / "sent"
KEEP = timedelta(days=60)


class SentLog:
    """The log of one machine for one ledger: a new store begins a new one, a copy goes on with the old one."""

    def __init__(self, root: Path, ledger: str) -> None:
        self._folder = root / FOLDER / ledger
        self._day: date | None = None
        self._file: int | None = None
        self._torn = False  # the last line is not whole

    def add(self, keys: Iterable[str], now: datetime) -> None:
        """Note that these were accepted; one write, whole or not at all."""
        at = to_micros(now)
        said = "".join(f"{at} {key}\n" for key in keys)
        if said:
            self._append(("\n" * self._torn + said).encode(), now.date())

    def _append(self, said: bytes, day: date) -> None:
        try:
            written = os.write(self._opened(day), said)
        except OSError as error:
            raise self._unwritten(error.strerror or str(error)) from error
        self._torn = written < len(said)
        if self._torn:
            raise self._unwritten(os.strerror(ENOSPC))

    def _unwritten(self, why: str) -> StoreUnavailable:
        return StoreUnavailable(f"what was sent cannot be noted in {self._folder}: {why}; make room to write")

    def last(self, count: int) -> list[str]:
        """Return the newest keys, oldest first."""
        for path in reversed(self._files()):
            newest = deque((key for _, key in _lines(path)), count)
            if newest:
                return list(newest)
        return []

    def since(self, at: datetime) -> Iterator[tuple[str, datetime]]:
        """Yield (key, instant) of what was accepted at `at` or later, oldest first."""
        for path in self._files():
            if path.name >= at.date().isoformat():
                yield from ((key, from_micros(micros)) for micros, key in _lines(path) if micros >= to_micros(at))

    def forget(self) -> None:
        """Drop everything: whoever says so takes second copies for granted."""
        self.close()
        for path in self._files():
            path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("????-??-??")) if self._folder.is_dir() else []

    def _prune(self, today: date) -> None:
        """Drop files that are older than any backup worth restoring."""
        for path in self._files():
            if path.name < (today - KEEP).isoformat():
                path.unlink(missing_ok=True)

    def _opened(self, day: date) -> int:
        if self._file is None or day != self._day:
            self.close()
            self._folder.mkdir(parents=True, exist_ok=True)
            # appending is atomic among processes (POSIX write, O_APPEND)
            self._file = os.open(self._folder / day.isoformat(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self._day = day
            self._prune(day)
        return self._file


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="ascii", errors="replace") as file:
        for line in file:
            micros, _, key = line.rstrip("\n").partition(" ")
            if key and micros.isdigit() and line.endswith("\n"):
                yield int(micros), key
