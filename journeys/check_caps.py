"""Messages that the ones before them keep from leaving: P604 (a cap is used up by then), P605 (the same words again).

Rules
- Somebody who hears from this journey alone is meant; whatever else they get only uses caps up sooner.
- Said only where it holds on every way to the state: counted are messages that are surely sent before it (no `if`, no
  arm that may be silent, the same channel), at the longest time that may pass between them and this one.
- A calendar cap (3/day) frees its slots at midnight, whenever that is: against it, only what follows in the same
  instant and does not wait is surely lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count

from journeys.check_pressure import length, quiet_rules
from journeys.expression import Expression
from journeys.finding import channels, clause, warning
from journeys.graph import leads
from journeys.journey import NOTHING, Call, CapRule, Choose, Journey, Leave, Send, State, WaitFor
from journeys.problem import Problem
from journeys.project import Project
from journeys.span import show_span

MOST = 20_000  # steps backwards; a journey with more ways than that is given up, and nothing said
NONE, INSTANT, EVER = timedelta(0), timedelta(microseconds=1), timedelta(days=36500)
CALENDAR = {"day": timedelta(hours=25), "week": timedelta(days=7, hours=1), "month": timedelta(days=31, hours=1)}
AGAIN = timedelta(hours=12)  # the same message is not sent twice within it


def used_up(journey: Journey, _: Project) -> Iterator[Problem]:
    """P604: a cap that the messages before always use up."""
    ways = _Ways.of(journey)
    for state in () if journey.transactional else journey.states.values():
        rule = ways.capped(state)
        if rule is not None:
            yield _crowded_out(state, rule)


def same_words_again(journey: Journey, _: Project) -> Iterator[Problem]:
    """P605: the message that was always sent less than 12 hours before."""
    ways = _Ways.of(journey)
    for state in journey.states.values():
        if isinstance(state.action, Send) and ways.repeats(state):
            what = state.action.message
            says = f"{what} was sent less than 12 hours before: the same message again could never leave"
            way_out = "wait longer (`after: 12h`), or send another message"
            yield warning("P605", clause(state, "send.message", "send"), says, way_out)


@dataclass(frozen=True, slots=True)
class _Sent:
    """The messages that are counted: on a channel, or these very words."""

    channel: str = ""
    message: str = ""

    def by(self, state: State) -> bool:
        """Return whether the state's action surely sends one."""
        match state.action:
            case Send():
                return self.message == state.action.message if self.message else self.channel == state.action.channel
            case Choose(arms):
                return all(arm.guard is None and arm.id != NOTHING and arm.channel == self.channel for arm in arms)
        return False


