"""The figures of a report: which there are, what each one says in its title, and how it was computed.

Every figure is drawn twice, for a phone and for a desk; the page shows one of them. A figure without enough
numbers is left out, and the page says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.report.bars import IntervalRow, flow_bars, histogram, interval_bars, reason_bars
from engine.report.curves import GROUP_PAINT, lines_by_day, stacked_shares
from engine.report.findings import Findings
from engine.report.headline import rate
from engine.report.heat import heat_map
from engine.report.intervals import wilson
from engine.report.svg import Canvas
from engine.report.wording import count, percent, plural

NARROW, WIDE = 340, 540


@dataclass(frozen=True, slots=True)
class Figure:
    """One picture: its sentence, what it counts, how it was computed, and the picture in two widths."""

    name: str
    title: str
    note: str
    how: str
    narrow: str
    wide: str


Draw = Callable[[Canvas], str]


def figures(findings: Findings) -> tuple[Figure, ...]:
    """Return every figure that these findings can fill."""
    makers = (group_rates, curve, shares, heat, leaderboard, flow, load, reasons, doses)
    return tuple(figure for maker in makers if (figure := maker(findings)))


def _figure(name: str, title: str, note: str, how: str, draw: Draw) -> Figure:
    narrow, wide = (draw(Canvas(f"{name}-{width}", width, title, note)) for width in (NARROW, WIDE))
    return Figure(name, title, note, how, narrow, wide)


def group_rates(f: Findings) -> Figure | None:
    """Draw the goal rate of each group."""
    rows = [
        IntervalRow(g.name, rate(g).value, wilson(g.goals, g.contacts), None,
                    f"{percent(rate(g).value)} · {count(g.goals)} of {count(g.contacts)}",
                    GROUP_PAINT.get(g.name, "g2"))
        for g in f.groups if g.contacts
    ]  # fmt: skip
    if not rows:
        return None
    noun = f.meta.goal_noun
    return _figure(
        "groups",
        title=(
            f"How many people made an {noun}, by group"
            if noun[:1] in "aeiou"
            else f"How many people made a {noun}, by group"
        ),
        note=f"contacts with {f.meta.goal} of their first entry, percent of contacts whose window is over",
        how="Contacts with the goal / contacts who entered at least the goal's window ago; Wilson interval, 95 %.",
        draw=lambda c: interval_bars(c, rows),
    )


def curve(f: Findings) -> Figure | None:
    """Draw how the groups' rates settle (F9)."""
    if not f.daily or max(len(d.entries) for d in f.daily) < 3:
        return None
    entries = sum(sum(d.entries) for d in f.daily)
    return _figure(
        "curve",
        title="The rates need weeks to settle",
        note=f"{plural(f.meta.goal_noun)} per entry, all days so far together; shaded: 95 %; n = {count(entries)}",
        how=(
            "Entries with the goal in their window / entries, cumulated from day 1, once a group has 30 entries. "
            "The unit is the entry, so the bands are a little too narrow for people who entered twice."
        ),
        draw=lambda c: lines_by_day(c, f.daily),
    )


def shares(f: Findings) -> Figure | None:
    """Draw the shares of the arms over time (F8)."""
    if len(f.arm_days) < 2:
        return None
    arms = arm_order(f)
    first, last = f.arm_days[0], f.arm_days[-1]
    top = max(arms, key=lambda arm: last.shares.get(arm, 0.0))
    change = (
        f"{percent(first.shares.get(top, 0), 0)} on the first day, {percent(last.shares.get(top, 0), 0)} on the last"
    )
    return _figure(
        "shares",
        title=f"{top} is drawn most often: {change}",
        note=(
            f"mean share of each arm per day, learner group; n = {count(sum(d.decisions for d in f.arm_days))}; "
            "hatched: nothing was sent on purpose"
        ),
        how="Mean over the day's decisions of the chance with which each arm could be drawn (the logged propensities).",
        draw=lambda c: stacked_shares(c, f.arm_days, arms),
    )


