"""`sojourn retention`: what is older than sojourn.yaml keeps, and who has been silent for years."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session
from engine.cli.text import columns
from journeys.span import show_span


def retention(
    ctx: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only, change nothing.")] = False,
    inactive: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the ids of those who have been silent for years.")
    ] = None,
) -> Answer:
    """Let go of what is older than `retention` keeps, as every night does; say who has been silent for years."""
    from engine import retaining
    from engine.cli.contact_law import write_private

    session: Session = ctx.obj
    with session.engine(session.definitions()) as engine:
        found = retaining.due(engine)
        if not dry_run and any(found.values()):
            session.confirm(f"delete {sum(found.values()):,} old rows for good")
            found = retaining.sweep(engine)
        count, ids, span = retaining.silent(engine)
        kept = {name: show_span(span) for name, span in engine.project.retention.items()}
    lines = [f"kept: {', '.join(f'{name} {span}' for name, span in kept.items())}"]
    rows = [(name, f"{rows:,}") for name, rows in found.items() if rows]
    lines += [f"  {'would go' if dry_run else 'gone'}: {line}" for line in columns(rows)] or ["  nothing is older"]
    if count:
        lines.append(f"  {count:,} people showed no sign of life for {show_span(span)}: --inactive FILE lists them")
    if inactive is not None:
        write_private(inactive.expanduser(), "".join(f"{one}\n" for one in ids))
        lines.append(f"✓ {inactive}  {len(ids):,} ids; look at them, then: sojourn contact erase --file {inactive}")
    return Answer({"dry_run": dry_run, "rows": found, "inactive": count, "kept": kept}, lines)
