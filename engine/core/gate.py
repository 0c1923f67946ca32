"""Which arms may reach this contact now, and why the others may not.

Rules
- One small function per rule, in the order of language.md 1.4; the first objection speaks for the arm.
- An objection with `until` is a hold: nothing is lost, the same state is looked at again at that instant.
- The holdout is no rule here: held-out people pass the same gate, and their sends end as shadows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.core.calendar import next_open, quiet_until, unit_start
from engine.core.look import Look
from engine.core.model import Past, Refusal
from journeys import CapRule

DUPLICATE_WITHIN = timedelta(hours=12)
NEVER = timedelta(days=36500)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question: may this message go to this contact now."""

    look: Look
    message: str
    channel: str
    ignore_quiet_hours: bool = False

    @property
    def transactional(self) -> bool:
        return self.look.journey.transactional


def consent(ask: Ask) -> Refusal | None:
    words = ask.look.snapshot.contact.consents
    topic = ask.look.journey.topic
    if f"-{ask.channel}" in words:
        return Refusal("no_consent", f"opted out of {ask.channel}")
    if ask.transactional:
        return None
    if topic not in words:
        return Refusal("no_consent", f"not subscribed to {topic}")
    if f"{topic}-{ask.channel}" in words:
        return Refusal("no_consent", f"opted out of {topic} by {ask.channel}")
    return None


def suppression(ask: Ask) -> Refusal | None:
    if ask.channel in ask.look.snapshot.contact.suppressed:
        return Refusal("suppressed", f"the {ask.channel} address is on the suppression list")
    return None


def reach(ask: Ask) -> Refusal | None:
    if ask.channel not in ask.look.snapshot.contact.addresses:
        return Refusal("unreachable", f"no {ask.channel} address")
    return None


def lateness(ask: Ask) -> Refusal | None:
    due = ask.look.enrollment.due_at or ask.look.moment.now
    late = ask.look.moment.now - due
    if late > ask.look.journey.limits.skip_after:
        return Refusal("late", f"{late.total_seconds() / 3600:.1f} h after its time")
    return None


def quiet_hours(ask: Ask) -> Refusal | None:
    quiet = ask.look.journey.limits.quiet_for(ask.channel)
    if quiet is None or ask.transactional or ask.ignore_quiet_hours:
        return None
    look = ask.look
    end = quiet_until(quiet, look.moment.now, look.zone)
    if end is None:
        return None
    detail = f"quiet hours {quiet.start:%H:%M}-{quiet.end:%H:%M} ({quiet.place})"
    if quiet.then == "skip":
        return Refusal("quiet_hours", detail)
    return Refusal("quiet_hours", detail, until=aligned(ask, end + look.chance("quiet") * quiet.spread))


def caps(ask: Ask) -> Refusal | None:
    if ask.transactional:
        return None
    rules = [rule for rule in ask.look.journey.limits.caps if applies(rule, ask.channel, ask.look.journey.topic)]
    hit, free = freed(ask, rules)
    if hit is None:
        return None
    look = ask.look
    since = look.enrollment.held_since or look.moment.now
    detail = f"{hit} is used up ({hit.place})"
    if free - since > look.state.max_wait:
        return Refusal("capped", f"{detail}, free only {free:%a %d %b %H:%M} UTC, after max_wait")
    return Refusal("capped", detail, until=aligned(ask, free))


def duplicate(ask: Ask) -> Refusal | None:
    since = ask.look.moment.now - DUPLICATE_WITHIN
    if any(past.message == ask.message and past.at > since for past in ask.look.snapshot.recent):
        return Refusal("duplicate", "the same message within 12 h")
    return None


RULES: tuple[Callable[[Ask], Refusal | None], ...] = (
    consent,
    suppression,
    reach,
    lateness,
    quiet_hours,
    caps,
    duplicate,
)


def objection(ask: Ask) -> Refusal | None:
    """Return the first rule's objection, or None when the message may go now."""
    for rule in RULES:
        found = rule(ask)
        if found is not None:
            return Refusal(found.rule, found.detail, ask.message, found.until)
    return None


def applies(rule: CapRule, channel: str, topic: str) -> bool:
    return rule.scope == "all" or rule.name == (channel if rule.scope == "channel" else topic)


def freed(ask: Ask, rules: Sequence[CapRule]) -> tuple[CapRule | None, datetime]:
    """Return the first rule that is used up now (None: none is) and the first instant at which no rule is."""
    hit, at = None, ask.look.moment.now
    while True:
        busy = [(rule, end) for rule in rules if (end := _busy_until(rule, ask.look, at)) is not None]
        if not busy:
            return hit, at
        hit = hit or busy[0][0]
        at = max(end for _, end in busy)
        if at - ask.look.moment.now >= NEVER:
            return hit, at


def _busy_until(rule: CapRule, look: Look, at: datetime) -> datetime | None:
    """Return when `rule` frees a slot, seen from `at`; None when it has one."""
    if rule.limit == 0:
        return look.moment.now + NEVER
    if len(look.snapshot.recent) < rule.limit:
        return None
    if isinstance(rule.per, timedelta):
        used = [past.at for past in look.snapshot.recent if past.at > at - rule.per and _counts(rule, past)]
        return used[-rule.limit] + rule.per if len(used) >= rule.limit else None
    start, end = unit_start(rule.per, at, look.zone)
    used = [past.at for past in look.snapshot.recent if start <= past.at < end and _counts(rule, past)]
    return end if len(used) >= rule.limit else None


def _counts(rule: CapRule, past: Past) -> bool:
    return past.counted and applies(rule, past.channel, past.topic)


def aligned(ask: Ask, at: datetime) -> datetime:
    """Return the first instant at or after `at` inside the state's window and outside quiet hours."""
    look = ask.look
    window = look.state.window
    quiet = None if ask.transactional or ask.ignore_quiet_hours else look.journey.limits.quiet_for(ask.channel)
    for _ in range(8):
        opened = next_open(window, at, look.zone, look.chance("window")) if window and not window.best else at
        end = quiet_until(quiet, opened, look.zone) if quiet else None
        if end is None or quiet is None:
            return opened
        at = end + look.chance("quiet") * quiet.spread
    return at  # the window lies inside the quiet hours (lint P601): leave when those end
