"""A decision among the arms that may reach this person now: eligible set, group, chances, draw.

Rules
- The gate comes first: chances are computed over what is left, and only at an instant at which something can leave.
- What is logged is what was drawn from; a policy cannot lie about its propensities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.core.chance import draw
from engine.core.gate import Ask, objection
from engine.core.look import Look
from engine.core.model import Decision, DecisionGroup, Eligible, Hold, Refusal, Refuse, Verdict
from engine.core.policy import Uniform, floor
from journeys import NOTHING, Arm, Choose

UNIFORM = Uniform()


@dataclass(frozen=True, slots=True)
class Way:
    """How a decision is made for this person: group, the arms drawn over, their chances, who computed them."""

    group: DecisionGroup
    arms: tuple[str, ...]
    chances: tuple[float, ...]
    policy: str


def eligible(choose: Choose, look: Look) -> Verdict:
    """Return the arms that may leave now, or until when all must wait, or why none ever may."""
    free: list[str] = []
    against: list[Refusal] = []
    for arm in choose.arms:
        found = _against(arm, look) if arm.guard is None or arm.guard.holds(look.scope()) else _condition(arm)
        if found is None:
            free.append(arm.id)
        else:
            against.append(found)
    return _verdict(tuple(free), tuple(against), look)


def _condition(arm: Arm) -> Refusal:
    return Refusal("condition", arm.guard.source if arm.guard else "", arm.message)


def _against(arm: Arm, look: Look) -> Refusal | None:
    if arm.id == NOTHING:
        return None
    if (look.point, arm.id) in look.moment.stopped:
        return Refusal("stopped", "taken out for everyone", arm.message)
    return objection(Ask(look, arm.message, arm.channel))


def _verdict(free: tuple[str, ...], against: tuple[Refusal, ...], look: Look) -> Verdict:
    sendable = [arm for arm in free if arm != NOTHING]
    capped = [r.until for r in against if r.rule == "capped" and r.until is not None]
    quiet = [r.until for r in against if r.rule == "quiet_hours" and r.until is not None]
    if sendable:
        return Hold(min(capped), against) if capped and look.state.when_capped == "wait" else Eligible(free, against)
    waits = _waits(capped, quiet, look)
    if waits:
        return Hold(min(waits), against)
    if any(r.rule == "capped" for r in against) or not free:
        return Refuse(against)
    return Eligible(free, against)


def _waits(capped: list[datetime], quiet: list[datetime], look: Look) -> list[datetime]:
    """Return what to wait for when nothing can leave: quiet hours always, caps unless the state says otherwise."""
    return quiet + (capped if look.state.when_capped in ("wait", "switch") else [])


def decide(choose: Choose, look: Look, verdict: Eligible) -> Decision:
    """Draw one arm; the decision carries everything that replay needs."""
    way = _way(choose, look, verdict.arms)
    u = draw(look.moment.seed, look.enrollment.key)
    arm, propensity = pick(way.arms, way.chances, u)
    cost = next(a for a in choose.arms if a.id == arm).cost
    return Decision(
        key=look.enrollment.key,
        point=look.point,
        at=look.moment.now,
        group=way.group,
        arms=way.arms,
        chances=way.chances,
        arm=arm,
        propensity=propensity,
        u=u,
        policy=way.policy,
        features=look.snapshot.features.get(look.spot, ""),
        within=choose.reward.within,
        cost=_number(cost.value(look.scope())) if cost else 0.0,
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def pick(arms: Sequence[str], chances: Sequence[float], u: float) -> tuple[str, float]:
    """Return the arm on which `u` in [0, 1) falls, and its chance."""
    total = 0.0
    for arm, chance in zip(arms, chances, strict=True):
        total += chance
        if u < total:
            return arm, chance
    return arms[-1], chances[-1]  # the sum fell short of 1 by rounding


def _way(choose: Choose, look: Look, arms: tuple[str, ...]) -> Way:
    forced = look.moment.forced.get(look.point)
    if forced in arms:
        return Way(_held_out(look) or "learner", (str(forced),), (1.0,), "forced")
    held_out = _held_out(look)
    if held_out is None and choose.baseline is not None and _in_baseline(choose.baseline[1], look):
        if choose.baseline[0] in arms:
            return Way("baseline", (choose.baseline[0],), (1.0,), "baseline")
        return Way("baseline", arms, UNIFORM.pmf({}, arms), UNIFORM.version)
    if held_out is None and look.chance("random slice") < choose.random_share:
        return Way("random", arms, UNIFORM.pmf({}, arms), UNIFORM.version)
    return _learned(choose, look, (held_out or "learner", arms))


def _learned(choose: Choose, look: Look, of: tuple[DecisionGroup, tuple[str, ...]]) -> Way:
    group, arms = of
    policy = look.moment.policies.get(look.point)
    warm = look.moment.decided.get(look.point, 0) >= choose.explore.warmup
    if policy is None or not (warm or choose.explore.policy in ("random", "fixed")):
        return Way(group, arms, UNIFORM.pmf({}, arms), UNIFORM.version)
    chances = floor(policy.pmf(look.snapshot.scores.get(look.spot, {}), arms), choose.explore.min_share)
    return Way(group, arms, chances, policy.version)


def _held_out(look: Look) -> DecisionGroup | None:
    return None if look.enrollment.group == "learner" else look.enrollment.group


def _in_baseline(share: float, look: Look) -> bool:
    return draw(look.moment.seed, "baseline", look.enrollment.contact_id, look.point) < share
