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


def last_sent(look: Look) -> dict[str, datetime]:
    """Return when each message was last sent to this person, of those that are remembered."""
    since = look.moment.now - REMEMBERED
    return {past.message: past.at for past in look.snapshot.recent if past.at >= since}


def faded(choose: Choose, look: Look, scores: Mapping[str, float]) -> Mapping[str, float]:
    """Return the scores by arm, less the penalty of those whose message was sent lately."""
    sent = last_sent(look) if choose.explore.repeat.penalty and look.snapshot.recent else {}
    if not sent or not scores:
        return scores
    days = {arm.id: (look.moment.now - sent[arm.message]) / DAY for arm in choose.arms if arm.message in sent}
    return {
        arm: less(score, days[arm], choose.explore.repeat) if arm in days else score for arm, score in scores.items()
    }


def less(score: float, days: float, repeat: Repeat) -> float:
    """Return an estimate less the penalty of a message that was sent this many days ago."""
    halvings = max(days, 0.0) / (repeat.half_life / DAY)
    return score - repeat.penalty * math.exp2(-halvings) * abs(score)
