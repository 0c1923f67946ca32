"""What the web room is given: the store, the clock, the tokens, and the few facts of the project it acts on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from engine.intake.taking import Terms
from engine.metrics import Meters
from engine.tokens import Tokens
from journeys.project import Project, Topic


@dataclass(frozen=True, slots=True)
class Facts:
    """The part of sojourn.yaml and data.yaml that visitors and senders of events meet."""

    name: str
    keys: tuple[str, ...]  # event intake write keys; none = the intake is closed
    events: Mapping[str, Mapping[str, str]]  # event -> property -> type
    topics: Mapping[str, Topic]
    skip_after: timedelta
    bot_filter: str  # off, basic, strict
    opens: str = "off"  # or date_only
    sources: Mapping[str, str] = field(default_factory=dict)  # write key -> source; "web" for one that is not named

    @classmethod
    def of(cls, project: Project) -> Facts:
        """Return the facts of a loaded project."""
        return cls(
            name=project.name,
            keys=project.keys,
            events=project.data.events,
            topics=project.topics,
            skip_after=project.limits.skip_after,
            bot_filter=project.bot_filter,
            opens=project.opens,
            sources=project.key_sources,
        )


@dataclass(frozen=True, slots=True)
class Doors:
    """Everything an answer may use. `wake` has the next tick come at once; `view` gives a sent message as HTML.

    `terms`: what tracking clients may say; None: their doors are shut.
    """

    store: sa.Engine
    tokens: Tokens
    now: Callable[[], datetime]
    wake: Callable[[], None]
    facts: Facts
    view: Callable[[str], str | None] | None = None
    terms: Terms | None = None
    meters: Meters | None = None
    trouble: Callable[[], str | None] | None = None  # why this process is not at work, None when it is
