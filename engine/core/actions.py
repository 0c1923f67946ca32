"""What each action of a state does, as a value: one function per action, all of one shape, Look -> Step."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from engine.core.chance import draw
from engine.core.choice import again, decide, eligible
from engine.core.gate import Ask, leaving, objection
from engine.core.look import Look, effective, literal, literals
from engine.core.model import Decision, Eligible, Event, Hold, Refusal, Refuse, Send, Step, Webhook
from engine.core.move import Leaving, go
from journeys import NOTHING, Arm, Branch, Call, Choose, Emit, Leave, Set, Split, show_span
from journeys import Send as SendAction
from journeys.frozen import altered

ANSWER = "webhook_answered"
PATIENCE = timedelta(hours=6)
"""How long a `call` with `save_as` waits for its answer: all retries with their back-off fit in."""


def passed(look: Look) -> str:
    """Return why a state is left by time: "after 2d", "until ...", "always"."""
    state = look.state
    if state.until is not None:
        return f"until {state.until.source}"
    if isinstance(state.after, timedelta):
        return f"after {show_span(state.after)}" if state.after else "always"
    return f"after {state.after.source}"


def _time(look: Look) -> datetime:
    return look.enrollment.due_at or look.moment.now


def _on(look: Look, why: str, **did: Any) -> Step:
    """Leave for `then`; `did` are the fields of the step that say what the action did."""
    moved, move = go(look, Leaving(look.state.then, _time(look), why))
    return Step(moved, (move,), **did)


def send(look: Look) -> Step:
    action = cast("SendAction", look.state.action)
    against = objection(Ask(look, action.message, action.channel, action.ignore_quiet_hours))
    if against is not None:
        return _objected(look, against)
    return _on(look, action.message, sends=(_intent(look, action),))


def _objected(look: Look, against: Refusal) -> Step:
    if against.rule == "capped" and look.state.when_capped == "skip":
        against = replace(against, until=None)
    if against.rule == "capped" and look.state.when_capped == "exit":
        return _capped_out(look, (replace(against, until=None),))
    if against.until is not None:
        return hold(look, Hold(against.until, (against,)))
    return _on(look, f"skip: {against.rule}", refusals=(against,))


def hold(look: Look, verdict: Hold) -> Step:
    """Stay in the state until the gate may open; `held_since` counts from the first cap."""
    capped = any(r.rule == "capped" and r.until is not None for r in verdict.refusals)
    since = look.enrollment.held_since or (look.moment.now if capped else None)
    held = altered(look.enrollment, phase="holding", due_at=verdict.until, held_since=since)
    return Step(held, refusals=verdict.refusals)


def _capped_out(look: Look, refusals: tuple[Refusal, ...]) -> Step:
    moved, move = go(look, Leaving("exit", _time(look), "capped", reason="capped"))
    return Step(moved, (move,), refusals=refusals)


def _intent(look: Look, action: SendAction | Arm) -> Send:
    enrollment, journey = look.enrollment, look.journey
    plain = action if isinstance(action, SendAction) else None
    return Send(
        key=enrollment.key,
        message=action.message,
        channel=action.channel,
        topic=journey.topic,
        due_at=_time(look),
        shadow=enrollment.group != "learner",
        transactional=journey.transactional,
        counted=not journey.transactional or journey.limits.count_transactional,
        sender=plain.sender if plain else None,
        reply_to=plain.reply_to if plain else None,
        vars=literals({**look.state.vars, **action.vars}, look),
        track=plain.track if plain else True,
        decided=plain is None,
    )


def choose(look: Look) -> Step:
    action = cast("Choose", look.state.action)
    if look.enrollment.drawn:
        return _leaves(look, action)
    verdict = eligible(action, look)
    if isinstance(verdict, Hold):
        return hold(look, verdict)
    if isinstance(verdict, Refuse):
        if look.state.when_capped == "exit" and any(r.rule == "capped" for r in verdict.refusals):
            return _capped_out(look, verdict.refusals)
        rule = next((r.rule for r in verdict.refusals if r.rule != "condition"), "condition")
        return _on(look, f"skip: {rule}", refusals=verdict.refusals)
    return _drawn(look, action, (decide(action, look, verdict), verdict))


def _leaves(look: Look, action: Choose) -> Step:
    """Send what was drawn earlier in the day, if the gate still lets it."""
    arm = next((a for a in action.arms if a.id == look.enrollment.drawn), None)
    if arm is None:
        return _on(look, "skip: stopped", refusals=(Refusal("stopped", f"{look.enrollment.drawn} is no arm any more"),))
    ask = Ask(look, arm.message, arm.channel, window=arm.window)
    opens = leaving(ask, arm.window, look.moment.now) if arm.window else None
    if opens is not None and opens > look.moment.now:  # its hours went by while nobody looked
        against: Refusal | None = Refusal("daypart", f"{arm.daypart} is over", arm.message, until=opens)
    else:
        against = again(arm, look) or objection(ask)
    if against is not None:
        return _objected(look, against)
    return _on(look, arm.id, sends=(_intent(look, arm),))


def _drawn(look: Look, action: Choose, drawn: tuple[Decision, Eligible]) -> Step:
    decision, verdict = drawn
    arm = next(a for a in action.arms if a.id == decision.arm)
    leaves = verdict.later.get(arm.id)
    if leaves is not None:
        waiting = altered(look.enrollment, phase="holding", drawn=arm.id, due_at=leaves, held_since=None)
        return Step(waiting, decisions=(decision,), refusals=verdict.refusals)
    sends = () if arm.id == NOTHING else (_intent(look, arm),)
    return _on(look, arm.id, sends=sends, decisions=(decision,), refusals=verdict.refusals)


def split(look: Look) -> Step:
    action = cast("Split", look.state.action)
    u = draw(look.moment.seed, "split", look.enrollment.contact_id, look.point)
    total = 0.0
    target, share = action.shares[-1]
    for name, part in action.shares:
        total += part
        if u < total:
            target, share = name, part
            break
    moved, move = go(look, Leaving(target, _time(look), f"{share:.0%}, sticky"))
    return Step(moved, (move,))


def branch(look: Look) -> Step:
    action = cast("Branch", look.state.action)
    scope = look.scope()
    way = next(((guard.source, target) for guard, target in action.ways if guard.holds(scope)), None)
    why, target = way or ("otherwise", look.state.otherwise)
    moved, move = go(look, Leaving(target, _time(look), why, reason="completed" if way else "exit"))
    return Step(moved, (move,))


def write(look: Look) -> Step:
    action = cast("Set", look.state.action)
    scope = look.scope()
    written = [(where, name, literal(value, scope)) for where, name, value in action.values]
    own = {name: value for where, name, value in written if where == "journey"}
    changes = {name: value for where, name, value in written if where == "contact"}
    look = look.at(altered(look.enrollment, values={**look.enrollment.values, **own}))
    return _on(look, "set", changes=changes)


def emit(look: Look) -> Step:
    action = cast("Emit", look.state.action)
    data = literals(action.props, look)
    at = effective(_time(look), look.moment.now)
    event = Event(f"{look.enrollment.key}:emit", action.event, at, data)
    return _on(look, f"emit {action.event}", emitted=(event,))


def call(look: Look) -> Step:
    action = cast("Call", look.state.action)
    body = literals(action.json, look)
    ask = Webhook(look.enrollment.key, action.url, action.method, body, action.timeout, action.retries, action.save_as)
    calls = () if look.enrollment.group != "learner" else (ask,)
    if action.save_as is None or not calls:
        return _on(look, "call", calls=calls)
    began = effective(_time(look), look.moment.now)
    waiting = altered(look.enrollment, phase="waiting", held_since=began, due_at=began + PATIENCE)
    return Step(waiting, calls=calls)


def answer(look: Look) -> Event | None:
    """Return the answer to this visit's call, None while there is none."""
    events = look.history.get(ANSWER, ())
    return next((event for event in events if event.data.get("key") == look.enrollment.key), None)


def answered(look: Look, when: tuple[datetime, str]) -> Step:
    """Go on with the answer in journey.<save_as>; a call that failed goes by `else`."""
    action = cast("Call", look.state.action)
    event = answer(look)
    body = event.data.get("body") if event else None
    good = event is not None and event.data.get("status") == "sent"
    if good and action.save_as:
        look = look.at(altered(look.enrollment, values={**look.enrollment.values, action.save_as: body}))
    at, cause = when
    target, why = (look.state.then, "answered") if good else (look.state.otherwise, "call failed")
    moved, move = go(look, Leaving(target, at, why, cause))
    return Step(moved, (move,))


def end(look: Look) -> Step:
    action = cast("Leave", look.state.action)
    moved, move = go(look, Leaving("exit", _time(look), f"exit: {action.reason}", reason=action.reason))
    return Step(moved, (move,))
