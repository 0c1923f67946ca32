"""`sojourn conflicts`: which journey's messages would lose a slot of a cap to which other one's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session

if TYPE_CHECKING:
    from engine.conflicts import Lost, Tie
    from engine.forecast import Forecast
    from journeys import Journey


def conflicts(
    ctx: typer.Context,
    *,
    span: Annotated[str, typer.Option("--forecast", metavar="7d", help="How far to look ahead.")] = "7d",
    sample: Annotated[int, typer.Option(min=10, metavar="N", help="At most so many contacts.")] = 1000,
    seed: Annotated[str, typer.Option(help="Another seed, other days.")] = "7",
) -> Answer:
    """Say who would lose a slot to whom in the days to come; what is deployed runs on a copy of the store."""
    from zoneinfo import ZoneInfo

    from engine.cli.forecast import Asked, look_ahead
    from engine.conflicts import lost, ties

    session: Session = ctx.obj
    definitions = session.definitions()
    project = session.project()
    found = look_ahead(session, definitions, Asked(span, None, None, sample, seed), both=False)
    plan = found.plans[0]
    pairs, even = lost(plan, found.zones, ZoneInfo(project.timezone)), ties(plan.journeys)
    data = {
        "start": found.wanted.start, "days": found.wanted.days, "seed": seed, "plan": plan.name,
        "basis": found.basis, "lost": [_told(one, plan.journeys) for one in pairs], "ties": even,
    }  # fmt: skip
    return Answer(data, [*_head(found), *_lines(pairs, plan.journeys), *_ties(even)])


def _told(one: Lost, journeys: Mapping[str, Journey]) -> dict[str, object]:
    ranks = {name: journey.priority for name, journey in journeys.items()}
    return {name: getattr(one, name) for name in one.__slots__} | {
        "loser_priority": ranks.get(one.loser), "winner_priority": ranks.get(one.winner),
    }  # fmt: skip


def _head(found: Forecast) -> Iterator[str]:
    basis = found.basis
    people = f"all {basis.contacts:,} contacts"
    if basis.sample < basis.contacts:
        people = f"a sample of {basis.sample:,} of {basis.contacts:,} contacts (counts are the sample's)"
    yield f"Who loses a slot to whom: {found.wanted.days} days ahead, {people}, seed {found.wanted.seed}"
    yield ""


def _lines(pairs: Sequence[Lost], journeys: Mapping[str, Journey]) -> Iterator[str]:
    from engine.cli.text import columns

    if not pairs:
        yield "No journey takes a slot from another one in these days."
        return
    rows = [["loses", "to", "cap", "contacts", "held", "skipped", "messages"]]
    rows += [
        [_named(one.loser, journeys), _named(one.winner, journeys), f"{one.rule} ({one.place})", f"{one.contacts:,}",
         f"{one.held:,}", f"{one.skipped:,}", f"{', '.join(one.messages)} ← {', '.join(one.used_by)}"]
        for one in pairs
    ]  # fmt: skip
    yield from columns(rows, right=(3, 4, 5))


def _named(name: str, journeys: Mapping[str, Journey]) -> str:
    return f"{name} [{journeys[name].priority}]" if name in journeys else name


def _ties(even: Sequence[Tie]) -> Iterator[str]:
    if not even:
        return
    yield ""
    yield "Same priority, so the name decides who goes first in the same minute (priority: 0-100 in the file):"
    for one in even:
        yield f"  {one.first} before {one.second}, both {one.priority}: {', '.join(one.rules)}"
