"""What the challenger would have done, asked before it learns what became of it.

Rules
- A model changes only when it is taught; so what it says when the learner first meets a decision is what it would
  have said when the decision was made, as far as this decision goes: it has learned nothing of it.
- Nothing is asked on the way of a tick: the challenger costs the learner's time, never a person's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from engine.core.model import Decision, Policy
from engine.core.policy import floor
from engine.errors import LearnerError
from engine.learner.features import arms_of
from engine.pupil import Pupil
from engine.store.shadows import Shadow
from journeys import Choose

LOG = logging.getLogger("sojourn")

DIGITS = 6

Rows = list[dict[str, float]]


def shadows(choose: Choose, serves: Pupil, other: Pupil, decisions: Sequence[Decision]) -> Iterator[Shadow]:
    """Yield the challenger's chances for these decisions; the incumbent's, too, for those of the random slice."""
    free = [one for one in decisions if one.group in ("learner", "random") and len(one.arms) > 1]
    try:
        theirs = _chances(choose, other, free)
        ours = _chances(choose, serves, [one for one in free if one.group == "random"])
    except LearnerError as error:
        LOG.warning("%s: the challenger is not compared: %s", other.point, error)
        return
    for one in free:
        yield Shadow(one.key, other.version, theirs[one.key], ours.get(one.key))


def _chances(choose: Choose, pupil: Pupil, decisions: Sequence[Decision]) -> dict[str, tuple[float, ...]]:
    """Return the floored chances over each decision's arms."""
    if not decisions:
        return {}
    model = pupil.decides
    lines = list(dict.fromkeys(one.features for one in decisions))
    rows = dict(zip(lines, model.scores(lines, arms_of(choose)), strict=True))
    policy: Policy = model.policy(pupil.version)
    return {
        one.key: tuple(
            round(chance, DIGITS)
            for chance in floor(policy.pmf(rows[one.features], one.arms), choose.explore.min_share)
        )
        for one in decisions
    }
