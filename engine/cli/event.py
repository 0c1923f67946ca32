"""`sojourn event send`: something happened to one person."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.reading import Unreadable, instant_of, value_of
from engine.cli.session import Session
from journeys.span import show_span

if TYPE_CHECKING:
    from engine.store.intake import NewEvent
    from journeys.project import Definitions, Project


def send(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="An event of data.yaml.")],
    contact: Annotated[str, typer.Option(metavar="ID", help="Who: an id, or an address.")],
    said: Annotated[list[str] | None, typer.Argument(metavar="[k=v ...]", help="Its properties.")] = None,
    *,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When (default: now); local unless it says.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="An id of yours: the same id counts once.")] = None,
) -> Answer:
    """Say that something happened; the next tick lets the person's journeys see it."""
    from engine.cli.contact import find_contact
    from engine.store.connect import reading, writing
    from engine.store.intake import record

    session: Session = ctx.obj
    definitions = session.definitions()
    project = session.project()
    item = _item(project, (name, contact), said or (), (at, id_))
    with session.store(project) as store:
        with reading(store) as conn:
            event = replace(_event(project, item, session), contact_id=find_contact(conn, contact))
        with writing(store) as conn:
            done = record(conn, [event], session.now(), project.limits.skip_after)
    starts = [] if done.late else _starts(definitions, name)
    data = {
        "id": event.id, "contact": event.contact_id, "event": name, "at": event.at, "data": event.data,
        "accepted": done.accepted, "duplicate": bool(done.duplicates), "late": bool(done.late), "starts": starts,
    }  # fmt: skip
    return Answer(data, [_words(event.id, project, (done.duplicates, done.late), starts)])


def _item(
    project: Project, what: tuple[str, str], said: Sequence[str], when: tuple[str | None, str | None]
) -> dict[str, Any]:
    (name, contact), (at, id_) = what, when
    if name not in project.data.events:
        near = get_close_matches(name, project.data.events, 1)
        hint = f'did you mean "{near[0]}"?' if near else "add it under `events`"
        raise WrongUse(f'no event called "{name}" in data.yaml; {hint}')
    item = {"event": name, "contact": contact, "id": id_ or f"ev_{secrets.token_hex(10)}"}
    if at:
        try:
            item["at"] = instant_of(at, ZoneInfo(project.timezone)).isoformat()
        except Unreadable as error:
            raise WrongUse(f"--at: {error}") from None
    return {**item, "properties": _properties(said, project.data.events[name])}


def _properties(said: Sequence[str], declared: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in said:
        name, equals, value = one.partition("=")
        if not equals:
            raise WrongUse(f'cannot read "{one}"; write property=value')
        if name not in declared:
            near = get_close_matches(name, declared, 1)
            hint = f'did you mean "{near[0]}"?' if near else f"it has: {', '.join(declared) or 'none'}"
            raise WrongUse(f'this event has no property "{name}" in data.yaml; {hint}')
        try:
            found[name] = value_of(value, declared[name], choices_of(declared[name]))
        except Unreadable as error:
            raise WrongUse(f"{name}: {error}") from None
    return found


def choices_of(type_name: str) -> tuple[str, ...]:
    """Return the choices of "enum(a, b)"."""
    return tuple(part.strip() for part in type_name.partition("(")[2].rstrip(")").split(",") if part.strip())


def _event(project: Project, item: Mapping[str, Any], session: Session) -> NewEvent:
    from engine.web.item import Refused, read_item

    read = read_item(dict(item), project.data.events, session.now())
    if isinstance(read, Refused):
        raise WrongUse(read.reason)
    return replace(read, source="cli")


def _starts(definitions: Definitions, name: str) -> list[str]:
    return sorted(one.name for one in definitions.journeys.values() if name in one.enter.events)


def _words(id_: str, project: Project, done: tuple[int, int], starts: list[str]) -> str:
    duplicates, late = done
    if duplicates:
        return f"{id_} is known already: nothing was recorded"
    if late:
        return f"accepted {id_}; it is older than {show_span(project.limits.skip_after)}, so it starts no journey"
    can = f"can start {', '.join(starts)}; " if starts else ""
    return f"accepted {id_}; {can}the next tick steps the contact"
