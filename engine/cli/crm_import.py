"""`sojourn contact import --from`: people from HubSpot or Salesforce, a page in each transaction, with its cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.flags import WrongUse
from engine.cli.people_columns import EMAIL, ID, Columns, Wishes, columns_of
from engine.cli.sheet import Rejects, Row

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.cli.contact_import import Import
    from engine.cli.session import Session
    from engine.intake.crm import Crm, Http, Page
    from engine.store.consenting import Digest
    from engine.store.people import NewContact

Begin = Callable[[Columns, Rejects, "Digest", str], "Import"]
ADDRESSES: Mapping[str, str] = {"hubspot": "https://api.hubapi.com", "salesforce": ""}


@dataclass(frozen=True, slots=True)
class Records:
    """What a CRM gives, as a sheet: its fields are the columns."""

    path: Path
    header: tuple[str, ...]


def import_crm(
    session: Session, which: tuple[str, str | None], wishes: Wishes, begin: Begin, *, dry_run: bool
) -> Import:
    """Import everybody, or who changed since the last import; what was stored is stored, whenever it is interrupted."""
    from engine.app import digest_of
    from engine.store.connect import reading
    from engine.store.cursors import cursor

    name, source = which
    project = session.project()
    crm, http = crm_of(name, session.env, [one.partition("=")[0] for many in wishes.mapped for one in many.split(",")])
    fields = {field: field.lower() for field in crm.fields}
    sheet = Records(Path(f"{name}.csv"), (ID, *crm.fields))
    own = [f"{field}={place}" for field, place in crm.places.items() if place in project.data.attributes]
    own += [f"{field}={EMAIL}" for field, plain in fields.items() if plain == EMAIL and field != EMAIL]
    columns = columns_of(project, sheet, replace(wishes, mapped=[*own, *wishes.mapped], key=None))
    session.note(f"Fields    {columns.said()}      --map to change")
    with Rejects(sheet.path, sheet.header, written=not dry_run) as rejects, session.store(project) as store:
        work = begin(columns, rejects, digest_of(project), source or name)
        with reading(store) as conn:
            since = cursor(conn, name)
        session.note(f"Since     {since.get('since') or 'the beginning'}")
        try:
            for page in crm.pages(since, session.now()):
                _store(store, work, page, (name, dry_run))
                session.note(f"          {sum((work.counts.new, work.counts.updated, work.counts.unchanged)):,} people")
        finally:
            http.close()
    return work


def crm_of(name: str, env: Mapping[str, str], more: Sequence[str]) -> tuple[Crm, Http]:
    """Return a CRM and how it is asked: its token and address come from the environment."""
    from engine.errors import ConfigError
    from engine.intake.crm import Http, HubSpot, Salesforce

    if name not in ADDRESSES:
        raise WrongUse(f'there is no import from "{name}": hubspot, salesforce')
    token, base = env.get(f"{name.upper()}_TOKEN"), env.get(f"{name.upper()}_URL") or ADDRESSES[name]
    if not token:
        raise ConfigError(f"set {name.upper()}_TOKEN in the environment: a token that may read contacts")
    if not base:
        raise ConfigError(f"set {name.upper()}_URL in the environment, such as https://yours.my.salesforce.com")
    http = Http(base.rstrip("/"), token)
    crm: Crm = (HubSpot if name == "hubspot" else Salesforce)(http, more)
    return crm, http


def _store(store: sa.Engine, work: Import, page: Page, how: tuple[str, bool]) -> None:
    from engine.store.connect import reading, writing
    from engine.store.cursors import set_cursor

    name, dry_run = how
    rows = [Row(number, _cells(one, work.columns, name)) for number, one in enumerate(page.records, 1)]
    theirs = {id_: record["id"] for id_, record in zip((row.cells[0] for row in rows), page.records, strict=True)}
    with (reading if dry_run else writing)(store) as conn:
        work.seen.clear()  # who comes again in a later page has changed since
        people = [person for _, person in work.people(rows)]
        work.add_people(conn, named(conn, people, theirs, (name, work)))
        set_cursor(conn, name, page.cursor, work.now)


def _cells(record: Mapping[str, str], columns: Columns, name: str) -> tuple[str, ...]:
    at = columns.places.get(EMAIL)
    email = record.get(columns.header[at], "").lower() if at is not None else ""
    return (email or f"{name}:{record['id']}", *(record[field] for field in columns.header[1:]))


def named(
    conn: sa.Connection, people: Iterable[NewContact], theirs: Mapping[str, str], how: tuple[str, Import]
) -> list[NewContact]:
    """Return these people under the ids they have here: known by their CRM's id, else by their mailbox, else new."""
    from sqlalchemy import select

    from engine.store.identities import identify, resolve
    from engine.store.sets import one_of
    from engine.store.tables import addresses

    name, work = how
    people = list(people)
    known = resolve(conn, [(name, theirs[one.id]) for one in people])
    mailboxes = {one.addresses[EMAIL] for one in people if EMAIL in one.addresses}
    query = select(addresses.c.address, addresses.c.contact_id).where(
        addresses.c.channel == EMAIL, one_of(addresses.c.address, sorted(mailboxes))
    )
    having = {row[0]: row[1] for row in conn.execute(query.order_by(addresses.c.contact_id.desc()))}
    found = [
        replace(one, id=known.get((name, theirs[one.id])) or having.get(one.addresses.get(EMAIL, ""), one.id))
        for one in people
    ]
    owners = {(name, theirs[one.id]): new.id for one, new in zip(people, found, strict=True)}
    identify(conn, owners, work.now, work.origin)
    return found
