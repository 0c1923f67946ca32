"""`sojourn campaign plan`: who hears of which campaign in which week, under the caps; and what each gives up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.answer import Answer
from engine.cli.campaign import night_of, usable
from engine.cli.session import Session
from engine.cli.text import columns, number

if TYPE_CHECKING:
    from engine.placing_campaigns import Planned

WIDE = 24


def plan(
    ctx: typer.Context,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Reserve the places: `campaign run` then goes by them.")] = False,
) -> Answer:
    """Place all campaigns of the files over their weeks, the most valuable pairs first. Sends nothing."""
    from engine.placing_campaigns import planned, reserve
    from engine.store.connect import reading, writing

    session: Session = ctx.obj
    definitions = usable(session)
    if not definitions.campaigns:
        return Answer({"campaigns": [], "weeks": []}, ["no campaigns yet; write campaigns/NAME.yaml"])
    with session.store(session.project()) as store, night_of(session, store) as night:
        with reading(store) as conn:
            found = planned(conn, definitions, night, session.now())
        if keep:
            with writing(store) as conn:
                reserve(conn, found, night, session.now())
    return Answer(_told(found, kept=keep), _drawn(found, kept=keep))


def _drawn(found: Planned, *, kept: bool) -> list[str]:
    """Return the calendar: a bar for each campaign and week, and what each campaign gives up."""
    if not found.rows:
        return ["no campaign goes out this week or later: see `weeks` in campaigns/*.yaml"]
    most = max((count for row in found.rows for count in row.by_week), default=1) or 1
    head = ("", *(f"{week:%G-W%V}" for week in found.weeks), "people", "wanted", "value", "gives up")
    table = [head]
    for row in found.rows:
        cells = [_bar(count, most) if may else "·" for count, may in zip(row.by_week, row.may, strict=True)]
        lost = f"{1 - row.value / row.alone:.0%}" if row.alone else "-"
        table.append((row.campaign, *cells, number(sum(row.by_week)), number(row.wanted), f"{row.value:,.0f}", lost))
    right = tuple(range(len(found.weeks) + 1, len(head)))
    lines = columns(table, right=right)
    lines.append(f"at most {found.limit}; expected {found.value:,.0f}, the usual calendar order {found.usual:,.0f} "
                 f"({_gain(found)})")  # fmt: skip
    lines += [
        f"  {row.campaign}: {row.taken:,} of those it wanted hear of {row.by} instead"
        for row in found.rows
        if row.taken
    ]
    lines.append("Places are reserved; the gate still decides at the moment of sending." if kept
                 else "Nothing is reserved; to do it: sojourn campaign plan --keep")  # fmt: skip
    return lines


def _bar(count: int, most: int) -> str:
    return ("█" * max(1, round(8 * count / most)) if count else "-") + (f" {count:,}" if count else "")


def _gain(found: Planned) -> str:
    return f"{found.value / found.usual - 1:+.1%}" if found.usual else "nothing to compare"


def _told(found: Planned, *, kept: bool) -> dict[str, Any]:
    weeks = [f"{week:%G-W%V}" for week in found.weeks]
    return {
        "weeks": weeks, "limit": found.limit, "value": found.value, "calendar": found.usual, "kept": kept,
        "campaigns": [
            {"campaign": row.campaign, "by_week": dict(zip(weeks, row.by_week, strict=True)), "wanted": row.wanted,
             "value": row.value, "alone": row.alone, "taken": row.taken, "by": row.by or None}
            for row in found.rows
        ],
    }  # fmt: skip
