"""Suggestions to the marketer, from the log of decisions: what to write, leave out, vary, or stop holding back.

Rules
- Every suggestion carries its numbers, and says that they are a model's estimates.
- At most one of a kind, so that a page stays readable; nothing is suggested before there is a log worth reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from engine.outliers.measured import Outliers
from engine.report.findings import ArmRow, DoseCount, ReasonCount, Suggestion
from engine.report.intervals import needed_per_group
from engine.report.wording import about, count, percent
from journeys import NOTHING

ENOUGH = 1000  # decisions that were learned from
NOBODY = 0.01  # an arm that serves fewer people best than this is best for nobody
MOST_PEOPLE = 0.5
PURE = 0.6


def suggestions(found: Outliers | None, arms: Sequence[str], seen: Sequence[ArmRow], rate: float) -> list[Suggestion]:
    """Return what to try at a decision point; `rate` is the learner's goal rate, for sizes."""
    if found is None or found.learned < ENOUGH:
        return []
    best = found.best or {}
    return [
        *_branch(found, rate), *_drop(found, arms, best), *_vary(found, best, {row.arm: row for row in seen}),
        *_small(found, rate),
    ]  # fmt: skip


def _branch(found: Outliers, rate: float) -> Iterator[Suggestion]:
    """A group that is pure and large enough deserves messages of its own."""
    large = [one for one in found.groups if one.outliers >= PURE and one.people >= _least(rate)]
    if not large:
        return
    one = max(large, key=lambda group: group.people * group.gain)
    says = (
        f"A branch is worth writing for {one.words}: {count(one.people)} people ({percent(one.share, 0)}), whom "
        f"{one.best} serves better than {found.single} by about {_earned(one.gain)} a decision (model estimate)."
    )
    yield Suggestion("branch", says, f"- {{if: '{one.condition}', then: <a state for them>}}")


def _drop(found: Outliers, arms: Sequence[str], best: Mapping[str, int]) -> Iterator[Suggestion]:
    """An arm nobody is best served by only costs exploration."""
    idle = [arm for arm in arms if arm not in (NOTHING, found.single) and best.get(arm, 0) < NOBODY * found.people]
    if idle:
        names = ", ".join(idle)
        are = "are" if len(idle) > 1 else "is"
        yield Suggestion("drop", f"{names} {are} best for nobody among {count(found.people)} people (model estimate): "
                                 "leave it out, or write something different in its place.")  # fmt: skip


def _vary(found: Outliers, best: Mapping[str, int], seen: Mapping[str, ArmRow]) -> Iterator[Suggestion]:
    """A message that serves most people is where a better version pays most."""
    if not best:
        return
    arm = max(best, key=lambda name: best[name])
    share = best[arm] / max(found.people, 1)
    if arm != NOTHING and share >= MOST_PEOPLE:
        row = seen.get(arm)
        so_far = f"; {count(row.goals)} goals in {count(row.decisions)} decisions so far" if row else ""
        says = f"{arm} serves {percent(share, 0)} of the people best{so_far}: a second version of it is worth a test."
        yield Suggestion("vary", says)


def _small(found: Outliers, rate: float) -> Iterator[Suggestion]:
    """A group too small to serve apart should not get a branch, however different it looks."""
    small = [one for one in found.groups if one.outliers >= PURE and one.people < _least(rate)]
    if small:
        one = min(small, key=lambda group: group.people)
        says = (
            f"{one.words} looks different, but is too small to serve apart: {count(one.people)} people; "
            f"a test of their own would need about {about(_least(rate))}."
        )
        yield Suggestion("small", says)


def _least(rate: float) -> int:
    """Return how many people a test within a group needs to show half as much again."""
    base = min(max(rate, 0.01), 0.5)
    return 2 * needed_per_group(base, base / 2)


def _earned(gain: float) -> str:
    return f"{gain:+.3g}"


def cap_suggestion(
    reasons: Sequence[ReasonCount], doses: Sequence[DoseCount], worth: tuple[float, float]
) -> list[Suggestion]:
    """Return a cap that costs more than it saves: `worth` = (a message beyond silence, one unsubscribe).

    Cost: the messages it skipped x what a message earns beyond silence. Saving: as many messages x how much more
    often people leave at three and more messages a week x what leaving costs.
    """
    capped = next((one for one in reasons if one.rule == "capped" and one.skipped), None)
    low, high = _left(doses[:2]), _left(doses[3:])
    gain, penalty = worth
    if capped is None or low is None or high is None or gain <= 0:
        return []
    cost, saving = capped.skipped * gain, capped.skipped * max(high - low, 0.0) * penalty
    if cost <= saving:
        return []
    says = (
        f"The caps skipped {count(capped.skipped)} messages: about {cost:.3g} of reward lost, against about "
        f"{saving:.3g} saved in people who stay (model estimates). A looser cap is worth a test."
    )
    return [Suggestion("cap", says)]


def _left(doses: Sequence[DoseCount]) -> float | None:
    messages = sum(one.messages for one in doses)
    return sum(one.left for one in doses) / messages if messages >= 100 else None
