"""`sojourn explain`: why this person got this message, or nothing."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.cli.explain_message import Case
    from engine.store.history import Explained
    from journeys.project import Definitions


def explain(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(metavar="MESSAGE_ID|CONTACT", help="A send key (see sojourn log), or who.")],
    *,
    journey: Annotated[str | None, typer.Option(help="With a contact: only this journey.")] = None,
) -> Answer:
    """Explain one message, or everything a journey did with one contact."""
    from engine.store.connect import reading
    from engine.store.history import explain as read

    session: Session = ctx.obj
    definitions = session.definitions()
    project = session.project()
    with session.store(project) as store, reading(store) as conn:
        found = read(conn, what)
        if found is None:
            return _contact(conn, (session, definitions), what, journey)
        case = _case(conn, found, definitions, session.now())
    from engine.cli.explain_message import facts, lines
    from engine.cli.text import printable

    return Answer(facts(case), [printable(line) for line in lines(case)])


def _case(conn: sa.Connection, found: Explained, definitions: Definitions, now: datetime) -> Case:
    """Gather what one message is explained by: its person's log, its journey as it was, the policy that decided."""
    from dataclasses import replace

    from engine.archive import version_then
    from engine.cli.explain_message import Case
    from engine.explaining import estimated
    from engine.store.deploying import numbers
    from engine.store.replaying import logs
    from journeys.zones import zone_of

    project = definitions.project
    if project is None:
        raise AssertionError("the project was read")
    place = (found.decision or found.delivery or found.refusals[0]).journey
    version = found.decision.version if found.decision else found.run.version if found.run else ""
    journey = version_then(conn, definitions, place, version)
    zone = zone_of(found.attributes) or ZoneInfo(project.timezone)
    log = logs(conn, [found.contact_id])[found.contact_id]
    number = numbers(conn, [place]).get((place, version), 0)
    case = Case(found, project, journey, zone, now, log, number)
    row = found.decision
    return case if row is None else replace(case, estimated=estimated(conn, row, case.choose))


def _contact(conn: sa.Connection, about: tuple[Session, Definitions], who: str, journey: str | None) -> Answer:
    """Tell the path of a contact; with one journey also why nothing comes now, and when that can change."""
    from engine.cli.contact import find_contact
    from engine.cli.explain_silence import answer
    from engine.errors import NotFound

    session, definitions = about
    try:
        id_ = find_contact(conn, who)
    except NotFound as error:
        if "several contacts" in str(error):
            raise
        raise NotFound(f'no message and no contact "{who}"; message ids: sojourn log --kind send --json') from None
    return answer(conn, (definitions, session.now()), id_, journey)
