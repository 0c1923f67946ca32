"""The same findings as terminal text: what `simulate --population` and `stats` print.

Lines fit 110 columns; `ascii_only` writes nothing beyond ASCII.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from engine.report.curves import FIRST_ENTRIES
from engine.report.figures import arm_order
from engine.report.findings import DailyCount, Findings, GroupCount, MessageRow
from engine.report.headline import Answer, answers, comparable, outlier_share, rate, split_p, would_have_come_anyway
from engine.report.heat import short_names
from engine.report.intervals import wilson
from engine.report.svg import Scale
from engine.report.who import who_lines
from engine.report.wording import (
    bracket,
    count,
    money,
    percent,
    plain_ascii,
    plural,
    points,
    rate_bracket,
    signed,
    verdict_text,
)  # fmt: skip

GLYPHS = {"learner": "█", "baseline": "o", "holdout": "·"}
_ASCII_GLYPHS = {"learner": "#", "baseline": "o", "holdout": "."}
CURVE_HEIGHT, CURVE_WIDTH = 7, 60
_SAID = {
    ("better", "holdout"): "messaging pays", ("worse", "holdout"): "messaging harms",
    ("better", "baseline"): "personalising pays", ("worse", "baseline"): "personalising harms",
}  # fmt: skip


def population_text(f: Findings, *, ascii_only: bool = False) -> str:
    """Return what a simulated population did: groups, curve, who got what, messages."""
    blocks = [
        _invented(f),
        groups_table(f),
        curve(f, ascii_only=ascii_only),
        who_got_what(f),
        who_lines(f),
        _to_try(f),
        _totals(f),
    ]
    return _joined(blocks, ascii_only=ascii_only)


def stats_text(f: Findings, *, ascii_only: bool = False) -> str:
    """Return the answers and the messages of a journey."""
    m = f.meta
    span = f"{m.since.day} {m.since:%b} to {m.until.day} {m.until:%b}"
    head = f"{m.journey} {m.version} · {span} · goal {m.goal} · unit: contact".replace("  ", " ")
    blocks = [[head, *verdict_lines(f)], money_lines(f), who_lines(f), _to_try(f), messages_table(f), _closing(f)]
    return _joined(blocks, ascii_only=ascii_only)


def _joined(blocks: Sequence[list[str]], *, ascii_only: bool) -> str:
    text = "\n\n".join("\n".join(line.rstrip() for line in block) for block in blocks if block) + "\n"
    return plain_ascii(text) if ascii_only else text


def _invented(f: Findings) -> list[str]:
    if not f.meta.invented:
        return []
    seed = f", seed {f.meta.seed}" if f.meta.seed is not None else ""
    return [f"The people are invented{seed}."]


def verdict_lines(f: Findings) -> list[str]:
    """Return one line per question: groups, difference, interval, word."""
    lines = []
    for a in answers(f):
        question = a.question.replace("… ", "  ")
        if "outliers" in question and (share := outlier_share(f)):
            question = f"{question}, {percent(share, 0)}"
        sides = "" if a.part else f"{a.treated.name} vs {a.control.name}"
        said = "" if a.withheld else f"{points(a.difference.value)} {bracket(a.difference.now)}"
        lines.append(f"{question:<25}{sides:<21}{said:<25}{verdict_text(a.verdict)}")
    return lines + _broken_split(f)


def _broken_split(f: Findings) -> list[str]:
    if comparable(f):
        return []
    return [f"The groups are not comparable: their sizes are not the planned ones (p = {split_p(f):.1g})."]


def groups_table(f: Findings) -> list[str]:
    """Return the groups with their rates, and the learner's difference to each of the others."""
    if not f.groups:
        return []
    noun = f.meta.goal_noun
    article = "an" if noun[:1] in "aeiou" else "a"
    lines = [f"{'':23}{'contacts':>10}{f'with {article} {noun}':>16}{'':22}learner's difference to this group"]
    found = {a.control.name: a for a in answers(f) if not a.part}
    lines += [_group_line(g, found.get(g.name)) for g in f.groups]
    return lines + _broken_split(f)


