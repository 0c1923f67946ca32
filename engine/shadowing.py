"""What the challenger would have done, asked before it learns what became of it.

Rules
- A model changes only when it is taught; so what it says when the learner first meets a decision is what it would
  have said when the decision was made, as far as this decision goes: it has learned nothing of it.
- Nothing is asked on the way of a tick: the challenger costs the learner's time, never a person's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from engine.core.model import Decision
from engine.errors import LearnerError
from engine.pupil import Pupil
from engine.serving import NOTHING_KNOWN, Around, Vector, served
from engine.store.shadows import Shadow

LOG = logging.getLogger("sojourn")

DIGITS = 6


def shadows(
    pair: tuple[Pupil, Pupil], decisions: Sequence[Decision], around: Around = NOTHING_KNOWN
) -> Iterator[Shadow]:
    """Yield the challenger's chances for these decisions; the incumbent's, too, for those of the random slice."""
    serves, other = pair
    free = [one for one in decisions if one.group in ("learner", "random") and len(one.arms) > 1]
    try:
        theirs = _chances(other, free, around)
        ours = _chances(serves, [one for one in free if one.group == "random"], around)
    except LearnerError as error:
        LOG.warning("%s: the challenger is not compared: %s", other.point, error)
        return
    for one in free:
        yield Shadow(one.key, other.version, theirs[one.key], ours.get(one.key))


def _chances(pupil: Pupil, decisions: Sequence[Decision], around: Around) -> dict[str, Vector]:
    """Return the chances over each decision's arms, as they would serve."""
    if not decisions:
        return {}
    found = served(pupil.choose, pupil.decides, decisions, around)
    return {
        one.key: tuple(round(chance, DIGITS) for chance in chances)
        for one, chances in zip(decisions, found, strict=True)
    }
