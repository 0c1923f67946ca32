"""`sojourn simulate`: what a journey would do to one contact, or to many invented ones, on a virtual clock."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.draw import journey_called
from engine.cli.flags import WrongUse
from engine.cli.session import Session

if TYPE_CHECKING:
    from datetime import datetime

    from engine.cli.trying import Wish
    from engine.crowd import Crowd, Trial
    from engine.report.asked import Asked
    from engine.report.findings import Findings
    from journeys import Journey
    from journeys.project import Definitions

ALONE = ("contact", "event", "set", "force", "until")


# what may be typed; Typer reads these where the command says them
Who = Annotated[str | None, typer.Option(metavar="ID", help="A person of the store; else one is made up.")]
Start = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help='"2025-10-14 17:17", local; or spring, autumn: the clocks.')
]
Events = Annotated[
    list[str] | None, typer.Option(metavar="NAME:k=v,k=v[@50m]", help="What happens, and how long after the start.")
]
Changes = Annotated[list[str] | None, typer.Option("--set", metavar="contact.k=v", help="Change the person first.")]
Forced = Annotated[list[str] | None, typer.Option(metavar="STATE=ARM", help="Let this decision draw that.")]
People = Annotated[int | None, typer.Option(metavar="N", min=1, max=200_000, help="That many invented people.")]
Days = Annotated[
    int | None, typer.Option(min=1, max=366, help="For how long; default: 30, more for a long goal window.")
]
Report = Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write the report as a page.")]
Span = Annotated[str | None, typer.Option(metavar="14d", help="Today's real contacts, so many days ahead, on a copy.")]
Every = Annotated[bool, typer.Option("--all", help="With --forecast: the figures of all journeys.")]
Commit = Annotated[str | None, typer.Option(metavar="GITREF", help="With --forecast: that commit beside the files.")]
Sample = Annotated[int, typer.Option(min=10, metavar="N", help="With --forecast: at most so many contacts.")]


def simulate(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="JOURNEY", help="With --forecast: only its figures.")] = None,
    *,
    contact: Who = None,
    start: Start = None,
    event: Events = None,
    change: Changes = None,
    force: Forced = None,
    seed: Annotated[str | None, typer.Option(help="Another seed, other draws.")] = None,
    until: Annotated[str | None, typer.Option(metavar="30d", help="How long to look.")] = None,
    population: People = None,
    days: Days = None,
    report: Report = None,
    forecast: Span = None,
    every: Every = False,
    compare: Commit = None,
    sample: Sample = 1000,
) -> Answer:
    """Play a journey on a virtual clock; nothing is sent and the store is not changed."""
    from engine.cli.trying import Wish

    session: Session = ctx.obj
    definitions = session.definitions()
    if forecast is not None:
        said = {"contact": contact, "event": event, "set": change, "force": force, "population": population}
        return _ahead(session, definitions, (name, every, said), (forecast, compare, sample, seed))
    if compare is not None or every:
        raise WrongUse(f"{'--compare' if compare else '--all'} goes with --forecast 14d")
    if name is None:
        raise WrongUse("name a journey: sojourn simulate welcome; or look ahead: sojourn simulate --forecast 14d")
    journey = journey_called(definitions, name)
    definitions = _without_broken(session, definitions)
    if population is None:
        if report is not None:
            raise WrongUse("--report needs a population: add --population 1000")
        wish = Wish(contact, start, event or [], change or [], force or [], seed, until)
        return _one(session, definitions, journey, wish)
    said = {"contact": contact, "event": event, "set": change, "force": force, "until": until}
    wrong = [f"--{key}" for key in ALONE if said[key]]
    if wrong:
        raise WrongUse(f"{wrong[0]} is about one contact; leave it out, or leave out --population")
    return _many(session, definitions, journey, (population, days, seed, start, report))


def _ahead(
    session: Session, definitions: Definitions, which: tuple[str | None, bool, Mapping[str, object]],
    how: tuple[str, str | None, int, str | None],
) -> Answer:  # fmt: skip
    """Look ahead with the people of the store."""
    from engine.cli.forecast import Asked, foretold

    name, every, said = which
    span, compare, sample, seed = how
    wrong = next((key for key, value in said.items() if value), None)
    if wrong is not None:
        raise WrongUse(f"--{wrong} does not go with --forecast: it looks at the store's own people")
    journey = journey_called(definitions, name).name if name and not every else None
    return foretold(session, definitions, Asked(span, journey, compare, sample, seed or "7"))


def _without_broken(session: Session, definitions: Definitions) -> Definitions:
    """Leave out other journeys that cannot be read: they need not be whole for this one to be tried."""
    from dataclasses import replace

    errors = [problem for problem in definitions.problems if problem.severity == "error"]
    if not errors or not all(problem.file.startswith("journeys/") for problem in errors):
        return definitions
    files = ", ".join(sorted({problem.file for problem in errors}))
    session.note(f"left out, because of errors: {files} (sojourn lint shows them)")
    return replace(definitions, problems=())


def _one(session: Session, definitions: Definitions, journey: Journey, wish: Wish) -> Answer:
    from engine.cli.trying import tried

    return tried(session, definitions, journey, wish)


def _many(
    session: Session, definitions: Definitions, journey: Journey,
    wanted: tuple[int, int | None, str | None, str | None, Path | None],
) -> Answer:  # fmt: skip
    from engine.app import usable
    from engine.crowd import Trial, crowd_for, days_for

    people, days, seed, start, report = wanted
    if seed is not None and not seed.isdigit():
        raise WrongUse(f'--seed "{seed}": with --population the seed is a whole number, such as 7')
    project = usable(definitions)
    at = _start(session, definitions, journey, start)
    trial = Trial(journey.name, people, days or days_for(journey), at, int(seed or 7))
    crowd = crowd_for(project, journey, trial)
    return _reported(session, definitions, (journey, trial, crowd), report)


def _start(session: Session, definitions: Definitions, journey: Journey, said: str | None) -> datetime:
    from zoneinfo import ZoneInfo

    from engine.app import usable
    from engine.cli.trying import start_of

    zone = ZoneInfo(journey.timezone or usable(definitions).timezone)
    return start_of(said, session.now(), zone)


def _reported(
    session: Session, definitions: Definitions, what: tuple[Journey, Trial, Crowd], report: Path | None
) -> Answer:
    from engine.crowd import run_trial
    from engine.report.asked import Asked
    from engine.report.facts import findings
    from engine.report.page import page
    from engine.report.text import population_text
    from engine.store.connect import reading

    journey, trial, crowd = what
    project = definitions.project
    if project is None:
        raise AssertionError("a journey that loads has a project")
    with session.bar(f"{trial.days} days", trial.days) as bar:
        world = run_trial(definitions, crowd, trial, lambda at: bar.to((at - trial.start).days))
    asked = Asked(project, journey, trial.start, trial.end, str(trial.seed), planned=trial.people, invented=True,
                  number=trial.seed, running=False)  # fmt: skip
    asked = _knowing(asked, crowd)
    with reading(world.engine.store) as conn:
        found = findings(conn, asked)
    world.engine.close()
    text = population_text(found).rstrip("\n").split("\n")
    lines = [*_head(trial, crowd, found.entries), "", *text, *_unripe(journey, trial, found)]
    if report is not None:
        html = page(found)
        report.write_text(html, encoding="utf-8")
        lines.append(f"  wrote {report} ({len(html.encode()) // 1000} kB)")
    data = {
        "journey": journey.name, "people": trial.people, "days": trial.days, "seed": trial.seed, "start": trial.start,
        "invented": crowd.says, "findings": found, "did": world.ticked, "report": report,
    }  # fmt: skip
    return Answer(data, lines)


def _knowing(asked: Asked, crowd: Crowd) -> Asked:
    """Let the report say what only the invented shop knows: kinds of people, and what is truly best for whom."""
    from dataclasses import replace

    from engine.crowd import ShopCrowd

    if not isinstance(crowd, ShopCrowd) or asked.point is None or asked.point[1].baseline is None:
        return asked
    single = asked.point[1].baseline[0]
    arms = tuple(arm.id for arm in asked.point[1].arms)
    world = crowd.world
    return replace(
        asked, label=world.people.kind, truth=world.truth,
        outlier=lambda contact_id: world.truth(contact_id).best_of(arms) != single,
    )  # fmt: skip


def _unripe(journey: Journey, trial: Trial, found: Findings) -> list[str]:
    """Say why nothing can be counted yet."""
    if not found.entries:
        return ["", f"Nobody entered {journey.name} in these days: more people, more days, or another --seed."]
    if journey.goal is None:
        return []
    if any(group.contacts for group in found.groups):
        return _too_few(trial, found)
    from journeys import show_span

    within = show_span(journey.goal.within)
    return ["", f"Nobody's goal window ({within}) is over yet, so nothing is counted: add --days."]


def _too_few(trial: Trial, found: Findings) -> list[str]:
    """Say how many people a verdict would need, where it is too early for one."""
    from engine.report.headline import answers
    from engine.report.intervals import ENOUGH_CONTACTS, ENOUGH_GOALS
    from engine.report.wording import about

    early = [answer for answer in answers(found) if answer.verdict.word == "too early" and not answer.part]
    if not early:
        return []
    least = min(min(answer.treated.contacts, answer.control.contacts) for answer in early)
    goals = min(answer.treated.goals + answer.control.goals for answer in early)
    times = max(ENOUGH_CONTACTS / max(least, 1), ENOUGH_GOALS / max(goals, 1)) * 1.2
    needed = about(round(trial.people * max(times, 1.2))).replace(",", "")
    says = f"Too early: a verdict needs {ENOUGH_CONTACTS} contacts in each group and {ENOUGH_GOALS} goals"
    return ["", f"{says}: --population {needed}"]


def _head(trial: Trial, crowd: Crowd, entries: int) -> Sequence[str]:
    period = f"{trial.days} days from {trial.start:%d %b %Y}, seed {trial.seed}"
    return [
        f"{trial.journey} · virtual clock, nothing is sent · {period}",
        *textwrap.wrap(f"{crowd.says}.", 110),
        f"Only this journey runs, with its caps and quiet hours. {entries:,} entries.",
    ]
