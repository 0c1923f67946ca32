"""One contact's way as lines that a marketer reads: what would happen (simulate) and what did (explain, timeline).

Rules
- One function makes both from the same rows, so that the two can be compared line by line.
- A line stands at the instant at which something was done. Within a run the order is that of its state visits.
- What the rows do not say (what a state waits for) comes from the journey as it is now; a state that is gone is
  told without it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from itertools import groupby

from engine import telling
from engine.store.history import DecisionRow, DeliveryRow, Entry, EventRow, MoveRow, RefusalRow, RunRow
from journeys import EXIT, Branch, Call, Choose, Emit, Journey, Set, Split, State, WaitFor
from journeys.words import clauses, symbol

ENTER, WAIT, MAIL, ASK, NO, EVENT, GOAL, END = "▶", "⧖", "✉", "?", "✗", "●", "★", "■"
SILENT = ("enter:", "webhook_answered")
WIDEST = 28
LATE = timedelta(hours=1)
"""An event heard of longer after it happened is said to have come late; so is a message sent longer after its state."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line. `journey` is "" for events; `inner` lines tell how a journey thinks, not what reached the person."""

    at: datetime
    sign: str
    name: str
    says: str = ""
    note: str = ""  # said in the tree only
    below: tuple[str, ...] = ()
    journey: str = ""
    place: str = ""  # "journey.state"
    key: str = ""
    inner: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """How to look: the journeys as they are now, the contact's zone, and whose part is wanted (None: all)."""

    journeys: Mapping[str, Journey]
    zone: tzinfo
    journey: str | None = None
    events: bool = True  # False: the events that started runs are told with the run only


@dataclass(slots=True)
class _Run:
    """All rows of one run."""

    row: RunRow
    moves: list[MoveRow] = field(default_factory=list)
    decisions: dict[str, DecisionRow] = field(default_factory=dict)
    refusals: dict[str, list[RefusalRow]] = field(default_factory=lambda: defaultdict(list))
    deliveries: dict[str, DeliveryRow] = field(default_factory=dict)


def items(entries: Sequence[Entry], frame: Frame) -> list[Item]:
    """Return the lines of what happened, in order."""
    runs, events = _sorted(entries)
    wanted = [run for run in runs.values() if frame.journey in (None, run.row.journey)]
    triggers = {event.id: event for event in events}
    sent = [d for run in runs.values() for d in run.deliveries.values()]
    started = set() if frame.events else {run.row.trigger for run in wanted}
    messages = {d.key: d.message for d in sent}
    rows = [run.row for run in wanted]
    told = [_event(e, rows, messages, frame) for e in events if e.id not in started and not e.name.startswith(SILENT)]
    told += [item for run in wanted for item in _run(run, triggers.get(run.row.trigger), sent, frame)]
    return sorted(told, key=lambda item: item.at)  # stable: what is told first comes first at one instant


def _sorted(entries: Sequence[Entry]) -> tuple[dict[str, _Run], list[EventRow]]:
    """Return the runs with their rows, and the events."""
    runs = {entry.row.id: _Run(entry.row) for entry in entries if isinstance(entry.row, RunRow)}
    events: list[EventRow] = []
    for entry in entries:
        row = entry.row
        if isinstance(row, EventRow):
            events.append(row)
        elif isinstance(row, MoveRow) and row.enrollment_id in runs:
            runs[row.enrollment_id].moves.append(row)
        elif isinstance(row, (DecisionRow, RefusalRow, DeliveryRow)):
            _keep(runs, row)
    for run in runs.values():
        run.moves.sort(key=lambda move: move.n)
    return runs, events


def _keep(runs: Mapping[str, _Run], row: DecisionRow | RefusalRow | DeliveryRow) -> None:
    key = row.decision.key if isinstance(row, DecisionRow) else row.key
    run = runs.get(key.rpartition(":")[0])
    if run is None:
        return
    if isinstance(row, DecisionRow):
        run.decisions[key] = row
    elif isinstance(row, DeliveryRow):
        run.deliveries[key] = row
    else:
        run.refusals[key].append(row)


def _event(event: EventRow, runs: Sequence[RunRow], messages: Mapping[str, str], frame: Frame) -> Item:
    of = telling.goal_event(event, runs, frame.journeys)
    message = messages.get(str(event.data.get("key", "")), "")
    says = message or telling.data(event.data)
    if of:
        says = f"{says}  goal of {of}".strip()
    if event.received_at - event.at > LATE:
        says = f"{says}  arrived late, {telling.clock(event.received_at, frame.zone)}".strip()
    return Item(event.at, GOAL if of else EVENT, event.name, says)


