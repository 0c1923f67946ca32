"""One message or decision, explained: why this person, why this arm, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import unquote

from engine.core.chance import draw
from engine.core.gate import applies, used
from engine.core.look import Look
from engine.core.model import Contact, Enrollment, Moment, Past, Snapshot
from engine.core.recency import losses
from engine.explaining import Estimated
from engine.replaying import recent_at
from engine.store.history import Explained
from engine.store.replaying import ContactLog
from engine.telling import POLICIES, against_word, clock, data, delivery, share, trigger
from journeys import Choose, Journey, State
from journeys.project import Project

TOLD = 3
"""Contributions that are told of each arm; --json has them all."""
SCALES = {
    "reward": "the parts of `why` add up to the estimate",
    "log-odds": "the parts of `why` add up to log-odds (+0.7 doubles a small estimate, -0.7 halves it)",
}
"""What a contribution means, by the scale of the model."""


@dataclass(frozen=True, slots=True)
class Case:
    """One explained message with what it is read by."""

    found: Explained
    project: Project
    journey: Journey | None
    zone: tzinfo
    now: datetime
    log: ContactLog
    number: int  # of the journey's version; 0 = not known
    estimated: Estimated | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Return journey and state."""
        row = self.found.decision or self.found.delivery or self.found.refusals[0]
        return row.journey, row.state

    @property
    def state(self) -> State | None:
        return self.journey.states.get(self.place[1]) if self.journey else None

    @property
    def choose(self) -> Choose | None:
        action = self.state.action if self.state else None
        return action if isinstance(action, Choose) else None

    @property
    def at(self) -> datetime:
        found = self.found
        if found.delivery is not None:
            return found.delivery.at
        return found.decision.at if found.decision is not None else found.refusals[-1].at

    @property
    def looked_at(self) -> datetime:
        """Return when the gate was asked."""
        found = self.found
        if found.decision is not None:
            return found.decision.at
        return found.delivery.queued_at if found.delivery is not None else found.refusals[-1].at

    @property
    def look(self) -> Look:
        """Return as much of the look as the caps ask for."""
        at, journey, log = self.looked_at, self.journey, self.log
        if journey is None:
            raise AssertionError("caps are a journey's")
        recent: tuple[Past, ...] = tuple(recent_at(log, at, timedelta(days=40)))
        run = Enrollment("", log.contact_id, journey.name, journey.version, self.place[1], at, at, at, "")
        person = Contact(log.contact_id, zone=self.zone)
        moment = Moment(at, self.zone, self.project.name)
        return Look(journey, run, Snapshot(person, recent=recent), moment, {})

    @property
    def name(self) -> str:
        first = self.found.attributes.get("first_name")
        return f"{first} ({self.found.contact_id})" if first else self.found.contact_id


def lines(case: Case) -> list[str]:
    parts = [_journey(case), _group(case), _allowed(case)]
    if case.found.decision is not None:
        parts += [_chances(case), _draw(case)]
    parts.append(_since(case))
    lines = [_question(case), ""]
    for n, (title, says) in enumerate(parts, 1):
        first, *rest = says
        lines += [f"{n} {title:<11} {first}", *(f"{'':14}{line}" for line in rest)]
    return lines


def _question(case: Case) -> str:
    found = case.found
    when = f"on {clock(case.at, case.zone)} {case.zone}"
    if found.delivery is not None and found.delivery.status == "sent":
        return f"Why did {case.name} get {found.delivery.message} {when}?"
    message = found.delivery.message if found.delivery else ""
    if not message and found.decision is not None:
        return f"Why did {case.name} get {found.decision.decision.arm} {when}?"
    return f"Why did {case.name} not get {message or found.refusals[-1].message or 'a message'} {when}?"


def _journey(case: Case) -> tuple[str, list[str]]:
    found = case.found
    journey, state = case.place
    version = f" v{case.number}" if case.number else ""
    says = f"{journey}{version}, state {state}"
    if found.trigger is not None:
        says += f", because of {trigger(found.trigger)} on {clock(found.trigger.at, case.zone)}"
    n = int(found.key.rpartition(":")[2]) if found.key.rpartition(":")[2].isdigit() else 0
    way = [f"{move.target} ({move.why})" for move in found.moves if move.n <= n]
    return "Journey", [says, *([f"way here: {' → '.join(way)}"] if way else [])]


