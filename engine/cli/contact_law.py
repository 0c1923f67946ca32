"""`sojourn contact export|erase|readmit`: a copy of everything, being forgotten, and coming back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.answer import Answer, to_json
from engine.cli.contact import find_contact
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.text import columns, counted
from engine.errors import NotFound

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.store.erasing import Erased
    from journeys.project import Definitions

Who = Annotated[str, typer.Argument(metavar="ID", help="The contact's id, or one of their addresses.")]


def export(
    ctx: typer.Context,
    who: Who,
    *,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it there.")] = None,
) -> Answer:
    """Give everything the store knows about one person as JSON: the answer to a request for access."""
    from engine.app import digest_of
    from engine.exporting import export as everything
    from engine.store.connect import writing

    session: Session = ctx.obj
    project = session.project()
    with session.store(project) as store, writing(store) as conn:
        found = everything(conn, find_contact(conn, who), digest_of(project), session.now())
    tables = {name: len(rows) for name, rows in found["tables"].items() if rows}
    if output is None:
        return Answer(found, [to_json(found)])
    write_private(output.expanduser(), to_json(found) + "\n")
    lines = [
        f"✓ {output}  {counted(sum(tables.values()), 'row')} of {counted(len(tables), 'table')}; only you may read it"
    ]
    return Answer({"file": output, "rows": tables}, [*lines, *(f"  {line}" for line in columns(_rows(tables)))])


def write_private(file: Path, text: str) -> None:
    """Write a file that its owner alone may read; an older one of this name is replaced."""
    try:
        file.unlink(missing_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            written.write(text)
    except OSError as error:
        raise WrongUse(f"cannot write {file}: {error.strerror}") from None


def _rows(tables: dict[str, int]) -> list[tuple[str, str]]:
    return [(name, f"{count:,}") for name, count in sorted(tables.items())]


def erase(
    ctx: typer.Context,
    who: Annotated[str, typer.Argument(metavar="ID", help="The contact's id, or one of their addresses.")] = "",
    *,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="Ids or addresses, one a line.")] = None,
    scrub: Annotated[bool, typer.Option(help="Rewrite the database's files, too; a big store takes a while.")] = True,
) -> Answer:
    """Forget people: what was theirs goes for good, what was counted stays nameless, no import brings them back."""
    from engine import erasing, gathering
    from engine.app import digest_of
    from engine.store.connect import reading

    session: Session = ctx.obj
    if bool(who) == (file is not None):
        raise WrongUse("name one contact, or a file with --file")
    definitions = session.definitions()
    project = session.project()
    said = [who] if who else _listed(file or Path())
    with session.store(project) as store:
        with reading(store) as conn:
            ids, missing = _found(conn, said)
        if not ids:
            raise NotFound(f"nobody of these is here: {', '.join(missing[:3])}")
        session.confirm(f"erase {_people(len(ids))} for good")
        how = (digest_of(project), session.now)
        with session.bar("people", len(ids)) as bar:
            done = erasing.erase(store, ids, _kept(definitions, store), how, bar.advance)
        gathering.forget(project.root)
        session.note("rewriting the database's files ...") if scrub else None
        again = erasing.scrub(store) if scrub else "--no-scrub: the database's files were not rewritten"
        copies = [*erasing.copies(session.url(project)), *erasing.handed_out(store)]
    return _answer(done, missing, again, copies)


def _kept(definitions: Definitions, store: sa.Engine) -> Any:
    """Return what figures are reckoned from: what the files say, and what is deployed."""
    from engine import erasing
    from engine.store.connect import reading
    from engine.versions import deployed, known

    with reading(store) as conn:
        running = deployed(conn, definitions)
    return erasing.figures(known(definitions), [*definitions.journeys.values(), *running.journeys.values()])


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _listed(file: Path) -> list[str]:
    try:
        lines = file.expanduser().read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from None
    found = list(dict.fromkeys(line.strip() for line in lines if line.strip() and not line.startswith("#")))
    if not found:
        raise WrongUse(f"{file} is empty; write one id or address a line")
    return found


def _found(conn: sa.Connection, said: list[str]) -> tuple[list[str], list[str]]:
    """Return the ids of those who are here, and the names of those who are not, in two statements."""
    import sqlalchemy as sa

    from engine.store.sets import one_of
    from engine.store.tables import addresses, contacts

    known = set(conn.execute(sa.select(contacts.c.id).where(one_of(contacts.c.id, said))).scalars())
    a = addresses.c
    wanted = {form for one in said for form in (one, one.lower())}
    reach: dict[str, set[str]] = {}
    for id_, address in conn.execute(sa.select(a.contact_id, a.address).where(one_of(a.address, wanted))):
        reach.setdefault(address.lower(), set()).add(id_)
    ids = [id_ for one in said for id_ in ([one] if one in known else sorted(reach.get(one.lower(), ())))]
    return list(dict.fromkeys(ids)), [one for one in said if one not in known and one.lower() not in reach]


def _answer(done: Erased, missing: list[str], again: str | None, copies: list[Path]) -> Answer:
    rows = {name: count for name, count in sorted(done.rows.items()) if count}
    lines = [f"✓ {_people(done.people)} erased", *(f"  {line}" for line in columns(_rows(rows)))]
    lines += [f"  not here: {counted(len(missing), 'name')}, such as {missing[0]}"] if missing else []
    lines += [f"  do this again when nobody uses the store: {again}"] if again else []
    lines += [f"  still in older backups and exports: {', '.join(map(str, copies))}"] if copies else []
    lines += [
        "  not in the store, so not touched: other copies, logs of mail servers, mail that was delivered into folders"
    ]
    data = {"people": done.people, "rows": rows, "missing": missing, "scrubbed": again is None, "copies": copies}
    return Answer(data, lines)


def readmit(
    ctx: typer.Context,
    who: Annotated[str, typer.Argument(metavar="ID|ADDRESS", help="What they are called now.")],
    channel: Annotated[str, typer.Option(help="Which channel's address it is.")] = "email",
) -> Answer:
    """Let somebody in again who was erased and came back of their own will; nothing of before comes back."""
    from engine.app import digest_of
    from engine.store.connect import writing
    from engine.store.forgetting import PERSON
    from engine.store.forgetting import readmit as let_in

    session: Session = ctx.obj
    project = session.project()
    digest = digest_of(project)
    with session.store(project) as store, writing(store) as conn:
        gone = let_in(conn, [digest(PERSON, who), digest(channel, who)], session.now())
    if not gone:
        raise NotFound(f'nobody called "{who}" was erased here')
    return Answer({"contact": who, "readmitted": gone}, [f"✓ {who} may be added again; they agreed to nothing yet"])
