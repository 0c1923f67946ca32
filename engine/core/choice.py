"""A decision among the arms that may reach this person: eligible set, group, chances, draw.

Rules
- The gate comes first: chances are computed over what is left, and only at an instant at which something can leave.
- An arm for another part of the day is asked as of the minute at which it would leave, at most REACH ahead. Once it is
  drawn the decision is made and logged; at that minute the gate is asked again, and the message leaves or does not.
- What is logged is what was drawn from; a policy cannot lie about its propensities.
- `floors` is the one place that says how rarely an arm may be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.core.chance import draw
from engine.core.gate import Ask, leaving, objection
from engine.core.look import Look
from engine.core.model import Decision, DecisionGroup, Eligible, Hold, Refusal, Refuse, Verdict
from engine.core.policy import Uniform, floored
from engine.core.recency import faded
from journeys import NOTHING, Arm, Choose, Explore, Window

UNIFORM = Uniform()
LEARNING = ("vw", "thompson", "beta")
REACH = timedelta(days=1)
"""How far ahead a message may be decided: the parts of the day until tomorrow at the same time."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a decision is made for this person: group, the arms drawn over, their chances, who computed them."""

    group: DecisionGroup
    arms: tuple[str, ...]
    chances: tuple[float, ...]
    policy: str


Answer = Refusal | datetime
"""What the gate says of an arm: why not, or the instant at which it would leave."""


def eligible(choose: Choose, look: Look) -> Verdict:
    """Return the arms that may leave now or later in the day, or until when all must wait, or why none ever may."""
    now = look.moment.now
    free: dict[str, datetime] = {}
    against: list[Refusal] = []
    for arm in choose.arms:
        answer = again(arm, look) or _answer(arm, look)
        if isinstance(answer, Refusal):
            against.append(answer)
        else:
            free[arm.id] = answer
    later = {arm: at for arm, at in free.items() if at > now}
    return _verdict(Eligible(tuple(free), tuple(dict.fromkeys(against)), later), look)


def _condition(arm: Arm) -> Refusal:
    return Refusal("condition", arm.guard.source if arm.guard else "", arm.message)


def _answer(arm: Arm, look: Look) -> Answer:
    if arm.id == NOTHING:
        return look.moment.now
    ask = Ask(look, arm.message, arm.channel, window=arm.window)
    if arm.window is None:
        return objection(ask) or look.moment.now
    return _in_its_hours(arm, arm.window, ask)


def again(arm: Arm, look: Look) -> Refusal | None:
    """Return what forbids an arm before the gate is asked: taken out for everyone, or its condition is false."""
    if (look.point, arm.id) in look.moment.stopped:
        return Refusal("stopped", "taken out for everyone", arm.message)
    return _condition(arm) if arm.guard and not arm.guard.holds(look.scope()) else None


def _in_its_hours(arm: Arm, window: Window, ask: Ask) -> Answer:
    """Return when an arm with hours would leave: at the first opening at which no cap stands in its way."""
    now = ask.look.moment.now
    at = leaving(ask, window, now)
    if at is None:
        return Refusal("quiet_hours", f"{arm.daypart} lies in quiet hours", arm.message)
    against = objection(replace(ask, at=at))
    if against is not None and against.until is None:
        return against
    if against is not None and against.until is not None:
        at = against.until  # the opening after the cap has freed a slot
    if at - now < REACH:
        return at
    rule, detail = (against.rule, against.detail) if against else ("daypart", f"{arm.daypart} is more than a day ahead")
    return Refusal(rule, detail, arm.message, until=at - REACH + timedelta(minutes=1))


def _verdict(found: Eligible, look: Look) -> Verdict:
    against = found.refusals
    ready = [arm for arm in found.arms if arm != NOTHING and arm not in found.later]
    held = [(r.until, r.rule) for r in against if r.until is not None]
    capped = [until for until, rule in held if rule == "capped"]
    if ready:
        return Hold(min(capped), against) if capped and look.state.when_capped == "wait" else found
    waits = [until for until, rule in held if rule != "capped" or look.state.when_capped in ("wait", "switch")]
    waits += found.later.values()
    if waits:
        return Hold(min(waits), (*against, *_until_open(found, look)))
    if any(r.rule == "capped" for r in against) or not found.arms:
        return Refuse(against)
    return found