def _run(run: _Run, trigger: EventRow | None, sent: Sequence[DeliveryRow], frame: Frame) -> Iterator[Item]:
    """Yield one run: its entry, each visit of a state, its end."""
    journey = frame.journeys.get(run.row.journey)
    name = run.row.journey
    group = telling.GROUPS.get(run.row.group, run.row.group)
    began = run.row.entered_at
    yield Item(began, ENTER, "enter", _way_in(trigger, frame), group, journey=name, place=name)
    for arrived, left in zip(run.moves, [*run.moves[1:], None], strict=True):
        if arrived.target == EXIT:
            break
        state = journey.states.get(arrived.target) if journey else None
        visit = _Visit(run, journey, state, arrived, left, max(began, arrived.at))
        for item in visit.items(sent, frame.zone):
            began = item.at if began < item.at < began + LATE or item.sign != MAIL else began
            yield item
    yield from _end(run, began, frame)


def _way_in(trigger: EventRow | None, frame: Frame) -> str:
    if trigger is None or trigger.name.startswith(SILENT):
        return ""
    return f"on {trigger.name}" if frame.events else telling.trigger(trigger)


def _end(run: _Run, at: datetime, frame: Frame) -> Iterator[Item]:
    row = run.row
    messages = sum(d.status == "sent" and d.channel != "webhook" for d in run.deliveries.values())
    if row.status == "left":
        says = telling.ended(row, messages)
        yield Item(max(at, row.left_at or at), END, row.reason or "left", says, journey=row.journey, place=row.journey)
    elif row.status != "active":
        yield Item(at, NO, row.state, telling.standing(row, frame.zone), journey=row.journey, place=row.journey)