def _group(case: Case) -> tuple[str, list[str]]:
    found, seed = case.found, case.project.name
    group = found.decision.decision.group if found.decision else (found.run.group if found.run else "unknown")
    journey, who = case.journey, found.contact_id
    if journey is None or journey.transactional:
        return "Group", [group]
    said = []
    if case.project.holdout:
        said.append(_compared("project holdout", draw(seed, "global holdout", who), case.project.holdout))
    if journey.holdout:
        said.append(_compared("holdout", draw(seed, "holdout", who, journey.name), journey.holdout))
    if case.choose is not None and case.choose.baseline is not None:
        u = draw(seed, "baseline", who, ".".join(case.place))
        said.append(_compared("baseline", u, case.choose.baseline[1]))
    if case.choose is not None and case.choose.random_share:
        said.append(_compared("random slice", draw(seed, found.key, "random slice"), case.choose.random_share))
    return "Group", [f"{group} ({', '.join(said)})" if said else group]


def _compared(what: str, u: float, share: float) -> str:
    return f"{what} draw {u:.2f} {'<' if u < share else '≥'} {share:.2f}"


def _allowed(case: Case) -> tuple[str, list[str]]:
    found = case.found
    decided = found.decision.at if found.decision else None
    now = [row for row in found.refusals if row.at == decided]
    lines = [
        f"held from {clock(row.at, case.zone)} to {clock(row.until, case.zone)}: {row.message} {against_word(row)}"
        for row in found.refusals
        if row.until and row.at != decided
    ]
    lines += [f"refused {clock(row.at, case.zone)}: {row.message} {against_word(row)}" for row in found.refusals
              if not row.until and row.at != decided]  # fmt: skip
    if found.decision is not None:
        arms = found.decision.decision.arms
        head = f"{len(arms)} of {len(case.choose.arms) if case.choose else len(arms) + len(now)} arms"
        against = [f"not {row.message}: {against_word(row)}" for row in now]
        return "Allowed", [head + (f": {', '.join(arms)}"), *_because(case), *against, *lines]
    head = "by every rule of the gate" if found.delivery is not None else "not by the gate"
    return "Allowed", [head, *_because(case), *lines]


def channels(case: Case) -> list[str]:
    """Return the channels that were asked about, in the order of the arms."""
    decision, message = case.found.decision, case.found.delivery
    names = [*(decision.decision.arms if decision else ()), *([message.message] if message else ())]
    names += [row.message for row in case.found.refusals]
    return list(dict.fromkeys(name.partition("/")[0] for name in names if "/" in name))


def _because(case: Case) -> Iterator[str]:
    """Yield by channel what the gate looked at: consent, address, and how much of the caps was used."""
    topic = case.journey.topic if case.journey else ""
    granted = [row for row in case.log.consents if row.topic == topic and row.granted and row.at <= case.looked_at]
    if granted and not (case.journey and case.journey.transactional):
        yield f"{topic} consent since {clock(granted[-1].at, case.zone)} ({granted[-1].source})"
    for channel in channels(case):
        said = [*_reached(case, channel), *(f"{name} {count}/{limit}" for name, count, limit in cap_use(case, channel))]
        yield f"{channel}: {', '.join(said)}"


def _reached(case: Case, channel: str) -> Iterator[str]:
    added = [row.added_at for row in case.log.addresses if row.channel == channel and row.added_at <= case.looked_at]
    if not added:
        yield "no address"
        return
    age = case.looked_at - max(added)
    thing = "token" if channel == "push" else "address"
    yield f"{thing} {age.days} day{'' if age.days == 1 else 's'} old"
    if channel in case.log.at(case.looked_at).suppressed:
        yield "on the suppression list"


def cap_use(case: Case, channel: str) -> list[tuple[str, int, int]]:
    """Return (rule, used before this message, limit) of the caps that hold for a channel."""
    journey = case.journey
    if journey is None or journey.transactional:
        return []
    look = case.look
    rules = [rule for rule in journey.limits.caps if applies(rule, channel, journey.topic)]
    return [(str(rule), used(rule, look), rule.limit) for rule in rules]


