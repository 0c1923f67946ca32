"""`sojourn stop-arm` and `allow-arm`: take one arm of a decision out for everyone, and let it in again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.points import Point, choice
from engine.cli.session import Session
from engine.cli.standing import running

if TYPE_CHECKING:
    from journeys import Choose

ArmId = Annotated[str, typer.Argument(metavar="ARM", help="Which: email/cart_plain, as stats and log name it.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; the audit keeps it.")]


def stop(ctx: typer.Context, point: Point, arm: ArmId, *, reason: Why = "by hand") -> Answer:
    """Take an arm out for everyone, from the next tick on; the other arms go on."""
    from engine.store import stopping
    from engine.store.connect import writing

    session: Session = ctx.obj
    with session.store(session.project()) as store, writing(store) as conn:
        choose = choice(running(conn, session), point)
        _known(choose, point, arm)
        out = stopping.stopped(conn)
        left = [one.id for one in choose.arms if one.id != arm and (point, one.id) not in out]
        before = (point, arm) in out
        if not before:
            stopping.stop(conn, {(point, arm): reason}, session.now())
    state = "is out already" if before else "is out for everyone from the next tick on"
    lines = [f"{arm} {state}; left: {', '.join(left) or 'nothing: people skip this state'}",
             f"Undo: sojourn allow-arm {point} {arm}"]  # fmt: skip
    return Answer({"point": point, "arm": arm, "stopped": True, "was_stopped": before, "left": left}, lines)


def allow(ctx: typer.Context, point: Point, arm: ArmId, *, reason: Why = "by hand") -> Answer:
    """Let a stopped arm in again; `stop_arm_if` counts it anew from now on."""
    from engine.store import stopping
    from engine.store.connect import writing

    session: Session = ctx.obj
    with session.store(session.project()) as store, writing(store) as conn:
        choose = choice(running(conn, session), point)
        _known(choose, point, arm)
        found = stopping.standing(conn).get((point, arm))
        stopped = found is not None and found.stopped_at is not None
        if stopped:
            stopping.allow(conn, (point, arm), session.now(), reason)
    why = f" (it was out: {found.why})" if found is not None and stopped else ""
    line = f"{arm} may be sent again from the next tick on{why}" if stopped else f"{arm} was not stopped"
    return Answer({"point": point, "arm": arm, "stopped": False, "was_stopped": stopped}, [line])


def _known(choose: Choose, point: str, arm: str) -> None:
    from engine.errors import NotFound

    ids = [one.id for one in choose.arms]
    if arm not in ids:
        raise NotFound(f'{point} has no arm "{arm}"; there is: {", ".join(ids)}')
