"""`sojourn doctor`: do the sums hold, is anything stuck, and what to do; `sojourn unpark`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session

if TYPE_CHECKING:
    from engine.doctor import Examined, Finding


def doctor(
    ctx: typer.Context,
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Put right what is safe to put right.")] = False,
) -> Answer:
    """Check that nothing is lost, doubled or stuck. Exit 1 when something is."""
    from dataclasses import replace

    from engine.doctor import examined, room
    from engine.store.connect import reading, writing
    from engine.store.examining import mend

    session: Session = ctx.obj
    with session.store(session.project()) as store:
        mended = {}
        if fix:
            with writing(store) as conn:
                mended = mend(conn, session.now())
        with reading(store) as conn:
            found = examined(conn, session.now())
        disk = room(store)
    found = replace(found, findings=(*found.findings, *([disk] if disk else ())))
    lines = [*_told(found), *(f"mended    {count:,} {name}" for name, count in mended.items())]
    return Answer(_data(found) | {"mended": mended}, lines, [_problem(one) for one in found.findings], not found.well)


def _told(found: Examined) -> list[str]:
    from engine.doctor import equation

    lines = equation(found.sums)
    for finding in found.findings:
        lines.append(f"{finding.severity:8}  {finding.says}")
        lines.append(f"{'':8}  -> {finding.way_out}")
        if finding.some:
            lines.append(f"{'':8}     {', '.join(finding.some)}{', ...' if finding.count > len(finding.some) else ''}")
    if not found.findings:
        lines.append("well      nothing is stuck, orphaned or in doubt")
    return lines


def _data(found: Examined) -> dict[str, object]:
    return {"well": found.well, "exact": found.sums.exact, "sums": found.sums, "findings": found.findings}


def _problem(finding: Finding) -> dict[str, object]:
    code = finding.name.replace(" ", "_").replace(":", "")
    return {"code": code, "severity": finding.severity, "message": finding.says, "help": finding.way_out}


def unpark(
    ctx: typer.Context,
    who: Annotated[str | None, typer.Argument(metavar="[ID]", help="A contact, by id or address.")] = None,
    *,
    everybody: Annotated[bool, typer.Option("--all", help="Everybody who is parked.")] = False,
) -> Answer:
    """Let people go on whom a failing step has parked. Mend what failed first: `sojourn log --kind error` names it."""
    from engine.cli.contact import find_contact
    from engine.store.connect import reading, writing
    from engine.store.examining import unpark as release

    session: Session = ctx.obj
    if everybody == (who is not None):
        raise WrongUse("say whom: a contact, or --all")
    with session.store(session.project()) as store:
        with reading(store) as conn:
            contact = find_contact(conn, who) if who else None
        with writing(store) as conn:
            people = release(conn, session.now(), contact)
    line = (
        f"{people:,} {'person goes' if people == 1 else 'people go'} on at the next tick"
        if people
        else "nobody is parked"
    )
    return Answer({"people": people}, [line])
