"""From rows of the store to findings: counting and grouping, without a query of its own.

Rules
- A group is what the hash drew for a person, not what happened to them: someone who ordered before the decision
  still belongs to the baseline. Otherwise early buyers would all count for the learner.
- Rates use the first run of a contact, curves every run; both only when the goal's window is over.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from engine.report.findings import (
    ArmDay,
    ArmRow,
    DailyCount,
    DoseCount,
    Findings,
    GroupCount,
    HeatRow,
    MessageRow,
    Meta,
    ReasonCount,
    StateCount,
    World,
)
from engine.store.attributing import Credit
from engine.store.counting import JourneyNumbers
from engine.store.outcomes import Run, by_day, by_group

GROUPS = ("learner", "baseline", "holdout")
WEEK = timedelta(days=7)
_MOST = 8  # messages in a week; more fall into the last column


@dataclass(frozen=True, slots=True)
class Drawn:
    """A decision of the learner group."""

    contact_id: str
    at: datetime
    arms: Sequence[str]
    chances: Sequence[float]
    arm: str
    uniform: bool = False  # still warming up


@dataclass(frozen=True, slots=True)
class Handed:
    """A message that was handed over, of any journey."""

    key: str
    contact_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store was asked for; all of one journey and period, except `handed`."""

    runs: Sequence[Run]
    numbers: JourneyNumbers
    credits: Sequence[Credit] = ()
    drawn: Sequence[Drawn] = ()
    handed: Sequence[Handed] = ()
    left: frozenset[str] = frozenset()  # keys of messages by which people unsubscribed or complained
    people: int = 0  # who could have been written to


class Known(Protocol):
    """The truth about one invented person."""

    def expected(self, message: str) -> float: ...
    def best_of(self, messages: tuple[str, ...]) -> str: ...


@dataclass(frozen=True, slots=True)
class View:
    """How to look at the facts. All functions take a contact id."""

    meta: Meta
    shares: Mapping[str, float] = field(default_factory=dict)  # planned, by group
    states: Sequence[tuple[str, str]] = ()  # (name, kind) in the order of the file
    in_baseline: Callable[[str], bool] | None = None
    label: Callable[[str], str] | None = None  # a kind of people, for the heat map
    outlier: Callable[[str], bool | None] | None = None  # None: did not reach the decision
    truth: Callable[[str], Known] | None = None
    value: str = "total"  # the field of a goal event that holds its money


def gather(facts: Facts, view: View) -> Findings:
    """Return the findings of these facts."""
    runs = [grouped(run, view.in_baseline) for run in facts.runs]
    outlier = view.outlier
    numbers = facts.numbers
    return Findings(
        meta=view.meta,
        groups=_groups(runs, view.shares),
        outliers=_groups([r for r in runs if outlier and outlier(r.contact_id)], view.shares),
        others=_groups([r for r in runs if outlier and outlier(r.contact_id) is False], view.shares),
        daily=_daily(runs, view.meta.since),
        messages=_messages(facts, view.value),
        arms=_arms(runs),
        arm_days=_arm_days(facts.drawn, view.meta.since),
        heat=_heat(facts.drawn, view),
        states=tuple(
            StateCount(name, kind, numbers.visits.get(name, 0), numbers.inside.get(name, 0))
            for name, kind in view.states
        ),
        reasons=tuple(ReasonCount(r.rule, r.held, 0, r.skipped) for r in numbers.rules),
        pressure=_pressure(facts, view.meta),
        doses=_doses(facts),
        messaged=len({h.contact_id for h in facts.handed}),
        unsubscribed=numbers.unsubscribed,
        complained=sum(m.complained for m in numbers.messages),
        entries=numbers.entered,
        world=_world(facts.drawn, view),
    )


def grouped(run: Run, in_baseline: Callable[[str], bool] | None) -> Run:
    """Return the run in the group that the hash drew for its contact."""
    if in_baseline is None or run.group in ("holdout", "global"):
        return run
    return replace(run, group="baseline" if in_baseline(run.contact_id) else "learner")


def _groups(runs: Iterable[Run], shares: Mapping[str, float]) -> tuple[GroupCount, ...]:
    found = by_group(runs)
    return tuple(
        GroupCount(g, found[g].mature, found[g].reached, shares.get(g, 0.0), found[g].entered)
        for g in GROUPS
        if g in found
    )


def _daily(runs: Sequence[Run], since: datetime) -> tuple[DailyCount, ...]:
    counts = {(d.group, d.day): d for d in by_day([r for r in runs if r.mature], since)}
    days = 1 + max((day for _, day in counts), default=-1)
    present = {group for group, _ in counts}
    return tuple(
        DailyCount(
            group,
            tuple(counts[group, n].runs if (group, n) in counts else 0 for n in range(days)),
            tuple(counts[group, n].reached if (group, n) in counts else 0 for n in range(days)),
        )
        for group in GROUPS
        if group in present
    )


