"""`sojourn promote`: let the challenger decide where the log says that it earns more; back, and pinned versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.points import Point, choice
from engine.cli.session import Session
from engine.cli.standing import running

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.promoting import Standing
    from journeys import Choose

Number = Annotated[int | None, typer.Option(metavar="N", help="Let version N decide until --unpin.")]
Candidate = Annotated[int | None, typer.Option("--version", metavar="N", help="Let the candidate N go on.")]


def promote(
    ctx: typer.Context,
    point: Point,
    *,
    back: Annotated[bool, typer.Option("--back", help="Let the model that the file names decide again.")] = False,
    pin: Number = None,
    unpin: Annotated[bool, typer.Option("--unpin", help="Let the newest version decide again.")] = False,
    candidate: Candidate = None,
    force: Annotated[bool, typer.Option("--force", help="Also where the log does not carry it.")] = False,
) -> Answer:
    """Compare the challenger with the model that decides, on this point's own log; let it decide if it earns more."""
    from engine.promoting import weigh
    from engine.store.connect import reading

    session: Session = ctx.obj
    if sum((back, pin is not None, unpin, candidate is not None)) > 1:
        raise WrongUse("one thing at a time: --back, --pin N, --unpin or --version N")
    with session.store(session.project()) as store:
        with reading(store) as conn:
            choose = choice(running(conn, session), point)
            found = weigh(conn, point, choose)
        if pin is not None or unpin:
            return _pinned(session, store, found, pin)
        if candidate is not None:
            return _accepted(session, store, point, candidate)
        return _back(session, store, found) if back else _promoted(session, store, (found, choose), force=force)


def _promoted(session: Session, store: sa.Engine, of: tuple[Standing, Choose], *, force: bool) -> Answer:
    from engine.promoting import against, figures, promote
    from engine.store.connect import writing

    found, choose = of
    for line in told(found) if not session.speaks_json else ():
        session.say(line)
    data = {"point": found.point, "from": found.incumbent, "to": found.challenger, **figures(found.contrast)}
    if found.challenger and not force and not found.contrast.better:
        problem = {"code": "not_better", "severity": "error", "message": against(found)}
        way_out = "nothing was changed; it goes on learning in the shadow. --force promotes it all the same"
        return Answer(data | {"promoted": False}, [f"not promoted: {against(found)}", way_out], [problem], 1)
    if found.challenger:
        session.confirm(f"Let {found.challenger} decide at {found.point}?")
    with writing(store) as conn:
        promote(conn, found, choose, session.now(), force=force)
    lines = [
        f"{found.challenger} decides from the next tick on; {found.incumbent} learns on in its shadow",
        f"Undo: sojourn promote {found.point} --back",
    ]
    return Answer(data | {"promoted": True, "forced": force}, lines)


def _back(session: Session, store: sa.Engine, found: Standing) -> Answer:
    from engine.promoting import back
    from engine.store.connect import writing

    if found.row.serves:
        session.confirm(f"Let {found.row.written} decide at {found.point} again?")
    with writing(store) as conn:
        back(conn, found, session.now())
    return Answer({"point": found.point, "serves": found.row.written},
                  [f"{found.row.written} decides again from the next tick on, as the file says"])  # fmt: skip


def _pinned(session: Session, store: sa.Engine, found: Standing, number: int | None) -> Answer:
    from engine.promoting import pin
    from engine.store.connect import writing

    with writing(store) as conn:
        row = pin(conn, found.point, number, session.now())
    lines = [
        f"{row.kind}@{row.number} decides until it is unpinned; the models learn on behind it",
        f"Undo: sojourn promote {found.point} --unpin",
    ] if row is not None else ["the newest version decides"]  # fmt: skip
    return Answer({"point": found.point, "pinned": number}, lines)


def _accepted(session: Session, store: sa.Engine, point: str, number: int) -> Answer:
    from engine.promoting import accept
    from engine.store.connect import writing
    from engine.teaching import Teacher

    session.confirm(f"Let version {number} go on at {point}?")
    with writing(store) as conn:
        teacher = Teacher(running(conn, session))
        published = accept(teacher, conn, point, number, session.now())
    return Answer({"point": point, "version": number, "published": published},
                  [f"it has learned what it missed and goes on as {published}"])  # fmt: skip


def told(found: Standing) -> list[str]:
    """Return the two beside each other."""
    if not found.challenger:
        return [f"{found.point}: {found.incumbent} decides, and nobody learns in its shadow"]
    one = found.contrast
    lines = [f"{found.point}: {found.incumbent} decides, {found.challenger} learns in its shadow"]
    if not one.decisions:
        return lines
    apart = f"{one.difference:+.4f}  [{one.low:+.4f}, {one.high:+.4f}]"
    of = f"{one.decisions:,} decisions, worth {one.effective:,.0f} of its own"
    return [
        *lines,
        f"  {'':10}  reward per decision",
        f"  {found.incumbent:10}  {one.serving:.4f}",
        f"  {found.challenger:10}  {one.shadow:.4f}   {apart}   {of}",
    ]
