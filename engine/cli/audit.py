"""`sojourn audit`: who did what when, and whether the record is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.since import since_of
from engine.cli.text import columns, moment, printable, short

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from engine.store.auditing import Verdict

SHOWN = 50


def audit(
    ctx: typer.Context,
    *,
    since: Annotated[str, typer.Option(metavar="WHEN", help="Only what was done since: 2026-03-01, or 30d.")] = "",
    verify: Annotated[bool, typer.Option("--verify", help="Go through the chain: is every row as it was?")] = False,
    head: Annotated[
        str, typer.Option(metavar="DIGEST", help="With --verify: the last digest that was noted before.")
    ] = "",
    limit: Annotated[int, typer.Option(help="How many rows, the newest.", min=1)] = SHOWN,
) -> Answer:
    """Show who did what when. --verify proves that no row was altered, taken out or put in."""
    from engine.store.auditing import verify as check
    from engine.store.connect import reading

    session: Session = ctx.obj
    project = session.project()
    if head and not verify:
        raise WrongUse("--head says what to look for with --verify")
    with session.store(project) as store, reading(store) as conn:
        if verify:
            return _verdict(check(conn, head or None))
        rows = _rows(conn, since_of(session, since), limit)
    zone = ZoneInfo(project.timezone)
    lines = list(
        columns(
            (moment(row["at"], zone), row["what"], printable(row["who"] or "sojourn"), printable(_said(row["detail"])))
            for row in rows
        )
    )
    return Answer({"rows": rows}, lines or ["nothing was done yet: a deploy, a pause or an erasure leaves a row"])


def _verdict(found: Verdict) -> Answer:
    data = {
        "rows": found.rows, "before": found.before, "broken": list(found.broken), "head": found.head,
        "known": found.known, "whole": not found.broken and found.known,
    }  # fmt: skip
    older = f"; {found.before:,} older rows stand before the chain" if found.before else ""
    if found.broken:
        first = f"✗ row {found.broken[0]} is not as it was written, or a row before it is gone"
        return Answer(data, [first, f"  {len(found.broken)} of {found.rows:,} rows do not fit{older}"], code=1)
    if not found.known:
        return Answer(data, ["✗ the digest that was noted stands nowhere: rows were cut off at the end"], code=1)
    lines = [f"✓ {found.rows:,} rows, each as it was written{older}"]
    return Answer(
        data,
        [*lines, f"  last digest {found.head}: noted elsewhere, it proves the end, too (--head)"][
            : 1 + bool(found.head)
        ],
    )


def _rows(conn: sa.Connection, since: datetime | None, limit: int) -> list[dict[str, Any]]:
    import sqlalchemy as sa

    from engine.store.auditing import HOURS
    from engine.store.tables import audit as table

    a = table.c
    query = sa.select(a.id, a.at, a.what, a.who, a.detail).where(a.what != HOURS).order_by(a.id.desc()).limit(limit)
    found = conn.execute(query.where(a.at >= since) if since else query).mappings()
    return [dict(row) for row in reversed(found.all())]


def _said(detail: dict[str, Any]) -> str:
    return short(", ".join(f"{name}: {_word(value)}" for name, value in detail.items()), 90)


def _word(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(value) or "none"
    return " ".join(str(one) for one in value) if isinstance(value, list) else str(value)
