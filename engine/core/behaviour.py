"""What a person did lately and where they stand: the part of a decision's context that nobody has to write down.

Rules
- Everything is read off the look: nothing is asked for here, and replay sees the same.
- Days are rounded down to AGES and counts capped, so that people who are alike share one line: a model is asked once
  for all of them. What is older than REMEMBERED is left out, as is what never happened.
- Names: `days.message.email` (since the last message on a channel of this decision), `days.click` (and
  `days.click.email`, by the channel of the message, where a decision has several channels), `days.visit` and
  `days.order` (which happen on no channel of ours); `messages.7d`, `messages.30d`; `last` (the message sent last) and
  `days.sent.email/x` (each message of this decision that was sent lately, at most MESSAGES of them: the recovering
  effect by arm); `visits` (of a state on a cycle); `left.email` (what the caps let through, at most 3); `now.hour`,
  `now.weekday` of the slot.

Source for the recency of each arm: Yancey and Settles (KDD 2020).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from engine.core.gate import headroom
from engine.core.look import Look
from engine.core.recency import DAY, REMEMBERED, last_sent
from journeys import Choose
from journeys.names import WEEKDAYS
from journeys.signs import CLICK

AGES = (0, 1, 2, 4, 7, 14, 21)
"""Days as they are told, rounded down to one of these."""

WEEK = timedelta(days=7)
MESSAGES = 8
MOST_MESSAGES = 10
MOST_LEFT = 3
MOST_VISITS = 5


def behaviour(look: Look, choose: Choose) -> dict[str, Any]:
    """Return the named values for this decision, whole numbers and words; empty with `behaviour: false`."""
    if not choose.signs:
        return {}
    return dict(_values(look, choose))


def _values(look: Look, choose: Choose) -> Iterator[tuple[str, Any]]:
    channels = _channels(choose)
    if look.snapshot.recent:
        yield from _heard(look, choose)
    for sign, events in choose.signs.items():
        yield from _did(sign, events, look)
    if CLICK in choose.signs and len(channels) > 1:
        for channel in channels:
            yield from _did(f"{CLICK}.{channel}", [f"{event} {channel}" for event in choose.signs[CLICK]], look)
    visits = look.enrollment.visits.get(look.enrollment.state, 0)
    if visits > 1:
        yield "visits", min(visits, MOST_VISITS)
    for channel in channels:
        left = headroom(look, channel)
        if left is not None and left < MOST_LEFT:
            yield f"left.{channel}", left
    local = look.moment.now.astimezone(look.zone)
    yield "now.hour", local.hour
    yield "now.weekday", WEEKDAYS[local.weekday()]


def _did(sign: str, events: Iterable[str], look: Look) -> Iterator[tuple[str, int]]:
    times = [look.snapshot.lately[event] for event in events if event in look.snapshot.lately]
    if times:
        yield from _age(f"days.{sign}", max(times), look)


def _heard(look: Look, choose: Choose) -> Iterator[tuple[str, Any]]:
    """Yield what messages did reach this person of late: how many, on which channels, which."""
    now, recent = look.moment.now, look.snapshot.recent
    month = [past for past in recent if past.at >= now - REMEMBERED]
    if not month:
        return
    yield "messages.7d", min(sum(past.at >= now - WEEK for past in month), MOST_MESSAGES)
    yield "messages.30d", min(len(month), MOST_MESSAGES)
    yield "last", month[-1].message
    for channel in _channels(choose):
        last = [past.at for past in month if past.channel == channel]
        if last:
            yield from _age(f"days.message.{channel}", last[-1], look)
    sent = last_sent(look)
    for message in [message for message in _messages(choose) if message in sent][:MESSAGES]:
        yield from _age(f"days.sent.{message}", sent[message], look)


def _age(name: str, at: datetime, look: Look) -> Iterator[tuple[str, int]]:
    ago = look.moment.now - at
    if ago <= REMEMBERED:
        yield name, AGES[max(bisect_right(AGES, ago / DAY), 1) - 1]


def _channels(choose: Choose) -> tuple[str, ...]:
    return tuple(dict.fromkeys(arm.channel for arm in choose.arms if arm.channel))


def _messages(choose: Choose) -> tuple[str, ...]:
    return tuple(dict.fromkeys(arm.message for arm in choose.arms if arm.channel))
