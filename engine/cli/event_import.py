"""`sojourn event import`: events from a CSV, Parquet or JSONL file, each counted once, rejects beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.contact_import import open_any
from engine.cli.event import choices_of
from engine.cli.flags import WrongUse
from engine.cli.reading import Unreadable, instant_of, value_of
from engine.cli.session import Session
from engine.cli.sheet import LONGEST_CELL, Rejects, Row, Sheet, Titled
from engine.cli.text import parts
from engine.store.intake import NewEvent, record
from engine.web.item import Refused, read_item
from journeys.span import show_span

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.cli.parquet import Parquet
    from engine.cli.progress import Bar
    from journeys.project import Project

BATCH = 1000
WORDS = {
    "contact": "contact", "contact_id": "contact", "customer_id": "contact", "user_id": "contact", "userid": "contact",
    "email": "contact", "name": "event", "event": "event", "event_name": "event", "at": "at", "timestamp": "at",
    "time": "at", "occurred_at": "at", "id": "id", "event_id": "id", "message_id": "id", "messageid": "id",
}  # fmt: skip

Item = tuple[Row, Mapping[str, Any]]


@dataclass(slots=True)
class Import:
    """One import on its way."""

    project: Project
    file: str
    rejects: Rejects
    now: datetime
    start: bool
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, conn: sa.Connection, items: list[Item | Row]) -> None:
        """Record one batch within the transaction of `conn`."""
        read = [pair for item in items if (pair := self._event(item)) is not None]
        after = None if self.start else self.project.limits.skip_after
        done = record(conn, [event for _, event in read], self.now, after)
        strangers = set(done.unknown)
        for row, event in read:
            if event.contact_id in strangers:
                self.rejects.add(row, "no such contact", f"no contact {event.contact_id}; import contacts first")
        self.counts.update(accepted=done.accepted, duplicates=done.duplicates, late=done.late)

    def _event(self, item: Item | Row) -> tuple[Row, NewEvent] | None:
        if isinstance(item, Row):
            self.rejects.add(item, "unreadable", item.wrong)
            return None
        row, said = item
        try:
            found = read_item(self._typed(self._named(row, said)), self.project.data.events, self.now)
        except Unreadable as error:
            self.rejects.add(row, "bad value", str(error))
            return None
        if isinstance(found, Refused):
            self.rejects.add(row, "bad event", found.reason)
            return None
        return row, replace(found, source="import")

    def _named(self, row: Row, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the item with an id: of its own, else by its words; without a time, by its place in this file."""
        if any(said.get(word) for word in ("id", "messageId", "at", "timestamp")):
            return said
        place = json.dumps([self.file, row.line, said], sort_keys=True, default=str)
        return {**said, "id": f"row_{blake2b(place.encode(), digest_size=12).hexdigest()}"}

    def _typed(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Return the item with its time made aware, and its properties of the declared types where they are text."""
        item = dict(said)
        for key in ("at", "timestamp"):
            if isinstance(item.get(key), str):
                item[key] = instant_of(item[key], ZoneInfo(self.project.timezone)).isoformat()
        texts = item.pop("texts", None)
        if texts is not None:
            declared = self.project.data.events.get(str(item.get("event")), {})
            item["properties"] = {
                name: _value(name, text, declared) for name, text in texts.items() if name in declared
            }
        return item


def _value(name: str, text: str, declared: Mapping[str, str]) -> Any:
    try:
        return value_of(text, declared[name], choices_of(declared[name]))
    except Unreadable as error:
        raise Unreadable(f"{name}: {error}") from None


def import_events(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="CSV or Parquet with columns contact, name, at, properties...; or JSONL.")
    ],
    *,
    name: Annotated[str | None, typer.Option("--name", help="The event, when the file has no such column.")] = None,
    start: Annotated[bool, typer.Option("--start", help="Let old events start journeys too.")] = False,
) -> Answer:
    """Record events; the next ticks let their people's journeys see them."""
    session: Session = ctx.obj
    project = session.project()
    path = file.expanduser()
    lines, header, items = _opened(path, name, session)
    with Rejects(path, header) as rejects, session.bar("events", max(1, lines)) as bar:
        work = Import(project, path.name, rejects, session.now(), start)
        _run(session, work, items, bar)
    counts = work.counts
    said = [("accepted", counts["accepted"]), ("known already", counts["duplicates"]), ("rejected", rejects.count)]
    lines_ = ["  " + (parts(said) or "no events")]
    if rejects.count:
        lines_[0] += f" → {rejects.path} ({rejects.said()})"
    if counts["late"]:
        old = show_span(project.limits.skip_after)
        lines_.append(f"  {counts['late']:,} are older than {old}: they start no journey (--start)")
    data = {**counts, "rejected": rejects.count, "reasons": rejects.reasons,
            "rejects": rejects.path if rejects.count else None}  # fmt: skip
    return Answer(data, lines_)


def _run(session: Session, work: Import, items: Iterator[Item | Row], bar: Bar) -> None:
    from engine.store.connect import writing

    with session.store(work.project) as store:
        while batch := list(islice(items, BATCH)):
            with writing(store) as conn:
                work.add(conn, batch)
            bar.advance(len(batch))


def _opened(path: Path, name: str | None, session: Session) -> tuple[int, tuple[str, ...], Iterator[Item | Row]]:
    """Return how many lines there are, the columns of the reject file, and the items."""
    if path.suffix.lower() in (".jsonl", ".ndjson", ".json"):
        with path.open("rb") as stream:
            lines = sum(1 for _ in stream)
        return lines, ("event",), _json_items(path, name)
    sheet = open_any(path)
    if sheet.remark:
        session.note(f"File      {sheet.remark}")
    meanings = _meanings(sheet, name)
    session.note(
        "Columns   " + " · ".join(f"{one} → {means}" for one, means in zip(sheet.header, meanings, strict=True))
    )
    return sheet.lines - 1, sheet.header, _csv_items(sheet, meanings, name)


def _meanings(sheet: Titled, name: str | None) -> list[str]:
    """Return what each column is: contact, event, at, id, or a property of the same name."""
    found: list[str] = []
    for column in sheet.header:
        means = WORDS.get("_".join(column.lower().replace("-", " ").split()), column)
        found.append(column if means in found else means)
    missing = [word for word in ("contact", "event") if word not in found and not (word == "event" and name)]
    if missing:
        way_out = "name the event with --name" if missing == ["event"] else "it needs contact, name, at"
        raise WrongUse(f"{sheet.path} has no column for the {missing[0]}; {way_out}")
    return found


def _csv_items(sheet: Sheet | Parquet, meanings: list[str], name: str | None) -> Iterator[Item | Row]:
    for row in sheet:
        if row.wrong:
            yield row
            continue
        cells = {means: cell.strip() for means, cell in zip(meanings, row.cells, strict=True) if cell.strip()}
        item: dict[str, Any] = {"event": name} if name else {}
        item |= {word: cells.pop(word) for word in ("contact", "event", "at", "id") if word in cells}
        yield row, {**item, "texts": cells}


def _json_items(path: Path, name: str | None) -> Iterator[Item | Row]:
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            row = Row(number, (line.rstrip("\n")[:LONGEST_CELL],))
            try:
                item = json.loads(line)
            except (ValueError, RecursionError):
                yield replace(row, wrong="is no JSON")
                continue
            if isinstance(item, dict):
                yield row, {**({"event": name} if name else {}), **item}
            else:
                yield replace(row, wrong="an event is a JSON object")
