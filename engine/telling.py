"""The words for one thing that happened to a contact: a wait, a decision, a message, a refusal, an end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from engine.core.gate import applies
from engine.store.rows import DecisionRow, DeliveryRow, EventRow, RefusalRow, RunRow
from journeys import Choose, Expression, Journey, State, WaitFor, show_span
from journeys.words import show_window

BAR = 20
GROUPS = {
    "learner": "group: learner",
    "holdout": "group: holdout of this journey, hears nothing",
    "global": "group: holdout of the project, hears nothing",
}
DRAWS = {
    "learner": "", "baseline": "baseline", "random": "random slice",
    "holdout": "held out, nothing leaves", "global": "held out, nothing leaves",
}  # fmt: skip
POLICIES = {
    "uniform": "equal chances", "forced": "forced by you", "baseline": "always the same arm", "fixed": "fixed shares",
}  # fmt: skip
STATUSES = {
    "sent": "handed over", "shadow": "not sent: held out", "queued": "queued", "claimed": "being sent",
    "sending": "being sent", "deferred": "put off, tried again", "failed": "failed", "suppressed": "not sent",
    "expired": "not sent: too late", "unknown": "in doubt: it may have arrived",
}  # fmt: skip


def clock(at: datetime, zone: tzinfo) -> str:
    """Return "Wed 15 Oct 18:11"."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def data(values: Mapping[str, Any]) -> str:
    """Return "value 64.9, items_count 2"; the keys that only we use are left out."""
    shown = [f"{name} {value}" for name, value in values.items() if name not in ("key", "journey", "state")]
    text = ", ".join(shown)
    return text if len(text) <= 70 else text[:69] + "…"


def trigger(event: EventRow) -> str:
    """Return the event that started a run, with what it said."""
    said = data(event.data)
    return f"{event.name}: {said}" if said else event.name


def wait(state: State) -> str:
    """Return what a state waits for before it acts, "" when it acts at once."""
    parts = []
    if isinstance(state.after, Expression):
        parts.append(state.after.source)
    elif state.after:
        parts.append(show_span(state.after))
    if state.until is not None:
        parts.append(f"until {state.until.source}")
    if state.window is not None:
        parts.append(f"for {show_window(state.window)}")
    return f"waits {', then '.join(parts)}" if parts else ""


def awaits(action: WaitFor) -> str:
    """Return what a `wait_for` waits for."""
    things = [f"{a.event or f'segment {a.segment}'}{f' if {a.guard.source}' if a.guard else ''}" for a in action.first]
    return f"waits for {' or '.join(things)}, at most {show_span(action.within)}"


def decision(row: DecisionRow, choose: Choose | None, against: Sequence[RefusalRow]) -> tuple[str, list[str]]:
    """Return the headline of a draw, and a line per arm: the likeliest first, then those that were not eligible."""
    d = row.decision
    known = len(choose.arms) if choose else len(d.arms) + len(against)
    by = POLICIES.get(d.policy, f"policy {d.policy}")
    if d.policy == "uniform" and d.group == "learner" and choose and choose.explore.policy not in ("random", "fixed"):
        by = f"equal chances (warming up: the first {choose.explore.warmup} decisions)"
    eligible = "" if d.policy == "forced" else f"{len(d.arms)} of {known} arms eligible"
    parts = [eligible, DRAWS.get(d.group, d.group), by]
    wide = max(map(len, (*d.arms, *(r.message for r in against))), default=0)
    pairs = sorted(zip(d.arms, d.chances, strict=True), key=lambda pair: -pair[1])
    lines = [_arm(arm, chance, d.arm, wide) for arm, chance in pairs]
    lines += [f"{r.message:<{wide}}  not eligible: {against_word(r)}" for r in against]
    return " · ".join(part for part in parts if part), lines


