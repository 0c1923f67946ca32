"""The line that `sojourn` alone says about the project it stands in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.cli.session import Session
from engine.errors import EngineError

if TYPE_CHECKING:
    import sqlalchemy as sa


def state(session: Session) -> list[str]:
    """Return the project and one line of how it stands; never fails."""
    from engine.store.connect import reading
    from engine.store.deploying import missing

    try:
        definitions = session.definitions()
    except EngineError:
        return ["No project here. Begin with: sojourn init shop"]
    project = definitions.project
    if project is None or not definitions.ok:
        errors = sum(problem.severity == "error" for problem in definitions.problems)
        return [f"{errors} error{'s' if errors != 1 else ''} in the files: run `sojourn lint`"]
    lines = [f"project  {project.name}  ({project.root})"]
    try:
        with session.store(project) as store, reading(store) as conn:
            gone = missing(conn, definitions.journeys)
            lines.append(_counts(conn, len(definitions.journeys)))
    except EngineError as error:
        return [*lines, str(error)]
    return [*lines, *(f"state {state} of {journey} is gone with {n} people in it" for journey, state, n in gone[:1])]


def _counts(conn: sa.Connection, journeys: int) -> str:
    import sqlalchemy as sa

    from engine.store.tables import contacts, deliveries, enrollments

    people = conn.execute(sa.select(sa.func.count()).select_from(contacts)).scalar_one()
    inside = enrollments.c.status.in_(("active", "queued"))
    runs = conn.execute(sa.select(sa.func.count()).where(inside)).scalar_one()
    sent = conn.execute(sa.select(sa.func.count()).where(deliveries.c.status == "sent")).scalar_one()
    plural = "" if journeys == 1 else "s"
    return f"{journeys} journey{plural} · {people:,} contacts · {runs:,} runs under way · {sent:,} messages sent"
