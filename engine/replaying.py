"""Replay equality: a contact's walks taken again from the log must do what the log says they did.

Rules
- The walk is the engine's own; only what it looks at comes from the log: the person as they were, the events that
  this walk was the first to see, the version of the journey that was live, the policy that drew.
- A walk is compared by the rows that it would write, with the rows that were written.
- What the log does not hold is said (`notes`), never guessed silently. Value and interests are not kept as they were:
  a run that asked for them, and would come out otherwise with those of today, is said to be unsure, not different.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from engine.core.best import HOURS
from engine.core.model import COUNTED, Enrollment, Event, Moment, Past, Policy, Snapshot, Step
from engine.core.recency import REMEMBERED, signs_of
from engine.core.walk import walk
from engine.needs import needs
from engine.replayed import (
    PARKED,
    Fact,
    Replayed,
    by_run,
    end_differs,
    first_difference,
    logged_facts,
    made,
    walked_at,
)
from engine.store.placing import STANDS
from engine.store.replaying import ContactLog
from engine.store.rows import DecisionRow
from engine.store.signs import RHYTHM
from engine.store.snapshots import SLACK, Needs
from engine.store.walked import Acting, Walked, would_write
from journeys import Expression, Journey

_EVER = datetime.max.replace(tzinfo=UTC)
UNSURE = (
    "{run}: from {at:%Y-%m-%d %H:%M:%S} UTC on it cannot be retaken exactly: "
    "it asks for value or interests, and they changed since"
)


@dataclass(frozen=True, slots=True)
class Then:
    """What held at one instant beside the contact: the journeys that were live, and what served at the points.

    `laid` lays features and scores into a snapshot; `moment` has the policies.
    """

    journeys: Mapping[str, Journey]
    policies: Mapping[str, Policy]
    laid: Callable[[Snapshot, Moment], Snapshot]
    notes: tuple[str, ...] = ()
    shared: Mapping[str, Any] = field(default_factory=dict)  # more of the Moment
    segments: Mapping[str, Expression] = field(default_factory=dict)
    signs: frozenset[str] = frozenset()  # events that show when a person is there


Served = Callable[[datetime, Sequence[DecisionRow]], Then]


@dataclass(frozen=True, slots=True)
class Frame:
    """The project's side of every moment."""

    seed: str
    zone: tzinfo
    holdout: float
    then: Served


def replay(log: ContactLog, frame: Frame) -> list[Replayed]:
    """Take all walks of a contact again; return one answer per run, logged or new."""
    again = _Again(log, frame)
    for at in instants(log):
        again.at(at)
    again.ended()
    logged = by_run(logged_facts(log))
    found = by_run(again.facts)
    runs = {row.id: row for row in log.runs}
    answers = []
    for run in dict.fromkeys([*runs, *found]):
        facts = logged.get(run, [])
        row = runs.get(run)
        difference = first_difference(facts, found.get(run, []))
        if difference is None and row is not None and row.status != "parked":
            difference = end_differs(row, again.runs.get(run))
        first = facts[0] if facts else found[run][0]
        name = row.journey if row else str(first.values.get("journey", ""))
        notes = (*again.notes, *((PARKED,) if row is not None and row.status == "parked" else ()))
        if difference is not None and name in again.unsure:
            notes = (*notes, UNSURE.format(run=run, at=difference.at))
            difference = None
        answers.append(
            Replayed(
                run, name, row.version if row else "",
                log.contact_id, len({fact.at for fact in facts}), sum(fact.kind == "move" for fact in facts),
                sum(fact.kind == "decision" for fact in facts), difference, notes,
            )
        )  # fmt: skip
    return answers


def instants(log: ContactLog) -> list[datetime]:
    """Return when this contact was walked with any effect, oldest first."""
    found = {row.queued_at for row in log.deliveries} | {row.at for row in log.refusals}
    found |= {row.at for row in log.decisions} | {row.walked_at for row in log.waits}
    found |= {walked_at(row) for row in log.moves}
    found |= {seen for row in log.events if (seen := seen_at(row)) is not None}
    came = {row.enrollment_id: walked_at(row) for row in log.moves if row.n == 1}
    admitted = {
        row.entered_at for row in log.runs if row.status != "queued" and row.entered_at > came.get(row.id, _EVER)
    }
    return sorted(found | admitted)


def seen_at(row: Any) -> datetime | None:
    """Return the instant of the walk that saw an event, None while it is fresh."""
    if row.fresh:
        return None
    seen: datetime = row.walked_at or row.received_at  # a log from before this was kept: as soon as it came
    return seen


