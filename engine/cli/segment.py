"""`sojourn segment list|show|explain|history`: who is in which group of people, why, and since when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session
from engine.cli.text import columns, counted, moment, printable, short

if TYPE_CHECKING:
    from engine.audience.explaining import Part
    from engine.store.segment_log import Day
    from engine.store.standings import Moved
    from journeys.project import Definitions, Project

WEEK = timedelta(days=7)
WIDE = 40
NONE = "no segments yet; write one in data.yaml, for example  segments: {regulars: count(order_placed within 90d) >= 3}"
Name = Annotated[str, typer.Argument(metavar="ID", help="A segment of data.yaml.")]
Who = Annotated[str, typer.Argument(metavar="CONTACT", help="The contact's id.")]


def list_segments(ctx: typer.Context) -> Answer:
    """List the segments: how many are in each, who came and went in seven days, and what it asks for."""
    from engine.store import membership, segment_log
    from engine.store.connect import reading

    session: Session = ctx.obj
    project = session.project()
    with session.store(project) as store, reading(store) as conn:
        sizes, moved = membership.sizes(conn), segment_log.lately(conn, session.now() - WEEK)
        filled = segment_log.filled(conn)
    rows, data = [("segment", "people", "in 7d", "out 7d", "condition")], []
    for name, rule in project.data.segments.items():
        came, went = moved.get(name, (0, 0))
        people = f"{sizes[name]:,}" if name in sizes else "-"
        rows.append((name, people, f"+{came:,}", f"-{went:,}", short(rule.source, 60)))
        data.append({"segment": name, "people": sizes.get(name), "entered_7d": came, "left_7d": went,
                     "condition": rule.source, "filled_at": filled.get(name)})  # fmt: skip
    if not data:
        return Answer({"segments": []}, [NONE])
    waiting = [name for name in project.data.segments if name not in sizes]
    note = [f"not filled yet: {', '.join(waiting)}; the next tick or deploy does it"] if waiting else []
    return Answer({"segments": data}, [*columns(rows, right=(1, 2, 3)), *note])


def show(ctx: typer.Context, name: Name) -> Answer:
    """Show a segment: its condition, how many are in it, some of them, who moved last, and which journeys follow it."""
    from engine.store import membership, segment_log
    from engine.store.connect import reading

    session: Session = ctx.obj
    definitions = session.definitions()
    project = session.project()
    rule = known(project, name)
    with session.store(project) as store, reading(store) as conn:
        size = membership.count(conn, name)
        some = list(conn.execute(membership.members(conn, name).limit(8)).scalars())
        moves = segment_log.moves(conn, 8, segment=name)
        filled = segment_log.filled(conn).get(name)
    following = _following(definitions, name)
    zone = ZoneInfo(project.timezone)
    lines = [f"{name}   {rule.source}", f"  {counted(size, 'contact')} in it" + _filled(filled, zone)]
    lines += [f"  such as {', '.join(printable(one) for one in some)}"] if some else []
    lines += [f"  followed by {', '.join(following)}"] if following else []
    lines += ["", "last moves", *_moved(moves, zone, own=False)] if moves else []
    data = {"segment": name, "condition": rule.source, "people": size, "sample": some, "filled_at": filled,
            "journeys": following, "moves": [told(one) for one in moves]}  # fmt: skip
    return Answer(data, lines)


def explain(
    ctx: typer.Context,
    contact: Who,
    segment: Annotated[str | None, typer.Option(metavar="ID", help="Only this segment.")] = None,
) -> Answer:
    """Say for each segment whether a contact is in it: every part of its condition, what it sees, and until when."""
    from engine.audience.explaining import parts
    from engine.errors import NotFound
    from engine.needs import looks_of
    from engine.store import membership
    from engine.store.connect import reading
    from engine.store.people import exists
    from engine.store.snapshots import glance

    session: Session = ctx.obj
    project, now = session.project(), session.now()
    rules = project.data.segments if segment is None else {segment: known(project, segment)}
    with session.store(project) as store, reading(store) as conn:
        if not exists(conn, contact):
            raise NotFound(f'no contact "{printable(contact)}"; see: sojourn contact show')
        one = glance(conn, [contact], now, looks_of(rules.values(), project.data.segments))[0]
        inside = membership.standing_in(conn, contact)
    scope = one.scope(now, ZoneInfo(project.timezone), project.data.segments)
    lines, data = [], []
    for name, rule in rules.items():
        found = parts(rule, scope, project.data.segments)
        data.append({"segment": name, "in": found[0].holds, "until": found[0].until, "standing": name in inside,
                     "parts": [{"depth": p.depth, "says": p.says, "holds": p.holds, "sees": p.sees, "until": p.until}
                               for p in found]})  # fmt: skip
        lines += [*_explained(name, found, scope.zone, now, late=found[0].holds is not (name in inside)), ""]
    return Answer({"contact": contact, "now": now, "segments": data}, lines[:-1] or [NONE])


def history(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(metavar="ID|CONTACT", help="A segment, or a contact's id.")],
    most: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many days, or moves of a contact.")] = 14,
) -> Answer:
    """Show how a segment grew day by day, or which segments a contact entered and left."""
    from engine.errors import NotFound
    from engine.store import membership, segment_log
    from engine.store.connect import reading
    from engine.store.people import exists

    session: Session = ctx.obj
    project = session.project()
    zone = ZoneInfo(project.timezone)
    with session.store(project) as store, reading(store) as conn:
        if what in project.data.segments:
            size = membership.count(conn, what)
            now, moved = session.now(), segment_log.last(conn, what, session.now())
            still = now - moved > timedelta(days=most)
            days = segment_log.days(conn, what, size, (moved if still else now, most, zone))
            note = [f"  nobody has moved since {moment(moved, zone)}"] if still else []
            return Answer({"segment": what, "people": size, "days": days}, [what, *_chart(days), *note])
        if not exists(conn, what):
            there = ", ".join(project.data.segments) or "none"
            raise NotFound(f'"{printable(what)}" is neither a segment ({there}) nor a contact')
        moves = segment_log.moves(conn, most, contact_id=what)
    lines = _moved(moves, zone, own=True) or [f"{printable(what)} has entered no segment since they are watched"]
    return Answer({"contact": what, "moves": [told(one) for one in moves]}, lines)


def known(project: Project, name: str) -> Any:
    """Return a segment's condition; NotFound with the names that there are."""
    from engine.errors import NotFound
    from journeys.page import near

    if name in project.data.segments:
        return project.data.segments[name]
    guess = near(name, tuple(project.data.segments))
    hint = f"; did you mean {guess}?" if guess else f"; there is: {', '.join(project.data.segments) or 'none'}"
    raise NotFound(f'no segment called "{printable(name)}" in data.yaml{hint}')


