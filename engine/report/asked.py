"""What a report is asked about: one journey, a period, and how to look at people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from engine.report.gather import Known
from engine.store.history import Period
from journeys import Choose, Journey
from journeys.project import Project


@dataclass(frozen=True, slots=True)
class Asked:
    """One journey in [since, until) as seen at `now`. `state` narrows the decisions; `seed` is the engine's.

    The rest is for simulations: `number` is the seed that people typed, the functions take a contact id.
    """

    project: Project
    journey: Journey
    since: datetime
    now: datetime
    seed: str
    until: datetime | None = None
    state: str | None = None
    running: bool = True
    planned: int | None = None
    invented: bool = False
    number: int | None = None
    label: Callable[[str], str] | None = None
    outlier: Callable[[str], bool] | None = None
    truth: Callable[[str], Known] | None = None

    @property
    def point(self) -> tuple[str, Choose] | None:
        """Return the decision to look at: the one asked for, else the first with a baseline, else the first."""
        choices = [c for c in self.journey.choices if self.state in (None, c[0])]
        return next((c for c in choices if c[1].baseline), choices[0] if choices else None)

    @property
    def period(self) -> Period:
        return Period(self.since, self.until)