def heat(f: Findings) -> Figure | None:
    """Draw who gets what (F7)."""
    if not f.heat:
        return None
    n = sum(r.decisions for r in f.heat)
    return _figure(
        "heat",
        title="Different people get different messages" if _differs(f) else "Most people get the same message",
        note=f"share of draws by kind of people, learner group; n = {count(n)} decisions",
        how="Rows are kinds of people, by their attributes; a cell is the share of the row's draws that gave the arm.",
        draw=lambda c: heat_map(c, f.heat, arm_order(f)),
    )


def _differs(f: Findings) -> bool:
    return len({max(row.shares, key=lambda arm: row.shares[arm]) for row in f.heat if row.shares}) > 1


def leaderboard(f: Findings) -> Figure | None:
    """Draw the honest means of the arms (F6)."""
    rows = [
        IntervalRow(a.arm, a.goals / a.decisions, wilson(a.goals, a.decisions), None,
                    f"{percent(a.goals / a.decisions)} · n {count(a.decisions)}")
        for a in sorted(f.arms, key=lambda a: -a.decisions) if a.decisions
    ]  # fmt: skip
    if not rows:
        return None
    return _figure(
        "arms",
        title="What followed each message",
        note=(
            "decisions with a goal in their window, learner group. Arms were given to different kinds of people: "
            "compare the groups above, not these means"
        ),
        how="Goals / decisions whose window is over; Wilson interval, 95 %.",
        draw=lambda c: interval_bars(c, rows),
    )


def flow(f: Findings) -> Figure | None:
    """Draw the way through the journey."""
    if not f.states:
        return None
    inside = sum(s.inside for s in f.states)
    return _figure(
        "flow",
        title=f"{count(f.entries)} entries went this way",
        note=f"visits to each state in the period; {count(inside)} people are inside now",
        how="Visits are counted when a state is entered; held-out people walk the same way without messages.",
        draw=lambda c: flow_bars(c, f.states, f.entries),
    )


def load(f: Findings) -> Figure | None:
    """Draw messages per person and week (F13)."""
    weeks = sum(f.pressure)
    if not weeks:
        return None
    busy = sum(f.pressure[3:]) / weeks
    return _figure(
        "load",
        title=f"{percent(busy)} of the person-weeks had three messages or more",
        note=f"messages per person in seven days; n = {count(weeks)} person-weeks, zero included",
        how="Everybody who entered counts for every seven days from the first on; messages of all journeys together.",
        draw=lambda c: histogram(c, f.pressure),
    )


def reasons(f: Findings) -> Figure | None:
    """Draw what held messages back (F15)."""
    met = [r for r in f.reasons if r.hits]
    if not met:
        return None
    hits = sum(r.hits for r in met)
    return _figure(
        "reasons",
        title=f"{count(hits)} times a rule stood between a person and a message",
        note="the first rule that held or refused a message, and what became of it",
        how="Each message is counted once, under the first rule of the send gate that stopped it.",
        draw=lambda c: reason_bars(c, sorted(met, key=lambda r: -r.hits)),
    )


def doses(f: Findings) -> Figure | None:
    """Draw who leaves, by how much they had heard (F14)."""
    rows = [
        IntervalRow(f"{d.before} in the 7 days before", d.left / d.messages, wilson(d.left, d.messages), None,
                    f"{d.left} of {count(d.messages)}", "g1")
        for d in f.doses if d.messages >= 50
    ]  # fmt: skip
    if len(rows) < 2:
        return None
    return _figure(
        "doses",
        title="Who leaves, by how much they had heard before",
        note="unsubscribes and complaints per message, percent; people differ, so this is no proof of cause",
        how="Messages by which somebody unsubscribed or complained / messages; Wilson interval, 95 %.",
        draw=lambda c: interval_bars(c, rows),
    )


def arm_order(f: Findings) -> Sequence[str]:
    """Return every arm in one order for all figures, `nothing` last."""
    found = dict.fromkeys(
        [a.arm for a in f.arms]
        + [arm for day in f.arm_days for arm in day.shares]
        + [arm for row in f.heat for arm in row.shares]
    )
    return sorted(found, key=lambda arm: arm == "nothing")