def told(one: Moved) -> dict[str, Any]:
    return {"contact": one.contact_id, "segment": one.segment, "entered": one.entered, "at": one.at, "why": one.why}


def _following(definitions: Definitions, name: str) -> list[str]:
    """Return the journeys that start with the segment, wait for it or ask for it."""
    from engine.needs import expressions

    found = []
    for journey in definitions.journeys.values():
        waited = {one.segment for state in journey.states.values() for one in getattr(state.action, "first", ())}
        asked = {segment for expression in expressions(journey) for segment in expression.segments}
        if name in {journey.enter.segment, *waited, *asked}:
            found.append(journey.name)
    return found


def _filled(at: datetime | None, zone: ZoneInfo) -> str:
    return f", counted anew {moment(at, zone)}" if at else "; not filled yet: the next tick or deploy does it"


def _moved(moves: list[Moved], zone: ZoneInfo, *, own: bool) -> list[str]:
    rows = [
        (f"  {moment(one.at, zone)}", "entered" if one.entered else "left",
         one.segment if own else printable(one.contact_id), f"by {one.why}")
        for one in moves
    ]  # fmt: skip
    return columns(rows)


def _explained(name: str, found: list[Part], zone: Any, now: datetime, *, late: bool) -> list[str]:
    whole = found[0]
    head = f"{'✓' if whole.holds else '✗'} {name}   {'in it' if whole.holds else 'not in it'}{_until(whole, zone, now)}"
    rows = [
        (
            f"  {'  ' * part.depth}{'✓' if part.holds else '✗'} {short(part.says, 60)}",
            part.sees,
            _until(part, zone, now),
        )
        for part in found
    ]
    note = ["  the next tick moves them"] if late else []
    return [head, *columns(rows, gap=3), *note]


def _until(part: Part, zone: Any, now: datetime) -> str:
    if part.until is None:
        return ""
    left = part.until - now
    days, hours = left.days, left.seconds // 3600
    length = f"{days}d {hours}h" if days else f"{hours}h {left.seconds % 3600 // 60}m"
    return f" until {moment(part.until, zone)} (in {length})"


def _chart(days: list[Day]) -> list[str]:
    """Return a row a day: the size as a bar, who came and who went."""
    top = max((day.size for day in days), default=0) or 1
    rows = [
        (f"  {day.day:%a} {day.day.day} {day.day:%b}", f"{day.size:,}", "█" * round(WIDE * day.size / top),
         f"+{day.entered:,} -{day.left:,}" if day.entered or day.left else "")
        for day in days
    ]  # fmt: skip
    return columns(rows, right=(1,))