def _group_line(g: GroupCount, a: Answer | None) -> str:
    span = rate_bracket(wilson(g.goals, g.contacts)) if g.contacts else ""
    share = f"{g.name} ({percent(g.share, 0)})" if g.share else g.name
    value = percent(rate(g).value) if g.contacts else "-"
    line = f"  {share:<21}{count(g.contacts):>10}{count(g.goals):>9}{value:>9}  {span:<16}"
    if a is None:
        return line
    said = _SAID.get((a.verdict.word, a.control.name), verdict_text(a.verdict).split(" (")[0])
    size, reach = ("", "") if a.withheld else (points(a.difference.value), bracket(a.difference.now))
    return f"{line}  {size:<9} {reach:<16} {said}"


def curve(f: Findings, *, ascii_only: bool = False) -> list[str]:
    """Return the goal rate per entry so far, drawn with letters."""
    rates = {d.group: _rates(d) for d in f.daily}
    late = [line[len(line) // 6 :] for line in rates.values()]  # the first days swing too far to set the scale
    values = [v for line in late for v in line if v is not None]
    if len(values) < 3:
        return []
    glyphs = _ASCII_GLYPHS if ascii_only else GLYPHS
    low, high = min(values), max(values)
    room = max((high - low) * 0.08, 0.002)
    y = Scale(max(0.0, low - room), high + room, CURVE_HEIGHT - 1, 0)
    grid = [[" "] * CURVE_WIDTH for _ in range(CURVE_HEIGHT)]
    for group in reversed(list(rates)):  # the first group is drawn last, on top
        for column in range(CURVE_WIDTH):
            value = rates[group][column * len(rates[group]) // CURVE_WIDTH]
            if value is not None:
                grid[round(y.held(value))][column] = glyphs.get(group, "x")
    legend = "   ".join(f"{glyphs.get(group, 'x')} {group}" for group in rates)
    head = f"  {plural(f.meta.goal_noun)} per entry so far, %"
    return [f"{head:<44}{legend}", *_framed(grid, y), _day_line(max(len(r) for r in rates.values()))]


def _rates(d: DailyCount) -> list[float | None]:
    pairs = zip(accumulate(d.entries), accumulate(d.goals), strict=True)
    return [goals / n if n >= FIRST_ENTRIES else None for n, goals in pairs]


def _framed(grid: list[list[str]], y: Scale) -> Iterator[str]:
    for n, row in enumerate(grid):
        value = y.low + (y.high - y.low) * (CURVE_HEIGHT - 1 - n) / (CURVE_HEIGHT - 1)
        yield f"  {100 * value:5.1f} ┤{''.join(row)}"


def _day_line(days: int) -> str:
    marks = [("day 1", 2), (f"day {days // 2}", CURVE_WIDTH // 2 - 4), (f"day {days}", CURVE_WIDTH - 9)]
    line = ["─"] * CURVE_WIDTH
    for words, at in marks:
        line[at : at + len(words) + 2] = f" {words} "
    return "        └" + "".join(line)


def who_got_what(f: Findings) -> list[str]:
    """Return which kinds of people drew which arms, and the truth where it is known."""
    if not f.heat:
        return []
    arms, total = arm_order(f), sum(r.decisions for r in f.heat) or 1
    names = short_names(arms)
    lines = [f"  {'who got what, % of draws':<32}{'':>10}" + "".join(f"{names[a][:9]:>10}" for a in arms)]
    for row in f.heat:
        cells = "".join(f"{100 * row.shares.get(a, 0):>9.0f}{'*' if row.best == a else ' '}" for a in arms)
        lines.append(f"  {row.label:<32}{percent(row.decisions / total, 0):>10}{cells}")
    return lines + list(_truth(f))


def _truth(f: Findings) -> Iterator[str]:
    if any(row.best for row in f.heat):
        yield "  * truly best for them: known only in a simulation"
    w = f.world
    if w:
        single = f"single best message {percent(w.outliers_single)}"
        yield f"  Truth per decision: outliers {percent(w.outliers_now)} ({single}), others {percent(w.others_now)}"
        yield f"  ({percent(w.others_single)}); {percent(w.served_right, 0)} of the outliers got the right message"


def money_lines(f: Findings) -> list[str]:
    """Return what people of each group spent, and the learner's difference with what they spent before allowed for."""
    if not f.money:
        return []
    sign = f.meta.currency
    lines = [f"{sign} per contact within the goal's time (largest 0.5 % cut off; raw mean in brackets)"]
    lines += [
        f"  {row.group:<23}{count(row.contacts):>10} contacts {row.winsorised:>10.2f}  ({row.mean:.2f})"
        for row in f.money
    ]
    for gap in f.money_gaps:
        span = f"[{signed(gap.now.low, 2)}, {signed(gap.now.high, 2)}]"
        always = f"any day [{signed(gap.any_day.low, 2)}, {signed(gap.any_day.high, 2)}]"
        told = "" if gap.explained < 0.01 else f", {percent(gap.explained, 0)} explained by the 90 days before"
        lines.append(f"  learner less {gap.control:<12} {signed(gap.value, 2):>8} {span}  {always}{told}")
    return lines


def _to_try(f: Findings) -> list[str]:
    if not f.suggestions:
        return []
    lines = [line for one in f.suggestions for line in (f"  {one.says}", *([f"      {one.yaml}"] if one.yaml else []))]
    return ["To try next:", *lines]


def _totals(f: Findings) -> list[str]:
    parts = []
    if f.messages:
        sent = f"messages {count(sum(r.sent for r in f.messages))}"
        weeks = sum(f.pressure)
        heard = sum(n * people for n, people in enumerate(f.pressure))
        parts.append(f"{sent} · per contact and week {heard / weeks:.2f}" if weeks else sent)
    for r in sorted(f.reasons, key=lambda r: -r.hits)[:3]:
        fates = ((r.waited, "wait"), (r.switched, "switch"), (r.skipped, "skip"))
        parts.append(f"{r.rule} {count(r.hits)} (" + ", ".join(f"{word} {count(n)}" for n, word in fates if n) + ")")
    return [f"  {part}" for part in parts]


def messages_table(f: Findings) -> list[str]:
    """Return one line per message, by the time of sending."""
    if not f.messages:
        return []
    noun, wide = plural(f.meta.goal_noun), max(22, *(len(r.message) + 2 for r in f.messages))
    heads = f"{'sent':>8}{'delivered':>11}{'human clicks':>16}{noun + ' after':>17}{'unsub':>9}{'spam':>9}"
    lines = [f"{'message':<{wide}}{heads}{f.meta.currency + ' attributed':>15}"]
    return lines + [_message_line(r, wide) for r in sorted(f.messages, key=lambda r: -r.sent)]


def _message_line(r: MessageRow, wide: int) -> str:
    base, mail = max(r.delivered, 1), r.channel == "email"
    clicks = f"{count(r.human_clickers)} {percent(r.human_clickers / base):>7}"
    goals = f"{count(r.goals)} {percent(r.goals / base):>7}"
    left, spam = (percent(n / base, 2) if mail else "\u2013" for n in (r.unsubscribed, r.complained))
    line = f"{r.message:<{wide}}{count(r.sent):>8}{percent(r.delivered / max(r.sent, 1)):>11}{clicks:>16}{goals:>17}"
    return f"{line}{left:>9}{spam:>9}{money(r.attributed, ''):>15}"


def _closing(f: Findings) -> list[str]:
    anyway = would_have_come_anyway(f)
    if anyway is None or not f.messages:
        return []
    noun = plural(f.meta.goal_noun)
    said = f"Attributed is not incremental: by the holdout, about {round(10 * anyway)} in 10 of these {noun}"
    return [f"{said} would have come anyway."]
