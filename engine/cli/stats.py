"""`sojourn stats`: does messaging pay, does personalising pay, and what became of each message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.answer import Answer
from engine.cli.draw import journey_called
from engine.cli.flags import WrongUse
from engine.cli.session import Session

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.report.asked import Asked
    from engine.report.findings import Findings
    from engine.store.history import ArmNumbers
    from journeys import Journey
    from journeys.project import Project


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of one journey; `findings` None: nobody has entered it."""

    journey: Journey
    findings: Findings | None
    arms: Sequence[ArmNumbers] = ()
    earlier: datetime | None = None  # somebody entered before the period


def stats(
    ctx: typer.Context,
    what: Annotated[str | None, typer.Argument(metavar="[JOURNEY[.STATE]]", help="Default: every journey.")] = None,
    *,
    since: Annotated[str, typer.Option(metavar="30d", help="How far back, or a date.")] = "30d",
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write the report as a page.")] = None,
) -> Answer:
    """Count what happened, with intervals and the words they allow."""
    from engine.store.connect import reading

    session: Session = ctx.obj
    definitions = session.definitions()
    project = session.project()
    journeys, state = _wanted(definitions.journeys, journey_called, definitions, what)
    now = session.now()
    begin = since_of(since, now, project)
    with session.store(project) as store, reading(store) as conn:
        told = [_told(conn, project, journey, (state, begin, now)) for journey in journeys]
    if report is not None:
        _write(report, told)
    shown = [line for one in told for line in [*_lines(one, project, (what, state, begin)), ""]][:-1]
    note = [f"wrote {report}"] if report is not None else []
    return Answer({"since": begin, "journeys": [_data(one) for one in told], "report": report}, [*shown, *note])


def _wanted(known: Any, called: Any, definitions: Any, what: str | None) -> tuple[list[Journey], str | None]:
    if what is None:
        if not known:
            called(definitions, "")
        return list(known.values()), None
    name, _, state = what.partition(".") if not what.endswith(".yaml") else (what, "", "")
    journey: Journey = called(definitions, name)
    if state and state not in dict(journey.choices):
        from difflib import get_close_matches

        from engine.errors import NotFound

        there = [point for point, _ in journey.choices]
        near = get_close_matches(state, there, 1)
        hint = f'did you mean "{name}.{near[0]}"?' if near else f"its decisions: {', '.join(there) or 'none'}"
        raise NotFound(f'{name} has no decision "{state}"; {hint}')
    return [journey], state or None


def since_of(said: str, now: datetime, project: Project) -> datetime:
    """Return the instant that --since names: a length back from now, or a date."""
    from datetime import UTC
    from zoneinfo import ZoneInfo

    from engine.cli.reading import Unreadable, instant_of
    from journeys import parse_span

    span = parse_span(said)
    if span is not None:
        if span <= timedelta(0):
            raise WrongUse(f'--since "{said}" is no time at all; write --since 30d')
        return now - span
    try:
        at = instant_of(said, ZoneInfo(project.timezone)).astimezone(UTC)
    except Unreadable:
        raise WrongUse(f'cannot read --since "{said}"; write a length (30d, 12h) or a date (2026-03-01)') from None
    if at >= now:
        raise WrongUse(f'--since "{said}" lies in the future')
    return at


def _told(conn: sa.Connection, project: Project, journey: Journey, when: tuple[str | None, datetime, datetime]) -> Told:
    from engine.report.asked import Asked
    from engine.report.facts import findings
    from engine.store.history import Period, journey_numbers
    from engine.store.pressing import first_entry

    state, since, now = when
    first = first_entry(conn, journey.name)
    if first is None:
        return Told(journey, None)
    begin = max(since, first.replace(hour=0, minute=0, second=0, microsecond=0))
    asked = _fixed(Asked(project, journey, begin, now, project.name, state=state))
    found = findings(conn, asked)
    if not found.entries and not found.messages:
        return Told(journey, None, earlier=first)
    numbers = journey_numbers(conn, journey.name, Period(begin))
    return Told(journey, found, [arm for arm in numbers.arms if state in (None, arm.state)])


def _fixed(asked: Asked) -> Asked:
    """Return the question as it was fixed beforehand: on `verdict_on` the people who had entered are read, once."""
    from dataclasses import replace
    from datetime import time
    from zoneinfo import ZoneInfo

    day = asked.journey.verdict_on
    if day is None:
        return asked
    end = datetime.combine(day, time.min, ZoneInfo(asked.project.timezone))
    return replace(asked, until=end, running=False) if asked.since < end <= asked.now else asked


