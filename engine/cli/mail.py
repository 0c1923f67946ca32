"""`sojourn mail intake`: take in bounces and complaints; `sojourn mail status`: how sending stands."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.text import columns, counted, moment

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.bouncing import Intake, Mailroom
    from engine.store.pacing import Standing

TRY_LATER = 75  # EX_TEMPFAIL of sysexits.h: a mail server keeps the mail and tries again
RECIPIENT = "The mailbox the mail was sent to, where the mail itself does not say it ($ORIGINAL_RECIPIENT)."


def intake(
    ctx: typer.Context,
    places: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE|MAILDIR|-]...", help="Default: what sojourn.yaml names.")
    ] = None,
    *,
    recipient: Annotated[str, typer.Option("--to", metavar="ADDRESS", help=RECIPIENT)] = "",
) -> Answer:
    """Settle bounces, complaints and wishes to leave that came by mail; each counts once, forged ones not at all."""
    from engine.errors import StoreUnavailable
    from engine.mailboxes import gather

    session: Session = ctx.obj
    piped = list(places or []) == ["-"]
    try:
        with session.store(session.project()) as store:
            room = _room(session, store)
            found = _take(room, places, recipient) if places else gather(room, session.project())
    except StoreUnavailable as error:
        if not piped:
            raise
        return Answer(lines=[f"{error}; the mail server may try again"], code=TRY_LATER)
    return Answer({"mails": found.mails, "counts": found.counts}, [str(found)])


def _room(session: Session, store: sa.Engine) -> Mailroom:
    from engine.mailboxes import room_of

    return room_of(session.project(), store, session.now)


def _take(room: Mailroom, places: Sequence[str], recipient: str) -> Intake:
    """Take in what is named; a Maildir's mails are put away once they are settled."""
    from engine.bouncing import Intake
    from engine.mailboxes import take_maildir

    found = Intake()
    for place in places:
        path = Path(place)
        if place != "-" and path.is_dir():
            found = found + take_maildir(room, path)
        else:
            found = found + room.take(_mails(place, recipient))
    return found


def _mails(place: str, recipient: str) -> Iterator[bytes]:
    """Yield the mails of a file: one, or an mbox of many."""
    from engine.mailboxes import LARGEST, split_mbox

    try:
        content = sys.stdin.buffer.read(LARGEST) if place == "-" else Path(place).read_bytes()
    except FileNotFoundError:
        raise WrongUse(f"there is no {place}; name a file, a Maildir, or - for a mail on standard input") from None
    head = f"X-Original-To: {recipient}\r\n".encode() if recipient.isascii() and "\n" not in recipient else b""
    for raw in split_mbox(content):
        yield (head if recipient else b"") + raw


def status(ctx: typer.Context) -> Answer:
    """Show who refuses us, how far the warm-up is, which addresses rest, and what came back by mail in 30 days."""
    from engine.store import pacing, reporting
    from engine.store.connect import reading

    session: Session = ctx.obj
    project = session.project()
    now = session.now()
    with session.store(project) as store, reading(store) as conn:
        found, counts = pacing.standing(conn, now), reporting.totals(conn, now - timedelta(days=30))
    data = {
        "breakers": [one._asdict() for one in found.breakers],
        "warm_ups": [one._asdict() for one in found.ramps],
        "came_back": counts,
        "resting": found.resting,
    }
    return Answer(data, _lines(found, counts, ZoneInfo(project.timezone)))


def _lines(found: Standing, counts: Mapping[str, int], zone: ZoneInfo) -> list[str]:
    refusing = [
        (f"{b.channel} to {b.provider}", f"stopped until {moment(b.until, zone)}", b.why) for b in found.breakers
    ]
    ramps = [
        (f"{r.channel} warm-up", f"{r.spent:,} since {moment(r.since, zone)}", f"{counted(r.level, 'day')} used so far")
        for r in found.ramps
    ]
    back = [(what.replace("_", " "), f"{n:,}") for what, n in sorted(counts.items())]
    lines = list(columns([*refusing, *ramps])) or ["every provider takes our mail"]
    lines += ["", "Came back by mail in 30 days", *columns(back, right=(1,))] if back else []
    rests = "address rests" if found.resting == 1 else "addresses rest"
    return [*lines, f"{found.resting:,} {rests} after soft bounces"]