def _messages(facts: Facts, value: str) -> tuple[MessageRow, ...]:
    times: Counter[str] = Counter(c.message for c in facts.credits if c.journey == facts.numbers.journey)
    earned: defaultdict[str, float] = defaultdict(float)
    for credit in facts.credits:
        if credit.journey == facts.numbers.journey:
            earned[credit.message] += float(credit.order.data.get(value) or 0)
    return tuple(
        MessageRow(
            m.message, m.channel, m.sent, m.delivered, m.clickers, m.machine_clickers, times[m.message],
            m.unsubscribed, m.complained, round(earned[m.message], 2),
        )
        for m in facts.numbers.messages if m.sent
    )  # fmt: skip


def _arms(runs: Iterable[Run]) -> tuple[ArmRow, ...]:
    tally: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for run in runs:
        if run.group == "learner" and run.arm and run.mature:
            tally[run.arm][0] += 1
            tally[run.arm][1] += bool(run.goals)
    return tuple(ArmRow(arm, n, goals) for arm, (n, goals) in sorted(tally.items(), key=lambda item: -item[1][0]))


def _mean_chances(drawn: Sequence[Drawn]) -> dict[str, float]:
    sums: defaultdict[str, float] = defaultdict(float)
    for d in drawn:
        for arm, chance in zip(d.arms, d.chances, strict=True):
            sums[arm] += chance / len(drawn)
    return dict(sums)


def _arm_days(drawn: Sequence[Drawn], since: datetime) -> tuple[ArmDay, ...]:
    days: defaultdict[int, list[Drawn]] = defaultdict(list)
    for d in drawn:
        days[1 + (d.at - since) // timedelta(days=1)].append(d)
    return tuple(
        ArmDay(day, len(found), _mean_chances(found), warmup=2 * sum(d.uniform for d in found) > len(found))
        for day, found in sorted(days.items())
    )


def _heat(drawn: Sequence[Drawn], view: View) -> tuple[HeatRow, ...]:
    if view.label is None:
        return ()
    kinds: defaultdict[str, list[Drawn]] = defaultdict(list)
    for d in drawn:
        kinds[view.label(d.contact_id)].append(d)
    rows = (HeatRow(kind, len(found), _mean_chances(found), _best(found, view)) for kind, found in kinds.items())
    return tuple(sorted(rows, key=lambda row: -row.decisions))


def _best(drawn: Sequence[Drawn], view: View) -> str | None:
    """Return the arm that is truly best for most of these people."""
    if view.truth is None:
        return None
    return Counter(view.truth(d.contact_id).best_of(tuple(d.arms)) for d in drawn).most_common(1)[0][0]


def _world(drawn: Sequence[Drawn], view: View) -> World | None:
    """Return what only a simulation knows of the decisions; outliers are those whose true best arm is another one."""
    single = view.meta.single_best
    if view.truth is None or not single or not drawn:
        return None
    known = [(d, view.truth(d.contact_id)) for d in drawn if single in d.arms]
    split: dict[bool, list[tuple[Drawn, Known]]] = {True: [], False: []}
    for d, truth in known:
        split[truth.best_of(tuple(d.arms)) != single].append((d, truth))
    right = [d.arm == truth.best_of(tuple(d.arms)) for d, truth in split[True]]
    now, fixed = ({o: _average([t.expected(arm or d.arm) for d, t in split[o]]) for o in split} for arm in ("", single))
    return World(_average(right), now[True], fixed[True], now[False], fixed[False])


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _pressure(facts: Facts, meta: Meta) -> tuple[int, ...]:
    """Return person-weeks by number of messages; people who heard nothing fill the first column."""
    weeks = max(1, -(-(meta.until - meta.since) // WEEK))
    loads = Counter((h.contact_id, (h.at - meta.since) // WEEK) for h in facts.handed)
    bins = [0] * (_MOST + 1)
    for load in loads.values():
        bins[min(load, _MOST)] += 1
    everyone = max(facts.people, len({who for who, _ in loads}))
    bins[0] = everyone * weeks - sum(bins)
    return tuple(bins) if loads else ()


def _doses(facts: Facts) -> tuple[DoseCount, ...]:
    """Return messages, and those after which people left, by how many came in the week before."""
    seen: defaultdict[str, list[datetime]] = defaultdict(list)
    tally: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    for h in sorted(facts.handed, key=lambda h: (h.at, h.key)):
        recent = [at for at in seen[h.contact_id] if at > h.at - WEEK]
        row = tally[min(len(recent), 4)]
        row[0] += 1
        row[1] += h.key in facts.left
        seen[h.contact_id] = [*recent, h.at]
    return tuple(DoseCount(before, n, left) for before, (n, left) in sorted(tally.items()))
