"""`sojourn value show|fit|table|lead`: what customers are worth, how good the forecasts are, who is about to come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session
from engine.cli.text import columns, counted, moment

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.audience.lead import Lead
    from engine.foretold import Foretold
    from engine.valuing import When
    from journeys.project import Project

NOT_YET = "nothing was worked out yet: `sojourn value fit`, or wait for the night"
NO_BUYING = "data.yaml does not say how people buy: add `buying: {event: order_placed, value: total}`"

Who = Annotated[str | None, typer.Argument(metavar="[CONTACT]", help="The contact's id, or one of their addresses.")]
Goal = Annotated[str | None, typer.Option("--goal", metavar="EVENT", help="What a lead comes to; else data.yaml's.")]


def show(ctx: typer.Context, who: Who = None) -> Answer:
    """Show what all customers are worth together, or one person: alive, orders ahead, worth, RFM, lead, interests."""
    from engine.store import traits
    from engine.store.connect import reading

    session: Session = ctx.obj
    project = session.project()
    with session.store(project) as store, reading(store) as conn:
        if who is not None:
            return _person(conn, project, who, session)
        value, lead = traits.fit_of(conn, "value"), traits.fit_of(conn, "lead")
        at = traits.fitted_at(conn, "value")
    if value is None:
        return Answer({"value": None, "lead": lead}, [NO_BUYING if project.data.buying is None else NOT_YET])
    zone = ZoneInfo(project.timezone)
    said = f", worked out {moment(at, zone)}" if at else ""
    lines = [f"{counted(value['customers'], 'customer')}{said}", *_summary(value, project.currency)]
    lines += [_lead_line(lead)] if lead else []
    return Answer({"value": value, "lead": lead, "at": at}, lines)


def fit(ctx: typer.Context, goal: Goal = None) -> Answer:
    """Work out now what the night works out: value, tiers and the lead score of everybody."""
    from engine.audience.lead import to_record
    from engine.valuing import refreshed

    session: Session = ctx.obj
    project = session.project()
    _known(project, goal)
    with session.store(project) as store, session.bar("customers") as bar:
        done = refreshed(store, project.data, _when(session, project), goal)
        bar.to(done.written)
    if done.worth is None and done.lead is None:
        return Answer({"customers": 0, "written": 0}, [NO_BUYING if project.data.buying is None else "no orders yet"])
    lines = [f"{counted(done.customers, 'customer')}, {counted(done.written, 'row')} written"]
    if done.worth is not None and done.worth.missing:
        lines.append(_missing(done.worth.missing))
    lead = to_record(done.lead) if done.lead else None
    lines += [_lead_line(lead)] if lead else []
    missing = done.worth.missing if done.worth else ""
    return Answer({"customers": done.customers, "written": done.written, "missing": missing, "lead": lead}, lines)


def table(ctx: typer.Context) -> Answer:
    """Hold the forecast against what came: learn from the older part of the past, judge by the younger."""
    from engine.foretold import foretold
    from engine.store.connect import reading

    session: Session = ctx.obj
    project = session.project()
    with session.store(project) as store, reading(store) as conn:
        found = foretold(conn, project.data, _when(session, project))
    if found.missing:
        return Answer({"missing": found.missing}, [f"cannot tell yet: that takes {found.missing}"])
    return Answer({"table": found}, list(_table(found)))


def lead(ctx: typer.Context, who: Who = None, *, goal: Goal = None) -> Answer:
    """Say how good the lead score is, or why one person has theirs: the three strongest reasons."""
    from engine.audience.lead import to_record
    from engine.store.connect import reading

    session: Session = ctx.obj
    project = session.project()
    _known(project, goal)
    with session.store(project) as store, reading(store) as conn:
        found = _lead(conn, session, project, goal)
        if found is None:
            return Answer({"lead": None}, [NO_BUYING if project.data.lead is None else NOT_YET])
        if who is not None:
            return _reasons(conn, found, who, session)
    return Answer({"lead": to_record(found)}, [_lead_line(to_record(found)), *_weights(found)])


def _known(project: Project, goal: str | None) -> None:
    """Refuse a goal that is no event."""
    from difflib import get_close_matches

    from engine.cli.flags import WrongUse

    events = project.data.events
    if goal is not None and goal not in events:
        near = get_close_matches(goal, events, 1)
        raise WrongUse(f'no event called "{goal}" in data.yaml' + (f"; did you mean {near[0]}?" if near else ""))


def _when(session: Session, project: Project) -> When:
    from engine.valuing import When

    now = session.now()
    return When.at(now, ZoneInfo(project.timezone))


def _missing(missing: str) -> str:
    """Return why worth is not known: too few people, or something to install."""
    return (
        f"  {missing}"
        if "pip install" in missing
        else f"  cannot tell yet what they will be worth: that takes {missing}"
    )


def _summary(value: Mapping[str, Any], currency: str) -> Iterator[str]:
    """Yield what is known of all customers together."""
    if value["missing"]:
        yield _missing(value["missing"])
    if "alive" in value:
        yield f"  all together will place {value['orders_next']:,.0f} orders in 365 days"
        yield f"  {value['again']:,} ordered again; {value['alive']:,.0f} of these still buy"
    if value.get("tiers"):
        rows = [(t["tier"], f"{t['people']:,}", f"{t['worth']:,.0f} {currency}") for t in value["tiers"]]
        yield from (f"  {line}" for line in columns([("tier", "people", "worth in 365 days"), *rows], right=(1, 2)))
    for c in value["cohorts"]:
        name = c["name"] or "everybody" + (" else" if len(value["cohorts"]) > 1 else "")
        yield f"  {name}: r {c['r']:.3f} alpha {c['alpha']:.3f} a {c['a']:.3f} b {c['b']:.3f} ({c['people']:,} people)"
    if value["spending"]:
        yield "  money of an order: p {p:.2f} q {q:.2f} gamma {gamma:.2f}".format(**value["spending"])


def _lead_line(lead: Mapping[str, Any]) -> str:
    if lead["why_not"]:
        return f"lead to {lead['goal']}: {lead['why_not']}"
    auc, low, high = lead["auc"]
    return (
        f"lead to {lead['goal']}: of two people it picks the one who comes in {100 * auc:.0f} % of cases "
        f"[{100 * low:.0f}, {100 * high:.0f}], on 28 days that it had not seen "
        f"({lead['came']:,} of {lead['people']:,} came)"
    )  # fmt: skip


def _weights(lead: Lead) -> list[str]:
    """Return what moves the score, the strongest first."""
    if lead.model is None:
        return []
    rows = sorted(zip(lead.columns, lead.model.weights.tolist(), strict=True), key=lambda one: -abs(one[1]))[:8]
    return [
        f"  {line}" for line in columns([(f"{weight:+.2f}", f"{name} {what}".strip()) for (name, what), weight in rows])
    ]


def _person(conn: sa.Connection, project: Project, who: str, session: Session) -> Answer:
    from engine.audience.interests import now_worth, share
    from engine.cli.contact import find_contact
    from engine.store import traits
    from engine.store.columns import to_micros

    id_ = find_contact(conn, who)
    found = traits.trait_of(conn, id_)
    if found is None:
        why = "refuses profiling" if id_ in traits.refused(conn, [id_]) else "neither orders nor interests yet"
        return Answer({"id": id_, "value": {}, "interests": {}}, [f"{id_}: {why}"])
    half_life = project.data.interests.half_life if project.data.interests else None
    held = now_worth(found["interests"], to_micros(session.now()), half_life) if half_life else {}
    shares = {topic: share(held, topic) for topic in held}
    lines = [id_, *(f"  {line}" for line in columns(_figures(found["value"], shares, project.currency)))]
    return Answer({"id": id_, "value": found["value"], "interests": shares, "at": found["at"]}, lines)


def _figures(value: Mapping[str, Any], shares: Mapping[str, float], currency: str) -> Iterator[tuple[str, str]]:
    if "orders" in value:
        yield "orders", f"{value['orders']:,}, {value['spent']:,.2f} {currency} so far"
        yield "RFM", f"{value['rfm']} (recency, frequency, money: fifths, 5 is best)"
    if "orders_next" in value:
        alive = f"{100 * value['alive']:.0f} %" if "alive" in value else "of one order nobody can tell"
        yield "still buys", f"{alive}; {value['orders_next']:.1f} orders in the next 365 days"
    if "worth" in value:
        yield "worth", f"{value['worth']:,.2f} {currency} in the next 365 days: {value['tier']}"
    if "lead" in value:
        yield "lead", f"{value['lead']} of 100 (why: sojourn value lead)"
    if shares:
        yield "interests", ", ".join(f"{topic} {100 * part:.0f} %" for topic, part in list(shares.items())[:5])


def _lead(conn: sa.Connection, session: Session, project: Project, goal: str | None) -> Lead | None:
    """Return the score that the night left, or one for another goal, trained now."""
    from engine.audience.lead import from_record
    from engine.store import traits
    from engine.valuing import scored

    kept = traits.fit_of(conn, "lead")
    if kept is not None and goal in (None, kept["goal"]):
        return from_record(kept)
    return scored(conn, project.data, _when(session, project), goal)[0] if goal else None


def _reasons(conn: sa.Connection, found: Lead, who: str, session: Session) -> Answer:
    from engine.audience.lead import WINDOWS, asked, reasons
    from engine.cli.contact import find_contact
    from engine.store import traits
    from engine.store.buying import behaviour
    from engine.store.columns import to_micros

    id_ = find_contact(conn, who)
    if found.model is None:
        return Answer(
            {"id": id_, "lead": None, "why": found.why_not},
            [_lead_line({"goal": found.goal, "why_not": found.why_not})],
        )
    weights = session.project().data.interests
    names = list(dict.fromkeys(name for name, _ in found.columns if name))
    did = behaviour(conn, names, session.now(), WINDOWS, contact=id_)
    people = asked(did, names, to_micros(session.now()), weights.weights if weights else {})
    if not people.ids:
        return Answer({"id": id_, "lead": None, "reasons": []}, [f"{id_} did nothing yet that tells anything"])
    value = traits.trait_of(conn, id_)
    score = value["value"].get("lead") if value else None
    why = reasons(found, people.rows[0])
    head = f"{id_}: {score if score is not None else 'no score yet'}" + (" of 100" if score is not None else "")
    return Answer(
        {"id": id_, "lead": score, "goal": found.goal, "reasons": why},
        [f"{head} to {found.goal}", *(f"  {r}" for r in why)],
    )


def _table(found: Foretold) -> Iterator[str]:
    yield f"{found.customers:,} customers, {found.days} days foretold from what was before"
    head: Sequence[Sequence[str]] = [("ordered again", "people", "foretold", "came", "still buy")]
    last = found.rows[-1].orders
    rows = [
        (f"{r.orders}{'+' if r.orders == last and last == 7 else ''}", f"{r.people:,}", f"{r.foretold:.3f}",
         f"{r.actual:.3f}", f"{100 * r.alive:.0f} %" if r.orders else "")
        for r in found.rows
    ]  # fmt: skip
    yield from (f"  {line}" for line in columns([*head, *rows], right=(1, 2, 3, 4)))
    yield (
        f"off by {found.error:.3f} orders a person; going on as so far would be off by {found.error_as_so_far:.3f}, "
        f"the same for all by {found.error_of_the_mean:.3f}"
    )  # fmt: skip
    yield f"the tenth that it put first brought {100 * found.top:.0f} % of the money"
