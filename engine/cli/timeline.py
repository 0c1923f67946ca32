"""`sojourn contact timeline`: what happened to one person, line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session

if TYPE_CHECKING:
    from datetime import tzinfo

    from engine.store.history import Entry


def timeline(
    ctx: typer.Context,
    who: Annotated[str, typer.Argument(metavar="ID", help="The contact's id, or one of their addresses.")],
    *,
    since: Annotated[str | None, typer.Option(metavar="7d", help="How far back, or a date; default: all.")] = None,
    journey: Annotated[str | None, typer.Option(help="Only this journey's part.")] = None,
    inner: Annotated[bool, typer.Option("--all", help="Also waits, conditions and draws, as a tree.")] = False,
) -> Answer:
    """Tell what a person did and heard, oldest first."""
    from engine.cli.contact import find_contact
    from engine.cli.draw import journey_called
    from engine.cli.stats import since_of
    from engine.path import Frame, flat, items, tree
    from engine.store.connect import reading
    from engine.store.copying import attributes_of
    from engine.store.history import timeline as read
    from journeys.zones import zone_of

    session: Session = ctx.obj
    definitions = session.definitions()
    project = session.project()
    only = journey_called(definitions, journey).name if journey else None
    begin = since_of(since, session.now(), project) if since else None
    with session.store(project) as store, reading(store) as conn:
        id_ = find_contact(conn, who)
        attributes = attributes_of(conn, id_)
        entries = read(conn, id_)
    zone = zone_of(attributes) or ZoneInfo(project.timezone)
    path = [item for item in items(entries, Frame(definitions.journeys, zone, only)) if not begin or item.at >= begin]
    shown = tree(path, zone) if inner else flat(path, zone)
    lines = [_head((id_, attributes), entries, zone), *shown]
    if not path:
        lines.append(_empty(since, only))
    data = {"contact": id_, "attributes": attributes, "zone": str(zone), "since": begin, "timeline": path}
    return Answer(data, [_safe(line) for line in lines])


def _safe(line: str) -> str:
    from engine.cli.text import printable

    return printable(line)


def _head(who: tuple[str, Mapping[str, Any]], entries: Sequence[Entry], zone: tzinfo) -> str:
    from engine.store.history import DeliveryRow

    id_, attributes = who
    name = attributes.get("first_name")
    sent = Counter(e.row.channel for e in entries if isinstance(e.row, DeliveryRow) and e.row.status == "sent")
    many = f"{sum(sent.values())} message{'' if sum(sent.values()) == 1 else 's'}"
    kinds = ", ".join(f"{channel} {count}" for channel, count in sorted(sent.items()))
    who_is = f"{name} ({id_})" if name else id_
    return " · ".join([who_is, str(zone), f"{many} ({kinds})" if kinds else many])


def _empty(since: str | None, journey: str | None) -> str:
    part = f" in {journey}" if journey else ""
    if since:
        return f"nothing happened{part} in that time; without --since everything is told"
    return f"nothing has happened{part} yet: sojourn event send NAME --contact ID says that something did"
