"""Why a person hears nothing from a journey now, and when that can change: asked of the gate and the door themselves.

Rules
- Nothing is decided here: the entry, the wait, the gate and the caps answer for this instant as they would in a tick.
- `next_at` is the instant at which the engine will look and something of this journey changes, if nothing else
  happens; None where only an event, or somebody, can change it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine import telling
from engine.core.choice import eligible
from engine.core.entry import at_the_door, barred, group_of
from engine.core.gate import Ask, applies, objection, used
from engine.core.look import Look
from engine.core.model import Enrollment, Event, Group, Moment, Past, Refusal, Snapshot, stands_still
from engine.core.step import due
from engine.core.walk import by_name
from engine.needs import needs, signs_in
from engine.store import deploying, signs, stopping
from engine.store.explaining import Heard, heard
from engine.store.pausing import Pause, pauses_there
from engine.store.snapshots import load
from engine.warming import warming
from journeys import CapRule, Choose, Expression, Journey, Send, State, WaitFor, show_span
from journeys.place import Place
from journeys.project import Definitions, Project

NAMED = re.compile(r"\b(contact|event|entry|vars|journey)\.(\w+)")
FAR = 365 * 20


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: the rule, what it says with its values, where it is written, and until when it holds (None: open)."""

    rule: str
    says: str
    place: str = ""
    until: datetime | None = None
    message: str = ""
    used_by: tuple[Past, ...] = ()


@dataclass(frozen=True, slots=True)
class Why:
    """All reasons for one contact and journey at `now`; `next_at` and what will be looked at then."""

    contact_id: str
    journey: str
    now: datetime
    reasons: tuple[Reason, ...]
    next_at: datetime | None
    next_says: str
    inside: tuple[str, ...] = field(default=())  # ids of runs that are not over


@dataclass(frozen=True, slots=True)
class Standpoint:
    """One contact as the next tick would see them, for one journey."""

    journey: Journey
    project: Project
    snapshot: Snapshot
    moment: Moment
    heard: Heard
    pauses: Sequence[Pause] = ()

    def look(self, run: Enrollment) -> Look:
        fresh = tuple(event for event in self.snapshot.events if event.fresh)
        return Look(self.journey, run, self.snapshot, self.moment, by_name(self.snapshot.events), fresh)


def why(conn: sa.Connection, definitions: Definitions, contact_id: str, journey: str, now: datetime) -> Why | None:
    """Return why this contact hears nothing from a journey at `now`; None when that is none of those that run."""
    project, found = definitions.project, definitions.journeys.get(journey)
    if project is None or found is None:
        return None
    stand = _stand(conn, definitions, (project, found, contact_id), now)
    runs = [run for run in stand.snapshot.enrollments if run.journey == journey]
    reasons = [reason for run in runs for reason in _inside(stand, run)]
    reasons += [*_parked(stand)]
    if not runs:
        reasons += _outside(stand)
    reasons += _unreachable(stand)
    at, says = _next(stand, runs)
    inside = tuple(run.id for run in runs)
    return Why(contact_id, journey, now, tuple(dict.fromkeys(reasons)), at, says, inside)


def _stand(
    conn: sa.Connection, definitions: Definitions, about: tuple[Project, Journey, str], now: datetime
) -> Standpoint:
    project, journey, contact_id = about
    journeys = definitions.journeys
    wanted = needs(journeys.values(), project.data.segments, signs_in(project))
    (snapshot,) = load(conn, [contact_id], now, wanted)
    zone = ZoneInfo(project.timezone)
    hours = signs.everyone(conn, now, wanted.hours, zone) if wanted.hours else ()
    moment = Moment(
        now=now, zone=zone, seed=project.name, holdout=project.holdout, segments=project.data.segments,
        stopped=stopping.stopped(conn), warming=warming(journeys.values()).arms(conn, now),
        hours=hours, paused=deploying.standing(conn).paused,
    )  # fmt: skip
    return Standpoint(journey, project, snapshot, moment, heard(conn, contact_id, journey), pauses_there(conn))


