"""`sojourn campaign list|show|try|refresh`: whom a campaign would choose, and how sure that is; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session
from engine.cli.text import columns, number

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.campaigning import Tried
    from engine.gathering import Night
    from journeys.campaign import Campaign
    from journeys.project import Definitions

NAME = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The name of campaigns/NAME.yaml.")]


def list_campaigns(ctx: typer.Context) -> Answer:
    """List the campaigns of the files, their weeks, and when each went out last."""
    from engine.store.campaigns import planned, runs_of
    from engine.store.connect import reading

    session: Session = ctx.obj
    definitions = usable(session)
    with session.store(session.project()) as store, reading(store) as conn:
        runs, places = runs_of(conn), planned(conn)
    if not definitions.campaigns:
        return Answer({"campaigns": []}, ["no campaigns yet; write campaigns/NAME.yaml (docs/people.md shows one)"])
    last = {run.campaign: run for run in reversed(runs)}
    rows, data = [("campaign", "weeks", "volume", "planned", "last run", "people")], []
    for one in definitions.campaigns.values():
        given = sum(count for (name, _), count in places.items() if name == one.id)
        run = last.get(one.id)
        went = (run.id.partition("@")[2], number(run.size)) if run else ("-", "")
        rows.append((one.id, weeks_of(one), str(one.volume), number(given) if given else "-", *went))
        data.append({**told_campaign(one), "planned": given, "last_run": run.id if run else None})
    return Answer({"campaigns": data}, columns(rows, right=(3, 5)))


def show(ctx: typer.Context, name: NAME) -> Answer:
    """Show a campaign as it is read, and the runs that it had."""
    from engine.campaigning import campaign_called
    from engine.store.campaigns import runs_of
    from engine.store.connect import reading

    session: Session = ctx.obj
    one = campaign_called(usable(session), name)
    with session.store(session.project()) as store, reading(store) as conn:
        runs = runs_of(conn, one.id)
    rows = [("products", products_of(one)), ("weeks", weeks_of(one)), ("volume", str(one.volume)),
            ("only", one.only.source if one.only else "everybody who can be reached"),
            ("holdout", f"{one.holdout:.0%}"), ("random", f"{one.random:.0%}"), ("sends", one.send or "-"),
            ("journey", one.journey), ("topic", one.topic)]  # fmt: skip
    lines = [f"{one.id}  {one.title if one.title != one.id else ''}".rstrip(), *(f"  {line}" for line in columns(rows))]
    lines += [f"  ran {run.id.partition('@')[2]}  {run.size:,} people chosen" for run in runs]
    return Answer({**told_campaign(one), "runs": [run.id for run in runs]}, lines)


def try_campaign(
    ctx: typer.Context,
    name: NAME,
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Read all orders again first.")] = False,
) -> Answer:
    """Say whom a campaign would choose: how many, the buyers among them, what rules would catch. Sends nothing."""
    from engine.campaigning import campaign_called, tried
    from engine.store.connect import reading

    session: Session = ctx.obj
    definitions = usable(session)
    one = campaign_called(definitions, name)
    with (
        session.store(session.project()) as store,
        night_of(session, store, fresh=fresh) as night,
        reading(store) as conn,
    ):
        found = tried(conn, definitions, night, one, session.now())
        return Answer(told(found, night), described(found, session))


def refresh(ctx: typer.Context) -> Answer:
    """Read all orders and learn anew; every night does that, too."""
    session: Session = ctx.obj
    with session.store(session.project()) as store, night_of(session, store, fresh=True) as night:
        version = night.targeting.version if night.targeting else None
        said = f"{night.arrays.lines:,} lines of {night.arrays.people:,} people and {len(night.arrays.skus):,} products"
        lines = [f"{said}: arrays {night.arrays.version}", f"targeting {version}" if version else night.why]
        data = {"arrays": night.arrays.version, "targeting": version, "people": night.arrays.people,
                "lines": night.arrays.lines, "products": len(night.arrays.skus), "why": night.why or None}  # fmt: skip
        return Answer(data, lines)


def usable(session: Session) -> Definitions:
    """Return what the files say; DefinitionError when a campaign or the settings cannot be read."""
    from engine.errors import DefinitionError

    found = session.definitions()
    bad = [one for one in found.problems if one.severity == "error"]
    mine = [one for one in bad if one.file.startswith("campaigns/") or found.project is None]
    if mine:
        raise DefinitionError(mine)
    return found


@contextmanager
def night_of(session: Session, store: sa.Engine, *, fresh: bool = False) -> Iterator[Night]:
    """Give the night's arrays and weights, with a bar while they are made."""
    from engine.gathering import current, gathered

    with session.bar("orders") as bar:
        make = gathered if fresh else current
        yield make(store, session.project(), session.now(), lambda said, done: bar.to(done, said))


def weeks_of(one: Campaign) -> str:
    return ", ".join(f"{week:%G-W%V}" for week in one.weeks) or "any"