@dataclass(slots=True)
class _Again:
    """The walks of one contact, taken again; `runs` as they stand by now."""

    log: ContactLog
    frame: Frame
    runs: dict[str, Enrollment] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unsure: set[str] = field(default_factory=set)  # journeys that asked for figures which are not kept as they were
    _needs: dict[tuple[str, ...], Needs] = field(default_factory=dict)
    _placed: set[int] = field(default_factory=set)

    def at(self, now: datetime) -> None:
        """Take the walks of one instant: what a walk emits is seen by the next one of the same instant."""
        drawn = [row for row in self.log.decisions if row.at == now]
        then = self.frame.then(now, drawn)
        self.notes += [note for note in then.notes if note not in self.notes]
        self._settled(now)
        self._admitted(now, then)
        fresh = [row for row in self.log.events if seen_at(row) == now]
        snapshot: Snapshot | None = None
        while True:
            ready = [row for row in fresh if self._there(row, now)]
            if snapshot is not None and not ready:
                ready = fresh  # nobody made them: what stands in the log was seen all the same
            fresh = [row for row in fresh if row not in ready]
            snapshot = self._walk(then, now, ready, snapshot)
            if not fresh:
                return

    def _there(self, row: Any, now: datetime) -> bool:
        """Return whether an event was there before the first walk of this instant, or this one's walks made it."""
        if row.received_at != now or not (row.source == "journey" and row.id.endswith(":emit")):
            return not (row.name == "webhook_answered" and row.received_at == now) or self._called(row, now)
        return any(fact.at == now and f"{fact.run}:{fact.visit}:emit" == row.id for fact in self.facts)

    def _called(self, row: Any, now: datetime) -> bool:
        key = row.data.get("key")
        return any(f"{fact.run}:{fact.visit}" == key for fact in self.facts if fact.kind == "message") or any(
            one.key == key and one.queued_at < now for one in self.log.deliveries
        )

    def _walk(self, then: Then, now: datetime, fresh: Sequence[Any], before: Snapshot | None) -> Snapshot:
        moment = Moment(
            now=now, zone=self.frame.zone, seed=self.frame.seed, holdout=self.frame.holdout, policies=then.policies,
            segments=then.segments, stopped=self._stopped(then, now), **then.shared,
        )  # fmt: skip
        snapshot = self._snapshot(then, now, fresh)
        if before is not None:
            snapshot = replace(snapshot, contact=before.contact, recent=before.recent)
        snapshot = then.laid(snapshot, moment)
        self._doubt(then, now)
        steps = tuple(walk(then.journeys, snapshot, moment))
        self.facts += made(would_write(Walked(snapshot, steps), now, _acting(then)), now)
        self.runs.update((step.enrollment.id, step.enrollment) for step in steps)
        return _after(snapshot, steps, now)

    def _snapshot(self, then: Then, now: datetime, fresh: Sequence[Any]) -> Snapshot:
        wanted = self._wanted(then)
        running = [run for run in self.runs.values() if run.status in ("active", "queued") and self._known(run, then)]
        old = [row for row in self.log.events if _heeded(row, now, wanted)]
        events = [_event(row, fresh=False) for row in old] + [_event(row, fresh=True) for row in fresh]
        return Snapshot(
            contact=self.log.at(now),
            enrollments=tuple(sorted(running, key=lambda run: run.id)),
            events=tuple(sorted(events, key=lambda event: (event.at, event.id))),
            recent=tuple(recent_at(self.log, now, wanted.recent)),
            kept=self._kept(now) if wanted.kept else {},
            ended=self._ended(wanted.reentered),
            lately=_lately(self.log, now, wanted.lately),
            hours=_hours(self.log, now, wanted.hours),
            traits=_traits(self.log) if wanted.traits else {},
        )

    def _doubt(self, then: Then, now: datetime) -> None:
        """Note which journeys ask for value or interests that were worked out anew since."""
        kept = self.log.traits
        if self._wanted(then).traits and (kept is None or kept.at > now):
            every = then.journeys.values()
            self.unsure |= {one.name for one in every if needs([one], then.segments).traits}

    def _known(self, run: Enrollment, then: Then) -> bool:
        """Return whether the journey that stands in for a version has the state of a run; a run without one stays."""
        journey = then.journeys.get(run.journey)
        if journey is not None and run.state in journey.states:
            return True
        note = f"{run.journey}: no version that can be built has the state {run.state}"
        self.notes += [note] if note not in self.notes else []
        return False

    def _wanted(self, then: Then) -> Needs:
        versions = tuple(journey.version for journey in then.journeys.values())
        if versions not in self._needs:
            self._needs[versions] = needs(then.journeys.values(), then.segments, then.signs)
        return self._needs[versions]

    def _stopped(self, then: Then, now: datetime) -> frozenset[tuple[str, str]]:
        """Return the arms that the log says were out when they were looked at."""
        out = {(f"{row.journey}.{row.state}", row.message) for row in self.log.refusals
               if row.rule == "stopped" and row.at == now}  # fmt: skip
        drawn = {(row.decision.point, arm) for row in self.log.decisions if row.at == now for arm in row.decision.arms}
        choices = [(f"{j.name}.{state}", choose) for j in then.journeys.values() for state, choose in j.choices]
        arms = [(point, arm) for point, choose in choices for arm in choose.arms if (point, arm.message) in out]
        return frozenset((point, arm.id) for point, arm in arms if (point, arm.id) not in drawn)

    def _kept(self, now: datetime) -> dict[str, str]:
        return {row.decision.point: row.decision.arm for row in self.log.decisions if row.at < now}

    def _ended(self, journeys: frozenset[str]) -> dict[str, tuple[int, datetime]]:
        found: dict[str, tuple[int, datetime]] = {}
        for run in self.runs.values():
            if run.status == "left" and run.left_at is not None and run.journey in journeys:
                count, last = found.get(run.journey, (0, run.left_at))
                found[run.journey] = (count + 1, max(last, run.left_at))
        return found

    def _admitted(self, now: datetime, then: Then) -> None:
        """Let in who waited for `enter.limit`: their run says when."""
        for row in self.log.runs:
            run = self.runs.get(row.id)
            if run is not None and run.status == "queued" and row.status != "queued" and row.entered_at == now:
                self.runs[row.id] = replace(run, status="active", entered_at=now, state_at=now, due_at=None)

    def ended(self) -> None:
        """Let everybody stand where they stand today."""
        self._settled(_EVER)

    def _settled(self, now: datetime) -> None:
        """Let runs stand where a deploy or a resume has put them since they were walked last."""
        for row in self.log.placed:
            run = self.runs.get(row.run)
            if row.at <= now and row.id not in self._placed and run is not None and run.steps == row.steps:
                self._placed.add(row.id)
                self.runs[row.run] = replace(run, **{name: getattr(row, name) for name in STANDS})


