"""What many of the people would miss: a topic, an address on the step's channel, a value that a condition asks for.

Rules
- Counts decide: nothing is said without facts.
- A step or a condition that provides for the others (`if: contact.can_push`, `== none`) is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from journeys.check_learning import clause_of
from journeys.edges import ways
from journeys.expression import Expression
from journeys.facts import Facts
from journeys.finding import channels, clause, warning
from journeys.journey import Branch, Choose, Journey, State, WaitFor
from journeys.problem import Problem
from journeys.project import Project

HARDLY = 0.05  # of the people, who are subscribed to the journey's topic
UNREACHED = 0.2  # of the people, who have no address on the step's only channel
UNSAID = 0.1  # of the people, of whom a condition's attribute is not known
TOKEN = {"push": "push token"}


def hardly_subscribed(journey: Journey, _: Project, facts: Facts) -> Iterator[Problem]:
    """W913: a topic to which next to nobody is subscribed."""
    speaks = any(channels(state) for state in journey.states.values())
    if not facts.contacts or facts.subscribed is None or not speaks or journey.transactional:
        return
    share = facts.subscribed.get(journey.topic, 0.0)
    if share < HARDLY:
        place = clause_of(journey, "topic", "journey")
        few, whom = (f"only {share:.1%} of contacts are", "to the others, ") if share else ("nobody is", "")
        says = f"{few} subscribed to {journey.topic}: {whom}no message of this journey could ever leave"
        command = f"`sojourn contact import people.csv --consent {journey.topic}`"
        way_out = f"ask people for their consent, and import it: {command}"
        yield warning("W913", place, says, way_out)


def one_channel_only(journey: Journey, _: Project, facts: Facts) -> Iterator[Problem]:
    """W906: a step on one channel, on which many have no address."""
    segment = journey.enter.segment or ""
    for state in journey.states.values():
        share = _unreached(state, segment, facts)
        channel = next(iter(channels(state)), "")
        if share >= UNREACHED and not _provided(journey, state, channel):
            whose = f"of the segment {segment}" if segment else "of contacts"
            thing = TOKEN.get(channel, f"{channel} address")
            says = f"this step is {channel} only, and {share:.0%} {whose} have no {thing}"
            way_out = "give the others another message: `choose` with a second channel, or a `branch`"
            note = "they would be passed over here and go on to the next state"
            place = clause(state, "send.message", "send", "choose:")
            yield replace(warning("W906", place, says, way_out), notes=(note,), notes_first=True)


def missing_values(journey: Journey, _: Project, facts: Facts) -> Iterator[Problem]:
    """W909: a condition on an attribute that many do not have."""
    for condition in _conditions(journey):
        for name, place in condition.gaps.items():
            share = facts.without.get(name, 0.0)
            if share >= UNSAID:
                says = f"{name} is missing for {share:.0%} of contacts: a comparison with it is never true for them"
                ways_out = (
                    f"say what you mean for them: `contact.{name} == none or …` or `contact.{name} != none and …`",
                    f"or give {name} a default in data.yaml",
                )
                yield warning("W909", place, says, *ways_out)


def _unreached(state: State, segment: str, facts: Facts) -> float:
    """Return the share without an address on the state's only channel; a channel nobody has is in no count."""
    used = channels(state)
    if len(used) != 1 or not any(key[0] == segment for key in facts.unaddressed):
        return 0.0
    return facts.unaddressed.get((segment, used[0]), 1.0)


def _provided(journey: Journey, state: State, channel: str) -> bool:
    """Return whether the state asks who has the channel (`contact.can_push`), or every way to it did just before."""
    own = [state.guard] + ([arm.guard for arm in state.action.arms] if isinstance(state.action, Choose) else [])
    if any(guard is not None and channel in guard.source for guard in own):
        return True
    into = [(one, edge) for one in journey.states.values() for edge in ways(one) if edge.target == state.name]
    asked = [channel in (one.guard.source if one.guard else edge.label) for one, edge in into]
    return bool(asked) and all(asked)


def _conditions(journey: Journey) -> Iterator[Expression]:
    """Yield every condition of a journey; not what a decision looks at: there, missing is a value of its own."""
    guards: list[Expression | None] = [journey.enter.guard, journey.goal.guard if journey.goal else None]
    guards += [leave.guard for leave in journey.exits] + [jump.guard for jump in journey.jumps]
    for state in journey.states.values():
        guards.append(state.guard)
        match state.action:
            case Branch(ways=found):
                guards += [guard for guard, _ in found]
            case WaitFor(first):
                guards += [awaited.guard for awaited in first]
            case Choose(arms):
                guards += [arm.guard for arm in arms]
    yield from (guard for guard in guards if guard is not None)
