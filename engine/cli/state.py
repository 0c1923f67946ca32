"""The line that `sojourn` alone says about the project it stands in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.cli.session import Session
from engine.cli.text import counted
from engine.errors import EngineError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.store.deploying import Standing
    from engine.versions import Changed


def state(session: Session) -> list[str]:
    """Return the project and one line of how it stands; never fails."""
    from engine.store.connect import reading
    from engine.store.deploying import standing
    from engine.versions import changed

    try:
        definitions = session.definitions()
    except EngineError:
        return ["No project here. Begin with: sojourn init shop"]
    project = definitions.project
    if project is None:
        errors = sum(problem.severity == "error" for problem in definitions.problems)
        return [f"{errors} error{'s' if errors != 1 else ''} in the files: run `sojourn lint`"]
    lines = [f"project  {project.name}  ({project.root})"]
    try:
        with session.store(project) as store, reading(store) as conn:
            stands = standing(conn)
            lines.append(_deployed(stands, changed(definitions, stands)))
            lines.append(_counts(conn))
    except EngineError as error:
        lines.append(str(error))
    errors = sum(problem.severity == "error" for problem in definitions.problems)
    return lines + ([f"{counted(errors, 'error')} in the files: run `sojourn lint`"] if errors else [])


def _deployed(stands: Standing, differs: Changed) -> str:
    """Return "3 journeys deployed, 1 paused, 1 changed on disk: run `sojourn plan`"."""
    if not stands.versions:
        return f"{counted(len(differs.new), 'journey')} on disk, none deployed yet: `sojourn serve` or `deploy` does"
    paused = [name or "everything" for name in sorted(stands.paused)]
    said = f"{counted(len(stands.versions), 'journey')} deployed" + (f", paused: {', '.join(paused)}" if paused else "")
    return f"{said}, {differs}" if differs.any else said


def _counts(conn: sa.Connection) -> str:
    import sqlalchemy as sa

    from engine.store.tables import contacts, deliveries, enrollments

    people = conn.execute(sa.select(sa.func.count()).select_from(contacts)).scalar_one()
    inside = enrollments.c.status.in_(("active", "queued"))
    runs = conn.execute(sa.select(sa.func.count()).where(inside)).scalar_one()
    sent = conn.execute(sa.select(sa.func.count()).where(deliveries.c.status == "sent")).scalar_one()
    return f"{people:,} contacts · {runs:,} runs under way · {sent:,} messages sent"
