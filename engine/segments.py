"""People enter and leave segments: the step that stands between claiming contacts and walking them.

Rules
- A contact is looked at when an event comes that a segment names, when time alone may have changed something
  (`due_at`), or when its profile changed (`membership.look_again`); else it costs nothing.
- Only the segments that name the events, or ask for interests that they change, are evaluated; all of them when time
  or the profile is the reason.
- Reading, thinking and writing are three sets: a handful of statements however many people were claimed.
- Entering and leaving are events where a journey listens to them, recorded in the transaction that starts it.
- The claim's alarms are held, so nobody else moves the same person meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

import sqlalchemy as sa

from engine.audience.standing import Rule, Rules, together
from engine.filling import Ground, current, fill
from engine.store import standings
from engine.store.alarms import ring_each
from engine.store.connect import alone, reading, writing
from engine.store.intake import NewEvent, once, record
from engine.store.membership import AT_ONCE, look_again
from engine.store.snapshots import Glimpse, Needs, glance
from engine.store.standings import Moved, Stood, mark_of, put
from engine.store.walked import Walked
from journeys import Journey
from journeys.project import Data

ENTERED, LEFT = "entered", "left"
REMEMBERED = 1000
"""Questions that are kept, by the events that asked them."""


@dataclass(slots=True)
class Segments:
    """The segments that run, and which of them journeys listen to. `rules` None: they may have to be filled first."""

    data: Data
    zone: tzinfo
    listened: frozenset[str] = frozenset()  # event names: "entered:lapsed"
    rules: Rules | None = None
    _profile: frozenset[str] = frozenset()  # attributes that a segment looks at
    _asking: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)  # event -> segments that it may change
    _asked_before: dict[tuple[tuple[str, ...], str], _Question] = field(default_factory=dict)

    def ready(self, store: sa.Engine, now: datetime) -> None:
        """Fill what is new or edited, once: before the first tick, in a transaction that no tick is beside."""
        if self.rules is not None:
            return
        ground = Ground(self.data, self.zone, now)
        with reading(store) as conn:
            rules = current(conn, ground)
        if rules is None:
            with writing(store) as conn:
                alone(conn)
                rules, _ = fill(conn, ground)
        self.rules = rules
        self._profile = frozenset(name for rule in rules.every for name in rule.expression.attributes)
        self._asking = self._listening(rules)
        self._asked_before.clear()

    def _listening(self, rules: Rules) -> dict[str, tuple[Rule, ...]]:
        """Return event -> the segments that name it, or that look at interests which it changes."""
        found = dict(rules.asking)
        fading = {rule.name: rule for rule in rules.every if rule.traits}
        for name in self.data.interests.weights if fading and self.data.interests else ():
            both = {rule.name: rule for rule in found.get(name, ())} | fading
            found[name] = tuple(both.values())
        return found

    def stand(self, conn: sa.Connection, ids: Sequence[str], now: datetime) -> dict[str, datetime]:
        """Move those among the claimed contacts who enter or leave a segment; return the alarms of all of them."""
        if self.rules is None or not self.rules.every or not ids:
            return {}
        stood = standings.read(conn, ids)
        asked = self._asked(conn, stood, now)
        if asked:
            self._judge(conn, asked, stood, now)
        return {id_: one.due_at for id_, one in stood.items() if one.due_at is not None}

    def commit(self, conn: sa.Connection, dues: Mapping[str, datetime], walks: Sequence[Walked], now: datetime) -> None:
        """Set the alarms that committed walks have taken away, and have those looked at again who changed by them."""
        if self.rules is None or not self.rules.every:
            return
        ids = [walked.snapshot.contact.id for walked in walks]
        ring_each(conn, [(id_, dues[id_]) for id_ in ids if id_ in dues])
        look_again(conn, [walked.snapshot.contact.id for walked in walks if self._changed(walked)], now)

    def _changed(self, walked: Walked) -> bool:
        """Return whether a walk wrote an attribute that a segment asks for."""
        return any(not self._profile.isdisjoint(step.changes) for step in walked.steps)

    def _asked(self, conn: sa.Connection, stood: Mapping[str, Stood], now: datetime) -> dict[str, _Question]:
        """Return for each contact that has to be looked at which segments, and why."""
        news = standings.heard(conn, list(stood))
        found = {}
        for id_, one in stood.items():
            if not one.known:
                found[id_] = self._question((), "new")
            elif one.due_at is not None and one.due_at <= now:
                reason = "profile" if one.due_at == AT_ONCE else "time"
                found[id_] = self._question((), _first(news.get(id_)) or reason)
            elif names := tuple(sorted(news.get(id_, set()) & self._asking.keys())):
                found[id_] = self._question(names, names[0])
        return found

    def _question(self, names: tuple[str, ...], why: str) -> _Question:
        """Return the question after the segments that these events may change, all of them without events."""
        if (names, why) not in self._asked_before:
            assert self.rules is not None  # noqa: S101 - stand() has looked
            asking = {rule.name: rule for name in names for rule in self._asking[name]}
            every = tuple(asking.values()) if names else self.rules.every
            if len(self._asked_before) >= REMEMBERED:
                self._asked_before.clear()
            self._asked_before[names, why] = _Question(every, [mark_of(rule.number) for rule in every], why, not names)
        return self._asked_before[names, why]

    def _judge(
        self, conn: sa.Connection, asked: Mapping[str, _Question], stood: Mapping[str, Stood], now: datetime
    ) -> None:
        questions = {id(question): question for question in asked.values()}.values()
        every = {rule.name: rule for question in questions for rule in question.rules}.values()
        needs = Needs(together(every), traits=any(rule.traits for rule in every))
        moves: list[Moved] = []
        for one in glance(conn, list(asked), now, needs):
            moves += self._one(one, asked[one.id], stood[one.id], now)
        standings.save(conn, {id_: stood[id_] for id_ in asked})
        standings.log(conn, moves)
        self._tell(conn, moves, now)

    def _one(self, one: Glimpse, question: _Question, stood: Stood, now: datetime) -> list[Moved]:
        """Write into `stood` how a person stands now; return the moves."""
        assert self.rules is not None  # noqa: S101 - stand() has looked
        moves, due = [], None if question.whole else stood.due_at
        scope = one.scope(now, self.zone, self.rules.segments)
        for rule, mark in zip(question.rules, question.marks, strict=True):
            value, until = rule.look(scope)
            if until is not None and (due is None or until < due):
                due = until
            if put(stood, mark, value=value):
                moves.append(Moved(one.id, rule.name, value, now, question.why))
        stood.looked(due)
        return moves

    def _tell(self, conn: sa.Connection, moves: Iterable[Moved], now: datetime) -> None:
        """Record the moves as events that some journey listens to."""
        news = [
            NewEvent(once(name, now.isoformat(), move.contact_id), move.contact_id, name, now, source="segment")
            for move in moves
            if (name := f"{ENTERED if move.entered else LEFT}:{move.segment}") in self.listened
        ]
        if news:
            record(conn, news, now)


@dataclass(frozen=True, slots=True)
class _Question:
    """Which segments to look at, and their places. `whole`: all of them, so that the alarm is known exactly."""

    rules: tuple[Rule, ...]
    marks: Sequence[tuple[int, int]]
    why: str
    whole: bool


def _first(names: set[str] | None) -> str | None:
    return min(names) if names else None


def listened(journeys: Iterable[Journey]) -> frozenset[str]:
    """Return the moves that some journey starts on or leaves by."""
    names = {name for journey in journeys for name in journey.enter.events}
    names |= {name for journey in journeys for way in journey.exits for name in way.events}
    return frozenset(name for name in names if name.partition(":")[0] in (ENTERED, LEFT) and ":" in name)
