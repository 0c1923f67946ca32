"""`sojourn plan`: what a deploy would change for whom; nothing is changed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.answer import Answer
from engine.cli.failure import as_problems, shown
from engine.cli.session import Session
from engine.cli.text import columns, counted

if TYPE_CHECKING:
    from engine.filling import Filling
    from engine.planning import Change, JourneyPlan, Plan

CHANGES = 10


def plan(
    ctx: typer.Context,
    select: Annotated[
        list[str] | None, typer.Argument(metavar="[JOURNEY]...", help="Only these; * is allowed.")
    ] = None,
    *,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 10 when there are changes.")] = False,
) -> Answer:
    """Compare the files with what is deployed, and say what that means for the people who are inside."""
    from engine.planning import Wish
    from engine.planning import plan as planned
    from engine.store.connect import reading

    session: Session = ctx.obj
    files = session.definitions()
    wish = Wish(tuple(select or ()))
    with session.store(session.project()) as store, reading(store) as conn:
        found = planned(conn, files, wish, session.now())
    lines = [*described(found), *_blocked(found, session), summary(found)]
    code = 1 if found.blocked else CHANGES if exit_code and found.any else 0
    return Answer(told(found), lines, as_problems(found.blocked), code)


def described(found: Plan) -> list[str]:
    """Return every journey with its changes, the unchanged ones in one line."""
    lines: list[str] = []
    if found.data_version:
        lines.append("data.yaml   holds for every journey")
        rows = [(f"  {one.mark} {one}", _values(one.old, one.new)) for one in found.data]
        lines += columns(rows, gap=3) + [f"  {_segment(one)}" for one in found.segments]
    for one in found.journeys:
        if one.kind != "unchanged":
            lines += _journey(one)
    same = [one.name for one in found.journeys if one.kind == "unchanged"]
    return lines + ([f"{', '.join(same)}   unchanged"] if same else [])


def _segment(one: Filling) -> str:
    """Return "segment lapsed   new: 412 are in it" with who enters and who leaves."""
    if one.why == "new":
        return f"segment {one.name}   new: {counted(one.members, 'contact')} in it; nobody starts a journey by that"
    if one.why == "gone":
        return f"segment {one.name}   gone: {counted(one.left, 'contact')} in it"
    return f"segment {one.name}   edited: {one.entered:,} enter, {one.left:,} leave, {one.members:,} are in it then"


def _journey(one: JourneyPlan) -> list[str]:
    inside = f"{counted(one.inside, 'contact')} inside"
    if one.kind == "new":
        return [f"{one.name}   new: {one.says}"]
    if one.kind == "gone":
        return [f"{one.name}   v{one.old} → removed   {inside}"]
    if one.kind == "broken":
        stays = f"; v{one.old} stays" if one.old else ""
        return [f"{one.name}   its file cannot be read{stays}"]
    rows = [_row(change, one) for change in one.changes]
    head = f"{one.name}   v{one.old} → v{one.new}"
    lines = columns([(head, "", inside)], gap=3) + columns(rows, gap=3)
    moved = [f"  ↷ {way.old} → {way.new}: {count:,} inside go there" for way, count in one.ways]
    back = Counter((gone.new, gone.old) for gone in one.returns)
    moved += [f"  ↶ {new} → {old}: {count:,} go back where they were" for (new, old), count in back.items()]
    return lines + moved + ([] if one.changes or moved else ["  comments and layout only"])


def _row(change: Change, one: JourneyPlan) -> tuple[str, str, str]:
    found = change.difference
    where = f"{change.file} " if change.file else ""
    blocked = any(problem.code == "D801" and f'"{found.path[-1]}"' in problem.says for problem in one.problems)
    lost = found.mark == "-" and len(found.path) == 2 and blocked
    said = "removed" if found.mark == "-" else _values(found.old, found.new)
    line = f"{found.line}"
    return f"  {found.mark} {where}{found}:{line}", said, f"{change.effect.says}{' ✗' if lost else ''}"


def _values(old: str, new: str) -> str:
    return f"{old} → {new}" if old and new else new or old


def _blocked(found: Plan, session: Session) -> list[str]:
    return ["", *shown(found.blocked, session), ""] if found.blocked else []


def summary(found: Plan) -> str:
    """Return "Plan: 1 to change, 1 to add, 0 to remove - nothing was changed."."""
    if not found.any and not found.blocked:
        return "Nothing to deploy: the files are as they are deployed."
    kinds = [one.kind for one in found.journeys]
    said = f"{kinds.count('changed')} to change, {kinds.count('new')} to add, {kinds.count('gone')} to remove"
    data = ", and data.yaml" if found.data_version else ""
    if found.blocked:
        return f"Plan: {said}{data} - blocked by {counted(len(found.blocked), 'problem')}. Nothing was changed."
    return f"Plan: {said}{data}. Nothing was changed; to do it: sojourn deploy"


def told(found: Plan) -> dict[str, Any]:
    """Return a plan as JSON keeps it."""
    return {
        "changes": found.any,
        "blocked": bool(found.blocked),
        "data": [_difference(one) for one in found.data] if found.data_version else None,
        "segments": [
            {"segment": one.name, "kind": one.why, "members": one.members, "enter": one.entered, "leave": one.left}
            for one in found.segments
        ],
        "journeys": [_told(one) for one in found.journeys],
    }


def _told(one: JourneyPlan) -> dict[str, Any]:
    return {
        "journey": one.name, "kind": one.kind, "from": one.old or None, "to": one.new or None,
        "version": one.version.version if one.version else None, "inside": one.inside, "says": one.says or None,
        "moved": [{"from": way.old, "to": way.new, "contacts": count} for way, count in one.ways],
        "retime": {"differ": len(one.dues), "at_once": one.now},
        "changes": [
            _difference(change.difference) | {
                "file": change.file or f"journeys/{one.name}.yaml", "says": change.effect.says,
                "concerned": change.effect.concerned, "at_once": change.effect.at_once, "differ": change.effect.differ,
            }
            for change in one.changes
        ],
    }  # fmt: skip


def _difference(one: Any) -> dict[str, Any]:
    return {"mark": one.mark, "path": str(one), "old": one.old or None, "new": one.new or None, "line": one.line}
