"""`sojourn campaign run`: the chosen people enter the campaign's journey; the gate decides about each message."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from engine.cli.answer import Answer
from engine.cli.campaign import NAME, night_of, usable
from engine.cli.session import Session, check_messages

if TYPE_CHECKING:
    import sqlalchemy as sa

    from journeys.campaign import Campaign
    from journeys.project import Definitions


def run(ctx: typer.Context, name: NAME) -> Answer:
    """Choose the people, write down why, hold some out, and let the others enter the journey. Once a week."""
    from engine.campaigning import LIMIT, campaign_called, choose
    from engine.campaigning import run as go
    from engine.store.connect import reading

    session: Session = ctx.obj
    definitions = usable(session)
    one = campaign_called(definitions, name)
    now = session.now()
    with session.store(session.project()) as store, night_of(session, store) as night:
        with reading(store) as conn:
            mine = choose(conn, definitions, night, one, now)
        people, hearing = len(mine.audience.people), mine.audience.hearing
        if not people:
            return Answer(
                {"campaign": one.id, "people": 0},
                [f"{one.id}: nobody would be chosen; see sojourn campaign try {one.id}"],
            )
        about = f"up to {hearing:,} of {people:,} people" if hearing < people else f"{people:,} people"
        session.confirm(f"Let {about} enter {one.journey}? This can send mail to real people.")
        definitions, made = _with_journey(session, definitions, one)
        deployed = _deployed(session, store, definitions, one)
        run_id, mine, count = go(store, definitions, night, one, now)
    audience = mine.audience
    lines = [f"✓ wrote {made}; it is yours to change"] if made else []
    lines += [f"✓ {one.journey} v{deployed} deployed"] if deployed else []
    lines += [
        f"✓ {run_id}: {count:,} people enter {one.journey} at the next tick"
        + ("" if count else "; it went out this week already"),
        f"  {int(audience.held.sum()):,} hear nothing, so that it can be measured",
        f"  {audience.forecast:,.0f} buyers are forecast ({audience.low:,.0f} to {audience.high:,.0f})",
        f"  {LIMIT}",
    ]
    data = {"run": run_id, "campaign": one.id, "journey": one.journey, "people": len(audience.people),
            "entered": count, "held": int(audience.held.sum()), "file": made,
            "forecast": {"buyers": audience.forecast, "low": audience.low, "high": audience.high}}  # fmt: skip
    return Answer(data, lines)


def _with_journey(session: Session, definitions: Definitions, one: Campaign) -> tuple[Definitions, str | None]:
    """Return the files with the campaign's journey in them; it is written when it is not there."""
    from engine.errors import ConfigError, DefinitionError
    from journeys.campaign_journey import journey_text

    made = None
    path = Path("journeys") / f"{one.journey}.yaml"
    if one.send and one.journey not in definitions.journeys and not (session.root / path).exists():
        assert definitions.project is not None  # noqa: S101 - usable() saw to it
        (session.root / path).parent.mkdir(exist_ok=True)
        (session.root / path).write_text(journey_text(one, definitions.project.data), encoding="utf-8")
        made = path.as_posix()
        definitions = session.definitions()
    bad = [problem for problem in definitions.problems if problem.severity == "error"]
    if one.journey not in definitions.journeys:
        if bad:
            raise DefinitionError(bad)
        raise ConfigError(f"{one.file}: there is no journey {one.journey}")
    journey = definitions.journeys[one.journey]
    if f"enter:{journey.name}" not in journey.enter.events:
        raise ConfigError(f"{journey.file}: a campaign's people enter by hand; write `enter: {{manual: true}}`")
    return definitions, made


def _deployed(session: Session, store: sa.Engine, definitions: Definitions, one: Campaign) -> int | None:
    """Deploy the campaign's journey where the store does not have it as it is written; return its new number."""
    from engine.deploying import deploy
    from engine.errors import DefinitionError
    from engine.planning import Wish, plan
    from engine.store.connect import reading

    wish = Wish((one.journey,))
    with reading(store) as conn:
        found = plan(conn, definitions, wish, session.now())
    if found.blocked:
        raise DefinitionError(found.blocked)
    if not any(journey.kind != "unchanged" for journey in found.journeys):
        return None
    check_messages(definitions)
    _, done = deploy(store, definitions, wish, session.now())
    return next((journey.number for journey in done.journeys if journey.number), None)