# somebody who is in it


def _inside(stand: Standpoint, run: Enrollment) -> Iterator[Reason]:
    yield from _held_out(stand, run)
    if run.status == "queued":
        limit = stand.journey.enter.limit or (0, "day")
        says = f"waits for its turn: {limit[0]}/{limit[1]} are let in"
        yield Reason("enter.limit", says, _written(stand, "enter.limit", "enter"))
        return
    if stands_still(stand.moment.paused, run):
        yield from _paused(stand, run)
    look = stand.look(run)
    state = look.state
    if due(look) <= stand.moment.now:
        yield Reason("due", f"{run.state} is due: the next tick looks at it", _of_state(state))
        yield from _gate(stand, look)
        return
    if run.phase == "waiting" and isinstance(state.action, WaitFor):
        things = " or ".join(one.event or f"segment {one.segment}" for one in state.action.first)
        says = f"{run.state} waits for {things}, at most {show_span(state.action.within)}"
        yield Reason("wait_for", says, _of_state(state, "wait_for"), run.due_at)
    elif run.phase == "holding":
        yield from _gate(stand, look)
    else:
        yield Reason("after", f"{run.state} {_waits(state)}", _of_state(state, "after", "at", "until"), run.due_at)


def _waits(state: State) -> str:
    return telling.wait(state) or "waits"


def _held_out(stand: Standpoint, run: Enrollment) -> Iterator[Reason]:
    if run.group == "holdout":
        says = f"in the holdout of this journey ({stand.journey.holdout:.0%}): goes the same way and is sent nothing"
        yield Reason("holdout", says, _written(stand, "holdout"))
    elif run.group == "global":
        says = f"in the project's holdout ({stand.moment.holdout:.0%}): is sent nothing by any journey"
        yield Reason("holdout", says, "sojourn.yaml")


def _paused(stand: Standpoint, run: Enrollment) -> Iterator[Reason]:
    places = {"", run.journey, f"{run.journey}.{run.state}"}
    for one in stand.pauses:
        name = "" if not one.place.journey else str(one.place)
        if name in places:
            says = f"{one.place} is paused" + (f": {one.reason}" if one.reason else "")
            yield Reason("paused", f"{says}; sojourn resume ends it")


def _gate(stand: Standpoint, look: Look) -> Iterator[Reason]:
    """Yield what the gate says now of everything that this state could send."""
    for refusal in refusals(look):
        arm = refusal.rule == "condition"
        yield Reason(
            "guard" if arm else refusal.rule, f"not {refusal.detail}" if arm else refusal.detail,
            _place_in(refusal.detail), refusal.until, refusal.message,
            _users(stand, look, refusal),
        )  # fmt: skip


def refusals(look: Look) -> tuple[Refusal, ...]:
    """Return what the gate objects now to the messages of a state."""
    action = look.state.action
    if isinstance(action, Send):
        against = objection(Ask(look, action.message, action.channel, action.ignore_quiet_hours))
        return (against,) if against is not None else ()
    return eligible(action, look).refusals if isinstance(action, Choose) else ()


def _users(stand: Standpoint, look: Look, refusal: Refusal) -> tuple[Past, ...]:
    """Return the messages that use the slots of the cap that speaks, newest first."""
    rule = next((rule for rule in stand.journey.limits.caps if refusal.detail.startswith(f"{rule} ")), None)
    if refusal.rule != "capped" or rule is None:
        return ()
    return tuple(slots(rule, look))[: rule.limit]


def slots(rule: CapRule, look: Look) -> Iterator[Past]:
    """Yield the messages that a cap counts now, newest first."""
    for past in reversed(look.snapshot.recent):
        alone = replace(look, snapshot=replace(look.snapshot, recent=(past,)))
        if past.counted and applies(rule, past.channel, past.topic) and _counts_now(rule, alone):
            yield past


