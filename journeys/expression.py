"""Conditions and values: "no app_opened within 5d" -> a typed tree with positions; never eval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Protocol

from journeys.frozen import quick
from journeys.place import Place

if TYPE_CHECKING:
    from journeys.bits import Bit


class Happening(Protocol):
    """What the expressions need of an event."""

    @property
    def at(self) -> datetime: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


@quick
@dataclass(frozen=True, slots=True)
class Scope:
    """Everything an expression may look at. `now` is aware UTC; `now.hour` and friends are read in `zone`.

    `history` holds, per event name, the contact's events oldest first, none later than `now`.
    """

    now: datetime
    zone: tzinfo
    contact: Mapping[str, Any] = field(default_factory=dict)
    entry: Mapping[str, Any] = field(default_factory=dict)
    event: Mapping[str, Any] = field(default_factory=dict)
    journey: Mapping[str, Any] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    history: Mapping[str, Sequence[Happening]] = field(default_factory=dict)
    entry_at: datetime | None = None
    state_at: datetime | None = None
    segments: Mapping[str, Expression] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)
    """What was worked out about the person: "value" -> name -> figure, "interests" -> topic -> [score, micros]."""
    who: str = ""  # the contact's id


def _uncompiled(_: Scope) -> Any:
    raise TypeError("an Expression comes from journeys.parse.parse")


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed, type-checked, compiled expression."""

    source: str
    place: Place
    type: str  # "flag" | "number" | "text" | "date" | "time" | "duration" | "list" | "any"
    needs: Mapping[str, timedelta | None]  # event name -> how far back it looks; None = for ever
    segments: frozenset[str]  # segments it asks for (their own needs are theirs)
    run: Callable[[Scope], Any] = field(default=_uncompiled, compare=False, repr=False)
    # contact attributes that may be missing and are not compared with none: name -> its place
    gaps: Mapping[str, Place] = field(default_factory=dict, compare=False, repr=False)
    attributes: frozenset[str] = frozenset()  # of the contact that it names
    traits: bool = False  # it asks for value or interests
    root: Bit | None = field(default=None, compare=False, repr=False)  # what it is made of

    def value(self, scope: Scope) -> Any:
        """Return the value, None where something it reads is missing."""
        return self.run(scope)

    def holds(self, scope: Scope) -> bool:
        """Return whether the condition is true; missing values make comparisons false."""
        return self.run(scope) is True
