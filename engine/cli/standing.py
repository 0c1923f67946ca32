"""What is deployed, as lines name it and as it is told: a journey, one of its states, everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.flags import WrongUse
from engine.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

    from engine.engine import Engine
    from engine.store.pausing import Place
    from journeys import Journey

What = Annotated[str | None, typer.Argument(metavar="[JOURNEY[.STATE]]", help="A journey, or one of its states.")]
Everything = Annotated[bool, typer.Option("--all", help="Everything.")]


def running(conn: sa.Connection, session: Session) -> Mapping[str, Journey]:
    """Return the journeys as they are deployed."""
    from engine.versions import deployed

    return deployed(conn, session.definitions()).journeys


def place(journeys: Mapping[str, Journey], what: str | None, *, everything: bool) -> Place:
    """Return what is named, if it is there."""
    from engine.errors import NotFound
    from engine.store.pausing import Place

    if everything == (what is not None):
        raise WrongUse("say what: a journey, journey.state, or --all")
    name, _, state = (what or "").partition(".")
    if name and name not in journeys:
        raise NotFound(f'no journey called "{name}" is deployed; there is: {", ".join(journeys) or "none"}')
    if state and state not in journeys[name].states:
        raise NotFound(f'no state called "{state}" in {name}; there is: {", ".join(journeys[name].states)}')
    return Place(name, state)


def word(there: Place) -> str:
    """Return how a line names it: "cart_recovery.recover", "--all"."""
    return str(there) if there.journey else "--all"


def standing(engine: Engine) -> list[str]:
    """Return what to say of versions: what the first start deployed, what differs on disk, what is paused."""
    if engine.versions is None:
        return []
    began, changed = engine.versions.began, str(engine.versions.changed)
    lines = [f"deployed {', '.join(began)} (the first start takes the files as they are)"] if began else []
    lines += [f"note     {changed}"] if changed else []
    return lines + [f"paused   {name or 'everything'}" for name in sorted(engine.paused)]
