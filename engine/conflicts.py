"""Who takes a slot from whom: journeys that share a cap, as a forecast meets them and as the files alone say.

Rules
- A message that a cap held or skipped lost its slot to the messages that the cap counted at that instant: those of
  other journeys are named, its own journey's are not a conflict.
- Messages due in the same minute go by priority, then by time, then by the journey's name: journeys of one priority
  that share a cap are ordered by nothing that anybody meant.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import combinations

from engine.core.calendar import unit_start
from engine.core.gate import applies
from engine.forecast import Foreseen
from engine.store.sampling import SentRow, StoppedRow
from engine.why import messages
from journeys import CapRule, Journey


@dataclass(frozen=True, slots=True)
class Lost:
    """One journey's messages that waited or were skipped because another's had used the slots of a cap."""

    loser: str
    winner: str
    rule: str
    place: str
    contacts: int
    held: int
    skipped: int
    messages: tuple[str, ...]
    used_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tie:
    """Two journeys of one priority that share caps: the first in the alphabet goes first."""

    first: str
    second: str
    priority: int
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Capped:
    """How often a cap held or skipped a journey's messages; `contacts` are different people."""

    journey: str
    rule: str
    place: str
    held: int
    skipped: int
    contacts: int


def capped(found: Foreseen) -> list[Capped]:
    """Return what the caps did, by journey and rule, most first."""
    rows: defaultdict[tuple[str, str, str], list[StoppedRow]] = defaultdict(list)
    for row, rule in _hits(found):
        rows[row.journey, str(rule), f"{rule.place.file}:{rule.place.line}"].append(row)
    told = [
        Capped(
            *key, len({row.key for row in some if row.until}), len({row.key for row in some if not row.until}),
            len({row.contact_id for row in some}),
        )
        for key, some in rows.items()
    ]  # fmt: skip
    return sorted(told, key=lambda one: (-one.held - one.skipped, one.journey, one.rule))


def lost(found: Foreseen, zones: Mapping[str, tzinfo], zone: tzinfo) -> list[Lost]:
    """Return who lost slots to whom, most first; `zones` are the contacts', `zone` is for those without one."""
    by_contact: defaultdict[str, list[SentRow]] = defaultdict(list)
    for one in found.counted:
        by_contact[one.contact_id].append(one)
    pairs: defaultdict[tuple[str, str, str, str], list[tuple[StoppedRow, SentRow]]] = defaultdict(list)
    for row, rule in _hits(found):
        for used in _using(rule, row, by_contact[row.contact_id], zones.get(row.contact_id, zone)):
            if used.journey != row.journey:
                key = (row.journey, used.journey, str(rule), f"{rule.place.file}:{rule.place.line}")
                pairs[key].append((row, used))
    return sorted(
        (_told(key, some) for key, some in pairs.items()), key=lambda one: (-one.contacts, one.loser, one.winner)
    )


def _told(key: tuple[str, str, str, str], some: Sequence[tuple[StoppedRow, SentRow]]) -> Lost:
    return Lost(
        *key,
        contacts=len({row.contact_id for row, _ in some}),
        held=len({row.key for row, _ in some if row.until}),
        skipped=len({row.key for row, _ in some if not row.until}),
        messages=tuple(sorted({row.message for row, _ in some})),
        used_by=tuple(sorted({used.message for _, used in some})),
    )


def _hits(found: Foreseen) -> Iterator[tuple[StoppedRow, CapRule]]:
    """Yield each message that a cap objected to, with the rule that spoke."""
    for row in found.stopped:
        journey = found.journeys.get(row.journey)
        if row.rule == "capped" and journey is not None:
            rule = next((rule for rule in journey.limits.caps if row.detail.startswith(f"{rule} is")), None)
            if rule is not None:
                yield row, rule


def _using(rule: CapRule, row: StoppedRow, sent: Sequence[SentRow], zone: tzinfo) -> Iterator[SentRow]:
    """Yield the messages that a cap counted when it spoke."""
    start = _since(rule, row.at, zone)
    for one in sent[bisect_left(sent, start, key=lambda each: each.queued_at) :]:
        if one.queued_at > row.at:
            return
        if one.key != row.key and applies(rule, one.channel, one.topic):
            yield one


def _since(rule: CapRule, at: datetime, zone: tzinfo) -> datetime:
    return at - rule.per if isinstance(rule.per, timedelta) else unit_start(rule.per, at, zone)[0]


def ties(journeys: Mapping[str, Journey]) -> list[Tie]:
    """Return the pairs of journeys whose order at a shared cap is decided by their names."""
    found = []
    for one, other in combinations(sorted(journeys.values(), key=lambda journey: journey.name), 2):
        shared = tuple(str(rule) for rule in one.limits.caps if rule in other.limits.caps and _both(rule, one, other))
        if one.priority == other.priority and shared and not (one.transactional or other.transactional):
            found.append(Tie(one.name, other.name, one.priority, shared))
    return found


def _both(rule: CapRule, one: Journey, other: Journey) -> bool:
    return all(any(applies(rule, channel, j.topic) for _, channel in messages(j)) for j in (one, other))