@dataclass(frozen=True, slots=True)
class _Visit:
    """One visit of a state: how it was reached, and how it was left (None: not yet)."""

    run: _Run
    journey: Journey | None
    state: State | None
    arrived: MoveRow
    left: MoveRow | None
    at: datetime

    @property
    def key(self) -> str:
        return f"{self.run.row.id}:{self.arrived.n}"

    def item(self, at: datetime, sign: str, says: str, below: Sequence[str] = (), *, inner: bool = True) -> Item:
        name, of = self.arrived.target, self.run.row.journey
        return Item(max(at, self.at), sign, name, says, "", tuple(below), of, f"{of}.{name}", self.key, inner)

    def items(self, sent: Sequence[DeliveryRow], zone: tzinfo) -> Iterator[Item]:
        """Yield what this visit did: wait, be held, decide, send, go on."""
        yield from self._waits(zone)
        drawn = self.run.decisions.get(self.key)
        for at, rows in groupby(self.run.refusals.get(self.key, ()), key=lambda row: row.at):
            if drawn is None or at != drawn.at:
                found = list(rows)
                says, below = telling.refused(found, zone)
                held = any(row.until for row in found)
                yield self.item(at, WAIT if held else NO, says, below, inner=False)
        yield from self._asks()
        if drawn is not None:
            yield self._decides(drawn)
            if self.left is None and self.run.row.status == "active" and self.run.row.due_at is not None:
                yield self.item(drawn.at, WAIT, f"leaves {telling.clock(self.run.row.due_at, zone)}")
        yield from self._leaves()
        delivery = self.run.deliveries.get(self.key)
        if delivery is not None:
            yield self._sends(delivery, sent, zone)

    def _waits(self, zone: tzinfo) -> Iterator[Item]:
        state, row = self.state, self.run.row
        here = self.left is None and row.status == "active" and self.key not in self.run.refusals
        says = telling.wait(state) if state else ""
        acted = self._acted_at()
        if says and (here or acted is None or acted > self.at):
            yield self.item(self.at, WAIT, says + (f"; {telling.standing(row, zone)}" if here else ""))
            here = False
        if state is not None and isinstance(state.action, WaitFor):
            yield self.item(self.at, WAIT, telling.awaits(state.action))
        if here:
            yield self.item(self.at, WAIT, telling.standing(row, zone))

    def _acted_at(self) -> datetime | None:
        """Return when the state first acted, as far as the rows say."""
        looks = [row.at for row in self.run.refusals.get(self.key, ())] + ([self.left.at] if self.left else [])
        return min(looks, default=None)

    def _asks(self) -> Iterator[Item]:
        """Yield what a condition answered, if it was asked: an event may have come before."""
        guard = self.state.guard if self.state else None
        if guard is None or self.left is None or self._lifted() or self.left.why == "no_date":
            return
        if self.left.why == f"not {guard.source}":
            yield self.item(self.left.at, ASK, f"{guard.source}: no → {self.left.target}")
        else:
            at = self.run.refusals[self.key][0].at if self.run.refusals.get(self.key) else self.left.at
            yield self.item(at, ASK, f"{guard.source}: yes")

    def _lifted(self) -> bool:
        """Return whether an event took the person out of this state, whatever it does."""
        if self.left is None:
            return False
        last = self.left.target == EXIT and self.run.row.status == "left"
        reasons = {"goal", "restarted"} | {way.reason for way in (self.journey.exits if self.journey else ())}
        waits = self.state is not None and isinstance(self.state.action, (WaitFor, Call))
        return (last and self.run.row.reason in reasons) or (self.left.why.startswith("on ") and not waits)

    def _decides(self, row: DecisionRow) -> Item:
        choose = self.state.action if self.state and isinstance(self.state.action, Choose) else None
        against = [r for r in self.run.refusals.get(self.key, ()) if r.at == row.at]
        says, below = telling.decision(row, choose, against)
        return self.item(row.at, "◆", says, below)

    def _leaves(self) -> Iterator[Item]:
        """Yield the way on, where the lines around it do not say it already."""
        left, state = self.left, self.state
        if left is None or (state is not None and state.guard is not None and left.why == f"not {state.guard.source}"):
            return
        on = f"{left.why} → {left.target}"
        if self._lifted():
            if left.target != EXIT:
                yield self.item(left.at, "◇", on)
            return
        action = state.action if state else None
        if isinstance(action, WaitFor):
            yield self.item(left.at, WAIT, f"{left.why.removeprefix('on ')} → {left.target}")
        elif isinstance(action, (Set, Emit, Call)) and state is not None:
            yield self.item(left.at, symbol(state), ", ".join(clauses(state)), inner=isinstance(action, Set))
        elif left.why == "no_date":
            yield self.item(left.at, WAIT, f"no date → {left.target}")
        elif isinstance(action, Branch):
            yield self.item(left.at, "◇", on)
        elif isinstance(action, Split):
            yield self.item(left.at, "⑂", f"{left.target} ({left.why})")

    def _sends(self, row: DeliveryRow, sent: Sequence[DeliveryRow], zone: tzinfo) -> Item:
        says = telling.delivery(row, zone)
        caps = telling.used(row, self.journey, sent, zone) if self.journey else ""
        of = self.run.row.journey
        return Item(max(row.at, self.at), MAIL, row.message, says, caps, (), of, f"{of}.{row.state}", self.key)


def tree(found: Sequence[Item], zone: tzinfo) -> list[str]:
    """Return the lines as a tree by local day."""
    lines: list[str] = []
    wide = min(WIDEST, max((len(item.name) for item in found), default=0))
    days = [(day, list(some)) for day, some in groupby(found, key=lambda item: item.at.astimezone(zone).date())]
    year = None
    for day, some in days:
        lines.append(f"{day:%a} {day.day} {day:%b}" + (f" {day.year}" if day.year != year else ""))
        year = day.year
        for item in some:
            last = item is found[-1]
            stem, bar = ("└─", "  ") if last else ("├─", "│ ")
            local = item.at.astimezone(zone)
            says = f"{item.says}   {item.note}".strip() if item.note else item.says
            lines.append(f"{stem} {local:%H:%M:%S} {item.sign} {item.name:<{wide}}  {says}".rstrip())
            lines += [f"{bar} {'└─' if below is item.below[-1] else '├─'} {below}" for below in item.below]
    return lines


def flat(found: Sequence[Item], zone: tzinfo) -> list[str]:
    """Return one line per thing that reached or came from the person."""
    shown = [item for item in found if not item.inner]
    wide = min(WIDEST, max((len(item.name) for item in shown), default=0))
    says = min(56, max((len(item.says) for item in shown), default=0))
    lines = (
        (telling.clock(item.at, zone), f"{item.sign} {item.name:<{wide}}", f"{item.says:<{says}}", item.place)
        for item in shown
    )
    return [f"{at:<16}  {what}  {said}  {place}".rstrip() for at, what, said, place in lines]
