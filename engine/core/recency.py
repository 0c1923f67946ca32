"""The penalty of a message that was sent lately: what one has just read is worth less, and recovers with the days.

Rules
- estimate' = estimate - penalty * 0.5 ** (days / half_life) * |estimate|: relative, so that it means the same for
  every reward, and for a policy whose scores are chances of being the best.
- It stands between the model's estimates and the policy: the model keeps learning from what was measured, and the
  logged chances hold the penalty already.
- The same message counts, whatever decision point, journey or part of the day sent it. Silence does not wear off.

Source: Yancey and Settles, A Sleeping, Recovering Bandit Algorithm for Optimizing Recurring Notifications (KDD 2020).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from engine.core.look import Look
from journeys import Choose, Repeat

DAY = timedelta(days=1)
REMEMBERED = timedelta(days=30)
"""How long a message is remembered: what a walk is shown of the past."""

CLICKED = "clicked"


def signs_of(event: str, message: str | None) -> tuple[str, ...]:
    """Return under which names of `Snapshot.lately` an event stands: its own, a click also its channel's."""
    channel = (message or "").partition("/")[0]
    return (event, f"{event} {channel}") if event == CLICKED and channel else (event,)


def last_sent(look: Look) -> dict[str, datetime]:
    """Return when each message was last sent to this person, of those that are remembered."""
    since = look.moment.now - REMEMBERED
    return {past.message: past.at for past in look.snapshot.recent if past.at >= since}


def losses(choose: Choose, look: Look) -> dict[str, float]:
    """Return by arm the share of its estimate that it loses, of the arms whose message was sent lately."""
    sent = last_sent(look) if choose.explore.repeat.penalty and look.snapshot.recent else {}
    return lost_by(choose, sent, look.moment.now)


def lost_by(choose: Choose, sent: Mapping[str, datetime], now: datetime) -> dict[str, float]:
    """Return the same, of messages that were last sent at these instants."""
    repeat = choose.explore.repeat
    arms = [arm for arm in choose.arms if arm.message in sent] if repeat.penalty else []
    return {arm.id: loss((now - sent[arm.message]) / DAY, repeat) for arm in arms}


def loss(days: float, repeat: Repeat) -> float:
    """Return the share that a message sent this many days ago loses: penalty * 0.5 ** (days / half_life)."""
    return repeat.penalty * math.exp2(-max(days, 0.0) / (repeat.half_life / DAY))


def faded(choose: Choose, look: Look, scores: Mapping[str, float]) -> Mapping[str, float]:
    """Return the scores by arm, each less what its message loses by having been sent lately."""
    return faded_by(scores, losses(choose, look) if scores else {})


def faded_by(scores: Mapping[str, float], lost: Mapping[str, float]) -> Mapping[str, float]:
    """Return the scores less what each arm loses, a share of it."""
    if not lost:
        return scores
    return {arm: score - lost.get(arm, 0.0) * abs(score) for arm, score in scores.items()}
