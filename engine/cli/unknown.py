"""`sojourn unknown ls|resend|dismiss`: messages in doubt, and what a person decides about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.text import columns, moment

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.store.doubting import Doubt, Which

SHOWN = 50
Keys = Annotated[list[str] | None, typer.Argument(metavar="[MESSAGE_ID...]", help="As `unknown ls` shows them.")]
Journey = Annotated[str | None, typer.Option(metavar="JOURNEY", help="Those of one journey.")]
Everything = Annotated[bool, typer.Option("--all", help="All of them.")]


def ls(
    ctx: typer.Context,
    *,
    journey: Journey = None,
    limit: Annotated[int, typer.Option(help="How many to show, the oldest first.", min=1)] = SHOWN,
) -> Answer:
    """List messages that went out and were not answered for: they may have arrived."""
    from engine.store.connect import reading
    from engine.store.doubting import Which, doubts

    session: Session = ctx.obj
    project = session.project()
    with session.store(project) as store, reading(store) as conn:
        found = doubts(conn, Which(journey=journey))
    zone = ZoneInfo(project.timezone)
    rows = [("message id", "message", "contact", "journey", "left", "why")]
    for one in found[:limit]:
        left = moment(one.since, zone) if one.since else "?"
        rows.append((one.key, one.message, one.contact_id, one.journey, left, one.why))
    lines = [*columns(rows)] if found else ["nothing is in doubt"]
    if len(found) > limit:
        lines.append(f"and {len(found) - limit:,} more: --limit {len(found)}")
    if found:
        lines += ["A mail server that was cut off after the last dot has most often taken the mail.",
                  "Next:  sojourn unknown dismiss ID   (it arrived; --as failed: it did not)",
                  "       sojourn unknown resend ID    (once more, under the same Message-ID)"]  # fmt: skip
    return Answer({"count": len(found), "messages": found[:limit]}, lines)


def resend(ctx: typer.Context, keys: Keys = None, *, journey: Journey = None, everything: Everything = False) -> Answer:
    """Send messages in doubt once more, under the same Message-ID. Who had them already may get them twice."""
    from engine.store.connect import writing
    from engine.store.doubting import resend as again

    session: Session = ctx.obj
    with session.store(session.project()) as store:
        found = _wanted(store, _which(keys, journey, everything=everything))
        if found:
            session.confirm(f"Send {_many(found)} once more? Most messages in doubt have arrived")
            with writing(store) as conn:
                count = again(conn, [one.key for one in found], session.now())
    line = f"{count:,} queued again; they leave with the next delivery" if found else "nothing is in doubt"
    return Answer({"resent": count if found else 0}, [line])


def dismiss(
    ctx: typer.Context,
    keys: Keys = None,
    *,
    outcome: Annotated[str, typer.Option("--as", metavar="sent|failed", help="What became of them.")] = "sent",
    journey: Journey = None,
    everything: Everything = False,
) -> Answer:
    """Settle messages in doubt: as sent (they count from when they left), or as failed (they count for nothing)."""
    from engine.store.connect import writing
    from engine.store.doubting import settle_failed, settle_sent

    session: Session = ctx.obj
    if outcome not in ("sent", "failed"):
        raise WrongUse("--as sent or --as failed")
    with session.store(session.project()) as store:
        found = _wanted(store, _which(keys, journey, everything=everything))
        settle = settle_sent if outcome == "sent" else settle_failed
        with writing(store) as conn:
            count = settle(conn, [one.key for one in found], session.now())
    line = f"{count:,} settled as {outcome}" if found else "nothing is in doubt"
    return Answer({"settled": count, "as": outcome}, [line])


def _which(keys: list[str] | None, journey: str | None, *, everything: bool) -> Which:
    from engine.store.doubting import Which

    if sum((bool(keys), journey is not None, everything)) != 1:
        raise WrongUse("say which: message ids, --journey, or --all")
    return Which(tuple(keys or ()), journey)


def _wanted(store: sa.Engine, which: Which) -> list[Doubt]:
    """Return what is in doubt and was named; NotFound when a named one is not."""
    from engine.errors import NotFound
    from engine.store.connect import reading
    from engine.store.doubting import doubts

    with reading(store) as conn:
        found = doubts(conn, which)
    missing = sorted(set(which.keys).difference(one.key for one in found))
    if missing:
        raise NotFound(f"{missing[0]} is not in doubt; `sojourn unknown ls` shows what is")
    return found


def _many(found: list[Doubt]) -> str:
    return f"{len(found):,} message{'' if len(found) == 1 else 's'}"
