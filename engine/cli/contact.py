"""`sojourn contact show|suppress`: one person as the store knows them, and an address that must not be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from engine.cli import roles
from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.text import columns, moment, printable, short

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.store.rows import RunRow


def show(
    ctx: typer.Context,
    who: Annotated[str, typer.Argument(metavar="ID", help="The contact's id, or one of their addresses.")],
    *,
    history: Annotated[bool, typer.Option("--history", help="Also what was true before, and who says what.")] = False,
) -> Answer:
    """Show one person: attributes by kind, addresses, consents and journeys."""
    from engine.cli.contact_profile import attribute_lines, history_lines, profile_data, profile_of, veiled
    from engine.store.connect import reading
    from engine.store.rows import RunRow, read
    from engine.store.tables import addresses, contacts, enrollments
    from journeys.zones import zone_of

    session: Session = ctx.obj
    project = session.project()
    zone = ZoneInfo(project.timezone)
    with session.store(project) as store, reading(store) as conn:
        id_ = find_contact(conn, who)
        person = conn.execute(contacts.select().where(contacts.c.id == id_)).one()
        reach = conn.execute(addresses.select().where(addresses.c.contact_id == id_)).all()
        runs = sorted(read(conn, RunRow, enrollments, enrollments.c.contact_id == id_), key=lambda run: run.entered_at)
        profile = veiled(profile_of(conn, id_, person.attributes), roles.private(session, project.data))
    own = zone_of(person.attributes)
    rows = [(f"known as {kind}", printable(short(value, 60))) for kind, value in profile.names if value != id_]
    rows.append(("zone", own.key if own else f"{project.timezone} (the project's)"))
    for one in reach:
        said = f"  suppressed: {one.suppressed}" if one.suppressed else ""
        rows.append((f"{one.channel} address", printable(short(one.address, 60)) + said))
    rows.append(("consents", person.consents or "none"))
    lines = [f"{id_}  since {moment(person.created_at, zone)}", *attribute_lines(profile, project.data)]
    lines += [f"  {line}" for line in columns(rows)]
    lines += [f"  {line}" for line in columns(_run(run, zone) for run in runs)]
    lines += ["  history", *(f"    {line}" for line in history_lines(profile, zone))] if history else []
    data = profile_data(profile) | {
        "id": id_, "attributes": profile.attributes, "consents": person.consents.split(),
        "created_at": person.created_at, "updated_at": person.updated_at, "zone": own.key if own else None,
        "journeys": runs,
        "addresses": [{"channel": a.channel, "address": a.address, "suppressed": a.suppressed} for a in reach],
    }  # fmt: skip
    return Answer(data, lines)


def _run(run: RunRow, zone: ZoneInfo) -> tuple[str, str, str]:
    if run.status == "left":
        stands = f"left {moment(run.left_at, zone)}: {run.reason or ''}" if run.left_at else "left"
    elif run.status == "parked":
        stands = f"parked in {run.state} after a mistake: sojourn log --kind error"
    else:
        due = f", next {moment(run.due_at, zone)}" if run.due_at else ", waits for an event"
        stands = f"in {run.state}{due}"
    return run.journey, run.group, stands


def find_contact(conn: sa.Connection, who: str) -> str:
    """Return the id of the contact with this id, or with this address; NotFound otherwise."""
    import sqlalchemy as sa

    from engine.errors import NotFound
    from engine.store.profile_tables import identities
    from engine.store.tables import addresses, contacts

    same = conn.execute(sa.select(contacts.c.id).where(contacts.c.id == who)).scalar()
    if same is not None:
        return str(same)
    theirs = sa.select(addresses.c.contact_id).where(addresses.c.address == who).limit(2)
    found = conn.execute(theirs).scalars().all()
    if len(found) > 1:
        raise NotFound(f"several contacts have the address {who}; name one by id: {', '.join(found)}")
    if not found:
        known = conn.execute(sa.select(identities.c.contact_id).where(identities.c.value == who).limit(1)).scalar()
        if known is not None and conn.execute(sa.select(contacts.c.id).where(contacts.c.id == known)).first():
            return str(known)
        raise NotFound(f'no contact "{who}"; ids come from the import: sojourn contact import')
    return str(found[0])


def suppress(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument()],
    channel: Annotated[str, typer.Option(help="Which channel's address it is.")] = "email",
) -> Answer:
    """Never write to this address again, whoever has it now or brings it back with an import."""
    import sqlalchemy as sa

    from engine.app import digest_of
    from engine.store.auditing import note
    from engine.store.connect import writing
    from engine.store.consenting import Suppression
    from engine.store.consenting import suppress as never
    from engine.store.sets import one_of
    from engine.store.tables import addresses

    session: Session = ctx.obj
    project = session.project()
    if channel not in project.channels:
        raise WrongUse(f'no channel called "{channel}"; there are: {", ".join(project.channels)}')
    said = address.strip()
    if channel == "email" and "@" not in said:
        raise WrongUse(f"{address} is not an e-mail address")
    digest = digest_of(project)
    a = addresses.c
    same = sa.or_(sa.func.lower(a.address) == said.lower(), one_of(a.address, {said, said.lower()}))  # sealed, or not
    mine = (a.channel == channel) & same
    with session.store(project) as store, writing(store) as conn:
        having = conn.execute(sa.select(a.contact_id, a.address).where(mine)).all()
        exact = {said, *(row.address for row in having)}
        never(conn, [Suppression(channel, one, "manual") for one in sorted(exact)], digest, session.now())
        note(conn, "suppressed", {"channel": channel, "contacts": len(having)}, session.now())
    people = sorted(row.contact_id for row in having)
    who = f"{len(people)} contact{'' if len(people) == 1 else 's'} had it" if people else "nobody has it now"
    data = {"address": said, "channel": channel, "contacts": people}
    return Answer(data, [f"✓ {said} gets no {channel} any more; {who}"])
