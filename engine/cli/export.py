"""`sojourn export`: people, sends, decisions and outcomes as CSV or Parquet, for other tools."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from engine.cli import roles
from engine.cli.answer import Answer, to_json
from engine.cli.flags import WrongUse
from engine.cli.parquet import SUFFIXES, write_parquet
from engine.cli.session import Session
from engine.cli.sheet import harmless
from engine.cli.since import since_of
from engine.cli.text import counted

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.cli.progress import Bar
    from engine.tables_out import Column, Wish

BEAT = 1000


def export(
    ctx: typer.Context,
    table: Annotated[str, typer.Argument(metavar="people|sends|decisions|outcomes")],
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="A .csv or .parquet file; else CSV to stdout.")
    ] = None,
    since: Annotated[str, typer.Option(metavar="WHEN", help="Only what is from then on: 2026-03-01, or 30d.")] = "",
    raw: Annotated[bool, typer.Option("--raw", help="Leave cells as they are that a spreadsheet would run.")] = False,
    addresses: Annotated[
        bool, typer.Option("--addresses", help="With addresses, private attributes and whole events.")
    ] = False,
) -> Answer | None:
    """Write a table for other tools; nobody's address is in it unless asked for. Every export is in the audit."""
    from engine.store import auditing
    from engine.store.connect import reading, writing
    from engine.tables_out import TABLES, columns_of, rows_of

    session: Session = ctx.obj
    if table not in TABLES:
        raise WrongUse(f'no table called "{table}"; there is: {", ".join(TABLES)}')
    if output is None and session.speaks_json:
        raise WrongUse("--json tells about the export: write it to a file with -o")
    definitions = session.definitions()
    project = session.project()
    if addresses:
        roles.need_operator(session, project, "addresses in an export")
    with session.store(project) as store:
        wish = _wish(session, definitions, (store, since_of(session, since)), addresses=addresses)
        told = {"table": table, "file": str(output.expanduser().resolve()) if output else "stdout",
                "since": since, "addresses": addresses, "raw": raw}  # fmt: skip
        with writing(store) as conn:
            auditing.note(conn, "table_exported", told, session.now())
        with reading(store) as conn, session.bar(table) as bar:
            columns = columns_of(table, wish)
            count = _written(output, columns, _beating(rows_of(conn, table, wish), bar), raw=raw)
    if output is None:
        return None
    lines = [f"✓ {output}  {counted(count, 'row')}" + ("" if addresses else ", no addresses in it (--addresses)")]
    return Answer({**told, "rows": count, "columns": [one.name for one in columns]}, lines)


def _wish(session: Session, definitions: Any, where: tuple[sa.Engine, datetime | None], *, addresses: bool) -> Wish:
    from engine.app import digest_of
    from engine.erasing import figures
    from engine.tables_out import Wish

    project = session.project()
    store, since = where
    del store
    return Wish(since, addresses, project.data, figures(project, definitions.journeys.values()), digest_of(project))


def _beating(rows: Iterator[list[Any]], bar: Bar) -> Iterator[list[Any]]:
    for number, row in enumerate(rows, 1):
        if number % BEAT == 0:
            bar.advance(BEAT)
        yield row


def _written(output: Path | None, columns: list[Column], rows: Iterable[list[Any]], *, raw: bool) -> int:
    if output is None:
        return _csv(sys.stdout, columns, rows, raw=raw)
    path = output.expanduser()
    if path.suffix.lower() in SUFFIXES:
        return _parquet(path, columns, rows)
    if path.suffix.lower() != ".csv":
        raise WrongUse(f"{path.name}: an export is a .csv or a .parquet file")
    with _private(path) as stream:
        return _csv(stream, columns, rows, raw=raw)


@contextmanager
def _private(path: Path) -> Iterator[TextIO]:
    """Give a file that its owner alone may read; it is in its place once it is whole."""
    part = path.with_name(f".{path.name}.part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            yield stream
        part.replace(path)
    except OSError as error:
        raise WrongUse(f"cannot write {path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _csv(stream: TextIO, columns: list[Column], rows: Iterable[list[Any]], *, raw: bool) -> int:
    out = csv.writer(stream, lineterminator="\n")
    out.writerow([column.name for column in columns])
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - it is the answer
        cells = [_text(value) for value in row]
        out.writerow(
            cells if raw else [harmless(c) if isinstance(v, str) else c for c, v in zip(cells, row, strict=True)]
        )
    return count


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return to_json(value).strip('"') if isinstance(value, datetime) else str(value)


def _parquet(path: Path, columns: list[Column], rows: Iterable[list[Any]]) -> int:
    """Write CSV beside the file and have it made Parquet: rows come one by one, a column must be whole."""
    sheet = path.with_name(f".{path.name}.csv")
    try:
        with _private(sheet) as stream:
            count = _csv(stream, columns, rows, raw=True)
        write_parquet(sheet, path, [(column.name, column.kind) for column in columns])
    finally:
        sheet.unlink(missing_ok=True)
    return count
