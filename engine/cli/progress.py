"""A bar on stderr for what takes longer than a second, on a terminal only; it vanishes when all is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE = 1.0  # seconds


class Bar:
    """Counts; draws itself once PATIENCE is over."""

    def __init__(self, label: str, total: int | None, *, shown: bool) -> None:
        self._label, self._total, self._shown = label, total, shown
        self._since = time.monotonic()
        self._done = 0
        self._drawn: tuple[Progress, TaskID] | None = None

    def advance(self, count: int = 1, label: str | None = None) -> None:
        """Say that `count` more are done."""
        self._done += count
        self._label = label or self._label
        if not self._shown or (self._drawn is None and time.monotonic() - self._since < PATIENCE):
            return
        progress, task = self._drawn or self._draw()
        progress.update(task, completed=self._done, description=self._label)

    def to(self, done: int, label: str | None = None) -> None:
        """Say that `done` are done altogether."""
        self.advance(done - self._done, label)

    def _draw(self) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        shapes = TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        progress = Progress(*shapes, console=Console(file=sys.stderr), transient=True)
        progress.start()
        self._drawn = progress, progress.add_task(self._label, total=self._total)
        return self._drawn

    def close(self) -> None:
        """Take the bar away."""
        if self._drawn is not None:
            self._drawn[0].stop()


@contextmanager
def bar(label: str, total: int | None, *, shown: bool) -> Iterator[Bar]:
    """Give a bar for as long as something takes."""
    drawn = Bar(label, total, shown=shown)
    try:
        yield drawn
    finally:
        drawn.close()
