"""`sojourn pause`: stop a state, a journey or everything where it is."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session
from engine.cli.standing import Everything, What, place, running, word
from engine.cli.text import counted


def pause(
    ctx: typer.Context,
    what: What = None,
    *,
    everything: Everything = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; the audit keeps it.")] = "",
) -> Answer:
    """Let nothing leave and no clock run there; people stay where they are, and what they do still counts."""
    from engine.store import deploying, pausing
    from engine.store.connect import alone, writing

    session: Session = ctx.obj
    now = session.now()
    with session.store(session.project()) as store, writing(store) as conn:
        alone(conn)
        there = place(running(conn, session), what, everything=everything)
        before = pausing.find(conn, there)
        runs, held = pausing.pause(conn, there, reason, now)
        told = {"place": str(there), "reason": reason, "contacts": runs, "messages_held": held}
        deploying.note(conn, "paused", told, now)
    kept = f"; {counted(held, 'message')} held" if held else ""
    waiting = f"{runs:,} contacts wait where they are" if runs != 1 else "1 contact waits where it is"
    state = "is paused already" if before else "paused"
    lines = [
        f"{there} {state}: {waiting}, nothing is sent{kept}, entries are still recorded",
        f"Go on: sojourn resume {word(there)}",
    ]
    return Answer(told | {"was_paused": before is not None}, lines)
