"""`sojourn replay`: what another policy would have earned, from the log of decisions or from a test run elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.answer import Answer
from engine.cli.draw import journey_called
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.text import columns

if TYPE_CHECKING:
    from engine.offpolicy.logged import Drawn, Logged
    from engine.offpolicy.replay import Compared, Replay, Worth
    from engine.offpolicy.targets import Target
    from engine.store.rows import DecisionRow

SINGLE = "best single message"
LEAST = 200
DRAWN = ("learner", "random")
"""Groups whose arm was drawn by chances that can be replayed; a baseline always takes its arm, a holdout nothing."""
KINDS = ("vw", "thompson", "beta")


def replay(  # noqa: PLR0917 - flags are parameters
    ctx: typer.Context,
    point: Annotated[str, typer.Argument(metavar="[JOURNEY.STATE]")] = "",
    policy: Annotated[
        list[str] | None,
        typer.Option(metavar="POLICY", help='"fixed ARM", random, best, learned, vw, thompson, beta; several times.'),
    ] = None,
    since: Annotated[str, typer.Option(metavar="90d", help="How far back, or a date.")] = "90d",
    file: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE.csv", help="A randomised test of your own instead of the log.")
    ] = None,
    arm: Annotated[str, typer.Option(metavar="COLUMN", help="With --csv: which message was sent.")] = "",
    reward: Annotated[str, typer.Option(metavar="COLUMN", help="With --csv: what it earned.")] = "",
    context: Annotated[str, typer.Option(metavar="COLUMNS", help="With --csv: what was known of the person.")] = "",
    propensity: Annotated[str, typer.Option(metavar="COLUMN", help="With --csv: the chance of what was sent.")] = "",
) -> Answer:
    """Estimate what policies would have earned, with intervals; refuse where the log cannot carry the answer."""
    session: Session = ctx.obj
    if bool(point) == (file is not None):
        raise WrongUse("name a decision, as in `sojourn replay cart_recovery.recover`, or a file with --csv")
    wishes = policy or ["best", "learned"]
    if file is not None:
        case = _from_file(file, (arm, reward, context, propensity))
    else:
        case = _from_store(session, point, since)
    if len(case.log) < LEAST:
        return _too_few(case)
    return _evaluated(session, case, wishes)


@dataclass(frozen=True, slots=True)
class Case:
    """A log with its name; `kind` is the policy that serves it, `closed` the share of windows that are over."""

    name: str
    log: Logged
    kind: str
    min_share: float
    closed: float = 1.0


def _from_file(path: Path, said: tuple[str, str, str, str]) -> Case:
    from engine.offpolicy.logged import logged
    from engine.offpolicy.table import Columns, from_csv

    arm, reward, context, propensity = said
    if not arm or not reward:
        raise WrongUse("--csv needs --arm COLUMN and --reward COLUMN; add --context COLUMNS to choose per person")
    known = tuple(name.strip() for name in context.split(",") if name.strip())
    drawn = from_csv(path, Columns(arm, reward, known, propensity))
    return Case(path.name, logged(drawn, {}), "vw", 0.005)


def _from_store(session: Session, point: str, since: str) -> Case:
    from engine.cli.stats import since_of
    from engine.learner.features import arms_of
    from engine.offpolicy.logged import logged
    from engine.store.connect import reading
    from engine.store.history import decided

    definitions = session.definitions()
    project = session.project()
    name, _, state = point.partition(".")
    journey = journey_called(definitions, name)
    choose = dict(journey.choices).get(state)
    if choose is None:
        raise _no_decision(journey.name, state, [one for one, _ in journey.choices])
    begin = since_of(since, session.now(), project)
    with session.store(project) as store, reading(store) as conn:
        rows = [row for row in decided(conn, point, begin) if row.decision.group in DRAWN and row.status != "void"]
    over = [row for row in rows if row.status == "closed"]
    drawn = [_drawn(row) for row in over]
    kind = choose.explore.policy if choose.explore.policy in KINDS else "vw"
    return Case(point, logged(drawn, arms_of(choose)), kind, choose.explore.min_share, len(over) / max(len(rows), 1))


def _drawn(row: DecisionRow) -> Drawn:
    from engine.offpolicy.logged import Drawn

    made = row.decision
    return Drawn(
        row.contact_id, row.at, made.features, tuple(made.arms), tuple(made.chances), made.arm, row.reward or 0.0
    )  # fmt: skip


def _no_decision(journey: str, state: str, there: Sequence[str]) -> Exception:
    from engine.errors import NotFound

    known = ", ".join(f"{journey}.{one}" for one in there) or "none"
    return NotFound(f'{journey} has no decision "{state}"; its decisions: {known}')


def _too_few(case: Case) -> Answer:
    says = (
        f"{case.name}: {len(case.log)} closed decisions with a choice between arms; replay needs {LEAST}. "
        "Decisions count when their reward window is over"
    )
    data = {"point": case.name, "decisions": len(case.log), "policies": [], "verdict": "too early"}
    return Answer(data, [says])


def _evaluated(session: Session, case: Case, wishes: Sequence[str]) -> Answer:
    from engine.offpolicy.replay import advice, replay

    targets = dict(_target(wish, case) for wish in wishes)
    with session.bar("policies", len(targets)) as bar:
        found = replay(case.log, targets, _single(targets), bar.advance)
    said = advice(found)
    return Answer(_data(case, found, said), [*_lines(case, found), *([said] if said else [])])


def _single(targets: Mapping[str, Target]) -> str:
    """Return the policy that stands for one message for everyone: the best one, else the first fixed."""
    return SINGLE if SINGLE in targets else next((name for name in targets if name.startswith("fixed ")), "")


def _target(wish: str, case: Case) -> tuple[str, Target]:
    from engine.offpolicy import targets

    word, _, arm = wish.strip().partition(" ")
    match word:
        case "random":
            return "random", targets.uniform()
        case "best":
            return SINGLE, targets.best()
        case "learned":
            return f"learned ({case.kind})", targets.learned(case.kind, case.min_share)
        case "vw" | "thompson" | "beta":
            return f"learned ({word})", targets.learned(word, case.min_share)
        case "fixed" if arm in case.log.arms:
            return f"fixed {arm}", targets.fixed(arm)
        case "fixed":
            raise WrongUse(f'no arm "{arm}"; there are: {", ".join(case.log.arms)}')
    known = '"fixed ARM", random, best, learned, vw, thompson, beta'
    raise WrongUse(f'cannot read --policy "{wish}"; write one of {known}')


def _lines(case: Case, found: Replay) -> Iterator[str]:
    rate = _is_rate(case.log)
    unit = "a share of decisions" if rate else "reward of a decision"
    yield f"{case.name}: {found.decisions:,} decisions of {found.contacts:,} contacts, {len(found.arms)} arms, {unit}"
    head = ("  policy", "value (DR)", "IPS", "effective n", "beside the log")
    beside = {one.name: _word(one, rate) for one in found.compared if one.other == found.worths[0].name}
    yield from columns([head, *(_row(one, beside, rate) for one in found.worths)], right=(3,))
    for one in found.compared:
        if one.other == found.single:
            yield f"  {one.name} less {one.other}: {_word(one, rate)}"
    yield "Checks: " + " · ".join(f"{check.name} {check.says} {'✓' if check.ok else '!'}" for check in found.checks)
    if case.closed < 1.0:
        yield f"{case.closed:.1%} of the reward windows are over; the others are left out"


def _row(one: Worth, beside: Mapping[str, str], rate: bool) -> tuple[str, ...]:
    if one.refused:
        return (f"  {one.name}", "refused", "-", f"{one.effective:,.0f}", one.refused)
    value = _number(one.value.value, one.value.error, rate)
    weighted = _number(one.ips.value, one.ips.error, rate) if one.largest > 1.0 else "-"
    return (f"  {one.name}", value, weighted, f"{one.effective:,.0f}", beside.get(one.name, ""))


def _number(value: float, error: float, rate: bool, sign: str = "") -> str:
    if rate:
        return f"{100 * value:{sign}.2f} {'pp' if sign else '%'} ±{196 * error:.2f}"
    return f"{value:{sign}.4g} ±{1.96 * error:.2g}"


def _word(one: Compared, rate: bool) -> str:
    if one.word == "not comparable":
        return "not comparable: one of them was refused"
    said = f"{_number(one.difference.value, one.difference.error, rate, '+')}  {one.word}"
    if one.times is None:
        return said
    return f"{said} (would need ~{one.times:,.0f} times the data)" if one.times < 10_000 else said


def _is_rate(log: Logged) -> bool:
    return bool(((log.reward == 0.0) | (log.reward == 1.0)).all())


def _data(case: Case, found: Replay, said: str) -> dict[str, Any]:
    return {
        "point": case.name, "decisions": found.decisions, "contacts": found.contacts, "arms": found.arms,
        "closed": case.closed, "policies": [_worth(one) for one in found.worths],
        "compared": [_compared(one) for one in found.compared],
        "checks": found.checks, "verdict": said,
    }  # fmt: skip


def _compared(one: Compared) -> dict[str, Any]:
    gap = one.difference
    return {
        "policy": one.name, "with": one.other, "difference": gap.value, "low": gap.span.low, "high": gap.span.high,
        "word": one.word, "times": one.times,
    }  # fmt: skip


def _worth(one: Worth) -> dict[str, Any]:
    estimates = {"dr_clipped": one.value, "dr": one.doubly, "ips": one.ips, "snips": one.snips}
    shown = {
        name: None if one.refused else {"value": e.value, "low": e.span.low, "high": e.span.high}
        for name, e in estimates.items()
    }
    return {
        "policy": one.name, **shown, "effective": one.effective, "largest_weight": one.largest,
        "refused": one.refused or None,
    }  # fmt: skip