def _counts_now(rule: CapRule, look: Look) -> bool:
    return used(rule, look) > 0


def _parked(stand: Standpoint) -> Iterator[Reason]:
    for at, reason in stand.heard.parked:
        last = (reason.strip().splitlines() or ["?"])[-1]
        yield Reason("parked", f"parked after a fault on {at:%Y-%m-%d %H:%M} UTC: {last}")


# somebody who is not


def _outside(stand: Standpoint) -> Iterator[Reason]:
    journey, known = stand.journey, stand.heard
    if known.last_left is not None:
        at, reason = known.last_left
        says = f"left on {at.astimezone(stand.look(_door(stand, _nothing(stand))).zone):%a %d %b %H:%M}: {reason}"
        yield Reason("left", says, _written(stand, "journey"))
    if group_of(journey, stand.snapshot.contact.id, stand.moment.seed, stand.moment.holdout) != "learner":
        yield from _held_out(stand, replace(_door(stand, _nothing(stand)), group=_group(stand)))
    if journey.enter.kind == "event":
        yield from _by_event(stand)
    elif journey.enter.segment is not None:
        yield from _by_segment(stand)
    else:
        yield Reason("enter", f"starts by {journey.enter.kind} only", _written(stand, "enter"))


def _group(stand: Standpoint) -> Group:
    return group_of(stand.journey, stand.snapshot.contact.id, stand.moment.seed, stand.moment.holdout)


def _by_event(stand: Standpoint) -> Iterator[Reason]:
    journey = stand.journey
    names = " or ".join(journey.enter.events)
    if not stand.heard.entering:
        yield Reason("event", f"{names} never came", _written(stand, "enter.event", "enter"))
        return
    event = stand.heard.entering[-1]
    look = stand.look(_door(stand, event))
    against = barred(journey, event, look)
    came = f"{event.name} came {event.at.astimezone(look.zone):%a %d %b %H:%M}"
    if against is None:
        if event.fresh:
            yield Reason("due", f"{came}: the next tick lets them in", _written(stand, "enter"))
        elif stand.heard.last_left is None:
            yield Reason("seen", f"{came}, and was seen before this journey was deployed or could be entered",
                         _written(stand, "enter"))  # fmt: skip
        return
    if against.rule == "condition" and journey.enter.guard is not None:
        guard = journey.enter.guard
        yield Reason("condition", f"{came}, but not {guard.source}{values(guard, look, event.data)}", _at(guard.place))
    elif against.rule == "stale":
        says = f"{came}, older on arrival than late.skip_after ({show_span(journey.limits.skip_after)})"
        yield Reason("stale", says, _written(stand, "late", "enter"))
    elif against.rule == "reenter":
        says = f"{came}, but reenter: {_reenter(journey)}"
        yield Reason("reenter", says, _written(stand, "reenter", "enter"), against.until)


def _by_segment(stand: Standpoint) -> Iterator[Reason]:
    journey = stand.journey
    rule = stand.moment.segments.get(journey.enter.segment or "")
    look = stand.look(_door(stand, _nothing(stand)))
    if rule is None:
        return
    if not rule.holds(look.scope()):
        says = f"not in segment {journey.enter.segment}: {rule.source}{values(rule, look, {})}"
        yield Reason("segment", says, _written(stand, "enter.segment", "enter"))
        return
    event = _nothing(stand)
    against = barred(journey, event, look)
    if against is None and stand.heard.entering and stand.heard.entering[-1].fresh:
        yield from _by_event(stand)
    elif against is not None and against.rule == "reenter":
        says = f"in segment {journey.enter.segment}, but reenter: {_reenter(journey)}"
        yield Reason("reenter", says, _written(stand, "reenter", "enter"), against.until)
    elif journey.enter.check is None:
        says = f"in segment {journey.enter.segment}, since before this journey listened: starts on entering it again"
        yield Reason("segment", says, _written(stand, "enter.segment", "enter"))
    else:
        yield Reason("check", f"in segment {journey.enter.segment}: enters at the next check ({journey.enter.check})",
                     _written(stand, "enter.check", "enter"), stand.heard.next_check)  # fmt: skip