def _chances(case: Case) -> tuple[str, list[str]]:
    row, told = case.found.decision, case.estimated
    if row is None:
        raise AssertionError("only a decision has chances")
    d = row.decision
    ordered = sorted(zip(d.arms, d.chances, strict=True), key=lambda pair: -pair[1])
    wide = max(map(len, d.arms))
    if told is None or not told.arms:
        head = f"policy {d.policy}" + (f": {POLICIES[d.policy]}" if d.policy in POLICIES else "")
        gone = "; its bytes are no longer kept, so its estimates cannot be told" if told and not told.kept else ""
        lines = [f"{arm:<{wide}} {share(chance):>8}" + _drawn(arm == d.arm) for arm, chance in ordered]
        return "Chances", [head + _made(case) + gone, *lines]
    lines = [f"{'arm':<{wide}}  {'estimate':>9} {'±':>8} {'chance':>8}   why"]
    lines += [_estimate(told, arm, chance, wide) + _drawn(arm == d.arm) for arm, chance in ordered]
    floor = case.choose.explore.min_share if case.choose else 0.0
    return "Estimates", [
        f"policy {d.policy}{_made(case)}", *lines,
        f"expected reward in its own unit; {SCALES[told.link]}; no arm below {share(floor)}", *_repeated(case),
        *_outlier(case),
    ]  # fmt: skip


def _drawn(yes: bool) -> str:
    return "   ◀ drawn" if yes else ""


def _made(case: Case) -> str:
    told = case.estimated
    return f", made {clock(told.made_at, case.zone)} from {told.learned:,} lessons" if told is not None else ""


def _estimate(told: Estimated, arm: str, chance: float, wide: int) -> str:
    one = told.of(arm)
    if one is None:
        return f"{arm:<{wide}}  {'':>9} {'':>8} {share(chance):>8}"
    error = f"{one.error:.4f}" if one.error else "-"
    total = f" = {one.total:.4f}" if told.link == "log-odds" else ""
    return f"{arm:<{wide}}  {one.estimate:>9.4f} {error:>8} {share(chance):>8}   {', '.join(_why(one.why))}{total}"


def _why(why: Mapping[str, float]) -> Iterator[str]:
    """Yield the largest contributions and the rest as one, so that what is told adds up."""
    base = why.get("~one", 0.0)
    parts = sorted(((t, part) for t, part in why.items() if t != "~one"), key=lambda pair: -abs(pair[1]))
    yield f"base {base:.4f}"
    for token, part in parts[:TOLD]:
        yield f"{readable(token)} {part:+.4f}"
    rest = sum(part for _, part in parts[TOLD:])
    if len(parts) > TOLD:
        yield f"{len(parts) - TOLD} more {rest:+.4f}"


def readable(token: str) -> str:
    """Return "tier gold" for "contact.tier=gold"."""
    name, equals, value = unquote(token).partition("=")
    name = name.removeprefix("contact.")
    return f"{name} {'unknown' if value == '~none' else value}" if equals else name


def _repeated(case: Case) -> Iterator[str]:
    """Yield what an arm lost because its message had been sent lately; the chances know it, the estimates do not."""
    drawn = case.found.decision
    if case.choose is None or case.journey is None or drawn is None:
        return
    for arm, lost in losses(case.choose, case.look).items():
        if arm in drawn.decision.arms:
            yield f"{arm} was sent lately: its estimate counted {share(lost)} less"


def _outlier(case: Case) -> Iterator[str]:
    found = case.estimated.outlier if case.estimated else None
    if found is None:
        return
    if found.best == found.single:
        yield f"Outlier: no, {found.single} is the best single arm for everyone, and for this person too"
        return
    sure = "the model does not say how sure" if found.probability is None else f"better with {found.probability:.0%}"
    word = "yes" if found.yes else "not sure enough"
    yield f"Outlier: {word}; the best single arm for everyone is {found.single}, here it is {found.best} ({sure})"


