"""Which arms may reach this contact now, and why the others may not.

Rules
- One small function per rule, in the order of language.md 1.4; the first objection speaks for the arm.
- An objection with `until` is a hold: nothing is lost, the same state is looked at again at that instant.
- A question may be about a later instant: an arm for the evening is asked as of the minute at which it would leave.
- The holdout is no rule here: held-out people pass the same gate, and their sends end as shadows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.core.best import hours_of
from engine.core.calendar import next_clear, next_open, quiet_until, unit_start
from engine.core.look import Look
from engine.core.model import Past, Refusal
from journeys import CapRule, QuietHours, Window

DUPLICATE_WITHIN = timedelta(hours=12)
NEVER = timedelta(days=36500)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question: may this message go to this contact now, or `at` a later instant.

    `window` are the hours of its arm; None: those of the state.
    """

    look: Look
    message: str
    channel: str
    ignore_quiet_hours: bool = False
    window: Window | None = None
    at: datetime | None = None

    @property
    def transactional(self) -> bool:
        return self.look.journey.transactional

    @property
    def when(self) -> datetime:
        return self.at or self.look.moment.now

    @property
    def quiet(self) -> QuietHours | None:
        free = self.transactional or self.ignore_quiet_hours
        return None if free else self.look.journey.limits.quiet_for(self.channel)


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
    quiet, look = ask.quiet, ask.look
    if quiet is None:
        return None
    end = quiet_until(quiet, ask.when, look.zone)
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
    since = look.enrollment.held_since or ask.when
    detail = f"{hit} is used up ({hit.place})"
    if free - since > look.state.max_wait:
        return Refusal("capped", f"{detail}, free only {free:%a %d %b %H:%M} UTC, after max_wait")
    return Refusal("capped", detail, until=aligned(ask, free))


def duplicate(ask: Ask) -> Refusal | None:
    since = ask.when - DUPLICATE_WITHIN
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
    """Return the first rule that is used up by then (None: none is) and the first instant at which no rule is."""
    hit, at = None, ask.when
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


def headroom(look: Look, channel: str) -> int | None:
    """Return how many more messages the caps let through now on this channel, None when nothing is counted."""
    rules = [rule for rule in look.journey.limits.caps if applies(rule, channel, look.journey.topic)]
    if look.journey.transactional or not rules:
        return None
    return max(0, min(rule.limit - used(rule, look) for rule in rules))


def used(rule: CapRule, look: Look) -> int:
    """Return how many messages the window of a rule holds by now."""
    now = look.moment.now
    if not look.snapshot.recent:
        return 0
    start = now - rule.per if isinstance(rule.per, timedelta) else unit_start(rule.per, now, look.zone)[0]
    return sum(past.at >= start and _counts(rule, past) for past in look.snapshot.recent)


def aligned(ask: Ask, at: datetime) -> datetime:
    """Return the first instant at or after `at` inside the window and outside quiet hours."""
    look = ask.look
    if ask.window is not None:
        return leaving(ask, ask.window, at) or at
    window, quiet = hours_of(look), ask.quiet
    for _ in range(8):
        opened = next_open(window, at, look.zone, look.chance("window")) if window else at
        end = quiet_until(quiet, opened, look.zone) if quiet else None
        if end is None or quiet is None:
            return opened
        at = end + look.chance("quiet") * quiet.spread
    return at  # the window lies inside the quiet hours (lint P601): leave when those end


def leaving(ask: Ask, window: Window, ready: datetime) -> datetime | None:
    """Return when the message of an arm with hours leaves, seen from `ready`: None when quiet hours cover them all."""
    look = ask.look
    days = look.state.window.days if look.state.window is not None else window.days
    own = window if days == window.days else replace(window, days=days)
    u = look.chance(f"time {window.opens}-{window.closes}")
    return next_clear(own, ask.quiet, ready, (look.zone, u))
