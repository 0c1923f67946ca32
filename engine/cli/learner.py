"""`sojourn learner`: what the models have learned, and whether the log alone makes the same weights again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.answer import Answer
from engine.cli.points import Point, choice, choices
from engine.cli.session import Session
from engine.cli.standing import running

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.promoting import Standing
    from engine.store.policies import PolicyRow
    from journeys import Choose

Check = Annotated[bool, typer.Option("--check", help="Only compare with what is stored; change nothing.")]


@dataclass(frozen=True, slots=True)
class _Seen:
    """One decision point as `learner show` tells it."""

    found: Standing
    rows: list[PolicyRow]
    stopped: list[str]
    late: float | None


def show(ctx: typer.Context, point: Annotated[str | None, typer.Argument(metavar="[JOURNEY.STATE]")] = None) -> Answer:
    """Say for each decision point which model decides, what it has learned, how long outcomes take, what is out."""
    from engine.store.connect import reading

    session: Session = ctx.obj
    with session.store(session.project()) as store, reading(store) as conn:
        journeys = running(conn, session)
        known = {point: choice(journeys, point)} if point else choices(journeys)
        seen = [(name, choose, _seen(conn, name, choose)) for name, choose in sorted(known.items())]
    if not seen:
        return Answer({"points": []}, ["no journey chooses anything yet: a state with `choose:` does"])
    lines = [line for name, choose, one in seen for line in [*_lines(name, choose, one), ""]][:-1]
    return Answer({"points": [_data(name, one) for name, _, one in seen]}, lines)


def _seen(conn: sa.Connection, point: str, choose: Choose) -> _Seen:
    from engine.promoting import weigh
    from engine.pupil import kinds
    from engine.store import learning, policies, stopping

    found = weigh(conn, point, choose)
    rows = policies.newest(conn, {(point, kind) for kind in kinds(choose, found.row)})
    out = [f"{arm} ({one.why})" for (at, arm), one in stopping.standing(conn).items() if at == point and one.stopped_at]
    return _Seen(found, rows, out, None if not rows else learning.late_share(conn, point))


def _lines(point: str, choose: Choose, one: _Seen) -> list[str]:
    from engine.learner.delays import curves_of
    from journeys.span import show_span

    found = one.found
    if not one.rows:
        state = f"{found.incumbent} decides" if not found.challenger else "no decision was learned from yet"
        return [point, f"  {state}"]
    lines = [point]
    for row in one.rows:
        role = "decides" if row.kind == found.incumbent else "learns in its shadow"
        version = f"{row.kind}@{row.number}"
        lines.append(f"  {version:<15} {role:22} {row.learned:>9,} lessons   {row.made_at:%Y-%m-%d %H:%M} UTC")
    if found.row.pinned is not None:
        lines.append(f"  pinned: version {found.row.pinned} decides until `sojourn promote {point} --unpin`")
    if found.row.serves:
        lines.append(f"  promoted: the file says {found.row.written}")
    within = choose.reward.within
    curves = curves_of(one.rows[-1].curves, within.total_seconds())
    half = curves.half() / 3600
    lines.append(
        f"  half of the outcomes are known after {half:.1f} h of {show_span(within)} ({curves.seen.get('', 0):,} seen)"
    )
    if one.late is not None:
        lines.append(
            f"  {100 * one.late:.1f} % come after the window has closed"
            + (": lengthen `within`" if one.late > 0.05 else "")
        )
    lines += [f"  out for everyone: {arm}" for arm in one.stopped]
    return lines


def _data(point: str, one: _Seen) -> dict[str, Any]:
    from engine.promoting import figures

    models = [
        {"kind": r.kind, "number": r.number, "role": r.role, "learned": r.learned, "made_at": r.made_at,
         "digest": r.digest, "curves": r.curves}
        for r in one.rows
    ]  # fmt: skip
    return {"point": point, "serves": one.found.incumbent, "challenger": one.found.challenger or None, "models": models,
            "pinned": one.found.row.pinned, "promoted": one.found.row.serves, "refit_at": one.found.row.refit_at,
            "contrast": figures(one.found.contrast), "stopped": one.stopped, "late_share": one.late}  # fmt: skip


def rebuild(ctx: typer.Context, point: Point, *, check: Check = False) -> Answer:
    """Make the models of a point again from the log of lessons, and compare their weights with what is stored.

    Without --check a model that differs, or cannot be read, is replaced by the one that the log makes.
    """
    from engine.store.connect import reading

    session: Session = ctx.obj
    with session.store(session.project()) as store:
        with reading(store) as conn:
            choose = choice(running(conn, session), point)
            found = _compared(conn, point, choose)
        wrong = [one for one in found if not one["same"]]
        lines = [_line(one) for one in found] or [f"{point}: no model was published yet"]
        if wrong and not check:
            session.confirm(f"Replace {len(wrong)} of the models of {point} by what the log makes?")
            lines += _replaced(session, store, point, [one["kind"] for one in wrong])
            wrong = []
    problems = [{"code": "other_weights", "severity": "error", "message": _line(one)} for one in wrong]
    return Answer({"point": point, "models": found}, lines, problems, 1 if wrong else 0)


def _compared(conn: sa.Connection, point: str, choose: Choose) -> list[dict[str, Any]]:
    from engine.pupil import kinds
    from engine.refitting import rebuilt
    from engine.store import policies

    row_of = policies.standing(conn).get(point)
    found = []
    for row in policies.newest(conn, {(point, kind) for kind in kinds(choose, row_of)}):
        began = time.monotonic()
        model = rebuilt(conn, row, choose)
        stored = _stored(row, choose)
        made = model.weight_hash()
        said = {"kind": row.kind, "version": row.number, "lessons": row.learned, "stored": stored, "rebuilt": made}
        found.append({**said, "same": made == stored, "seconds": round(time.monotonic() - began, 3)})
    return found


def _stored(row: PolicyRow, choose: Choose) -> str:
    """Return the hash of the weights in the bytes themselves, "" when they cannot be read."""
    from engine.errors import LearnerError
    from engine.learner.models import load_model, settings_for

    try:
        return load_model(row.kind, row.model, settings_for(choose)).weight_hash()
    except LearnerError:
        return ""


def _line(one: dict[str, Any]) -> str:
    name = f"{one['kind']}@{one['version']}"
    made = f"{one['lessons']:,} lessons, {one['seconds']:.1f} s"
    if one["same"]:
        return f"{name}  same weights  {one['rebuilt'][:12]}  ({made})"
    stored = f"stored {one['stored'][:12]}" if one["stored"] else "what is stored cannot be read"
    return f"{name}  other weights: the log makes {one['rebuilt'][:12]}, {stored}  ({made})"


def _replaced(session: Session, store: sa.Engine, point: str, wrong: list[str]) -> list[str]:
    from engine.promoting import remake
    from engine.store.connect import writing
    from engine.teaching import Teacher

    with writing(store) as conn:
        teacher = Teacher(running(conn, session))
        published = [remake(teacher, conn, (point, kind), session.now()) for kind in wrong]
    return [f"published {version}" for version in published]
