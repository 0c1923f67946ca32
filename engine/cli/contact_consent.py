"""`sojourn contact consent`: what one person agrees to, and what they withdraw, by hand and with proof."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.contact import find_contact
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.text import columns, moment, printable

if TYPE_CHECKING:
    from engine.store.consenting import ConsentChange
    from journeys.project import Project


def consent(
    ctx: typer.Context,
    who: Annotated[str, typer.Argument(metavar="ID", help="The contact's id, or one of their addresses.")],
    *,
    grant: Annotated[str, typer.Option(metavar="TOPICS", help="What they agreed to, such as promo,ads.")] = "",
    withdraw: Annotated[str, typer.Option(metavar="TOPICS", help="What they withdraw; all = everything.")] = "",
    proof: Annotated[str, typer.Option(metavar="TEXT", help="How it is known: a form's number, a date.")] = "",
    text: Annotated[str, typer.Option(metavar="TEXT", help="The words they agreed to; their hash is kept.")] = "",
) -> Answer:
    """Show one person's consents with their proof, or change them. profiling, ads and tracking are topics, too."""
    import sqlalchemy as sa

    from engine.double_opt_in import asking_of
    from engine.store import confirming
    from engine.store.connect import reading, writing
    from engine.store.consenting import change_consents
    from engine.store.tables import consents

    session: Session = ctx.obj
    project = session.project()
    with session.store(project) as store, writing(store) if grant or withdraw else reading(store) as conn:
        id_ = find_contact(conn, who)
        wanted = _changes(project, id_, (grant, withdraw), (proof, text))
        granted, asked = confirming.ask(conn, wanted, asking_of(project), session.now())
        change_consents(conn, granted, session.now())
        c = consents.c
        rows = conn.execute(sa.select(consents).where(c.contact_id == id_).order_by(c.id)).mappings().all()
    zone = ZoneInfo(project.timezone)
    lines = list(columns(_row(row, zone) for row in rows)) or ["no consents: nothing but transactional mail goes out"]
    hint = [f"asked to confirm by mail: {asked}; --proof TEXT grants at once"] if asked else []
    return Answer({"id": id_, "asked": asked, "ledger": [dict(row) for row in rows]}, [*lines, *hint])


def _changes(project: Project, id_: str, said: tuple[str, str], how: tuple[str, str]) -> list[ConsentChange]:
    from engine.store.consenting import PURPOSES, ConsentChange

    known = [*(name for name, topic in project.topics.items() if not topic.transactional), *PURPOSES]
    proof, text = how
    digest = sha256(text.encode()).hexdigest() if text else ""
    changes = []
    for words, granted in zip(said, (True, False), strict=True):
        for topic in (word.strip() for word in words.split(",") if word.strip()):
            if topic not in known and (granted or topic != "all"):
                raise WrongUse(f'there is no topic "{topic}"; there are: {", ".join(known)}')
            name = "" if topic == "all" else topic
            changes.append(ConsentChange(id_, name, "", granted=granted, source="by hand", text=digest, proof=proof))
    return changes


def _row(row: Any, zone: ZoneInfo) -> tuple[str, ...]:
    state = row["state"] or ("granted" if row["granted"] else "withdrawn")
    proof = row["proof"] or ("words " + row["text"][:12] if row["text"] else "no proof")
    return moment(row["at"], zone), row["topic"] or "everything", state, printable(row["source"]), printable(proof)