def _until_open(found: Eligible, look: Look) -> tuple[Refusal, ...]:
    """Return what is said of the part of the day that is waited for: the first one."""
    if not found.later:
        return ()
    arm, at = min(found.later.items(), key=lambda item: (item[1], item[0]))
    local = at.astimezone(look.zone)
    return (Refusal("daypart", f"{arm} may leave from {local:%a %H:%M}", arm.partition("@")[0], until=at),)


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
    held_out = _held_out(look)
    fixed = _told(choose, look, arms)
    if fixed is not None:
        return fixed
    if held_out is None and _in_baseline(choose, look):
        return Way("baseline", arms, UNIFORM.pmf({}, arms), UNIFORM.version)
    if held_out is None and look.chance("random slice") < choose.random_share:
        return Way("random", arms, UNIFORM.pmf({}, arms), UNIFORM.version)
    return _learned(choose, look, (held_out or "learner", arms))


def _told(choose: Choose, look: Look, arms: tuple[str, ...]) -> Way | None:
    """Return the way of those for whom nothing is drawn: a forced arm, the baseline's, the one that is kept."""
    held_out = _held_out(look)
    forced = look.moment.forced.get(look.point)
    baseline = choose.baseline[0] if choose.baseline and held_out is None and _in_baseline(choose, look) else None
    kept = look.snapshot.kept.get(look.point) if choose.keep == "contact" else None
    if forced in arms:
        return Way(held_out or "learner", (str(forced),), (1.0,), "forced")
    if baseline in arms:
        return Way("baseline", (str(baseline),), (1.0,), "baseline")
    if baseline is None and kept in arms:
        return Way(held_out or "learner", (str(kept),), (1.0,), "kept")
    return None


def _learned(choose: Choose, look: Look, of: tuple[DecisionGroup, tuple[str, ...]]) -> Way:
    group, arms = of
    policy = look.moment.policies.get(look.point)
    warm = look.moment.decided.get(look.point, 0) >= choose.explore.warmup
    if policy is None or not (warm or choose.explore.policy in ("random", "fixed")):
        return Way(group, arms, UNIFORM.pmf({}, arms), UNIFORM.version)
    scores = faded(choose, look, look.snapshot.scores.get(look.spot, {}))
    chances = floored(policy.pmf(scores, arms), floors(choose, look, arms))
    return Way(group, arms, chances, policy.version)


def floors(choose: Choose, look: Look, arms: Sequence[str]) -> tuple[float, ...]:
    """Return the least share of each arm: `min_share`, and `new_arm_share` for one that is still new.

    New arms together take at most half of what all the `min_share` leave: p' = m_a + (1 - sum of m) p stays a
    distribution in which the policy has a say, and every arm keeps its `min_share` however many are new.
    """
    return least_shares(choose.explore, arms, [arm for arm in arms if (look.point, arm) in look.moment.warming])


def least_shares(explore: Explore, arms: Sequence[str], warming: Collection[str]) -> tuple[float, ...]:
    """Return the least shares; `warming` are those of the arms that are new."""
    new = warming if explore.policy in LEARNING else ()
    least = min(max(explore.min_share, 0.0), 1.0 / len(arms)) if math.isfinite(explore.min_share) else 0.0
    spare = max(0.0, 1.0 - least * len(arms))
    share = min(explore.new_arm_share, 1.0 / len(arms))  # never more than by pure chance
    more = min(max(0.0, share - least), spare / 2 / len(new)) if new else 0.0
    return tuple(least + more if arm in new else least for arm in arms)


def _held_out(look: Look) -> DecisionGroup | None:
    return None if look.enrollment.group == "learner" else look.enrollment.group


def _in_baseline(choose: Choose, look: Look) -> bool:
    if choose.baseline is None:
        return False
    return draw(look.moment.seed, "baseline", look.enrollment.contact_id, look.point) < choose.baseline[1]
