"""What the demo shows: the findings of its live days, the sums that must hold, and people worth a second look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from engine.report.asked import Asked
from engine.report.facts import findings
from engine.report.findings import Findings
from engine.store.conserving import Conservation, conservation
from engine.store.tables import decisions, deliveries
from engine.world import World
from journeys.project import Definitions

JOURNEY = "cart_recovery"
ENOUGH = 20_000
CONSTRUCTED = (
    "The outliers are constructed: how much each kind of people likes which message was written into the simulation "
    "before any message went out (engine/world/effects.py). They show what the engine does with such people, not "
    "that your shop has any."
)


@dataclass(frozen=True, slots=True)
class Example:
    """A message that the learner chose for somebody."""

    key: str
    contact_id: str
    arm: str


@dataclass(frozen=True, slots=True)
class Shown:
    findings: Findings
    conservation: Conservation
    example: Example | None


def shown(conn: sa.Connection, definitions: Definitions, world: World, since: datetime, now: datetime) -> Shown:
    """Ask the store what the page and the last lines say."""
    project, journey = definitions.project, definitions.journeys[JOURNEY]
    if project is None:
        raise AssertionError("the demo's project loads")
    asked = Asked(
        project, journey, since, now, project.name, running=False, invented=True, number=world.seed,
        label=world.people.kind, outlier=_is_outlier(definitions, world), truth=world.truth,
    )  # fmt: skip
    found = findings(conn, asked)
    small = (SMALL,) if world.people.count < ENOUGH else ()
    notes = (CONSTRUCTED, *small, *found.notes)
    return Shown(replace(found, notes=notes), conservation(conn), _example(conn, since, now))


SMALL = (
    "With this many people the effect of choosing per person is hard to prove: a small model of this shop (16 seeds) "
    "showed it with 5,000 people in 6 % of the runs, with 20,000 in 25 %. That messages pay at all showed in every "
    "run; the outliers' part in 62 % and in 100 %."
)


def _is_outlier(definitions: Definitions, world: World) -> Callable[[str], bool]:
    """Return whether somebody's best message is another one than the single best; only the world can know."""
    _, choose = definitions.journeys[JOURNEY].choices[0]
    single = choose.baseline[0] if choose.baseline else ""
    arms = tuple(arm.id for arm in choose.arms)
    without = tuple(arm for arm in arms if not arm.startswith("push/"))
    people = world.people

    def outlier(contact_id: str) -> bool:
        reachable = arms if people.app[people.index(contact_id)] else without
        return world.truth(contact_id).best_of(reachable) != single

    return outlier


def _example(conn: sa.Connection, since: datetime, now: datetime) -> Example | None:
    """Return the latest message that was chosen: its window over, by a model, a push: if there is one."""
    c, d = decisions.c, deliveries.c
    query = (
        sa.select(c.key, c.contact_id, c.arm)
        .join_from(decisions, deliveries, d.key == c.key)
        .where(c.journey == JOURNEY, c.at >= since, c.group == "learner", d.status == "sent")
        .order_by(
            c.closes_at > now, c.policy == "uniform", sa.case((c.arm.like("push/%"), 0), else_=1), c.at.desc(), c.key
        )
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else Example(*row)
