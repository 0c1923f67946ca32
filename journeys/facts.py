"""What a store knows about people, as plain values: the numbers behind hints and warnings.

Rules
- Everything is optional. NO_FACTS is what is known when nobody looked; then nothing that needs counts is said.
- A month is 30 days. A store that is younger than that is counted up, from a week on.
- Shares are floats in [0, 1], over contacts or over a fair sample of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Seen:
    """An event: how long ago it happened last, and how often in the last 30 days."""

    ago: timedelta
    month: int


@dataclass(frozen=True, slots=True)
class Point:
    """A decision point. `base`: the share of its closed decisions with a reward above 0; None: none has closed."""

    month: float  # decisions a month
    base: float | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """A journey. `goal`: the share of its older runs that reached the goal; None: no run is old enough."""

    month: float  # runs that enter, a month
    goal: float | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A segment. `entered`: in 30 days; `age` in days; `was`: its share of contacts when filled, None: too few."""

    people: int
    entered: int
    age: float
    was: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about people. A name that is missing was never seen."""

    contacts: int | None = None  # None: nobody looked
    events: Mapping[str, Seen] = field(default_factory=dict)
    without: Mapping[str, float] = field(default_factory=dict)  # attribute -> share of contacts that have no value
    points: Mapping[tuple[str, str], Point] = field(default_factory=dict)  # by journey and state
    traffic: Mapping[str, Traffic] = field(default_factory=dict)  # by journey
    ways: Mapping[tuple[str, str, str], float] = field(default_factory=dict)  # journey, from, to -> moves a month
    unaddressed: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """(segment, channel) -> share of the segment without an address on the channel; segment "" = everybody."""
    subscribed: Mapping[str, float] | None = None  # topic -> share of contacts; missing: nobody; None: nobody looked
    products: int | None = None  # in the catalogue; None: nobody looked
    waiting: Mapping[tuple[str, str], int] = field(default_factory=dict)  # journey, state -> contacts in it now
    segments: Mapping[str, Group] = field(default_factory=dict)  # those that are filled
    overlaps: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """(one, other) -> share of the one's people who are in the other, too; segments of a few people are left out."""

    @property
    def known(self) -> bool:
        """Return whether somebody looked."""
        return self.contacts is not None


NO_FACTS = Facts()
