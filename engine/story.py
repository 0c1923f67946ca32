"""What happened to one person in one journey, as rows to look things up in, and why: with the line of the rule.

Rules
- A reason names what the file says and what was found: a condition with its values, a cap with who used it up, a
  wait with what did not come. Behind it stands `file:line`.
- Values are those at the end of the run: what `set` changed on the way is told as it is now.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any

from engine.store.history import DecisionRow, DeliveryRow, Entry, EventRow, MoveRow, RefusalRow, RunRow
from engine.telling import against_word, share
from journeys import (
    EXIT,
    NOTHING,
    Branch,
    Choose,
    Expression,
    Journey,
    Leave,
    Place,
    Send,
    Split,
    State,
    WaitFor,
    show_span,
)
from journeys.edges import show_awaited

NAMED = re.compile(r"\b(contact|entry|event|vars|journey|params)\.(\w+)")
HAPPENED = re.compile(r"\b(?:any|no|count\(|last\(|sum\(|days_since\()\s*(\w+)")


@dataclass(frozen=True)
class Story:
    """The rows of one contact; `journey` is the one that is asked about. `start` is aware, `zone` the contact's."""

    journey: Journey
    entries: Sequence[Entry]
    attributes: Mapping[str, Any]
    start: datetime
    zone: tzinfo

    @cached_property
    def runs(self) -> list[RunRow]:
        """Return the runs of the journey, in the order in which they began."""
        found = {e.row.id: e.row for e in self.entries if isinstance(e.row, RunRow) and e.journey == self.journey.name}
        return sorted(found.values(), key=lambda run: (run.entered_at, run.id))

    @cached_property
    def moves(self) -> list[MoveRow]:
        """Return the transitions of all runs of the journey, run by run."""
        order = {run.id: n for n, run in enumerate(self.runs)}
        found = [e.row for e in self.entries if isinstance(e.row, MoveRow) and e.row.enrollment_id in order]
        return sorted(found, key=lambda move: (order[move.enrollment_id], move.n))

    @cached_property
    def deliveries(self) -> list[DeliveryRow]:
        """Return the messages of every journey, oldest first."""
        found = [e.row for e in self.entries if isinstance(e.row, DeliveryRow) and e.row.channel != "webhook"]
        return sorted(found, key=lambda row: (row.at, row.key))

    @cached_property
    def sent(self) -> list[DeliveryRow]:
        """Return the messages of the journey that were handed over."""
        return [row for row in self.deliveries if row.status == "sent" and row.journey == self.journey.name]

    @cached_property
    def refusals(self) -> list[RefusalRow]:
        """Return what the gate said no to in this journey, oldest first."""
        mine = self.journey.name
        return [e.row for e in self.entries if isinstance(e.row, RefusalRow) and e.row.journey == mine]

    @cached_property
    def decisions(self) -> list[DecisionRow]:
        """Return the decisions of the journey, oldest first."""
        mine = self.journey.name
        return [e.row for e in self.entries if isinstance(e.row, DecisionRow) and e.row.journey == mine]

    @cached_property
    def events(self) -> list[EventRow]:
        """Return what happened, oldest first, without what journeys tell themselves."""
        found = [e.row for e in self.entries if isinstance(e.row, EventRow) and ":" not in e.row.name]
        return sorted(found, key=lambda event: (event.at, event.id))

    def clock(self, at: datetime) -> str:
        """Return "Mon 20 Oct 09:04" in the contact's zone."""
        local = at.astimezone(self.zone)
        return f"{local:%a} {local.day} {local:%b %H:%M}"

    def why(self, move: MoveRow) -> str:
        """Return why a state was left for another, with the line of the rule: "no checkout_started within 45m (…)"."""
        state = self.journey.states.get(move.source)
        if state is None:  # from outside
            return f"the journey starts here{_at(self.journey.states[move.target].place)}"
        return self._by_event(move) or self._by_state(state, move)

    def _by_event(self, move: MoveRow) -> str:
        """Return which goal, exit or jump took the person out, "" when none did."""
        run = next(run for run in self.runs if run.id == move.enrollment_id)
        ended = move.target == EXIT and run.status == "left"
        goal = self.journey.goal
        if ended and run.reason == "goal" and goal is not None:
            return f"{' or '.join(goal.events)} is the goal{_at(self.journey.places.get('goal'))}"
        way = next((way for way in self.journey.exits if ended and way.reason == run.reason), None)
        if way is not None:
            words = " or ".join(way.events)
            return f"{words or (way.guard and way.guard.source)} ends the journey{_at(way.place)}"
        jump = next((j for j in self.journey.jumps if j.then == move.target and move.why[3:] in j.events), None)
        waits = isinstance(self.journey.states[move.source].action, WaitFor)
        return f"{move.why[3:]} came{_at(self.journey.places.get('jump_when'))}" if jump and not waits else ""

    def _by_state(self, state: State, move: MoveRow) -> str:
        action, guard = state.action, state.guard
        if guard is not None and move.why == f"not {guard.source}":
            return f"`{guard.source}` is false{self.values(guard, move)}{_at(guard.place)}"
        if move.why.startswith("skip: "):
            return "; ".join(self.against(move)) or move.why
        if isinstance(action, Branch):
            return self._branched(state, action, move)
        if isinstance(action, WaitFor) and move.why == "time is up":
            within = f"no {show_awaited(action.first)} within {show_span(action.within)}"
            return f"{within}{_at(state.places.get('wait_for'))}"
        if isinstance(action, Split):
            return f"the split drew {move.target} ({move.why}){_at(state.places.get('split'))}"
        if isinstance(action, Leave):
            return f"the journey says so{_at(state.places.get('exit'))}"
        if move.why == "no_date" and state.until is not None:
            return f"`{state.until.source}` is no date{self.values(state.until, move)}{_at(state.until.place)}"
        if move.why.startswith("on "):
            return f"{move.why[3:]} came {self.clock(move.at)}{_at(state.places.get('wait_for'))}"
        did = f"sent {move.why}" if isinstance(action, (Send, Choose)) and move.why != NOTHING else move.why
        return f"{did}{_at(state.place)}"

    def _branched(self, state: State, action: Branch, move: MoveRow) -> str:
        chosen = next((guard for guard, _ in action.ways if guard.source == move.why), None)
        if chosen is not None:
            return f"`{chosen.source}` is true{self.values(chosen, move)}{_at(chosen.place)}"
        said = "; ".join(f"`{guard.source}` is false{self.values(guard, move)}" for guard, _ in action.ways)
        return f"{said}{_at(state.places.get('branch') or state.place)}"

    def values(self, expression: Expression, move: MoveRow | None) -> str:
        """Return ", contact.tier is basic", what an expression read when `move` was made."""
        found = [f"{root}.{name} is {self._value(root, name, move)}" for root, name in NAMED.findall(expression.source)]
        before = move.at if move else self.start
        found += [self._happened(name, before) for name in HAPPENED.findall(expression.source)]
        told = list(dict.fromkeys(words for words in found if words))
        return f", {', '.join(told)}" if told else ""

    def _value(self, root: str, name: str, move: MoveRow | None) -> str:
        run = next((run for run in self.runs if move and run.id == move.enrollment_id), None)
        first = next((e.data for e in self.events if e.name in self.journey.enter.events), {})
        state = self.journey.states.get(move.source) if move else None
        places: dict[str, Mapping[str, Any]] = {
            "contact": self.attributes, "vars": self.journey.vars, "event": run.entry if run else first,
            "entry": run.entry if run else {}, "journey": run.values if run else {},
            "params": state.vars if state else {},
        }  # fmt: skip
        value = places[root].get(name)
        return "missing" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    def _happened(self, name: str, before: datetime) -> str:
        found = [event for event in self.events if event.name == name and event.at <= before]
        if name in ("where", "within") or (not found and name == "entry"):
            return ""
        return f"{name} came {self.clock(found[-1].at)}" if found else f"no {name} until {self.clock(before)}"

    def against(self, move: MoveRow) -> list[str]:
        """Return what the gate said at the visit of a state that `move` ends."""
        key = f"{move.enrollment_id}:{move.n - 1}"
        return self.told([row for row in self.refusals if row.key == key])

    def told(self, rows: Sequence[RefusalRow]) -> list[str]:
        """Return refusals in words, each once: "Mon 20 Oct 09:04: email 1/day is used up (…) by welcome/hello"."""
        return list(dict.fromkeys(f"{self.clock(row.at)}: {against_word(row)}{self._users(row)}" for row in rows))

    def _users(self, row: RefusalRow) -> str:
        """Return whose messages used a cap up."""
        if row.rule != "capped":
            return ""
        before = [d for d in self.deliveries if d.queued_at <= row.at and not d.transactional and d.status == "sent"]
        last = [d for d in before if row.at - d.queued_at <= timedelta(days=7)][-1:]
        return "".join(f", last by {d.journey}/{d.state}, {self.clock(d.at)}" for d in last)

    def drawn(self, row: DecisionRow) -> str:
        """Return what a decision drew: "recover drew email/cart_social (25.0 % of 4 arms)"."""
        d = row.decision
        chance = share(d.propensity)
        return f"{row.state} drew {d.arm} ({chance}, {len(d.arms)} arms)"

    def turns(self, last: int = 4) -> Iterator[str]:
        """Yield how the way went, at the states that lead to several: the last ones, and the end."""
        told = [f"{move.source} → {move.target}: {self.why(move)}" for move in self.moves if self._turned(move)]
        yield from told[-last:]

    def _turned(self, move: MoveRow) -> bool:
        state = self.journey.states.get(move.source)
        if state is None:
            return False
        plain = state.guard is None and not isinstance(state.action, (WaitFor, Branch, Split, Leave))
        return not plain or move.why.startswith(("on ", "skip: ")) or self._by_event(move) != ""


def _at(place: Place | None) -> str:
    return f" ({place})" if place is not None else ""
