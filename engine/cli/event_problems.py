"""`sojourn event problems`: what was refused on its way in, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.text import columns, moment, printable, short

if TYPE_CHECKING:
    from datetime import datetime

HINT = "what is declared now is taken from now on; send the refused ones again, an id counts once"


def problems(
    ctx: typer.Context,
    *,
    since: Annotated[
        str | None, typer.Option(metavar="SPAN", help="How far back: 1h, 7d (default: all 30 days).")
    ] = None,
    source: Annotated[str | None, typer.Option(metavar="NAME", help="Of one source only.")] = None,
    most: Annotated[int, typer.Option("-n", min=1, max=10_000, help="How many of them, newest first.")] = 10,
) -> Answer:
    """Show what was refused: how often for which reason, and the newest of them with what they said."""
    from engine.store.connect import reading
    from engine.store.problems import reasons, refused

    session: Session = ctx.obj
    project = session.project()
    begin = _since(since, session)
    with session.store(project) as store, reading(store) as conn:
        why = reasons(conn, begin, source)
        found = refused(conn, begin, source, most)
    zone = ZoneInfo(project.timezone)
    data = {
        "reasons": [dict(row._asdict()) for row in why],
        "problems": [{**row._asdict()} for row in found],
    }
    if not found:
        return Answer(data, ["nothing was refused"])
    rows = [(f"{row.count:,} x", row.source, printable(short(row.reason, 110)), f"last {moment(row.last, zone)}")
            for row in why]  # fmt: skip
    lines = [*columns(rows), "", *(line for row in found for line in _lines(row, zone)), "", HINT]
    return Answer(data, lines)


def _lines(row: Any, zone: ZoneInfo) -> list[str]:
    about = f"  {row.message_id}" if row.message_id else ""
    said = [f"    {printable(short(row.item, 160))}"] if row.item else []
    return [f"{moment(row.at, zone)}  {row.source}{about}  {printable(short(row.reason, 110))}", *said]


def _since(said: str | None, session: Session) -> datetime | None:
    from journeys import parse_span

    if said is None:
        return None
    span = parse_span(said)
    if span is None:
        raise WrongUse(f'cannot read --since "{said}"; write 1h or 7d')
    return session.now() - span