def _draw(case: Case) -> tuple[str, list[str]]:
    row = case.found.decision
    if row is None:
        raise AssertionError("only a decision is drawn")
    d = row.decision
    at = d.arms.index(d.arm)
    low = sum(d.chances[:at])
    says = f"u {d.u:.4f} falls on {d.arm}, which has {low:.4f} to {low + d.propensity:.4f}"
    again = abs(draw(case.project.name, d.key) - d.u) < 1e-12
    seed = f"hash of {case.project.name} and {d.key}"
    return "Draw", [
        says,
        f"u is the {seed}: drawn again it is the same" if again else f"u came from another seed than the {seed}",
    ]


def _since(case: Case) -> tuple[str, list[str]]:
    lines = list(_happened(case))
    return "Since then", lines or ["nothing"]


def _happened(case: Case) -> Iterator[str]:
    found = case.found
    if found.delivery is not None:
        yield f"{delivery(found.delivery, case.zone)}  {clock(found.delivery.at, case.zone)}"
    for event in found.answers:
        yield f"{event.name}  {clock(event.at, case.zone)}"
    for event in found.later:
        said = data(event.data)
        yield f"{event.name}  {clock(event.at, case.zone)}{f'  {said}' if said else ''}"
    if found.decision is not None:
        yield _reward(case)


def _reward(case: Case) -> str:
    row = case.found.decision
    if row is None:
        raise AssertionError("only a decision earns")
    if row.status == "void":
        return "no reward: the message failed, so the decision does not count"
    value = "nothing known yet" if row.reward is None else f"{row.reward:.2f}"
    closes = clock(row.closes_at, case.zone)
    over = row.closes_at <= case.now
    return f"reward {value} ({f'window closed {closes}' if over else f'window open until {closes}'})"


def facts(case: Case) -> dict[str, Any]:
    found = case.found
    journey, state = case.place
    data: dict[str, Any] = {
        "key": found.key, "journey": journey, "version": found.run.version if found.run else None, "state": state,
        "contact": found.contact_id, "zone": str(case.zone), "at": case.at,
        "trigger": found.trigger, "run": found.run, "moves": found.moves, "refusals": found.refusals,
        "message": found.delivery, "answers": found.answers, "later": found.later, "decision": None,
    }  # fmt: skip
    row = found.decision
    if row is not None:
        d = row.decision
        data["decision"] = {
            "key": d.key, "at": d.at, "group": d.group, "policy": d.policy, "eligible": d.arms,
            "features": d.features, **_told(case),
            "propensity": d.chances, "drawn": d.arm, "drawn_propensity": d.propensity, "u": d.u,
            "seed": case.project.name, "cost": d.cost,
            "reward": {
                "closed": row.status == "closed", "status": row.status, "value": row.reward, "learned": row.learned,
                "within": d.within, "starts_at": row.starts_at, "closes_at": row.closes_at,
                "events": _scored(case, found.answers) + _scored(case, found.later),
            },
        }  # fmt: skip
    return data


def _told(case: Case) -> dict[str, Any]:
    """Return what the policy thought, arm by arm in the order of `eligible`; None where it cannot be asked."""
    row, told = case.found.decision, case.estimated
    known = [told.of(arm) for arm in row.decision.arms] if row is not None and told is not None and told.arms else []
    arms = [one for one in known if one is not None]
    return {
        "estimate": [one.estimate for one in arms] or None,
        "estimate_sd": [one.error for one in arms] or None,
        "sd": [one.sd for one in arms] or None,
        "contributions": {one.arm: one.why for one in arms} or None,
        "contributions_add_up_to": {one.arm: one.total for one in arms} or None,
        "scale": told.link if told is not None and arms else None,
        "policy_made_at": told.made_at if told is not None else None,
        "policy_learned": told.learned if told is not None else None,
        "outlier": told.outlier if told is not None else None,
        "min_share": case.choose.explore.min_share if case.choose else None,
        "caps": {channel: cap_use(case, channel) for channel in channels(case)},
    }


def _scored(case: Case, happened: Sequence[Any]) -> list[str]:
    """Return the events that the reward counts."""
    names = case.choose.reward.score if case.choose else {}
    return [event.id for event in happened if event.name in names]