def _write(report: Path, told: Sequence[Told]) -> None:
    from engine.report.page import page

    found = [one.findings for one in told if one.findings is not None]
    if not found:
        raise WrongUse("--report: there is nothing to report yet")
    if len(found) > 1:
        names = ", ".join(one.journey.name for one in told if one.findings is not None)
        raise WrongUse(f"--report writes about one journey; name one of {names}")
    report.write_text(page(found[0]), encoding="utf-8")


def _lines(told: Told, project: Project, asked: tuple[str | None, str | None, datetime]) -> list[str]:
    from engine.report.text import stats_text

    what, state, since = asked
    if told.findings is None:
        return [_empty(told, project, since)]
    text = stats_text(told.findings).rstrip("\n").split("\n")
    if state is not None:  # the question is about one decision: the verdicts, then its arms
        text = text[: text.index("")] if "" in text else text
    lines = [*text, *_young(told), *(f"  {note}" for note in told.findings.notes)]
    if told.arms and what is not None:
        lines += ["", *_arms(told.arms, state)]
    elif told.journey.choices and not told.arms:
        lines += ["", "no decisions yet: nobody has reached a `choose`"]
    return lines


def _empty(told: Told, project: Project, since: datetime) -> str:
    from zoneinfo import ZoneInfo

    from engine.cli.text import moment

    name, zone = told.journey.name, ZoneInfo(project.timezone)
    if told.earlier is not None:
        return f"{name}  nobody has entered since {moment(since, zone)}; --since 365d looks further back"
    from journeys.words import show_entry

    return f"{name}  nobody has entered yet: it begins with {show_entry(told.journey)}; try: sojourn simulate {name}"


def _young(told: Told) -> list[str]:
    """Say how many are not counted yet, and why a verdict says "too early"."""
    from engine.report.headline import answers
    from journeys import show_span

    found, goal = told.findings, told.journey.goal
    if found is None or goal is None:
        return []
    waiting = sum(max(0, group.entered - group.contacts) for group in found.groups)
    lines = []
    if waiting:
        people = "contact" if waiting == 1 else "contacts"
        lines.append(f"{waiting:,} {people} entered less than {show_span(goal.within)} ago and are not counted yet.")
    if any(answer.verdict.word == "too early" for answer in answers(found)):
        lines.append("Too early: a verdict needs 100 contacts per group whose goal window is over, and 30 goals.")
    missing = {"holdout"} - {group.name for group in found.groups}
    if missing and not told.journey.transactional:
        lines.append("Nobody is held out, so nothing says whether messaging pays: add `holdout: 10%` to the journey.")
    return ["", *lines] if lines else []


def _arms(arms: Sequence[ArmNumbers], state: str | None) -> list[str]:
    """Return a line per arm of the learner; of one decision, a line per arm and group."""
    from engine.cli.text import columns

    shown = [arm for arm in arms if state is not None or arm.group == "learner"]
    rows = [("decisions at", "arm", "group", "drawn", "open", "closed", "void", "mean reward")]
    rows += [
        (
            arm.state, arm.arm, arm.group, f"{arm.decisions:,}", f"{arm.open:,}",
            f"{arm.closed:,}", f"{arm.void:,}", "\u2013" if arm.mean is None else f"{arm.mean:.3f}",
        )
        for arm in shown
    ]  # fmt: skip
    closing = ["Mean rewards do not compare arms: each was given to other people."]
    if any(arm.group in ("holdout", "global") for arm in shown):
        closing.append("holdout and global: what would have been drawn; they were sent nothing.")
    return [*columns(rows, right=(3, 4, 5, 6, 7)), *closing]


def _data(told: Told) -> dict[str, Any]:
    if told.findings is None:
        return {"journey": told.journey.name, "findings": None, "answers": [], "arms": []}
    from engine.report.headline import answers, comparable, split_p

    found = told.findings
    return {
        "journey": told.journey.name,
        "comparable": comparable(found),
        "split_p": split_p(found),
        "answers": [
            {
                "question": answer.question, "treated": answer.treated, "control": answer.control,
                "difference": answer.difference.value, "interval": answer.difference.now,
                "any_day": answer.difference.any_day, "verdict": answer.verdict,
            }
            for answer in answers(found)
        ],
        "arms": told.arms,
        "findings": found,
    }  # fmt: skip
