"""`sojourn campaign report`: what came of a campaign, and what cannot be told yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.campaign import NAME, usable
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.text import columns, moment

if TYPE_CHECKING:
    from engine.report.intervals import Rate, Verdict
    from engine.reporting import Compared, Report

UNSURE = "● cannot tell yet"


def report(
    ctx: typer.Context,
    name: NAME,
    *,
    run: Annotated[str | None, typer.Option(metavar="WEEK", help="Which run: 2027-W10. Default: the last one.")] = None,
    cost: Annotated[float, typer.Option(min=0, help="What one message costs, discounts included.")] = 0.0,
) -> Answer:
    """Compare who heard a campaign with who was held out; then the forecast, chance, and what RFM would have picked."""
    from engine.campaigning import campaign_called
    from engine.reporting import report as made
    from engine.store.campaigns import runs_of
    from engine.store.connect import reading

    session: Session = ctx.obj
    one = campaign_called(usable(session), name)
    project = session.project()
    zone = ZoneInfo(project.timezone)
    with session.store(project) as store, reading(store) as conn:
        runs = runs_of(conn, one.id)
        found = [row for row in runs if run is None or row.id == f"{one.id}@{run}"]
        if not runs:
            return Answer(
                {"campaign": one.id, "run": None}, [f"{one.id} never went out: sojourn campaign run {one.id}"]
            )
        if not found:
            raise WrongUse(
                f"{one.id} did not run in {run}; it did in {', '.join(r.id.partition('@')[2] for r in runs)}"
            )
        told = made(conn, found[0], one, project.data, (session.now(), zone))
    lines = [*_head(told, zone), *_deciles(told), *_beside(told), *_paid(told, cost, project.currency)]
    return Answer({"campaign": one.id, **_told(told, cost)}, lines)


def _head(told: Report, zone: ZoneInfo) -> list[str]:
    whole = told.whole
    left = f"; its time runs for {told.left.days + 1} more days" if told.left else ""
    return [
        f"{told.run}  since {moment(told.at, zone)}{left}",
        (
            f"  chosen       {told.people:,} people; {told.whole.heard.n:,} to hear it "
            f"({told.sent:,} messages went out), {told.whole.held.n:,} held out"
        ),
        f"  goal rate    {_rate(whole.heard)} who were to hear it, {_rate(whole.held)} held out",
        f"  by the mail  {whole.difference.value * 100:+.1f} points {_span(whole)}   {_word(whole.verdict)}",
    ]


def _deciles(told: Report) -> list[str]:
    rows = [("tenth", "forecast best first: heard", "held out", "difference", "")]
    for n, one in enumerate(told.deciles, 1):
        rows.append((f"{n}", _rate(one.heard), _rate(one.held), f"{one.difference.value * 100:+.1f} {_span(one)}",
                     _word(one.verdict)))  # fmt: skip
    return [f"  {line}" for line in columns(rows)] if told.whole.heard.n else []


def _beside(told: Report) -> list[str]:
    lines = []
    if told.forecast:
        buyers, low, high = told.forecast
        fits = "inside" if low <= told.bought <= high else "outside of"
        lines.append(
            f"  forecast     {buyers:,.0f} buyers ({low:,.0f} to {high:,.0f}); came: {told.bought:,}, {fits} it"
        )
    ours, theirs, span = told.rule
    sure = "" if span.excludes_zero else f"   {UNSURE}"
    lines.append(
        f"  RFM          the better half by the model holds {ours:.0%} of these people's goals, by RFM {theirs:.0%}; "
        f"{(ours - theirs) * 100:+.0f} points [{span.low * 100:+.0f}, {span.high * 100:+.0f}]{sure}"
    )
    if told.chance[1].n:
        lines.append(
            f"  by chance    {_rate(told.chance[1])} of those drawn by chance, {_rate(told.chance[0])} of the model's"
        )
    return lines


def _paid(told: Report, cost: float, currency: str) -> list[str]:
    if told.money is None:
        return [f"  money        {UNSURE}: too few people, or nobody spent anything"]
    gap, hearing = told.money, told.whole.heard.n
    span = gap.any_day if told.left else gap.now
    more = [value * hearing for value in (gap.value, span.low, span.high)]
    spent = cost * told.sent
    sure = "" if span.excludes_zero else f"   {UNSURE}"
    lines = [(f"  money        {gap.value:+,.2f} {currency} a person [{span.low:+,.2f}, {span.high:+,.2f}]: "
             f"{more[0]:+,.0f} in all{sure}")]  # fmt: skip
    if cost:
        back = [(one - spent) / spent for one in more] if spent else [0.0, 0.0, 0.0]
        paid = "" if back[1] > 0 or back[2] < 0 else f"   {UNSURE}"
        says = f"{told.sent:,} messages cost {spent:,.0f}; return {back[0]:+.0%} [{back[1]:+.0%}, {back[2]:+.0%}]"
        lines.append(f"  return       {says if spent else 'no message went out'}{paid if spent else ''}")
    else:
        lines.append("  return       say what a message costs, and it is worked out: --cost 0.02")
    return lines


def _rate(one: Rate) -> str:
    return f"{one.value:.1%} ({one.goals:,} of {one.n:,})"


def _span(one: Compared) -> str:
    span = one.difference.any_day
    return f"[{span.low * 100:+.1f}, {span.high * 100:+.1f}]"


def _word(verdict: Verdict) -> str:
    needed = f"; about {verdict.needed:,} people in each group would tell" if verdict.needed else ""
    return f"{verdict.mark} {verdict.word}{needed if verdict.word == 'cannot tell yet' else ''}"


def _told(told: Report, cost: float) -> dict[str, Any]:
    return {
        "run": told.run, "at": told.at, "over": told.left is None, "people": told.people, "sent": told.sent,
        "whole": told.whole, "deciles": told.deciles, "bought": told.bought,
        "forecast": dict(zip(("buyers", "low", "high"), told.forecast, strict=True)) if told.forecast else None,
        "rfm": {"model": told.rule[0], "rfm": told.rule[1], "difference": told.rule[2]},
        "by_chance": told.chance[1], "by_model": told.chance[0], "money": told.money, "cost": cost * told.sent,
    }  # fmt: skip
