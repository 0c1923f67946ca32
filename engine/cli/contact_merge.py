"""`sojourn contact merges|merge|unmerge`: which contacts turned out to be one, which may be, and taking it back."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.contact import find_contact
from engine.cli.session import Session
from engine.cli.text import columns, moment, printable, short


def merges(
    ctx: typer.Context,
    who: Annotated[str | None, typer.Argument(metavar="[ID]", help="Of one contact only.")] = None,
    *,
    proposed: Annotated[
        bool, typer.Option("--proposed", help="Known people who may be one, and are not merged.")
    ] = False,
    most: Annotated[int, typer.Option("-n", min=1, max=10_000, help="How many of them, newest first.")] = 20,
) -> Answer:
    """List merges, which can be taken back for thirty days; or with --proposed those that wait for a word of yours."""
    from engine.store.connect import reading
    from engine.store.merging import listed
    from engine.store.proposing import proposed_merges

    session: Session = ctx.obj
    project = session.project()
    zone = ZoneInfo(project.timezone)
    with session.store(project) as store, reading(store) as conn:
        if proposed:
            return _proposals(proposed_merges(conn, who, most), zone)
        found = listed(conn, None if who is None else [who], most)
    rows = [
        (row.id, moment(row.at, zone), f"{printable(row.gone)} → {printable(row.contact_id)}", row.why, row.source,
         f"taken back {moment(row.undone_at, zone)}" if row.undone_at else "")
        for row in found
    ]  # fmt: skip
    lines = columns(rows) if rows else ["no two contacts turned out to be one"]
    return Answer({"merges": [row._asdict() for row in found]}, lines)


def _proposals(found: list[Any], zone: ZoneInfo) -> Answer:
    rows = [
        (f"{printable(row.contact_id)} = {printable(row.other)} ?", moment(row.at, zone), row.source,
         printable(short(row.why, 70)))
        for row in found
    ]  # fmt: skip
    lines = columns(rows) if rows else ["nobody is proposed"]
    if rows:
        lines = [
            *lines,
            "",
            "they are one: sojourn contact merge KEEP OTHER    they are not: sojourn contact merge A B --apart",
        ]
    return Answer({"proposals": [row._asdict() for row in found]}, lines)


def merge(
    ctx: typer.Context,
    kept: Annotated[str, typer.Argument(metavar="KEEP", help="Who is left: an id, or an address.")],
    gone: Annotated[str, typer.Argument(metavar="OTHER", help="Who becomes them: an id, or an address.")],
    *,
    apart: Annotated[
        bool, typer.Option("--apart", help="Say that they are two people, and propose them no more.")
    ] = False,
) -> Answer:
    """Make two contacts one: what OTHER did and was is KEEP's from now on. It can be taken back for thirty days."""
    from engine.audience.identity import Join
    from engine.store.connect import writing
    from engine.store.identities import settle_proposal
    from engine.store.parting import merge_known
    from engine.store.profiles import Trust

    session: Session = ctx.obj
    project = session.project()
    with session.store(project) as store, writing(store) as conn:
        one, other = find_contact(conn, kept), find_contact(conn, gone)
        if apart:
            settled = settle_proposal(conn, (one, other), "apart", session.now())
            said = "are two people" if settled else "were not proposed; nothing changed"
            return Answer({"apart": [one, other], "settled": bool(settled)}, [f"✓ {one} and {other} {said}"])
        id_ = merge_known(conn, Join(one, other, "hand", "cli"), Trust.of(project.data), session.now())
    lines = [f"✓ {other} is {one} now; to take it back: sojourn contact unmerge {id_}"]
    return Answer({"merge": id_, "contact": one, "gone": other}, lines)


def unmerge(
    ctx: typer.Context,
    merge_id: Annotated[str, typer.Argument(metavar="MERGE", help="Its id: sojourn contact merges.")],
) -> Answer:
    """Take a merge back: who was gone is a contact again, with what they did and were until then."""
    from engine.store.connect import writing
    from engine.store.parting import unmerge as part

    session: Session = ctx.obj
    project = session.project()
    with session.store(project) as store, writing(store) as conn:
        found = part(conn, merge_id, session.now())
    lines = [
        f"✓ {found.gone} is a contact again; what came since the merge stays with {found.contact_id}",
        "  they are merged no more by themselves, only proposed",
    ]
    return Answer({"merge": merge_id, "contact": found.contact_id, "again": found.gone}, lines)
