"""`sojourn log`: what was sent, held, skipped and decided, as lines; -f follows."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.text import printable, short

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.store.history import Line, Wanted

KINDS = ("send", "skip", "hold", "decision", "error")
EVERY = 1.0  # seconds between two looks


def log(
    ctx: typer.Context,
    *,
    journey: Annotated[str | None, typer.Option(help="Only of this journey.")] = None,
    contact: Annotated[str | None, typer.Option(help="Only of this contact.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="send, skip, hold, decision, error; may be repeated.")] = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=100_000, help="How many lines.")] = 50,
    follow: Annotated[bool, typer.Option("-f", help="Go on as more happens; Ctrl-C ends it.")] = False,
) -> Answer:
    """Show the newest lines of what happened, oldest first."""
    from engine.store.connect import reading
    from engine.store.history import Wanted
    from engine.store.history import log as read

    session: Session = ctx.obj
    if follow and session.speaks_json:
        raise WrongUse("--json prints one object, which -f never ends; use one of them")
    project = session.project()
    wanted = Wanted(_kinds(kind), journey, contact, limit=limit)
    with session.store(project) as store:
        with reading(store) as conn:
            lines = read(conn, wanted)
        zone = ZoneInfo(project.timezone)
        shown = [_shown(line, zone) for line in lines]
        if follow:
            for one in shown:
                session.say(one)
            _follow(session, store, replace(wanted, limit=1000), (lines, zone))
    if not shown and not session.speaks_json:
        session.note("nothing yet")
    return Answer({"lines": lines}, shown)


def _kinds(said: list[str] | None) -> frozenset[str]:
    kinds = frozenset(word.strip() for one in said or KINDS for word in one.split(","))
    wrong = sorted(kinds.difference(KINDS))
    if wrong:
        raise WrongUse(f'no kind called "{wrong[0]}"; there are: {", ".join(KINDS)}')
    return kinds


def _follow(session: Session, store: sa.Engine, wanted: Wanted, so_far: tuple[list[Line], ZoneInfo]) -> None:
    """Print what comes until Ctrl-C."""
    from engine.store.connect import reading
    from engine.store.history import log as read

    lines, zone = so_far
    last = lines[-1].at if lines else session.now()
    while True:
        time.sleep(EVERY)
        with reading(store) as conn:
            lines = read(conn, replace(wanted, after=last))
        for line in lines:
            session.say(_shown(line, zone))
            last = line.at


def _shown(line: Line, zone: ZoneInfo) -> str:
    at = line.at.astimezone(zone)
    place = f"{line.journey}.{line.state}"
    said = printable(short(f"{line.what}  {line.detail}", 80))
    who = printable(short(line.contact_id, 24))
    return f"{at:%d %b %H:%M:%S} {line.kind:<8}  {who:<10}  {place:<24}  {line.message:<22}  {said}".rstrip()
