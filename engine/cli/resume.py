"""`sojourn resume`: let go on what was paused, after saying what would go out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session
from engine.cli.standing import Everything, What, place, running, word
from engine.cli.text import counted

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.store.pausing import Due, Pause, Place, Sender
    from journeys import Journey

LATE = "What came due longer ago than late.skip_after: skip it, or send it all the same."


def resume(
    ctx: typer.Context,
    what: What = None,
    *,
    everything: Everything = False,
    late: Annotated[Literal["skip", "send"], typer.Option(help=LATE)] = "skip",
) -> Answer:
    """Say what came due meanwhile and what will become of it, ask, and let it go on."""
    from engine.store import pausing
    from engine.store.connect import reading

    session: Session = ctx.obj
    with session.store(session.project()) as store:
        with reading(store) as conn:
            journeys = running(conn, session)
            there = place(journeys, what, everything=everything)
            found, every = pausing.find(conn, there), pausing.pauses_there(conn)
            if found is None:
                return _not_paused(there, every)
            ripe = pausing.due(conn, there, senders(journeys), session.now())
        if not session.speaks_json:
            for line in _forecast(found, ripe, session.now() - found.at, send=late == "send"):
                session.say(line)
        session.confirm("Resume?")
        told = _resumed(session, store, (there, senders(journeys)), send=late == "send")
    still = [str(one.place) for one in every if one.place != there]
    lines = [f"{there} goes on", *(f"{one} is still paused" for one in still)]
    return Answer(told | {"still_paused": still}, lines)


def senders(journeys: Mapping[str, Journey]) -> list[Sender]:
    """Return the journeys as a resume looks at them."""
    from engine.store.pausing import Sender
    from journeys import Choose, Send

    return [
        Sender(
            name,
            frozenset(state.name for state in journey.states.values() if isinstance(state.action, Send | Choose)),
            journey.limits.skip_after,
        )
        for name, journey in journeys.items()
    ]


def _not_paused(there: Place, every: list[Pause]) -> Answer:
    others = ", ".join(word(one.place) for one in every)
    hint = f"; paused: {others}" if others else "; nothing is"
    return Answer({"place": str(there), "resumed": False}, [f"{there} is not paused{hint}"])


def _resumed(session: Session, store: sa.Engine, what: tuple[Place, list[Sender]], *, send: bool) -> dict[str, Any]:
    from engine.store import deploying, pausing
    from engine.store.connect import alone, writing

    now = session.now()
    there, known = what
    with writing(store) as conn:
        alone(conn)
        ripe = pausing.due(conn, there, known, now)
        told = {"place": str(there), "contacts": pausing.runs(conn, there), "due": asdict(ripe)}
        told |= {"late": "send" if send else "skip", "resumed": True}
        pausing.resume(conn, there, known, now, send=send)
        deploying.note(conn, "resumed", told, now)
    return told


def _forecast(found: Pause, ripe: Due, span: timedelta, *, send: bool) -> list[str]:
    """Return "While paused (26h): 88 messages came due, 61 of them too late by now", and what becomes of them."""
    why = f", {found.reason}" if found.reason else ""
    old = f", {ripe.late:,} of them too late by now (late.skip_after)" if ripe.late else ""
    lines = [f"While paused ({_rounded(span)}{why}): {counted(ripe.messages, 'message')} came due{old}"]
    if ripe.messages:
        skipped = 0 if send else ripe.late
        other = f"          --late send sends all {ripe.messages:,}" if skipped else ""
        lines.append(f"  they will be  skipped {skipped:,} · sent {ripe.messages - skipped:,}{other}")
        lines.append("  each is asked as ever: consent, quiet hours, caps")
    return lines + ([f"  {ripe.others:,} more go on without a message"] if ripe.others else [])


def _rounded(span: timedelta) -> str:
    from journeys.span import show_span

    units = [timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)]
    unit = units[(span > timedelta(minutes=5)) + (span > timedelta(days=1))]
    return show_span(span - span % unit)