def _nothing(stand: Standpoint) -> Event:
    return Event("?", stand.journey.enter.events[0], stand.moment.now)


def _door(stand: Standpoint, event: Event) -> Enrollment:
    return at_the_door(stand.journey, event, stand.snapshot.contact.id, "learner")


def _reenter(journey: Journey) -> str:
    rule = journey.reenter
    limit = f", at most {rule.limit} times" if rule.limit is not None else ""
    return f"{'never' if rule.after is None else f'after {show_span(rule.after)}'}{limit}"


def values(guard: Expression, look: Look, event: Mapping[str, object]) -> str:
    """Return " (contact.tier = silver, order_placed twice, last 12 Mar)": what a condition read, "" for nothing."""
    scope = look.scope(event)
    found = dict.fromkeys(NAMED.findall(guard.source))
    said = [f"{where}.{name} = {_shown(getattr(scope, where).get(name))}" for where, name in found]
    said += [_happened(name, look) for name in guard.needs]
    return f" ({', '.join(said)})" if said else ""


def _happened(name: str, look: Look) -> str:
    events = look.history.get(name, ())
    if not events:
        return f"{name}: never"
    last = events[-1].at.astimezone(look.zone)
    return f"{name}: {len(events)}, last {last.day} {last:%b %Y}"


def _shown(value: object) -> str:
    return "unknown" if value is None else str(value)


# what holds for everybody


def _unreachable(stand: Standpoint) -> Iterator[Reason]:
    """Yield what stands against every message of this journey: consent, suppression, no address."""
    look = stand.look(_door(stand, _nothing(stand)))
    for message, channel in messages(stand.journey):
        against = objection(Ask(look, message, channel, ignore_quiet_hours=True))
        if against is not None and against.rule in ("no_consent", "suppressed", "unreachable"):
            yield Reason(against.rule, against.detail)


def messages(journey: Journey) -> list[tuple[str, str]]:
    """Return (message, channel) of everything that a journey can send."""
    found: dict[tuple[str, str], None] = {}
    for state in journey.states.values():
        if isinstance(state.action, Send):
            found[state.action.message, state.action.channel] = None
        elif isinstance(state.action, Choose):
            found |= {(arm.message, arm.channel): None for arm in state.action.arms if arm.channel}
    return list(found)


def _next(stand: Standpoint, runs: Sequence[Enrollment]) -> tuple[datetime | None, str]:
    """Return the next instant at which the engine looks at this journey for this person, and what it looks at."""
    now = stand.moment.now
    found = []
    for run in runs:
        if run.status == "active" and not stands_still(stand.moment.paused, run):
            at = max(due(stand.look(run)), now)
            found.append((at, f"{run.state} is looked at"))
    if not runs and stand.heard.next_check is not None:
        found.append((stand.heard.next_check, "the segment is checked"))
    return min(found, default=(None, "only an event, or somebody, can change it"))


def _written(stand: Standpoint, *paths: str) -> str:
    """Return file:line of the first of these clauses that was written."""
    places = stand.journey.places
    found = next((places[path] for path in paths if path in places), None)
    return _at(found) if found is not None else stand.journey.file


def _of_state(state: State, *paths: str) -> str:
    return _at(next((state.places[path] for path in paths if path in state.places), state.place))


def _at(place: Place) -> str:
    return f"{place.file}:{place.line}"


def _place_in(detail: str) -> str:
    """Return the place that a rule's words end with, "(sojourn.yaml:23)"."""
    found = re.search(r"\(([\w./-]+:\d+)\)", detail)
    return found[1] if found else ""