def _event(row: Any, *, fresh: bool) -> Event:
    return Event(row.id, row.name, row.at, row.data, fresh, row.starts)


def _heeded(row: Any, now: datetime, wanted: Needs) -> bool:
    """Return whether a walk at `now` looked at this event as one that it knew before."""
    seen = seen_at(row)
    if seen is None or seen >= now or row.name not in wanted.history:
        return False
    span = wanted.history[row.name]
    return span is None or bool(row.at >= now - span - SLACK)


def recent_at(log: ContactLog, now: datetime, span: timedelta) -> Iterator[Past]:
    """Yield the messages of the time before `now` that caps counted then, oldest first."""
    for row in sorted(log.deliveries, key=lambda row: (row.queued_at, row.key)):
        counted = row.status in COUNTED or (row.status != "shadow" and row.ended_at is not None and row.ended_at > now)
        if now - span <= row.queued_at < now and counted and row.channel != "webhook":
            yield Past(row.key, row.message, row.channel, row.topic, row.queued_at, row.counted)


def _there(row: Any, now: datetime) -> bool:
    """Return whether an event was in the store when a walk at `now` looked: not yet what that walk emitted."""
    return bool(row.received_at < now or (row.received_at == now and not row.id.endswith(":emit")))


def _lately(log: ContactLog, now: datetime, names: frozenset[str]) -> dict[str, datetime]:
    """Return when each of these events last happened, of those that are remembered."""
    found: dict[str, datetime] = {}
    for row in log.events if names else ():
        if row.name in names and _there(row, now) and row.at >= now - REMEMBERED:
            message = str(row.data.get("message") or "")
            found.update({name: max(row.at, found.get(name, row.at)) for name in signs_of(row.name, message)})
    return found


def _hours(log: ContactLog, now: datetime, names: frozenset[str]) -> tuple[int, ...]:
    """Return how many of these events happened at each UTC hour; nothing where there were none."""
    signs = [row.at.hour for row in log.events if row.name in names and _there(row, now) and row.at >= now - RHYTHM]
    return tuple(signs.count(hour) for hour in range(HOURS)) if signs else ()


def _traits(log: ContactLog) -> dict[str, Any]:
    return {} if log.traits is None else {"value": log.traits.value, "interests": log.traits.interests}


def _acting(then: Then) -> Acting:
    return Acting({name: journey.version for name, journey in then.journeys.items()})


def _after(snapshot: Snapshot, steps: Sequence[Step], now: datetime) -> Snapshot:
    """Return the person and their messages as the next walk of the same instant finds them."""
    contact, recent = snapshot.contact, list(snapshot.recent)
    for step in steps:
        contact = replace(contact, attributes={**contact.attributes, **step.changes})
        recent += [
            Past(send.key, send.message, send.channel, send.topic, now, send.counted)
            for send in step.sends
            if not send.shadow
        ]
    return replace(snapshot, contact=contact, recent=tuple(recent))
