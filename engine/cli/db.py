"""`sojourn db status|upgrade`: which schema the store has, and bringing it to this program's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.config import masked
from engine.cli.session import Session

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
