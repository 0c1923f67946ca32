"""What a model would serve at decisions that somebody else made: its chances as a tick would draw from them.

Rules
- The core's own penalty for a message that was sent lately, and its own least shares: a comparison of two models is
  one of what people would get, never of what the models say.
- What was sent lately is as it was at each decision; which arms are new is as it is now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from engine.core.choice import least_shares
from engine.core.model import Decision
from engine.core.policy import floored
from engine.core.recency import faded_by, lost_by
from engine.learner.features import arms_of
from engine.learner.models import Model
from journeys import Choose

Vector = tuple[float, ...]
"""The chance of every eligible arm."""


@dataclass(frozen=True, slots=True)
class Around:
    """Beside the decisions: when each message was last sent, by decision key; new arms as ("journey.state", arm)."""

    sent: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    new: frozenset[tuple[str, str]] = frozenset()


NOTHING_KNOWN = Around()


def served(choose: Choose, model: Model, decisions: Sequence[Decision], around: Around = NOTHING_KNOWN) -> list[Vector]:
    """Return the chances over each decision's arms; those that are alike are asked for once. LearnerError."""
    lines = list(dict.fromkeys(one.features for one in decisions))
    scores = dict(zip(lines, model.scores(lines, arms_of(choose)), strict=True))
    policy = model.policy("")
    known: dict[tuple[object, ...], Vector] = {}
    found = []
    for one in decisions:
        lost = lost_by(choose, around.sent.get(one.key, {}), one.at)
        new = tuple(arm for arm in one.arms if (one.point, arm) in around.new)
        asked = (one.features, one.arms, new, *sorted(lost.items()))
        if asked not in known:
            chances = policy.pmf(faded_by(scores[one.features], lost), one.arms)
            known[asked] = floored(chances, least_shares(choose.explore, one.arms, new))
        found.append(known[asked])
    return found
