"""`sojourn simulate --forecast`: what the next days bring, as deployed and as the files on disk would have it."""

from __future__ import annotations

import io
import subprocess
import tarfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine.app import usable
from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.text import columns
from engine.errors import DefinitionError
from engine.forecast import Forecast, Wanted, forecast
from engine.forecasted import Figures, days_of, figures
from engine.store.connect import reading
from engine.store.deploying import standing
from engine.telling import clock
from engine.versions import changed, deployed
from journeys import parse_span
from journeys.load import load
from journeys.project import Definitions, Project

LONGEST = timedelta(days=92)
BAR = 24
PERCENT = 100
TOLD_HOURS = 6


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed: how long, for which journey (None: all), against which commit, how many contacts, which seed."""

    span: str
    journey: str | None
    compare: str | None
    sample: int
    seed: str


def foretold(session: Session, definitions: Definitions, asked: Asked) -> Answer:
    """Run the plans over the days to come and tell them side by side."""
    project = usable(definitions) if definitions.ok else session.project()
    found = look_ahead(session, definitions, asked)
    told = figures(found, project, asked.journey)
    lines = [*_head(found, project, asked), *_table(told), "", *_days(found, told, project), *_caps(told)]
    lines += [*_limits(told, project), *_removed(told)]
    data = {
        "start": found.wanted.start, "days": found.wanted.days, "seed": found.wanted.seed, "journey": asked.journey,
        "basis": found.basis, "scale": found.basis.scale, "plans": [_plain(one) for one in told],
    }  # fmt: skip
    return Answer(data, lines)


def look_ahead(session: Session, definitions: Definitions, asked: Asked, *, both: bool = True) -> Forecast:
    """Return the forecast of what is deployed and, where they differ, of the files (or of a commit and the files)."""
    wanted = Wanted(session.now(), _days_in(asked.span), asked.sample, asked.seed)
    project = session.project()
    with TemporaryDirectory() as folder, session.store(project) as store, reading(store) as conn:
        plans = _plans(session, conn, definitions, (asked.compare, Path(folder)))
        if not both:
            plans = dict([next(iter(plans.items()))])
        with session.bar(f"{wanted.days} days", PERCENT) as bar:
            return forecast(conn, plans, wanted, lambda part: bar.to(int(part * PERCENT)))


def _days_in(said: str) -> int:
    span = parse_span(said)
    if span is None or not timedelta(days=1) <= span <= LONGEST:
        raise WrongUse(f'--forecast "{said}": write a number of days such as 14d, at most {LONGEST.days}d')
    return span.days


def _plans(
    session: Session, conn: sa.Connection, files: Definitions, what: tuple[str | None, Path]
) -> dict[str, Definitions]:
    compare, folder = what
    if compare is not None:
        if not files.ok:
            raise DefinitionError(files.problems)
        return {compare: _of_commit(session, compare, folder), "files": files}
    stands = standing(conn)
    plans = {"deployed": deployed(conn, files)} if stands.versions else {}
    if not files.ok:
        session.note("the files have errors (sojourn lint): only what is deployed is forecast")
        if not plans:
            raise DefinitionError(files.problems)
    elif not plans or changed(files, stands).any:
        plans["files"] = files
    return plans


def _of_commit(session: Session, ref: str, folder: Path) -> Definitions:
    """Return the project as a commit has it."""
    root = session.root
    try:
        words = ["git", "-C", str(root), "archive", "--format=tar", f"{ref}:./"]
        done = subprocess.run(words, capture_output=True, check=False)  # noqa: S603 - the ref is one word, git is git
    except FileNotFoundError:
        raise WrongUse("--compare needs git, and there is none on this machine") from None
    if done.returncode:
        said = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["git said nothing"])[-1]
        if "not a git repository" in said:
            raise WrongUse(
                f"--compare {ref}: {root} is not in a git repository; leave it out to compare with what is deployed"
            )
        if "not a valid object name" in said or "not a tree object" in said:
            raise WrongUse(f'--compare {ref}: there is no commit, branch or tag "{ref}" that holds this project')
        raise WrongUse(f"--compare {ref}: {said.removeprefix('fatal: ')}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    found = load(folder, session.env)
    if not found.ok:
        raise DefinitionError(found.problems)
    return found


def _head(found: Forecast, project: Project, asked: Asked) -> Iterator[str]:
    basis, zone = found.basis, ZoneInfo(project.timezone)
    whose = f" of {asked.journey} (all journeys run and share the caps)" if asked.journey else ""
    since = f"{clock(found.wanted.start, zone)} {zone}"
    yield f"Forecast{whose}: {found.wanted.days} days from {since} · seed {found.wanted.seed}"
    people = f"all {basis.contacts:,} contacts"
    if basis.sample < basis.contacts:
        people = (
            f"a sample of {basis.sample:,} of {basis.contacts:,} contacts, counts scaled up {basis.scale:.1f} times"
        )
    rates = ", ".join(
        f"{channel} {basis.clicked[channel]:.1%} / {basis.unsubscribed[channel]:.2%}" for channel in basis.clicked
    )
    new = f"{basis.newcomers:,} people come in as others did" if basis.newcomers else "nobody new comes in"
    says = (
        f"On a copy of the store with {people}; nothing is sent or changed. On a day to come a contact does what they "
        f"did on that weekday in one of the last {basis.weeks} weeks, drawn per contact and day ({basis.deeds:,} "
        f"events were there to draw from); {new}. Clicks / unsubscribes per message as in these weeks: "
        f"{rates or 'none yet'}. Policies stay as they are."
    )
    yield from textwrap.wrap(says, 118)
    yield ""


def _table(told: Sequence[Figures]) -> list[str]:
    """Return the sums, a column per plan."""
    rows = [["", *(one.plan for one in told), *(["difference"] if len(told) > 1 else [])]]
    rows.append(_row("messages", [one.messages for one in told]))
    for title, name in (("by channel", "channels"), ("by journey", "journeys"), ("entries", "entered")):
        parts = [getattr(one, name) for one in told]
        keys = sorted({key for part in parts for key in part})
        rows += [[title]] if keys else []
        rows += [_row(f"  {key}", [part.get(key, 0.0) for part in parts]) for key in keys]
    rows.append(_row("waited for quiet hours", [sum(one.quiet.values()) for one in told]))
    return columns(rows, right=(1, 2, 3))


def _row(name: str, values: Sequence[float]) -> list[str]:
    cells = [name, *(f"{value:,.0f}" for value in values)]
    return [*cells, _change(values[1] - values[0])] if len(values) > 1 else cells


def _change(by: float) -> str:
    return f"{by:+,.0f}" if round(by) else "0"


def _days(found: Forecast, told: Sequence[Figures], project: Project) -> list[str]:
    """Return messages by day, a bar per plan."""
    days = days_of(found, ZoneInfo(project.timezone))
    sums = [{day: sum(n for (when, _), n in one.days.items() if when == day) for day in days} for one in told]
    most = max((n for one in sums for n in one.values()), default=0.0) or 1.0
    channels = sorted({channel for one in told for _, channel in one.days})
    rows = [["messages a day", *(cell for one in told for cell in (one.plan, "", " ".join(channels)))]]
    for day in days:
        cells = [f"{day:%a} {day.day} {day:%b}"]
        for one, sent in zip(told, sums, strict=True):
            parts = " ".join(f"{one.days.get((day, channel), 0.0):,.0f}" for channel in channels)
            cells += [f"{sent[day]:,.0f}", "█" * round(sent[day] / most * BAR), parts]
        rows.append(cells)
    return columns(rows, right=tuple(1 + 3 * n for n in range(len(told))))


def _caps(told: Sequence[Figures]) -> list[str]:
    """Return what the caps did, by journey and rule."""
    lines = []
    for one in told:
        rows = [[f"caps, {one.plan}", "held", "skipped", "contacts", "by"]] if one.capped else []
        rows += [
            [f"  {hit.journey}", f"{hit.held:,}", f"{hit.skipped:,}", f"{hit.contacts:,}", f"{hit.rule} ({hit.place})"]
            for hit in one.capped
        ]
        lines += ["", *columns(rows, right=(1, 2, 3))] if rows else ["", f"caps, {one.plan}: nobody meets one"]
    if any(one.capped for one in told):
        lines.append("  (people of the sample; who takes the slot from whom: sojourn conflicts)")
    return lines


def _limits(told: Sequence[Figures], project: Project) -> Iterator[str]:
    rates = {name: str(some["rate"]) for name, some in project.channels.items() if some.get("rate")}
    yield ""
    if not rates:
        yield "provider limits: no channel has a rate"
        return
    for one in told:
        said = [f"{x.channel} {clock(x.at, ZoneInfo(project.timezone))} {x.messages:,.0f} of {x.can:,.0f}"
                for x in one.saturated]  # fmt: skip
        more = f" and {len(said) - TOLD_HOURS} more" if len(said) > TOLD_HOURS else ""
        full = f"full in {len(said)} hours: {'; '.join(said[:TOLD_HOURS])}{more}" if said else "none is reached"
        yield f"provider limits, {one.plan}: {full} ({', '.join(f'{n} {rate}' for n, rate in rates.items())})"


def _removed(told: Sequence[Figures]) -> Iterator[str]:
    for one in told:
        for place, count in one.moved.items():
            yield f"{one.plan}: {count:,.0f} people in {place}, which is gone, go where `moved:` says"
        for place, count in one.removed.items():
            says = f"{one.plan}: {count:,.0f} people are in {place}, which is gone"
            yield f"{says}: say where they go (moved:), or it does not deploy"


def _plain(one: Figures) -> Mapping[str, object]:
    days = [{"day": day, "channel": channel, "messages": n} for (day, channel), n in sorted(one.days.items())]
    return {name: getattr(one, name) for name in one.__slots__ if name != "days"} | {"days": days}
