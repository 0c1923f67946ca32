"""`sojourn enter`: start people in a journey by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session


def enter(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="JOURNEY", help="A journey with `enter: {manual: true}`.")],
    contact: Annotated[list[str], typer.Option(metavar="ID", help="Who: an id, or an address; may be repeated.")],
) -> Answer:
    """Start people in a journey; the next tick steps them. `if`, `reenter` and `limit` hold as for anybody."""
    from engine.cli.contact import find_contact
    from engine.cli.draw import journey_called
    from engine.store.connect import reading, writing
    from engine.store.intake import trigger

    session: Session = ctx.obj
    definitions = session.definitions()
    journey = journey_called(definitions, name)
    own = f"enter:{journey.name}"
    if own not in journey.enter.events:
        raise WrongUse(
            f"{journey.name} starts on {', '.join(journey.enter.events)}: use `sojourn event send`, "
            "or write `enter: {manual: true}` in its file"
        )
    now = session.now()
    with session.store(session.project()) as store:
        with reading(store) as conn:
            people = [find_contact(conn, one) for one in contact]
        with writing(store) as conn:
            count = trigger(conn, journey.name, people, now, f"by hand {now.isoformat()}")
    who = f"{count:,} contact{'' if count == 1 else 's'}"
    return Answer(
        {"journey": journey.name, "contacts": people},
        [f"{who} at the door of {journey.name}; the next tick steps them"],
    )
