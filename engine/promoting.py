"""Who decides at a decision point: the model the file names, or its challenger once the log says that it earns more.

Rules
- A promotion is gated by the lower bound of the difference on the point's own log; `force` needs a person, and the
  audit keeps the figures either way. It is undone by one word.
- A promotion holds until the file says something else about its policy: then the file is obeyed again.
- A pinned version decides whatever is learned; learning goes on behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.comparing import Contrast, contrast
from engine.errors import ConfigError, NotFound
from engine.learner.features import arms_of
from engine.pupil import kinds
from engine.refitting import rebuilt
from engine.store import lessons as log
from engine.store import policies, shadows, stopping
from engine.store.policies import PointRow, PolicyRow
from engine.teaching import Teacher
from journeys import Choose


@dataclass(frozen=True, slots=True)
class Standing:
    """A point, who decides there, who learns in the shadow ("" for nobody), and what the log says of the two."""

    point: str
    incumbent: str
    challenger: str
    row: PointRow
    contrast: Contrast


def weigh(conn: sa.Connection, point: str, choose: Choose, since: datetime | None = None) -> Standing:
    """Return where the two stand."""
    row = policies.standing(conn).get(point, PointRow(point))
    first, *others = kinds(choose, row) or (choose.explore.policy,)
    challenger = others[0] if others else ""
    rows = shadows.compared(conn, point, (first, challenger), since) if challenger else []
    return Standing(point, first, challenger, row, contrast(rows, arms_of(choose)))


def promote(conn: sa.Connection, found: Standing, choose: Choose, now: datetime, *, force: bool = False) -> None:
    """Let the challenger decide; ConfigError with the figures when the log does not carry it."""
    if not found.challenger:
        raise ConfigError(f"{found.point} has no challenger: write `decisions: {{challenger: thompson}}`")
    if not force and not found.contrast.better:
        raise ConfigError(f"{found.challenger} is not promoted: {against(found)}; --force does it all the same")
    _settle(conn, found.point, {"serves": found.challenger, "written": choose.explore.policy})
    detail = {"from": found.incumbent, "to": found.challenger, "forced": force, **figures(found.contrast)}
    stopping.note(conn, "promote", {"point": found.point, **detail}, now)


def against(found: Standing) -> str:
    """Return why the log does not carry a promotion."""
    one = found.contrast
    if one.refusal:
        return f"nothing can be said yet: {one.refusal}"
    return (
        f"on {one.decisions:,} decisions it would have earned {one.difference:+.4g} per decision, and its lower 95 % "
        f"bound is {one.low:+.4g}: it must be above 0"
    )


def back(conn: sa.Connection, found: Standing, now: datetime) -> None:
    """Let the model that the file names decide again."""
    if not found.row.serves:
        raise ConfigError(f"nothing was promoted at {found.point}: {found.incumbent} decides, as its file says")
    _settle(conn, found.point, {"serves": None, "written": None})
    stopping.note(conn, "promote_back", {"point": found.point, "from": found.incumbent}, now)


def pin(conn: sa.Connection, point: str, number: int | None, now: datetime) -> PolicyRow | None:
    """Let one version decide until it is unpinned (None)."""
    row = None if number is None else version(conn, point, number)
    if row is not None and not row.model:
        raise ConfigError(f"the bytes of {point} {row.kind}@{number} are not kept any more; newer versions are")
    _settle(conn, point, {"pinned": number})
    stopping.note(conn, "pin" if number is not None else "unpin", {"point": point, "version": number}, now)
    return row


def accept(teacher: Teacher, conn: sa.Connection, point: str, number: int, now: datetime) -> str:
    """Let a candidate go on in the place of the model it was made for; return its new version."""
    row = version(conn, point, number)
    if row.role != "candidate":
        raise ConfigError(f"{point} {row.kind}@{number} is no candidate; --pin {number} lets it decide as it is")
    teacher.take_up(conn, policies.hold(conn, [point]))
    pupil = teacher.pupils.get((point, row.kind))
    if pupil is None:
        raise ConfigError(f"{row.kind} neither decides nor learns at {point} any more")
    pupil.take_up(row)
    pupil.catch_up(conn, log.highest(conn, [point]).get(point, 0))
    published = teacher.published(conn, [pupil], now)
    stopping.note(conn, "accept", {"point": point, "version": number, "as": pupil.version}, now)
    return published[0] if published else f"{point} {pupil.version}"


def remake(teacher: Teacher, conn: sa.Connection, of: tuple[str, str], now: datetime) -> str:
    """Put the model that the log makes in the place of what is stored; return its version."""
    point = of[0]
    teacher.take_up(conn, policies.hold(conn, [point]))
    pupil = teacher.pupils[of]
    [row] = policies.newest(conn, {of})
    pupil.become(rebuilt(conn, row, pupil.choose))
    teacher.published(conn, [pupil], now)
    stopping.note(conn, "rebuilt", {"point": point, "version": pupil.version}, now)
    return f"{point} {pupil.version}"


def version(conn: sa.Connection, point: str, number: int) -> PolicyRow:
    """Return one version; NotFound says which there are."""
    row = policies.policy_of(conn, point, number)
    if row is None:
        last = policies.last_number(conn, [point]).get(point)
        there = f"the newest is {last}" if last else "none was published yet"
        raise NotFound(f"{point} has no version {number}; {there}")
    return row


def figures(one: Contrast) -> Mapping[str, Any]:
    """Return the figures as JSON can say them: bounds that are infinite are None."""
    said = asdict(one)
    return {name: None if value in (float("inf"), float("-inf")) else value for name, value in said.items()}


def _settle(conn: sa.Connection, point: str, values: Mapping[str, Any]) -> None:
    policies.hold(conn, [point])
    policies.settle(conn, [point], **values)
