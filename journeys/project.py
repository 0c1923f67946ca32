"""The project around the journeys: sojourn.yaml, data.yaml, templates/ - what a journey may name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from journeys.expression import Expression
from journeys.journey import Journey, Limits
from journeys.place import Place
from journeys.problem import Problem


@dataclass(frozen=True, slots=True)
class Topic:
    title: str
    transactional: bool = False
    double_opt_in: bool = False


@dataclass(frozen=True, slots=True)
class Attribute:
    """One line of `contact:` in data.yaml."""

    type: str  # text, number, flag, date, time, timezone, enum, list
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """data.yaml: attributes by name, event -> property -> type, segment -> condition."""

    attributes: Mapping[str, Attribute]
    events: Mapping[str, Mapping[str, str]]  # declared ones and the built-in ones
    segments: Mapping[str, Expression]
    places: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Project:
    """sojourn.yaml with ${VAR} filled in and defaults applied. `channels` holds each channel's settings as
    plain values; the channel itself knows what they mean.
    """

    root: Path
    name: str
    timezone: str
    store: str  # SQLAlchemy URL; sqlite paths are absolute, relative ones stand beside sojourn.yaml
    secret: str | None  # None: .sojourn/secret
    currency: str
    base_url: str
    bind: str
    keys: tuple[str, ...]  # event intake write keys
    channels: Mapping[str, Mapping[str, Any]]
    topics: Mapping[str, Topic]
    limits: Limits
    holdout: float
    decisions: Mapping[str, Any]  # defaults of `choose`, checked: policy, warmup, min_share, random, reward, context
    clicks: bool
    opens: bool
    bot_filter: str
    webhooks: Mapping[str, Mapping[str, Any]]
    retention: Mapping[str, timedelta]
    data: Data
    messages: Mapping[str, tuple[Path, ...]]  # "email/cart_plain" -> its files, variants included


@dataclass(frozen=True, slots=True)
class Definitions:
    """Everything the files say: what could be loaded, and every problem found, all at once."""

    project: Project | None
    journeys: Mapping[str, Journey]
    problems: tuple[Problem, ...]
    sources: Mapping[str, str] = field(default_factory=dict)  # journey name -> text, as deployed
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # journey -> path -> text of what it takes in

    @property
    def ok(self) -> bool:
        return not any(p.severity == "error" for p in self.problems)
