"""What keeps the work of `serve` going: named jobs, and a runner that sees to them, on one machine or on many.

Rules
- A job does one piece at a time and says whether more waits at once; whose turn it is, is the runner's business.
- The local runner is the metronome (scheduler.py): every job, in this process. The cluster's (cluster/runner.py) shares
  jobs out among the processes of a store, but for those that each does for itself.
- What must happen later is a due time in the store, never a job: a runner that is killed loses nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from engine.scheduler import Metronome


class Runner(Protocol):
    """Sees to jobs from `start` to `stop`."""

    def start(self) -> None:
        """Begin; returns at once."""

    def wake(self, name: str) -> None:
        """Have this job done as soon as may be; many calls make one."""

    def stop(self) -> None:
        """Begin nothing new, and return when what is under way is done."""


@dataclass(frozen=True, slots=True)
class Job:
    """`run` does one piece and returns whether there is more; `every`: seconds between two looks.

    `own`: each process does it for itself, whoever else does. `pieces`: how many pieces wait now, for as many workers.
    """

    run: Callable[[], bool]
    every: float
    own: bool = False
    pieces: Callable[[], int] | None = None


def local(jobs: Mapping[str, Job], ending: threading.Event) -> Metronome:
    """Return the runner of one process: every job in a thread of its own, piece after piece until `ending`."""
    return Metronome({name: (partial(_through, job.run, ending), job.every) for name, job in jobs.items()})


def _through(piece: Callable[[], bool], ending: threading.Event) -> None:
    while not ending.is_set() and piece():
        pass
