"""`sojourn replay-run`: take runs again from their log, and say where they would come out otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.replayed import Difference, Replayed

SHOWN = 10


def replay_run(
    ctx: typer.Context,
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="A run, or a message of it.")] = None,
    *,
    last: Annotated[int | None, typer.Option(min=1, metavar="N", help="The N runs that began last.")] = None,
    journey: Annotated[str | None, typer.Option(help="With --last: only this journey.")] = None,
) -> Answer:
    """Take what was done again from its log, with the versions and policies that acted; exit code 1 if it differs."""
    from engine.archive import frame
    from engine.cli.draw import journey_called
    from engine.replaying import replay
    from engine.store.connect import reading
    from engine.store.replaying import logs

    session: Session = ctx.obj
    definitions = session.definitions()
    project = session.project()
    only = journey_called(definitions, journey).name if journey else None
    if (run is None) == (last is None):
        raise WrongUse("name a run (sojourn log --json has the keys), or say --last 100")
    with session.store(project) as store, reading(store) as conn:
        wanted = _wanted(conn, run, last, only)
        found = logs(conn, wanted.values())
        points = {row.decision.point for log in found.values() for row in log.decisions}
        asked = frame(conn, definitions, points)
    answers = []
    with session.bar("replay", len(found)) as bar:
        for done, log in enumerate(found.values(), 1):
            answers += [answer for answer in replay(log, asked) if answer.run in wanted]
            bar.to(done)
    differ = [answer for answer in answers if answer.difference is not None]
    data = {"runs": len(answers), "different": len(differ), "answers": answers}
    return Answer(data, list(_lines(answers, differ)), code=1 if differ else 0)


def _wanted(conn: sa.Connection, run: str | None, last: int | None, journey: str | None) -> dict[str, str]:
    """Return (run -> contact) of what is to be taken again."""
    from engine.errors import NotFound
    from engine.store.replaying import newest_runs, owner_of

    if run is None:
        return newest_runs(conn, last or 1, journey)
    for name in (run, run.rpartition(":")[0]):
        who = owner_of(conn, name)
        if who is not None:
            return {name: who}
    raise NotFound(f'no run "{run}"; the part of a message id before the colon is one: sojourn log --json')


def _lines(answers: Sequence[Replayed], differ: Sequence[Replayed]) -> Iterator[str]:
    if not answers:
        yield "Nobody has entered anything yet: there is nothing to take again."
        return
    moves, decisions = sum(one.moves for one in answers), sum(one.decisions for one in answers)
    what = f"{answers[0].journey} {answers[0].run}" if len(answers) == 1 else f"{len(answers):,} runs"
    same = "came out the same" if not differ else f"{len(differ):,} came out otherwise"
    yield f"{what}: {moves:,} moves and {decisions:,} decisions taken again, {same}"
    for one in differ[:SHOWN]:
        if one.difference is not None:
            yield from _difference(one, one.difference)
    if len(differ) > SHOWN:
        yield f"  ... and {len(differ) - SHOWN:,} more (--json has them all)"
    for note in dict.fromkeys(note for one in answers for note in one.notes):
        yield f"  note: {note}"


def _difference(one: Replayed, found: Difference) -> Iterator[str]:
    yield f"  {one.run}  {one.journey} {one.contact_id}  {found.at:%Y-%m-%d %H:%M:%S} UTC  {found.kind}"
    if found.logged is None or found.now is None:
        side, values = ("then", found.logged) if found.logged is not None else ("now", found.now)
        yield f"    only {side}: {_said(values or {}, tuple(values or ()))}"
        return
    yield f"    then: {_said(found.logged, found.columns)}"
    yield f"    now:  {_said(found.now, found.columns)}"


def _said(values: object, names: Sequence[str]) -> str:
    known = dict(values) if isinstance(values, dict) else {}
    return ", ".join(f"{name} {known.get(name)}" for name in names if known.get(name) not in (None, ""))