def products_of(one: Campaign) -> str:
    """Return the products in words."""
    said = [f"{kind} {', '.join(names)}" for kind, names in (
        ("family", one.products.families), ("department", one.products.departments), ("sku", one.products.skus)
    ) if names]  # fmt: skip
    return "; ".join([*said, f"new, called {one.products.words}"] if one.products.words else said)


def told_campaign(one: Campaign) -> dict[str, Any]:
    """Return a campaign as JSON keeps it."""
    return {
        "campaign": one.id, "title": one.title, "file": one.file, "weeks": [f"{week:%G-W%V}" for week in one.weeks],
        "volume": one.volume, "products": one.products, "only": one.only.source if one.only else None,
        "holdout": one.holdout, "random": one.random, "send": one.send or None, "journey": one.journey,
        "topic": one.topic,
    }  # fmt: skip


def described(found: Tried, session: Session) -> list[str]:
    """Return what trying found, for people."""
    from engine.campaigning import LIMIT

    mine = found.chosen
    audience, one = mine.audience, mine.campaign
    reached = int(mine.reached.sum())
    if not len(audience.people):
        says = (
            "nobody would be chosen"
            if reached
            else "nobody can be reached: no consent for the topic, no address, or `only` fits nobody"
        )
        return [f"{one.id}: {says}"]
    share = len(audience.people) / max(reached, 1)
    lines = [
        f"{one.id}  {len(audience.people):,} people of {reached:,} who bought before and can be reached ({share:.1%})",
        (
            f"  apart        {int(audience.held.sum()):,} hear nothing (holdout), "
            f"{int(audience.by_chance.sum()):,} are drawn by chance"
        ),
        (
            f"  forecast     {audience.forecast:,.0f} buyers in 14 days, between {audience.low:,.0f} and "
            f"{audience.high:,.0f}{_money(audience.forecast * mine.scored.money)}"
        ),
    ]
    lines += _beside(found)
    lines += [f"  overlap      {count:,} are also wanted by {other}" for other, count in found.overlap.items() if count]
    if found.crowded:
        says = f"{found.crowded:,} are wanted by more campaigns than {found.limit} lets through"
        lines.append(f"  places       {says}: sojourn campaign plan says who gets one")
    lines += _groups(found)
    lines += _why(found)
    return [*lines, session.paint(f"  {LIMIT}", "")]


def _money(expected: float) -> str:
    return f"; about {expected:,.0f} in money" if expected else ""


def _beside(found: Tried) -> list[str]:
    if not found.caught:
        return ["  compared     nothing to compare: nobody bought these products in the last complete window"]
    from engine.audience.rules import RULES

    by = {one.way: one for one in found.caught}
    best = max((by[name] for name in RULES if name not in ("segment", "rfm")), key=lambda one: one.buyers)
    rows = [("", "caught of the last 14 days, at the same size", "buyers", "money")]
    names = {"model": "this model", "rfm_in_segment": "RFM in the segment", "segment": "the segment, anybody"}
    for one in (by["model"], by["rfm_in_segment"], by["segment"], best):
        label = (
            names.get(one.way, f"best rule: {one.way.replace('_', ' ')}")
            if one is not best
            else f"best rule: {one.way.replace('_', ' ')}"
        )
        rows.append(("", label, f"{one.buyers:.1%}", f"{one.money:.1%}"))
    return [
        f"  {line.strip()}" if n == 0 else f"    {line.strip()}" for n, line in enumerate(columns(rows, right=(2, 3)))
    ]


def _groups(found: Tried) -> list[str]:
    far = [f"{one.attribute} {one.value} {one.audience:.0%} (of all {one.base:.0%})" for one in found.shares]
    return [f"  who          {' · '.join(far[:6])}"] if far else []


def _why(found: Tried) -> list[str]:
    from engine.audience.choosing import said

    new = bool(found.chosen.campaign.products.words)
    lines = []
    for chance, why in found.samples:
        words = "; ".join(said(reason, new=new) for reason in why) or "nothing speaks for them: little is known"
        lines.append(f"    {chance:6.1%}  {words}")
    return ["  why, a few of them", *lines] if lines else []


def told(found: Tried, night: Night) -> dict[str, Any]:
    """Return what trying found, as JSON keeps it."""
    from engine.audience.choosing import said
    from engine.campaigning import LIMIT, learned

    mine = found.chosen
    audience = mine.audience
    new = bool(mine.campaign.products.words)
    return {
        **told_campaign(mine.campaign), "people": len(audience.people), "reached": int(mine.reached.sum()),
        "held": int(audience.held.sum()), "by_chance": int(audience.by_chance.sum()),
        "forecast": {"buyers": audience.forecast, "low": audience.low, "high": audience.high,
                     "money": audience.forecast * mine.scored.money},
        "last_window": found.caught, "overlap": dict(found.overlap),
        "crowded": {"people": found.crowded, "limit": found.limit}, "groups": found.shares,
        "why": [{"p": chance, "reasons": [said(reason, new=new) for reason in why]} for chance, why in found.samples],
        "arrays": night.arrays.version, "weights": learned(night).version, "seed": mine.seed, "limit": LIMIT,
    }  # fmt: skip
