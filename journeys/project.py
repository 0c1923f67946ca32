"""The project around the journeys: sojourn.yaml, data.yaml, templates/ - what a journey may name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeys.expression import Expression
from journeys.journey import Journey, Limits
from journeys.place import Place
from journeys.problem import Problem

if TYPE_CHECKING:
    from journeys.campaign import Campaign
    from journeys.experiment import Experiment
    from journeys.outward import Outlet
    from journeys.survey import Question, Survey


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
    private: bool = False  # sealed at rest, in no segment's SQL, no decision and no report
    sensitive: bool = False  # a special category: never a ground for whom to write to
    kind: str = ""  # demographic, psychographic, geographic, behavioural, firm; "" = not said


@dataclass(frozen=True, slots=True)
class Buying:
    """How an order reads: the event, its money, and the keys of one line of its list of items."""

    event: str
    value: str | None = None  # property: money of the whole order; None: quantity x price over the items
    items: str | None = None  # property: a list of mappings; None: the event itself is the one line
    sku: str = "sku"
    quantity: str = "quantity"
    price: str = "price"


@dataclass(frozen=True, slots=True)
class Interests:
    """What shows interest in a topic, and how fast it is forgotten."""

    topic: str  # property of the event, else of the product that its `sku` names
    weights: Mapping[str, float]  # event -> points
    half_life: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Worth:
    """How customers are cut into high, middle and low by what they are worth, and what a lead score is about."""

    high: float = 0.2  # share of the customers
    middle: float = 0.3
    goal: str | None = None  # event that a lead comes to; None: that of `buying`


@dataclass(frozen=True, slots=True)
class Data:
    """data.yaml: attributes by name, event -> property -> type, segment -> condition, and how people buy."""

    attributes: Mapping[str, Attribute]
    events: Mapping[str, Mapping[str, str]]  # declared ones and the built-in ones
    segments: Mapping[str, Expression]
    places: Mapping[str, Place] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)  # who is believed first: a lower number wins
    buying: Buying | None = None
    visits: tuple[str, ...] = ()  # events that show that somebody was there
    interests: Interests | None = None
    worth: Worth = field(default_factory=Worth)  # `value:`
    surveys: Mapping[str, Survey] = field(default_factory=dict)
    preferences: tuple[Question, ...] = ()  # what people may say of themselves beside their topics
    experiments: Mapping[str, Experiment] = field(default_factory=dict)

    @property
    def lead(self) -> str | None:
        """Return the event that the lead score is about, None when nothing says what people should come to."""
        return self.worth.goal or (self.buying.event if self.buying else None)


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
    opens: str  # off, or date_only: the day of the last one, of those who consent to `tracking`
    bot_filter: str
    webhooks: Mapping[str, Mapping[str, Any]]
    retention: Mapping[str, timedelta]
    data: Data
    messages: Mapping[str, tuple[Path, ...]]  # "email/cart_plain" -> its files, variants included
    key_sources: Mapping[str, str] = field(default_factory=dict)  # write key -> the source that has it
    encryption: tuple[str, ...] = ()  # keys that personal values are sealed with, the newest first
    audiences: Mapping[str, Outlet] = field(default_factory=dict)  # that others are told of
    roles: Mapping[str, str] = field(default_factory=dict)  # user, or user@host -> role


@dataclass(frozen=True, slots=True)
class Definitions:
    """Everything the files say: what could be loaded, and every problem found, all at once."""

    project: Project | None
    journeys: Mapping[str, Journey]
    problems: tuple[Problem, ...]
    sources: Mapping[str, str] = field(default_factory=dict)  # journey name -> text, as deployed
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # journey -> path -> text of what it takes in
    campaigns: Mapping[str, Campaign] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not any(p.severity == "error" for p in self.problems)
