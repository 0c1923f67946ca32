"""`sojourn db status|upgrade`: which schema the store has, and bringing it to this program's."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.config import masked
from engine.cli.session import Session
from engine.cli.text import moment

if TYPE_CHECKING:
    from engine.store.schema import Schema


def status(ctx: typer.Context) -> Answer:
    """Say which schema the store has; exit 5 when this program cannot use it."""
    from engine.store.connect import status as ask

    session: Session = ctx.obj
    url = session.url(session.project())
    schema = ask(url)
    data = {
        "store": masked("store", url), "found": schema.found, "needed": schema.needed, "pending": schema.pending,
        "newer": schema.newer,
    }  # fmt: skip
    return Answer(data, [f"store {masked('store', url)}", _words(schema)], code=5 if _unusable(schema) else 0)


def _unusable(schema: Schema) -> bool:
    return schema.newer or bool(schema.pending)


def _words(schema: Schema) -> str:
    if schema.newer:
        return (
            f"schema {schema.found} is newer than this program, which knows {schema.needed}: install the newer sojourn"
        )
    if schema.found is None:
        return "no store yet: run sojourn db upgrade"
    if schema.pending:
        return f"schema {schema.found}, this program needs {schema.needed}: run sojourn db upgrade"
    return f"schema {schema.found} = this program's"


def upgrade(
    ctx: typer.Context,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="Do not copy the store first.")] = False,
) -> Answer:
    """Bring the store to this program's schema: a backup, then all steps or none."""
    from engine.errors import SchemaNewer
    from engine.store.connect import backup
    from engine.store.connect import status as ask
    from engine.store.connect import upgrade as climb

    session: Session = ctx.obj
    url = session.url(session.project())
    schema = ask(url)
    if schema.newer:
        raise SchemaNewer(str(schema.found))
    data = {"store": masked("store", url), "from": schema.found, "to": schema.needed, "steps": schema.pending}
    if not schema.pending:
        return Answer(data, [f"schema {schema.found}: nothing to do"])
    session.note(f"store {masked('store', url)}   schema {schema.found or 'none'} -> {schema.needed}")
    copy = None
    if schema.found is not None:
        session.confirm(f"Upgrade the store by {len(schema.pending)} step(s)?")
        copy = None if no_backup else backup(url)
        if copy is not None:
            session.note(f"backup written to {copy}")
    began = time.monotonic()
    steps = climb(url)
    took = time.monotonic() - began
    return Answer({**data, "backup": copy}, [f"✓ {step} applied" for step in steps] + [f"  in {took:.1f} s"])


def backup(
    ctx: typer.Context,
    to: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Where to; default: beside the store.")] = None,
) -> Answer:
    """Copy a SQLite store while it is served; the copy is checked before it gets its name."""
    from engine.copies import copy_of

    session: Session = ctx.obj
    url = session.url(session.project())
    copy = copy_of(url, to, session.now())
    size = copy.stat().st_size
    lines = [f"✓ {copy}  {size / 2**20:,.1f} MB, checked", "Keep .sojourn/secret and the keys of `encryption` with it"]
    return Answer({"copy": copy, "bytes": size}, lines)


def restore(
    ctx: typer.Context,
    copy: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that `db backup` or `db upgrade` has made.")],
) -> Answer:
    """Put a copy in the place of the store; what the copy does not know was sent is not sent again."""
    from engine.copies import put_back

    session: Session = ctx.obj
    url = session.url(session.project())
    session.confirm(f"Replace {masked('store', url)} by {copy}? The store of now is kept beside it")
    aside = put_back(url, copy, session.now())
    found = restored(ctx)
    kept = [f"the store of before is kept as {aside}"] if aside else []
    return Answer({"copy": copy, "aside": aside, **found.data}, [*kept, *found.lines])


def restored(
    ctx: typer.Context,
    accept_duplicates: Annotated[
        bool, typer.Option("--accept-duplicates", help="Forget what was sent since: it may go out again.")
    ] = False,
) -> Answer:
    """Say that the store was restored: what was sent from here since the copy was made is taken note of."""
    from engine.sent_log import SentLog
    from engine.store import restoring
    from engine.store.connect import writing

    session: Session = ctx.obj
    project = session.project()
    with session.store(project) as store, writing(store) as conn:
        log = SentLog(project.root, restoring.ledger(conn))
        since = [] if accept_duplicates else log.since(restoring.unsure_since(conn))
        gap = restoring.remember(conn, since, session.now())
    if accept_duplicates:
        log.forget()
    zone = ZoneInfo(project.timezone)
    lines = [f"the copy knows everything until {moment(gap.copied_at, zone) if gap.copied_at else 'nothing'}"]
    lines += [
        f"{gap.sent:,} messages went out since, the last one {moment(gap.until, zone)}: they are not sent again"
        if gap.sent and gap.until else "nothing is known to have been sent since",
        "Not in the copy: events, consents and withdrawals since then. Bring events again (an id counts once), and",
        "take withdrawals from your relay's suppression list before you serve: sojourn contact suppress ADDRESS",
    ]  # fmt: skip
    return Answer({"copied_at": gap.copied_at, "sent_since": gap.sent, "until": gap.until}, lines)


def vacuum(ctx: typer.Context) -> Answer:
    """Give back the room of rows that are gone; SQLite is locked meanwhile."""
    from engine.copies import size_of, tidy

    session: Session = ctx.obj
    url = session.url(session.project())
    before = size_of(url)
    with session.store(session.project()) as store:
        tidy(store)
    after = size_of(url)
    freed = f"{(before - after) / 2**20:,.1f} MB given back" if before is not None and after is not None else "done"
    return Answer({"before": before, "after": after}, [f"✓ {freed}"])
