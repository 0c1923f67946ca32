"""`sojourn contact import`: people from a file or a CRM, a thousand in each transaction, rejects beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.people_columns import CONSENT, Columns, Rejected, Wishes, columns_of
from engine.cli.session import Session
from engine.cli.sheet import Rejects, Row, Sheet, open_sheet
from engine.cli.text import parts
from engine.store.consenting import PURPOSES
from engine.store.people import Counts, NewContact, add_contacts
from journeys.zones import zone_of

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.cli.parquet import Parquet
    from engine.cli.progress import Bar
    from engine.store.confirming import Asking
    from engine.store.consenting import Digest
    from journeys.project import Project

BATCH = 1000
T = TypeVar("T")


@dataclass(slots=True)
class Import:
    """One import on its way: what is needed for a batch, and the counts so far."""

    columns: Columns
    rejects: Rejects
    digest: Digest
    now: datetime
    asking: Asking
    proof: str = ""
    origin: str = "import"
    seen: set[str] = field(default_factory=set)
    counts: Counts = field(default_factory=Counts)
    without_zone: int = 0

    def people(self, rows: Iterable[Row]) -> list[tuple[Row, NewContact]]:
        """Return the rows that are people; the others are rejected."""
        found = []
        for row in rows:
            try:
                person = self.columns.contact(row)
            except Rejected as no:
                self.rejects.add(row, no.kind, str(no))
                continue
            if person.id in self.seen:
                self.rejects.add(row, "duplicate", f"{person.id} stands further up in this file")
                continue
            self.seen.add(person.id)
            found.append((row, replace(person, proof=self.proof)))
        return found

    def add(self, conn: sa.Connection, rows: Iterable[Row]) -> None:
        """Add one batch within the transaction of `conn`."""
        people = self._complete(conn, self.people(rows))
        self.add_people(conn, people)

    def add_people(self, conn: sa.Connection, people: list[NewContact]) -> None:
        """Add people who were read; where the project names sources, what the most trusted one says is kept."""
        from engine.store.profiles import Trust, preferred

        data = self.columns.project.data
        if data.sources:
            people = preferred(conn, people, self.origin, (Trust.of(data), self.digest), self.now)
        done = add_contacts(conn, people, self.now, self.digest, self.asking)
        mine = self.counts
        self.counts = Counts(
            mine.new + done.new,
            mine.updated + done.updated,
            mine.unchanged + done.unchanged,
            mine.kept_out + done.kept_out,
            mine.erased + done.erased,
            mine.asked + done.asked,
        )
        self.without_zone += sum(zone_of(person.attributes) is None for person in people)

    def _complete(self, conn: sa.Connection, people: list[tuple[Row, NewContact]]) -> list[NewContact]:
        """Leave out new people who lack what is required: known ones have it."""
        from sqlalchemy import select

        from engine.store.sets import one_of
        from engine.store.tables import contacts

        missing = self.columns.missing
        if not missing:
            return [person for _, person in people]
        ids = [person.id for _, person in people]
        known = set(conn.execute(select(contacts.c.id).where(one_of(contacts.c.id, ids))).scalars())
        for row, person in people:
            if person.id not in known:
                self.rejects.add(row, "missing", f"{missing[0]} is required, and the file has no such column")
        return [person for _, person in people if person.id in known]


def import_contacts(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="CSV, whose first line names the columns; or Parquet.")] = None,
    *,
    crm: Annotated[
        str | None, typer.Option("--from", metavar="hubspot|salesforce", help="From a CRM instead of a file.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who says so: a name under `sources` in data.yaml.")
    ] = None,
    mapped: Annotated[
        list[str] | None, typer.Option("--map", metavar="COL=ATTR", help="What a column is; COL= ignores it.")
    ] = None,
    key: Annotated[str | None, typer.Option("--id", metavar="COLUMN", help="Which column is the contact's id.")] = None,
    consent: Annotated[
        str, typer.Option(metavar="TOPICS", help="Topics these people agreed to, such as promo,onboarding.")
    ] = "",
    proof: Annotated[
        str,
        typer.Option(metavar="TEXT", help="How it is known that they agreed; a topic with double opt-in asks else."),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check everything, change nothing.")] = False,
) -> Answer:
    """Add and update people. The id is the column `id`, else the email; rows that are wrong go to FILE.rejected.csv."""
    from engine.app import digest_of
    from engine.double_opt_in import asking_of

    session: Session = ctx.obj
    project = session.project()
    wishes = Wishes(mapped or (), key, _topics(consent, project))
    if crm is not None:
        return _from_crm(session, project, (crm, source), wishes, (file, proof, dry_run))
    if file is None:
        raise WrongUse("name a file, or say --from hubspot or --from salesforce")
    sheet = open_any(file.expanduser())
    columns = columns_of(project, sheet, wishes)
    session.note(f"Columns   {columns.said()}      --map to change")
    if sheet.remark:
        session.note(f"File      {sheet.remark}")
    digest = digest_of(project)
    with (
        Rejects(sheet.path, sheet.header, written=not dry_run) as rejects,
        session.bar("rows", max(1, sheet.lines - 1)) as bar,
    ):
        work = Import(columns, rejects, digest, session.now(), asking_of(project), proof, source or "import")
        _run(session, work, iter(sheet), (dry_run, bar))
    return _answer(work, project, dry_run=dry_run)


def _from_crm(
    session: Session,
    project: Project,
    which: tuple[str, str | None],
    wishes: Wishes,
    how: tuple[Path | None, str, bool],
) -> Answer:
    from engine.cli.crm_import import import_crm
    from engine.double_opt_in import asking_of

    file, proof, dry_run = how
    if file is not None:
        raise WrongUse("either a file or --from")

    def begin(columns: Columns, rejects: Rejects, digest: Digest, name: str) -> Import:
        return Import(columns, rejects, digest, session.now(), asking_of(project), proof, name)

    work = import_crm(session, which, wishes, begin, dry_run=dry_run)
    return _answer(work, project, dry_run=dry_run)


def open_any(path: Path) -> Sheet | Parquet:
    """Look a file of people through, by its name: Parquet, or CSV."""
    from engine.cli.parquet import SUFFIXES, open_parquet

    return open_parquet(path) if path.suffix.lower() in SUFFIXES else open_sheet(path)


def _topics(said: str, project: Project) -> frozenset[str]:
    topics = frozenset(word.strip() for word in said.split(",") if word.strip())
    known = (*project.topics, *PURPOSES)
    if unknown := sorted(topics.difference(known)):
        raise WrongUse(f'there is no topic "{unknown[0]}" in sojourn.yaml; there are: {", ".join(known)}')
    return topics


def _run(session: Session, work: Import, rows: Iterator[Row], how: tuple[bool, Bar]) -> None:
    from engine.store.connect import reading, writing

    dry_run, bar = how
    transaction = reading if dry_run else writing
    with session.store(work.columns.project) as store:
        while batch := list(islice(rows, BATCH)):
            with transaction(store) as conn:
                work.add(conn, batch)
            bar.advance(len(batch))


def _answer(work: Import, project: Project, *, dry_run: bool) -> Answer:
    counts, rejects = work.counts, work.rejects
    added = counts.new + counts.updated + counts.unchanged
    found = [("new", counts.new), ("updated", counts.updated), ("unchanged", counts.unchanged)]
    lines = [("  would be: " if dry_run else "  ") + (parts([*found, ("rejected", rejects.count)]) or "no rows")]
    if rejects.count:
        lines[0] += f" → {rejects.path} ({rejects.said()})" if not dry_run else f" ({rejects.said()})"
        lines += (
            [f"    {sample}" for sample in rejects.samples] if dry_run or rejects.count == len(rejects.samples) else []
        )
    hints = []
    if work.without_zone:
        share = round(100 * work.without_zone / added)
        hints.append(f"without time zone {work.without_zone:,} ({share} %): they use {project.timezone}")
    if counts.kept_out:
        hints.append(f"{counts.kept_out:,} consents not granted again: these people withdrew them")
    if counts.asked:
        hints.append(
            f"{counts.asked:,} are asked by mail to confirm; --proof TEXT says how it is known that they agreed"
        )
    if counts.erased:
        hints.append(
            f"{counts.erased:,} left out: they asked to be forgotten (sojourn contact readmit lets one back in)"
        )
    if hint := _consent_hint(work.columns, project):
        hints.append(hint)
    data = {
        "new": counts.new, "updated": counts.updated, "unchanged": counts.unchanged, "rejected": rejects.count,
        "reasons": rejects.reasons, "rejects": rejects.path if rejects.count and not dry_run else None,
        "without_zone": work.without_zone, "kept_out": counts.kept_out, "erased": counts.erased, "asked": counts.asked,
        "dry_run": dry_run,
        "columns": dict(zip(work.columns.header, work.columns.targets, strict=True)),
    }  # fmt: skip
    return Answer(data, [*lines, *(f"  {hint}" for hint in hints)])


def _consent_hint(columns: Columns, project: Project) -> str:
    if CONSENT in columns.places or columns.granted:
        return ""
    topics = [name for name, topic in project.topics.items() if not topic.transactional and name != "general"]
    said = " or ".join(f'"{name}"' for name in topics[:3])
    return (
        f"consent column missing: nobody is subscribed to {said or 'anything'} yet (--consent {','.join(topics[:3])})"
    )
