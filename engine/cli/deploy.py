"""`sojourn deploy`: make the files, or an older version, what runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.config import masked
from engine.cli.failure import as_problems, shown
from engine.cli.flags import WrongUse
from engine.cli.plan import described, summary, told
from engine.cli.session import Session, check_messages
from engine.cli.text import counted

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.deploying import Deployed, Done
    from engine.planning import Plan, Wish
    from journeys.project import Definitions


def deploy(
    ctx: typer.Context,
    select: Annotated[
        list[str] | None, typer.Argument(metavar="[JOURNEY]...", help="Only these; * is allowed.")
    ] = None,
    *,
    retime: Annotated[bool, typer.Option("--retime", help="People who wait get the new times.")] = False,
    version: Annotated[str | None, typer.Option(metavar="JOURNEY@N", help="Go back to an older version.")] = None,
    move: Annotated[
        list[str] | None, typer.Option(metavar="OLD=NEW", help="Where people of a state go that is gone; exit = out.")
    ] = None,
    warm_from: Annotated[
        str | None, typer.Option("--warm-from", metavar="SPAN", help="Learn from the log of decisions: 60d.")
    ] = None,
) -> Answer:
    """Show the plan again, ask, and make it so: one transaction. Running processes take it up at their next tick."""
    from engine.planning import plan
    from engine.store.connect import reading

    session: Session = ctx.obj
    wish, warm = _wish(select or [], version, move or [], retime=retime), _span(warm_from)
    files = session.definitions()
    project = session.project()
    with session.store(project) as store:
        with reading(store) as conn:
            found = plan(conn, files, wish, session.now())
        lines = described(found)
        if found.blocked:
            return Answer(told(found), [*lines, "", *shown(found.blocked, session), "", summary(found)],
                          as_problems(found.blocked), 1)  # fmt: skip
        if not found.any:
            return _warmed(session, store, Answer(told(found) | {"deployed": []}, [*lines, summary(found)]), warm)
        if wish.back is None:
            check_messages(files)
        if not session.speaks_json:
            for line in lines:
                session.say(line)
        where = masked("store", session.url(project))
        session.confirm(f"Deploy {_what(found)} to {where}? This can send mail to real people.")
        return _warmed(session, store, _done(session, store, files, wish), warm)


def _span(said: str | None) -> timedelta | None:
    from journeys import parse_span

    span = parse_span(said) if said else None
    if said and span is None:
        raise WrongUse(f'cannot read --warm-from "{said}"; write 60d')
    return span


def _warmed(session: Session, store: sa.Engine, answer: Answer, span: timedelta | None) -> Answer:
    """Let the models learn what the log of the last `span` knows, and say so."""
    if span is None:
        return answer
    from engine.cli.standing import running
    from engine.store.connect import reading
    from engine.warm_start import warm

    with reading(store) as conn:
        journeys = running(conn, session)
    done = warm(store, journeys, session.now() - span, session.now())
    lines = [
        f"✓ {one.point} learned {one.decisions:,} decisions of the log: {one.version}" for one in done if one.version
    ]
    none = [] if lines else ["the log knows nothing that the models have not learned"]
    data = {**answer.data, "warmed": [asdict(one) for one in done]}
    return replace(answer, data=data, lines=[*answer.lines, *lines, *none])


def _wish(select: list[str], version: str | None, move: list[str], *, retime: bool) -> Wish:
    from engine.planning import Wish

    moves = dict(one.partition("=")[::2] for one in move)
    if any(not old or not new for old, new in moves.items()):
        raise WrongUse("--move needs OLD=NEW: --move last_call=tone_test, or --move last_call=exit")
    if version is None:
        return Wish(tuple(select), None, moves, retime)
    name, _, number = version.partition("@")
    if not name or not number.removeprefix("v").isdigit():
        raise WrongUse(f'cannot read --version "{version}"; write it as cart_recovery@3')
    if select:
        raise WrongUse("--version goes back with one journey; leave the other names out")
    return Wish((), (name, int(number.removeprefix("v"))), moves, retime)


def _what(found: Plan) -> str:
    kinds = [one.kind for one in found.journeys]
    parts = [
        counted(kinds.count("changed"), "change") if "changed" in kinds else "",
        counted(kinds.count("new"), "new journey") if "new" in kinds else "",
        f"the removal of {counted(kinds.count('gone'), 'journey')}" if "gone" in kinds else "",
        "data.yaml" if found.data_version else "",
    ]
    said = [part for part in parts if part]
    return ", ".join(said[:-1]) + (" and " if said[1:] else "") + said[-1]


def _done(session: Session, store: sa.Engine, files: Definitions, wish: Wish) -> Answer:
    from engine.deploying import deploy as apply

    made, done = apply(store, files, wish, session.now())
    lines = [line for one in done.journeys for line in _said(one, made)]
    lines += [f"✓ data.yaml v{done.data}"] if done.data else []
    back = [f"sojourn deploy --version {one.name}@{one.before}" for one in done.journeys if one.before and one.number]
    lines += [f"Undo: {command}" for command in back]
    return Answer(told(made) | {"deployed": _told(done), "undo": back}, lines)


def _said(one: Done, made: Plan) -> list[str]:
    """Return "✓ cart_recovery v4   68 contacts moved last_call → tone_test"."""
    if not one.number:
        return [f"✓ {one.name} removed"]
    notes = [f"{counted(count, 'contact')} moved {old} → {new}" for (old, new), count in one.moved.items()]
    notes += [f"{counted(one.retimed, 'contact')} got a new time"] if one.retimed else []
    notes += [plan.says for plan in made.journeys if plan.name == one.name and plan.kind == "new"]
    return [f"✓ {one.name} v{one.number}   {' · '.join(notes)}".rstrip()]


def _told(done: Deployed) -> list[Mapping[str, object]]:
    return [
        asdict(one) | {"moved": [{"from": old, "to": new, "contacts": n} for (old, new), n in one.moved.items()]}
        for one in done.journeys
    ]
