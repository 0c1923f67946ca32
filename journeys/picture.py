"""A journey as a graph to be drawn: boxes with their words, links with theirs, and what holds everywhere.

Rules
- One box per state, in the order of the file; one link per pair of boxes, with the words of all ways between them.
- Ways out of the journey lead to an end of their own; a state that ends the journey is an end itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from journeys.edges import OTHERWISE, TIME_UP, edges
from journeys.journey import EXIT, NOTHING, Branch, Call, Choose, Emit, Journey, Leave, Send, Set, Split, State, WaitFor
from journeys.span import show_span
from journeys.words import deed, show_arm, show_entry, timing

ENTRY = "▶"
KINDS = {
    WaitFor: "wait", Branch: "branch", Choose: "decision", Split: "split", Send: "send", Set: "set", Emit: "emit",
    Call: "call", Leave: "end",
}  # fmt: skip
QUIET = (OTHERWISE, TIME_UP, "no date", "call failed")
"""Labels that say only that nothing else happened."""


@dataclass(frozen=True, slots=True)
class Box:
    """One state, the entry, or an end. `does` is what it does, `when` its time and condition, `arms` its choices."""

    name: str
    kind: str  # enter, end, or a word of KINDS; "send" has its channel in `channel`
    title: str = ""
    when: tuple[str, ...] = ()
    does: tuple[str, ...] = ()
    arms: tuple[tuple[str, str, str], ...] = ()  # channel, arm, condition
    channel: str = ""
    inside: int | None = None  # contacts in it now


@dataclass(frozen=True, slots=True)
class Link:
    """A way from box to box. `labels` are the words of the ways it stands for; `people` how many went it."""

    source: str
    target: str  # a state, or EXIT
    labels: tuple[str, ...] = ()
    main: bool = False  # the way that the next state in the file is reached by
    people: int | None = None

    @property
    def quiet(self) -> bool:
        """Return whether its words say only that nothing else happened."""
        return all(label in QUIET for label in self.labels)


@dataclass(frozen=True, slots=True)
class Foot:
    """What leads away from every state: `kind` is goal, end or jump."""

    kind: str
    words: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Live:
    """What the store knows of a journey: contacts inside by state, runs by way since `since`, and who is held out."""

    inside: Mapping[str, int] = field(default_factory=dict)
    moved: Mapping[tuple[str, str], int] = field(default_factory=dict)
    held_out: int = 0
    days: int = 30


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is to be drawn; the first box is the entry."""

    name: str
    title: str
    about: str
    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    feet: tuple[Foot, ...]
    live: Live | None = None


def picture(journey: Journey, live: Live | None = None) -> Picture:
    """Return what is to be drawn of a journey, with counts when there are any."""
    name, *more = show_entry(replace(journey, enter=replace(journey.enter, guard=None))).split(", ")
    guard = journey.enter.guard
    conditions = (*more, f"if {guard.source}") if guard else tuple(more)
    boxes = (Box(ENTRY, "enter", when=conditions, does=(name,)), *_boxes(journey, live))
    came = live.moved.get(("enter", journey.start), 0) if live else None
    links = (Link(ENTRY, journey.start, main=True, people=came), *_links(journey, live))
    return Picture(journey.name, journey.title, _about(journey), boxes, links, tuple(_feet(journey)), live)


def _about(journey: Journey) -> str:
    held = f"holdout {round(journey.holdout * 100, 2):g}%" if journey.holdout else ""
    name = journey.name if journey.title != journey.name else ""
    transactional = "transactional" if journey.transactional else ""
    said = [name, f"topic {journey.topic}", f"priority {journey.priority}", held, transactional]
    return " · ".join(part for part in said if part)


def _boxes(journey: Journey, live: Live | None) -> Iterator[Box]:
    for state in journey.states.values():
        inside = live.inside.get(state.name, 0) if live else None
        channel = getattr(state.action, "channel", "")
        arms = tuple(_arms(state.action)) if isinstance(state.action, Choose) else ()
        yield Box(state.name, kind(state), state.title or "", _when(state), tuple(deed(state)), arms, channel, inside)


def _when(state: State) -> tuple[str, ...]:
    """Return when a state acts as one line, its condition as another."""
    words = list(timing(state))
    conditions = words[-1:] if state.guard is not None else []
    return tuple(filter(None, [", ".join(words[: len(words) - len(conditions)]), *conditions]))


def kind(state: State) -> str:
    """Return what a state does: a word of KINDS, "wait" for a pure wait, "branch" for a pure condition."""
    if state.action is not None:
        return KINDS[type(state.action)]
    waits = state.after or state.until is not None or state.window is not None
    return "wait" if waits or state.guard is None else "branch"


def _arms(choose: Choose) -> Iterator[tuple[str, str, str]]:
    for arm in choose.arms:
        yield arm.channel or NOTHING, show_arm(arm), f"if {arm.guard.source}" if arm.guard else ""


def _links(journey: Journey, live: Live | None) -> Iterator[Link]:
    """Yield the links, those with the same ends as one; a state that ends the journey leads nowhere."""
    found: dict[tuple[str, str], list[str]] = {}
    for edge in edges(journey):
        if not isinstance(journey.states[edge.source].action, Leave):
            found.setdefault((edge.source, edge.target), []).append(edge.label)
    following = dict(zip(journey.states, [*list(journey.states)[1:], EXIT], strict=True))
    for (source, target), labels in found.items():
        people = live.moved.get((source, target), 0) if live else None
        shown = tuple(dict.fromkeys(label for label in labels if label))
        yield Link(source, target, shown, following[source] == target, people)


def _feet(journey: Journey) -> Iterator[Foot]:
    goal = journey.goal
    if goal is not None:
        words = " or ".join(goal.events) + (f" if {goal.guard.source}" if goal.guard else "")
        words += f" within {show_span(goal.within)}"
        yield Foot("goal", words, "goal" if goal.exit else "goal, and goes on")
    for way in journey.exits:
        words = " or ".join(way.events)
        guard = way.guard.source if way.guard else ""
        yield Foot("end", f"{words} if {guard}" if words and guard else words or guard)
    for jump in journey.jumps:
        words = " or ".join(jump.events) + (f" if {jump.guard.source}" if jump.guard else "")
        yield Foot("jump", words, jump.then)
