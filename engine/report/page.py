"""One self-contained HTML page: the verdicts, the messages, the figures, what they cannot tell, the definitions.

Rules
- No script, nothing loaded from anywhere: the file can be mailed, kept and read in ten years.
- Attributed and incremental numbers never stand in one column.
- When the people are invented the page says so before it says anything else.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2

from engine.report import wording
from engine.report.bars import IntervalRow, interval_scale, single_interval
from engine.report.figures import figures
from engine.report.findings import Findings, MessageRow
from engine.report.headline import Answer, answers, comparable, outlier_share, split_p, would_have_come_anyway
from engine.report.limits import cannot_tell
from engine.report.svg import STYLE, Canvas
from engine.report.table import csv_text
from engine.report.who import nobody, sureness
from engine.report.wording import count, money, percent, points

BAR_WIDTHS = (300, 480)
NONE = "\u2013"


@dataclass(frozen=True, slots=True)
class Card:
    """An answer as the page shows it."""

    answer: Answer
    number: str
    sentence: str
    detail: str
    narrow: str
    wide: str


def page(findings: Findings) -> str:
    """Return the whole report as one HTML document."""
    f = findings
    return _template().render(
        f=f, m=f.meta, style=STYLE, w=wording, cards=cards(f), figures=figures(f), tiles=tiles(f),
        messages=sorted(f.messages, key=lambda r: -r.sent), cells=message_cells, limits=cannot_tell(f),
        anyway=would_have_come_anyway(f), attributed=sum(r.attributed for r in f.messages),
        seen=f.measured, sure=list(sureness(f.measured)) if f.measured else [],
        nobody=nobody(f.measured) if f.measured else "", suggestions=f.suggestions,
        gaps={gap.control: gap for gap in f.money_gaps},
        comparable=comparable(f), split=split_p(f), csv=csv_text(f),
        csv64=base64.b64encode(csv_text(f).encode()).decode(), period=period(f),
    )  # fmt: skip


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html.j2")


def period(f: Findings) -> str:
    """Return 14 Sep to 13 Oct 2025."""
    since, until = f.meta.since, f.meta.until
    start = f"{since.day} {since:%b}" + (f" {since.year}" if since.year != until.year else "")
    return f"{start} to {until.day} {until:%b %Y}"


def cards(f: Findings) -> tuple[Card, ...]:
    """Return the answers with their bars on one shared scale."""
    found = answers(f)
    rows = [IntervalRow(a.question, a.difference.value, a.difference.now, a.difference.any_day) for a in found]
    if not rows:
        return ()
    scale = interval_scale([row for a, row in zip(found, rows, strict=True) if not a.withheld] or rows)
    fills = {"better": "good", "worse": "bad"}
    made = []
    for n, (a, row) in enumerate(zip(found, rows, strict=True)):
        painted = IntervalRow(row.label, row.value, row.thick, row.thin, fill=fills.get(a.verdict.word, "g0"))
        bars = (
            single_interval(
                Canvas(f"card{n}-{wide}", wide, f"{a.question} {points(row.value)}", detail(a)), painted, scale
            )
            for wide in BAR_WIDTHS
        )
        made.append(Card(a, wording.signed(100 * row.value), sentence(f, a), detail(a), *bars))
    return tuple(made)


def sentence(f: Findings, a: Answer) -> str:
    """Return the answer in words a board reads."""
    if a.withheld:
        return _withheld(f, a)
    ours, theirs = (percent(r) for r in a.rates)
    verb, single = f.meta.goal_verb, f.meta.single_best or "the single best message"
    if a.control.name == "holdout":
        return f"{ours} {verb} when we may write, {theirs} when we stay silent on purpose."
    if not a.part:
        return f"{ours} {verb} when the message is chosen per person, {theirs} when everyone gets {single}."
    share = outlier_share(f)
    if share is None:
        return f"{ours} {verb} instead of {theirs}."
    if "outliers" in a.question:
        return f"For the {percent(share, 0)} whose best message is another one: {ours} {verb} instead of {theirs}."
    return f"For the other {percent(1 - share, 0)}: {ours} {verb} instead of {theirs}."


def _withheld(f: Findings, a: Answer) -> str:
    if a.verdict.word == "not comparable":
        return "Withheld: the sizes of the groups are not the planned ones."
    sizes = f"{count(a.treated.contacts)} and {count(a.control.contacts)} contacts"
    nouns = wording.plural(f.meta.goal_noun)
    return (
        f"So far the window is over for {sizes}; 100 in each group and 30 {nouns} in total are needed to say anything."
    )


def detail(a: Answer) -> str:
    """Return numerators, denominators and both intervals."""
    now, always = (wording.bracket(s).replace(" ", "\u00a0") for s in (a.difference.now, a.difference.any_day))
    sides = " · ".join(f"{g.name} {count(g.goals)} of {count(g.contacts)}" for g in (a.treated, a.control))
    return f"{sides} · 95 % {now} · any day {always}"


def tiles(f: Findings) -> tuple[tuple[str, str], ...]:
    """Return what the result cost the people: messages, departures, complaints."""
    sent, weeks = sum(r.sent for r in f.messages), sum(f.pressure)
    held = sum(r.hits for r in f.reasons)
    found = [
        ("messages of this journey", count(sent) if sent else ""),
        ("people who got any message", count(f.messaged) if f.messaged else ""),
    ]
    if weeks:
        heard = sum(n * people for n, people in enumerate(f.pressure))
        found.append(("messages per person and week, all journeys", f"{heard / weeks:.2f}"))
    if f.messaged:
        found.append(("of them unsubscribed", percent(f.unsubscribed / f.messaged, 2)))
        found.append(("complained", percent(f.complained / f.messaged, 2)))
    if held:
        found.append(("held back by rules", count(held)))
    return tuple((name, value) for name, value in found if value)


def message_cells(f: Findings, r: MessageRow) -> tuple[tuple[str, str, str], ...]:
    """Return the cells of one message: heading, number, small print."""
    base = max(r.delivered, 1)
    mail = r.channel == "email"
    return (
        ("sent", count(r.sent), ""),
        ("delivered", percent(r.delivered / max(r.sent, 1)), count(r.delivered)),
        ("human clicks", percent(r.human_clickers / base), count(r.human_clickers)),
        ("machine", percent(r.machine_clickers / base) if r.machine_clickers else NONE, ""),
        ("unsub", percent(r.unsubscribed / base, 2) if mail else NONE, count(r.unsubscribed) if r.unsubscribed else ""),
        ("spam", percent(r.complained / base, 2) if mail else NONE, count(r.complained) if r.complained else ""),
        (f"{wording.plural(f.meta.goal_noun)} after", percent(r.goals / base), count(r.goals)),
        ("attributed", money(r.attributed, f.meta.currency), ""),
    )