@dataclass(frozen=True, slots=True)
class _Ways:
    """The journey backwards: from where each state is reached, and whether what stands there was done."""

    journey: Journey
    into: dict[str, list[tuple[State, bool]]]
    open: frozenset[str]  # states that are also reached with nothing before: the start, the targets of jumps
    known: dict[str, bool] = field(default_factory=dict)  # what is certain to leave, as far as asked
    steps: count[int] = field(default_factory=count)

    @classmethod
    def of(cls, journey: Journey) -> _Ways:
        into: defaultdict[str, list[tuple[State, bool]]] = defaultdict(list)
        for state in journey.states.values():
            passed = state.guard is not None or state.until is not None
            for target in sorted(leads(state)):
                done = not passed or target != state.otherwise
                into[target].append((state, done))
        return cls(journey, into, frozenset({journey.start, *(jump.then for jump in journey.jumps)}))

    def surely(
        self, state: State, sent: _Sent, within: tuple[int, timedelta], seen: frozenset[str] = frozenset()
    ) -> bool:
        """Return whether every way to `state` passes so many messages, the first less than that long before."""
        need, left = within[0], within[1] - _longest(state)
        if (
            next(self.steps) > MOST
            or left <= NONE
            or state.name in self.open
            or state.name in seen
            or not self.into.get(state.name)
        ):
            return False
        night = max((length(rule) + rule.spread for rule in quiet_rules(self.journey, state)), default=NONE)
        for before, done in self.into[state.name]:
            sends = done and sent.by(before)
            held = NONE if sends and not _longest(state) else night  # a message just left: it is not night
            short = need - (sends and self._certain(before))
            if left <= held or (short and not self.surely(before, sent, (short, left - held), seen | {state.name})):
                return False
        return True

    def repeats(self, state: State) -> bool:
        """Return whether the same message was surely sent so shortly before that it is no message any more."""
        message = state.action.message if isinstance(state.action, Send) else ""
        return bool(message) and self.surely(state, _Sent(message=message), (1, AGAIN))

    def capped(self, state: State) -> CapRule | None:
        """Return a rule that is always used up when the state would send; None when there is a way to send."""
        found = [
            next((rule for rule in _caps(self.journey, channel) if self._used(state, rule, channel)), None)
            for channel in channels(state)
        ]
        return None if not found or None in found else found[0]

    def _used(self, state: State, rule: CapRule, channel: str) -> bool:
        patience = state.max_wait if state.when_capped in ("wait", "switch") else NONE
        calendar = NONE if patience else INSTANT
        reach = rule.per - patience if isinstance(rule.per, timedelta) else calendar
        return self.surely(state, _Sent(channel=channel), (rule.limit, reach))

    def _certain(self, state: State) -> bool:
        """Return whether what the state sends surely leaves: nothing before it can have used up a cap, nor said it."""
        if state.name not in self.known:
            self.known[state.name] = self._free(state)
        return self.known[state.name]

    def _free(self, state: State) -> bool:
        if any(rule.then == "skip" for rule in quiet_rules(self.journey, state)):
            return False
        rules = {rule for channel in channels(state) for rule in _caps(self.journey, channel)}
        if any(self._crowded(state, (rule.limit, _reach(rule)), None) for rule in rules if not _outlasts(state, rule)):
            return False
        message = state.action.message if isinstance(state.action, Send) else ""
        return not message or not self._crowded(state, (1, AGAIN), message)

    def _crowded(
        self, state: State, within: tuple[int, timedelta], message: str | None, seen: frozenset[str] = frozenset()
    ) -> bool:
        """Return whether on some way to `state` so many messages may be sent, the first less than that long before."""
        need, left = within[0], within[1] - _shortest(state)
        if state.name in seen or next(self.steps) > MOST:
            return True
        if left <= NONE:
            return False
        seen |= {state.name}
        for before, _ in self.into.get(state.name, ()):
            short = need - _may_send(before, message)
            if not short or self._crowded(before, (short, left), message, seen):
                return True
        return False


def _may_send(state: State, message: str | None) -> bool:
    action = state.action
    if message is None:
        return bool(channels(state))
    arms = [arm.message for arm in action.arms] if isinstance(action, Choose) else []
    return message in arms or (isinstance(action, Send) and action.message == message)


def _outlasts(state: State, rule: CapRule) -> bool:
    return state.when_capped in ("wait", "switch") and state.max_wait >= _reach(rule)


def _reach(rule: CapRule) -> timedelta:
    """Return the longest that a message can use up a slot of the rule."""
    return rule.per if isinstance(rule.per, timedelta) else CALENDAR[rule.per]


def _caps(journey: Journey, channel: str) -> list[CapRule]:
    names = {"all": "", "channel": channel, "topic": journey.topic}
    return [rule for rule in journey.limits.caps if rule.limit and rule.name == names[rule.scope]]


def _longest(state: State) -> timedelta:
    """Return the longest that may pass between coming into `state` and what it does, nights aside."""
    if isinstance(state.after, Expression) or state.until is not None:
        return EVER
    span = state.after
    if state.window is not None:
        span += timedelta(days=2) if len(state.window.days) == 7 else timedelta(days=8)
    if isinstance(state.action, WaitFor):
        span += state.action.within
    elif isinstance(state.action, Call | Leave):
        return EVER
    return span


def _shortest(state: State) -> timedelta:
    """Return the shortest that may pass there."""
    return NONE if isinstance(state.after, Expression) or state.calendar_days else state.after


def _crowded_out(state: State, rule: CapRule) -> Problem:
    says = f"the cap {rule} is always used up by the messages before: this one could never leave"
    fate = {
        "exit": "people would leave the journey here, capped",
        "skip": "it would be skipped",
    }.get(state.when_capped, f"it waits at most {show_span(state.max_wait)} (max_wait), then it is skipped")
    per = rule.per if isinstance(rule.per, timedelta) else None
    wait = (
        f"wait longer before it (the cap frees a slot after {show_span(per)}), " if per else "wait until the next day, "
    )
    found = warning("P604", clause(state, "send.message", "send", "choose:"), says, f"{wait}or send fewer messages")
    return replace(found, notes=(f"the cap comes from {rule.place}; {fate}",), notes_first=True)
