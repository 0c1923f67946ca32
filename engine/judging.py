"""Whether what happened is what a test expected, and if not, what happened instead and because of what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.store.rows import DeliveryRow
from engine.story import Story
from journeys import EXIT, NOTHING, Choose, Place, Send, show_span
from journeys.expectation import DAY, JourneyTest, When

MOST = 4
"""Reasons told per expectation that failed; one more would not be read."""


@dataclass(frozen=True, slots=True)
class Miss:
    """One expectation that failed: which, what was expected, what came instead, because of what, and its place."""

    what: str
    expected: str
    got: str
    because: tuple[str, ...]
    place: Place


def judged(story: Story, test: JourneyTest) -> Iterator[Miss]:
    """Yield what did not come as the test says."""
    expected = test.expected
    if not story.runs and (expected.path or expected.sent or expected.ends or expected.state_at):
        yield Miss("enter", f"{story.journey.name} is entered", "nobody enters", tuple(_outside(story)), test.place)
        return
    yield from _path(story, test)
    yield from _sent(story, test)
    yield from _at_most(story, test)
    yield from _ends(story, test)
    yield from _state_at(story, test)


def _outside(story: Story) -> Iterator[str]:
    enter = story.journey.enter
    came = [event for event in story.events if event.name in enter.events]
    if enter.kind == "event" and not came:
        yield f"it begins with {' or '.join(enter.events)}, and the test has no such event"
    elif enter.guard is not None:
        at = f" ({enter.guard.place})"
        yield f"`{enter.guard.source}` is false{story.values(enter.guard, None)}{at}"


def _place(test: JourneyTest, *keys: str) -> Place:
    places = test.expected.places
    return next((places[key] for key in keys if key in places), test.place)


def _path(story: Story, test: JourneyTest) -> Iterator[Miss]:
    wanted = test.expected.path
    way = [move for move in story.moves if move.target != EXIT or EXIT in wanted]
    went = [move.target for move in way]
    n = next((n for n, name in enumerate(wanted) if went[n : n + 1] != [name]), None)
    if n is None:
        return
    shown = went[: max(n + 1, len(wanted))]
    got = " → ".join([*shown, *([] if went[len(shown) :] or EXIT in shown else _standing(story))])
    turn = next((move for move in way[n : n + 1]), story.moves[-1] if story.moves else None)
    why = (f"{turn.source} → {turn.target}: {story.why(turn)}",) if turn is not None else ()
    yield Miss("path", " → ".join(wanted), got, why, _place(test, f"path.{n}", "path"))


def _standing(story: Story) -> list[str]:
    """Return how the last run stands, where its path alone does not say it."""
    run = story.runs[-1]
    return [f"({run.reason})"] if run.status == "left" else ["(still there)"]


def _sent(story: Story, test: JourneyTest) -> Iterator[Miss]:
    for n, (message, when) in enumerate(test.expected.sent):
        row = story.sent[n] if n < len(story.sent) else None
        if row is not None and row.message == message and (when is None or when.holds(row.at, story.start, story.zone)):
            continue
        expected = f"{message}   {show_when(when, story.start, story)}".rstrip()
        got = f"{row.message}   {story.clock(row.at)}" if row is not None else "no message" + (" more" if n else "")
        late = row is not None and row.message == message
        because = _delayed(story, row) if row is not None and late else _missing(story, message)
        yield Miss("sent", expected, got, tuple(because)[:MOST], _place(test, f"sent.{n}", "sent"))
        return


def _delayed(story: Story, row: DeliveryRow) -> list[str]:
    """Return what kept a message back, else what its state waits for."""
    found = story.told([refusal for refusal in story.refusals if refusal.key == row.key])
    state = story.journey.states[row.state]
    clauses = [story_place for key in ("at", "days", "after", "until") if (story_place := state.places.get(key))]
    arrived = next((move for move in story.moves if f"{move.enrollment_id}:{move.n}" == row.key), None)
    if arrived is not None and not found:
        waits = f", and acts by its clock ({clauses[0]})" if clauses else ""
        found.append(f"{row.state} was reached {story.clock(arrived.at)}{waits}")
    return found


def _missing(story: Story, message: str) -> list[str]:
    """Return why a message did not go: refused, not drawn, not sent, or never come to."""
    failed = [d for d in story.deliveries if d.message == message and d.journey == story.journey.name]
    found = [f"{d.message} {d.status}: {d.detail or d.kind}" for d in failed if d.status not in ("sent", "shadow")]
    if any(d.status == "shadow" for d in failed):
        found.append("the person is held out, and hears nothing")
    found += story.told([refusal for refusal in story.refusals if refusal.message == message])
    sending = {name for name, state in story.journey.states.items() if message in _messages(state.action)}
    found += [
        f"{story.drawn(row)}; force it with choose: {{{row.state}: {message}}}"
        for row in story.decisions
        if row.state in sending and row.decision.arm != message
    ]
    return found or list(story.turns())


def _messages(action: object) -> list[str]:
    if isinstance(action, Choose):
        return [arm.message for arm in action.arms if arm.id != NOTHING]
    return [action.message] if isinstance(action, Send) else []


def _at_most(story: Story, test: JourneyTest) -> Iterator[Miss]:
    most = test.expected.sent_at_most
    if most is None or len(story.sent) <= most:
        return
    got = f"{len(story.sent)}: " + ", ".join(f"{row.message} {story.clock(row.at)}" for row in story.sent)
    over = story.sent[most]
    reached = next((move for move in story.moves if f"{move.enrollment_id}:{move.n}" == over.key), None)
    why = (f"{reached.source} → {reached.target}: {story.why(reached)}",) if reached and reached.n > 1 else ()
    yield Miss("sent_at_most", _messages_counted(most), got, why, _place(test, "sent_at_most"))


def _messages_counted(count: int) -> str:
    return f"at most {count} message{'' if count == 1 else 's'}"


def _ends(story: Story, test: JourneyTest) -> Iterator[Miss]:
    wanted, run = test.expected.ends, story.runs[-1] if story.runs else None
    if wanted is None or run is None or (run.status == "left" and run.reason == wanted):
        return
    if run.status == "parked":
        yield Miss("ends", wanted, f"a fault in {run.state}", tuple(_fault(run.reason)), _place(test, "ends"))
        return
    left = run.status == "left" and run.left_at
    got = f"{run.reason}   {story.clock(left)}" if left else f"still in {run.state}"
    because = list(story.turns(2))
    if wanted == "goal" and run.goal_at is not None and left:
        because.append(f"the goal came {story.clock(run.goal_at)}, when the run was over")
    yield Miss("ends", wanted, got, tuple(because), _place(test, "ends"))


def _fault(reason: str | None) -> Sequence[str]:
    return (reason or "").strip().splitlines()[-1:]


def _state_at(story: Story, test: JourneyTest) -> Iterator[Miss]:
    for after, wanted in test.expected.state_at:
        at = story.start + after
        past = [move for move in story.moves if move.at <= at]
        where = past[-1].target if past else "not in the journey yet"
        if where == wanted:
            continue
        since = f" since {story.clock(past[-1].at)}" if past else ""
        why = (f"{past[-1].source} → {where}: {story.why(past[-1])}",) if past else ()
        expected = f"{wanted}   after {show_span(after)}, {story.clock(at)}"
        yield Miss("state_at", expected, f"{where}{since}", why, _place(test, "state_at"))


def show_when(when: When | None, start: datetime, story: Story) -> str:
    """Return when a message was expected, as people say it: "Mon 20 Oct 09:00-19:00"."""
    if when is None:
        return ""
    if when.between is not None:
        return _between(*when.between)
    if when.daily is not None:
        opens, closes = when.daily
        return f"at {opens:%H:%M}" if opens == closes else f"between {opens:%H:%M} and {closes:%H:%M}"
    low, high = when.after or (timedelta(0), timedelta(0))
    if not (low % DAY or high % DAY):
        begun = start.astimezone(story.zone)
        days = [f"{begun + span:%a} {(begun + span).day} {begun + span:%b}" for span in dict.fromkeys((low, high))]
        return " to ".join(days)
    return " to ".join(story.clock(start + span) for span in dict.fromkeys((low, high)))


def _between(opens: datetime, closes: datetime) -> str:
    first, last = (f"{one:%a} {one.day} {one:%b}" for one in (opens, closes))
    if opens == closes:
        return f"{first} {opens:%H:%M}"
    if opens.date() != closes.date():
        return f"{first} {opens:%H:%M} to {last} {closes:%H:%M}"
    whole = (opens.hour, opens.minute, closes.hour, closes.minute) == (0, 0, 23, 59)
    return first if whole else f"{first} {opens:%H:%M}-{closes:%H:%M}"
