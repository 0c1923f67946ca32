"""`sojourn explain`: why this person got this message, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.store.history import Explained
    from journeys import Choose, Journey, State
    from journeys.project import Definitions, Project


@dataclass(frozen=True, slots=True)
class Case:
    """One explained message with what it is read by."""

    found: Explained
    project: Project
    journey: Journey | None
    zone: tzinfo
    now: datetime

    @property
    def place(self) -> tuple[str, str]:
        """Return journey and state."""
        row = self.found.decision or self.found.delivery or self.found.refusals[0]
        return row.journey, row.state

    @property
    def state(self) -> State | None:
        return self.journey.states.get(self.place[1]) if self.journey else None

    @property
    def choose(self) -> Choose | None:
        from journeys import Choose

        action = self.state.action if self.state else None
        return action if isinstance(action, Choose) else None

    @property
    def at(self) -> datetime:
        found = self.found
        if found.delivery is not None:
            return found.delivery.at
        return found.decision.at if found.decision is not None else found.refusals[-1].at

    @property
    def name(self) -> str:
        first = self.found.attributes.get("first_name")
        return f"{first} ({self.found.contact_id})" if first else self.found.contact_id


def explain(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(metavar="MESSAGE_ID|CONTACT", help="A send key (see sojourn log), or who.")],
    *,
    journey: Annotated[str | None, typer.Option(help="With a contact: only this journey.")] = None,
) -> Answer:
    """Explain one message, or everything a journey did with one contact."""
    from engine.store.connect import reading
    from engine.store.history import explain as read
    from journeys.zones import zone_of

    session: Session = ctx.obj
    definitions = session.definitions()
    project = session.project()
    with session.store(project) as store, reading(store) as conn:
        found = read(conn, what)
        if found is None:
            return _contact(conn, (session, definitions, project), what, journey)
        zone = zone_of(found.attributes) or ZoneInfo(project.timezone)
        place = (found.decision or found.delivery or found.refusals[0]).journey
        case = Case(found, project, definitions.journeys.get(place), zone, session.now())
        estimates = _estimates(conn, case)
    from engine.cli.text import printable

    return Answer(_data(case, estimates), [printable(line) for line in _lines(case, estimates)])


def _contact(conn: sa.Connection, about: tuple[Session, Definitions, Project], who: str, journey: str | None) -> Answer:
    """Tell the whole path of a contact: where nothing was sent, the refusals say why."""
    from engine.cli.contact import find_contact
    from engine.cli.draw import journey_called
    from engine.cli.text import printable
    from engine.errors import NotFound
    from engine.path import Frame, items, tree
    from engine.store.copying import attributes_of
    from engine.store.history import timeline
    from journeys.zones import zone_of

    _, definitions, project = about
    only = journey_called(definitions, journey).name if journey else None
    try:
        id_ = find_contact(conn, who)
    except NotFound as error:
        if "several contacts" in str(error):
            raise
        raise NotFound(f'no message and no contact "{who}"; message ids: sojourn log --kind send --json') from None
    attributes = attributes_of(conn, id_)
    zone = zone_of(attributes) or ZoneInfo(project.timezone)
    entries = timeline(conn, id_)
    path = items(entries, Frame(definitions.journeys, zone, only))
    first = attributes.get("first_name")
    name = f"{first} ({id_})" if first else id_
    mine = [item for item in path if item.journey]
    lines = [f"What {only or 'our journeys'} did with {name}, {zone}", *tree(path if mine else [], zone)]
    if not mine:
        lines.append(f"nothing: {name} has not entered {only or 'any journey'} yet")
    keys = list(dict.fromkeys(item.key for item in mine if item.sign in ("◆", "✉", "✗")))
    if keys:
        lines.append(f"More of one of them: sojourn explain {keys[-1]}")
    data = {"contact": id_, "journey": only, "zone": str(zone), "path": path}
    return Answer(data, [printable(line) for line in lines])


def _lines(case: Case, estimates: dict[str, float]) -> list[str]:
    parts = [_journey(case), _group(case), _allowed(case)]
    if case.found.decision is not None:
        parts += [_chances(case, estimates), _draw(case)]
    parts.append(_since(case))
    lines = [_question(case), ""]
    for n, (title, says) in enumerate(parts, 1):
        first, *rest = says
        lines += [f"{n} {title:<11} {first}", *(f"{'':14}{line}" for line in rest)]
    return lines


def _question(case: Case) -> str:
    from engine.telling import clock

    found = case.found
    when = f"on {clock(case.at, case.zone)} {case.zone}"
    if found.delivery is not None and found.delivery.status == "sent":
        return f"Why did {case.name} get {found.delivery.message} {when}?"
    message = found.delivery.message if found.delivery else ""
    if not message and found.decision is not None:
        return f"Why did {case.name} get {found.decision.decision.arm} {when}?"
    return f"Why did {case.name} not get {message or found.refusals[-1].message or 'a message'} {when}?"


def _journey(case: Case) -> tuple[str, list[str]]:
    from engine.telling import clock, trigger

    found = case.found
    journey, state = case.place
    says = f"{journey}, state {state}"
    if found.trigger is not None:
        says += f", because of {trigger(found.trigger)} on {clock(found.trigger.at, case.zone)}"
    n = int(found.key.rpartition(":")[2]) if found.key.rpartition(":")[2].isdigit() else 0
    way = [f"{move.target} ({move.why})" for move in found.moves if move.n <= n]
    return "Journey", [says, *([f"way here: {' → '.join(way)}"] if way else [])]


def _group(case: Case) -> tuple[str, list[str]]:
    from engine.core.chance import draw

    found, seed = case.found, case.project.name
    group = found.decision.decision.group if found.decision else (found.run.group if found.run else "unknown")
    journey, who = case.journey, found.contact_id
    if journey is None or journey.transactional:
        return "Group", [group]
    said = []
    if case.project.holdout:
        said.append(_compared("project holdout", draw(seed, "global holdout", who), case.project.holdout))
    if journey.holdout:
        said.append(_compared("holdout", draw(seed, "holdout", who, journey.name), journey.holdout))
    if case.choose is not None and case.choose.baseline is not None:
        u = draw(seed, "baseline", who, ".".join(case.place))
        said.append(_compared("baseline", u, case.choose.baseline[1]))
    return "Group", [f"{group} ({', '.join(said)})" if said else group]


def _compared(what: str, u: float, share: float) -> str:
    return f"{what} draw {u:.2f} {'<' if u < share else '≥'} {share:.2f}"


def _allowed(case: Case) -> tuple[str, list[str]]:
    from engine.telling import against_word, clock

    found = case.found
    decided = found.decision.at if found.decision else None
    now = [row for row in found.refusals if row.at == decided]
    lines = [
        f"held from {clock(row.at, case.zone)} to {clock(row.until, case.zone)}: {row.message} {against_word(row)}"
        for row in found.refusals
        if row.until and row.at != decided
    ]
    lines += [f"refused {clock(row.at, case.zone)}: {row.message} {against_word(row)}" for row in found.refusals
              if not row.until and row.at != decided]  # fmt: skip
    if found.decision is not None:
        arms = found.decision.decision.arms
        head = f"{len(arms)} of {len(case.choose.arms) if case.choose else len(arms) + len(now)} arms"
        against = [f"not {row.message}: {against_word(row)}" for row in now]
        return "Allowed", [head + (f": {', '.join(arms)}"), *against, *lines]
    consents = ", ".join(sorted(found.consents)) or "none"
    head = "by every rule of the gate" if found.delivery is not None else "not by the gate"
    return "Allowed", [f"{head}; consents now: {consents}", *lines]


def _chances(case: Case, estimates: dict[str, float]) -> tuple[str, list[str]]:
    from engine.telling import POLICIES, share

    row = case.found.decision
    if row is None:
        raise AssertionError("only a decision has chances")
    d = row.decision
    wide = max(map(len, d.arms))
    head = f"policy {d.policy}" + (f": {POLICIES[d.policy]}" if d.policy in POLICIES else "")
    if estimates:
        head += "; estimate = expected reward, as the learner scales it"
    lines = []
    for arm, chance in sorted(zip(d.arms, d.chances, strict=True), key=lambda pair: -pair[1]):
        estimate = f"{estimates[arm]:>9.4f}" if arm in estimates else " " * 9 if estimates else ""
        lines.append(f"{arm:<{wide}} {estimate} {share(chance):>8}" + ("   ◀ drawn" if arm == d.arm else ""))
    return "Chances", [head, *lines]


def _draw(case: Case) -> tuple[str, list[str]]:
    from engine.core.chance import draw

    row = case.found.decision
    if row is None:
        raise AssertionError("only a decision is drawn")
    d = row.decision
    at = d.arms.index(d.arm)
    low = sum(d.chances[:at])
    says = f"u {d.u:.4f} falls on {d.arm}, which has {low:.4f} to {low + d.propensity:.4f}"
    again = abs(draw(case.project.name, d.key) - d.u) < 1e-12
    seed = f"hash of {case.project.name} and {d.key}"
    return "Draw", [
        says,
        f"u is the {seed}: drawn again it is the same" if again else f"u came from another seed than the {seed}",
    ]


def _since(case: Case) -> tuple[str, list[str]]:
    lines = list(_happened(case))
    return "Since then", lines or ["nothing"]


def _happened(case: Case) -> Iterator[str]:
    from engine.telling import clock, data, delivery

    found = case.found
    if found.delivery is not None:
        yield f"{delivery(found.delivery, case.zone)}  {clock(found.delivery.at, case.zone)}"
    for event in found.answers:
        yield f"{event.name}  {clock(event.at, case.zone)}"
    for event in found.later:
        said = data(event.data)
        yield f"{event.name}  {clock(event.at, case.zone)}{f'  {said}' if said else ''}"
    if found.decision is not None:
        yield _reward(case)


def _reward(case: Case) -> str:
    from engine.telling import clock

    row = case.found.decision
    if row is None:
        raise AssertionError("only a decision earns")
    if row.status == "void":
        return "no reward: the message failed, so the decision does not count"
    value = "nothing known yet" if row.reward is None else f"{row.reward:.2f}"
    closes = clock(row.closes_at, case.zone)
    over = row.closes_at <= case.now
    return f"reward {value} ({f'window closed {closes}' if over else f'window open until {closes}'})"


def _estimates(conn: sa.Connection, case: Case) -> dict[str, float]:
    """Return what the policy version that decided expected of each arm; nothing where none did."""
    row, choose = case.found.decision, case.choose
    if row is None or choose is None or "@" not in row.decision.policy:
        return {}
    from engine.errors import LearnerError
    from engine.learner.features import arms_of
    from engine.learner.models import load_model, settings_for
    from engine.store.policies import policy_of

    number = row.decision.policy.rpartition("@")[2]
    kept = policy_of(conn, row.decision.point, int(number)) if number.isdigit() else None
    if kept is None:
        return {}
    try:
        model = load_model(kept.kind, kept.serving or kept.model, settings_for(choose))
        return dict(model.estimates([row.decision.features], arms_of(choose))[0])
    except LearnerError:
        return {}


def _data(case: Case, estimates: dict[str, float]) -> dict[str, Any]:
    found = case.found
    journey, state = case.place
    data: dict[str, Any] = {
        "key": found.key, "journey": journey, "version": found.run.version if found.run else None, "state": state,
        "contact": found.contact_id, "zone": str(case.zone), "at": case.at,
        "trigger": found.trigger, "run": found.run, "moves": found.moves, "refusals": found.refusals,
        "message": found.delivery, "answers": found.answers, "later": found.later, "decision": None,
    }  # fmt: skip
    row = found.decision
    if row is not None:
        d = row.decision
        data["decision"] = {
            "key": d.key, "at": d.at, "group": d.group, "policy": d.policy, "eligible": d.arms,
            "features": d.features, "estimate": [estimates.get(arm) for arm in d.arms] if estimates else None,
            "propensity": d.chances, "drawn": d.arm, "drawn_propensity": d.propensity, "u": d.u,
            "seed": case.project.name, "cost": d.cost,
            "reward": {
                "closed": row.status == "closed", "status": row.status, "value": row.reward, "learned": row.learned,
                "within": d.within, "starts_at": row.starts_at, "closes_at": row.closes_at,
                "events": _scored(case, found.answers) + _scored(case, found.later),
            },
        }  # fmt: skip
    return data


def _scored(case: Case, happened: Sequence[Any]) -> list[str]:
    """Return the events that the reward counts."""
    names = case.choose.reward.score if case.choose else {}
    return [event.id for event in happened if event.name in names]
