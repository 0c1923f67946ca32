"""`sojourn experiment list|report`: two criteria, two journeys or the ways of a split, compared on sticky groups."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.text import columns, moment, printable
from engine.errors import NotFound

if TYPE_CHECKING:
    from engine.experimenting import Arm, Result, Versus
    from engine.report.intervals import Verdict
    from journeys.experiment import Experiment

NONE = (
    "no experiments yet; write one in data.yaml, for example\n"
    "  experiments: {vip_rule: {segments: [vip_spend, vip_often], goal: {event: order_placed, within: 14d}}}"
)


def list_experiments(ctx: typer.Context) -> Answer:
    """List the experiments: what each one compares, by which goal, and how far it is."""
    from engine.experimenting import result
    from engine.store.connect import reading

    session: Session = ctx.obj
    definitions = session.definitions()
    project = session.project()
    rows, data = [("experiment", "compares", "goal", "people", "")], []
    when = session.now(), ZoneInfo(project.timezone)
    with session.store(project) as store, reading(store) as conn:
        for name, one in project.data.experiments.items():
            found = result(conn, one, definitions.journeys, when)
            people = sum(arm.n for arm in found.arms)
            words = [_word(versus.verdict) for versus in found.versus]
            rows.append((name, " / ".join(arm.name for arm in found.arms), _goal(one), f"{people:,}", ", ".join(words)))
            data.append(_data(one, found))
    if not data:
        return Answer({"experiments": []}, NONE.splitlines())
    return Answer({"experiments": data}, columns(rows, right=(3,)))


def report(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="An experiment of data.yaml.")],
    *,
    since: Annotated[
        str, typer.Option(metavar="DATE", help="Only who took part from then on. Default: since both groups could.")
    ] = "",
) -> Answer:
    """Say which group reaches the goal more often: better, worse, or that it cannot be told yet and what would tell."""
    from engine.experimenting import result
    from engine.store.connect import reading

    session: Session = ctx.obj
    definitions = session.definitions()
    project = session.project()
    known = project.data.experiments
    if name not in known:
        raise NotFound(f'no experiment called "{printable(name)}" in data.yaml; there is: {", ".join(known) or "none"}')
    zone = ZoneInfo(project.timezone)
    with session.store(project) as store, reading(store) as conn:
        found = result(conn, known[name], definitions.journeys, (session.now(), zone), _since(since, zone))
    return Answer(_data(known[name], found), _lines(known[name], found, zone, project.currency))


def _since(said: str, zone: ZoneInfo) -> datetime | None:
    if not said:
        return None
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise WrongUse(f'cannot read --since "{said}"; write 2026-03-01') from None
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _goal(one: Experiment) -> str:
    from journeys.span import show_span

    return f"{' or '.join(one.goal.events)} within {show_span(one.goal.within)}"


def _lines(one: Experiment, found: Result, zone: ZoneInfo, currency: str) -> list[str]:
    since = f" since {moment(found.since, zone)}" if found.since else ""
    lines = [f"{one.name}   {_goal(one)}, people{since}"]
    rows = [("  group", "share", "people", "reached it", "", ""), *(_row(arm, one, currency) for arm in found.arms)]
    lines += columns(rows, right=(1, 2, 3))
    lines += [line for versus in found.versus for line in _compared(versus, found, currency)]
    notes = [(found.young, "are left out until their time is over"),
             (found.strays, "are left out: they are in the journey of the other group")]  # fmt: skip
    lines += [f"  {count:,} {'person' if count == 1 else 'people'} {why}" for count, why in notes if count]
    lines += [f"  to show a fifth more or less: {found.needed:,} people a group"]
    return lines


def _row(arm: Arm, one: Experiment, currency: str) -> tuple[str, ...]:
    worth = f"{arm.mean.value:,.2f} {currency} a person" if one.goal.value is not None else ""
    span = f"{arm.span.low:.1%} to {arm.span.high:.1%}"
    return (f"  {arm.name}", f"{arm.share:.0%}", f"{arm.n:,}", f"{arm.rate.value:.1%}", span, worth)


def _compared(versus: Versus, found: Result, currency: str) -> list[str]:
    d = versus.difference
    span = f"[{d.any_day.low * 100:+.1f}, {d.any_day.high * 100:+.1f}]"
    who = f"{versus.arm} against {versus.against}"
    lines = [f"  {who}  {d.value * 100:+.1f} points {span}   {_word(versus.verdict)}"]
    if versus.verdict.word == "not comparable":
        lines.append(f"    the sizes of the groups do not fit their shares (p = {found.split_p:.2g})")
    if versus.worth is not None:
        lines.append(f"    value a person [{versus.worth.low:+,.2f}, {versus.worth.high:+,.2f}] {currency}, 95 %")
    return lines


def _word(verdict: Verdict) -> str:
    need = f": {verdict.needed:,} people a group would tell" if verdict.needed else ""
    return f"{verdict.mark} {verdict.word}{need}"


def _data(one: Experiment, found: Result) -> dict[str, Any]:
    arms = [{"arm": arm.name, "share": arm.share, "people": arm.n, "goals": arm.goals, "rate": arm.rate.value,
             "low": arm.span.low, "high": arm.span.high, "value": arm.mean.value} for arm in found.arms]  # fmt: skip
    versus = [{"arm": v.arm, "against": v.against, "difference": v.difference, "verdict": v.verdict.word,
               "needed": v.verdict.needed, "value": v.worth} for v in found.versus]  # fmt: skip
    return {"experiment": one.name, "kind": one.kind, "goal": one.goal.events, "within": one.goal.within,
            "since": found.since, "arms": arms, "versus": versus, "split_p": found.split_p, "young": found.young,
            "strays": found.strays, "needed": found.needed}  # fmt: skip