def _arm(arm: str, chance: float, drawn: str, wide: int) -> str:
    bar = "█" * max(1, round(chance * BAR))
    return f"{arm:<{wide}}  {bar:<{BAR}} {share(chance):>7}" + ("   ◀ drawn" if arm == drawn else "")


def share(chance: float) -> str:
    """Return "89.2 %"; what is rarer than a tenth of a percent as "<0.1 %"."""
    return "<0.1 %" if 0 < chance < 0.001 else f"{100 * chance:.1f} %"


def against_word(row: RefusalRow) -> str:
    """Return why a message may not leave, in the rule's own words."""
    if row.rule == "condition":
        return f"not {row.detail}"
    word = row.rule.replace("_", " ")
    return row.detail if row.detail.startswith(word) else f"{word}: {row.detail}"


def refused(rows: Sequence[RefusalRow], zone: tzinfo) -> tuple[str, list[str]]:
    """Return what a look led to at which nothing could leave: a hold or a skip, with a line per message if several."""
    untils = [row.until for row in rows if row.until]
    real = [row for row in rows if row.rule != "condition"] or list(rows)
    reasons = list(dict.fromkeys(against_word(row) for row in real))
    head = f"held until {clock(min(untils), zone)}" if untils else "skipped"
    if len(reasons) == 1:
        return f"{head}: {reasons[0]}", []
    return head, [f"{row.message}  {against_word(row)}" for row in rows]


def delivery(row: DeliveryRow, zone: tzinfo) -> str:
    """Return how a message stands."""
    word = STATUSES.get(row.status, row.status)
    if row.status == "deferred" and row.next_at:
        word += f" {clock(row.next_at, zone)}"
    return f"{word}: {row.detail}" if row.detail and row.status != "sent" else word


def used(row: DeliveryRow, journey: Journey, others: Iterable[DeliveryRow], zone: tzinfo) -> str:
    """Return how much of the day's caps is used with this message: "used today: email 1/1, all 1/3"."""
    if row.status != "sent" or row.transactional:
        return ""
    day = row.queued_at.astimezone(zone).date()
    sent = [d for d in others if d.queued_at <= row.queued_at and d.queued_at.astimezone(zone).date() == day]
    sent = [d for d in sent if d.status in ("sent", "queued", "deferred", "unknown") and not d.transactional]
    rules = [rule for rule in journey.limits.caps if rule.per == "day" and applies(rule, row.channel, row.topic)]
    counts = ((rule, sum(applies(rule, d.channel, d.topic) for d in sent)) for rule in rules)
    parts = [f"{rule.name or 'all'} {count}/{rule.limit}" for rule, count in counts]
    return f"used today: {', '.join(parts)}" if parts else ""


def ended(run: RunRow, messages: int) -> str:
    """Return "after 1d 54m, 2 messages"."""
    took = (run.left_at or run.state_at) - run.entered_at
    span = show_span(timedelta(seconds=round(took.total_seconds()))) if took >= timedelta(seconds=1) else ""
    many = f"{messages} message{'' if messages == 1 else 's'}"
    return f"after {span}, {many}" if span else many


def standing(run: RunRow, zone: tzinfo) -> str:
    """Return where a run stands that is not over."""
    if run.status == "queued":
        return "waits for its turn to enter"
    if run.status == "parked":
        return f"parked after a fault: {(run.reason or '').strip().splitlines()[-1:] or ['']}"
    return f"still here, next {clock(run.due_at, zone)}" if run.due_at else "still here"


def goal_event(event: EventRow, runs: Iterable[RunRow], journeys: Mapping[str, Journey]) -> str:
    """Return the journey whose goal this event is, "" for none."""
    for run in runs:
        journey = journeys.get(run.journey)
        goal = journey.goal if journey else None
        in_time = goal is not None and run.entered_at <= event.at <= run.entered_at + goal.within
        if goal is not None and in_time and event.name in goal.events and event.id != run.trigger:
            return run.journey
    return ""
