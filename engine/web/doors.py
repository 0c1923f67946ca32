"""What the web room is given: the store, the clock, the tokens, and the few facts of the project it acts on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from channels.signing import PREFIX, secret_of
from engine.errors import ConfigError
from engine.intake.taking import Terms
from engine.metrics import Meters
from engine.store.profiles import Trust
from engine.tokens import Tokens
from journeys.project import Project, Topic
from journeys.survey import Question, Survey


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
    surveys: Mapping[str, Survey] = field(default_factory=dict)
    preferences: tuple[Question, ...] = ()  # asked beside the topics
    trust: Trust = field(default_factory=Trust)
    secrets: tuple[tuple[bytes, str], ...] = ()  # those that senders sign with, each with its source

    @classmethod
    def of(cls, project: Project) -> Facts:
        """Return the facts of a loaded project."""
        return cls(
            name=project.name,
            keys=tuple(key for key in project.keys if not key.startswith(PREFIX)),
            events=project.data.events,
            topics=project.topics,
            skip_after=project.limits.skip_after,
            bot_filter=project.bot_filter,
            opens=project.opens,
            sources=project.key_sources,
            secrets=_secrets(project),
            surveys=project.data.surveys,
            preferences=project.data.preferences,
            trust=Trust.of(project.data),
        )


def _secrets(project: Project) -> tuple[tuple[bytes, str], ...]:
    """Return the keys of `web.keys` that begin with whsec_: secrets, which sign and are never said."""
    said = [key for key in project.keys if key.startswith(PREFIX)]
    try:
        return tuple((secret_of(key), project.key_sources.get(key, "http")) for key in said)
    except ValueError as error:
        raise ConfigError(f"web.keys: {error}") from None


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
