"""`sojourn segment discover`: which groups of people hold together, in words, and as segments if one likes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.text import columns, counted

if TYPE_CHECKING:
    from engine.audience.discover import Foresight, Found
    from engine.discovering import Asked, Card, Table
    from journeys.project import Project

SEED = 8
LEAST_PEOPLE = 100
ROUGH = 0.85

Figures = Annotated[
    list[str] | None,
    typer.Option("--features", metavar="FIGURE,...", help="What people are compared by; else the usual."),
]
Only = Annotated[str | None, typer.Option("--only", metavar="CONDITION", help='Whom to look at; "" for everybody.')]
Many = Annotated[str, typer.Option("--k", metavar="N|auto", help="How many groups; auto: the most that hold together.")]
Map = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE.svg", help="Draw a map of the people.")]
Near = Annotated[bool, typer.Option("--tsne", help="Draw who is next to whom instead (t-SNE); takes longer.")]
Write = Annotated[
    list[str] | None,
    typer.Option("--write", metavar="[N=]NAME", help="Write group N as a segment into data.yaml; NAME: all of them."),
]


def discover(
    ctx: typer.Context,
    *,
    features: Figures = None,
    only: Only = None,
    k: Many = "auto",
    output: Map = None,
    tsne: Near = False,
    write: Write = None,
) -> Answer:
    """Find groups of people that hold together, and say each as a rule that can be a segment."""
    from engine import discovering
    from engine.audience.discover import discover as found_in
    from engine.store.connect import reading

    session: Session = ctx.obj
    project = session.project()
    number = _number(k)
    _may_draw(output, tsne=tsne)
    wanted = discovering.asked(project.data, _figures(features), only)
    now, zone = session.now(), ZoneInfo(project.timezone)
    with session.store(project) as store, reading(store) as conn, session.bar("steps", 4) as bar:
        people = discovering.table(conn, project.data, wanted, now)
        bar.advance(1)
        if len(people.ids) < LEAST_PEOPLE:
            return _too_few(people)
        found = found_in(people.raw, wanted.features, SEED, number)
        bar.advance(1)
        around = discovering.Around(conn, project.data, now, zone)
        cards = discovering.cards(around, wanted, people, found)
        bar.advance(1)
        ahead = discovering.foresight(around, wanted, SEED) if found.groups else None
        bar.advance(1)
    drawn = _drawn(session, (project, output), found, wanted, tsne=tsne)
    written = _written(project, wanted, cards, write or ())
    lines = [
        *_lines(people, found, wanted, cards, project.currency),
        *_ahead(ahead, wanted),
        *_guard(found, cards),
        *drawn,
        *written,
    ]
    return Answer(_data(people, found, wanted, cards, ahead), lines)


def _number(k: str) -> int | None:
    if k == "auto":
        return None
    if not k.isdigit() or not 2 <= int(k) <= 12:
        raise WrongUse("--k is auto, or a number from 2 to 12")
    return int(k)


def _may_draw(output: Path | None, *, tsne: bool) -> None:
    if tsne and output is None:
        raise WrongUse("--tsne draws a map: say where with -o map.svg")
    if output is not None and (output.suffix != ".svg" or not output.absolute().parent.is_dir()):
        raise WrongUse(f"cannot draw to {output}: name a .svg file in a folder that is there")


def _figures(said: Sequence[str] | None) -> list[str]:
    """Return the figures named, parted at commas outside of parentheses."""
    found: list[str] = []
    for text in said or ():
        deep, part = 0, ""
        for letter in f"{text},":
            deep += (letter in "([") - (letter in ")]")
            if letter == "," and deep <= 0:
                found += [part.strip()] if part.strip() else []
                part = ""
            else:
                part += letter
        found += [part.strip(" ,")] if part.strip(" ,") else []
    return found


def _too_few(people: Table) -> Answer:
    left = f"; of {counted(people.left, 'other')} a figure is missing" if people.left else ""
    here = f"here are {len(people.ids):,}{left}"
    line = f"cannot tell yet: groups are looked for among {LEAST_PEOPLE} people or more, {here}"
    return Answer({"people": len(people.ids), "left_out": people.left, "k": None, "groups": []}, [line])


def _lines(people: Table, found: Found, wanted: Asked, cards: Sequence[Card], currency: str) -> Iterator[str]:
    left = f" ({people.left:,} more miss a figure and are in no group)" if people.left else ""
    about = f" with {wanted.only.source}" if wanted.only else ""
    yield f"{len(people.ids):,} people{about}{left}, by {', '.join(f.label for f in wanted.features)}"
    yield _verdict(found)
    if found.book is not None:
        yield f"the rules put {100 * found.book.fidelity:.0f} % of unseen people where the grouping does"
        if found.book.fidelity < ROUGH:
            yield "  that is rough: go by the rules and their cards, they say less than the colours of a map"
        yield f"a hierarchy (Ward) agrees at {found.hierarchy:.2f}, 1 being the same: other ways tell other stories"
    for card in cards:
        yield ""
        yield from _card(card, wanted, currency)


def _verdict(found: Found) -> str:
    steady, more = found.steady, found.next
    if found.k < 2 or steady is None:
        low = max((one.low for one in found.tried), default=0.0)
        tried = f"2 to {len(found.tried) + 1} tried, the best at {low:.2f}"
        return f"no groups hold together: people differ by degrees ({tried}); --k 3 draws lines anyway"
    hold = "hold" if steady.holds else "do not hold"
    said = f"{found.k} groups {hold} together ({steady.agree} of {steady.redraws} redraws agree; 95 % must)"
    return (
        f"{said}; {more.k} would not ({more.agree} of {more.redraws})" if more is not None and not more.holds else said
    )


def _card(card: Card, wanted: Asked, currency: str) -> Iterator[str]:
    group = card.group
    yield f"{group.number}  {group.title}: {group.people:,} people, {100 * group.share:.0f} %"
    yield f"   rule      {group.rule or 'everybody else'}"
    medians = ", ".join(f"{f.label} {m:,.4g}" for f, m in zip(wanted.features, group.medians, strict=True))
    yield f"   median    {medians}"
    if card.spent_next is not None and card.bought_next is not None:
        bought = f"{100 * card.bought_next:.0f} % bought since, {card.spent_next:,.2f} {currency} a head"
        yield f"   90 days   of {card.looked_so:,} who looked so 90 days ago {bought}"
    if card.families:
        yield "   likes     " + ", ".join(f"{topic} {100 * part:.0f} %" for topic, part in card.families)
    if card.channel or card.hours:
        parts = [f"clicks most in {card.channel}"] if card.channel else []
        parts += [f"there most from {card.hours[0]}:00 to {card.hours[1]}:00"] if card.hours else []
        yield "   reach     " + ", ".join(parts)
    if card.overlaps:
        yield "   overlaps  " + ", ".join(f"{name} {100 * part:.0f} %" for name, part in card.overlaps[:5])
    if card.shows is not None and card.rate is not None:
        note = " (too small to test on its own)" if card.shows > 0.5 else ""
        shown = f"half against half could show a lift of {100 * card.shows:.0f} % in 28 days"
        yield f"   a test    {shown}, base {100 * card.rate:.1f} %{note}"


def _ahead(ahead: Foresight | None, wanted: Asked) -> list[str]:
    if ahead is None:
        return []
    forest, plain = ahead.forest, ahead.logistic
    first = ", ".join(f"{wanted.features[n].label} {100 * weight:.0f} %" for n, weight in ahead.first)
    return [
        "",
        f"who buys in the next 90 days, judged on the last 90 ({ahead.came:,} of {ahead.people:,} did):",
        f"  a forest picks the right one of two in {_area(forest)}, a logistic regression in {_area(plain)}",
        f"  it goes by {first}",
        "groups describe people; to pick those of a campaign use the forecast, not the group",
    ]


def _area(auc: tuple[float, float, float]) -> str:
    return f"{100 * auc[0]:.0f} % [{100 * auc[1]:.0f}, {100 * auc[2]:.0f}]"


def _guard(found: Found, cards: Sequence[Card]) -> list[str]:
    """Say how many groups can be tested at all."""
    from engine.audience.discover import guard

    rates = [card.rate * card.group.people for card in cards if card.rate is not None]
    rate = sum(rates) / found.people if rates else 0.0
    rows = guard(found.people, rate)
    if not rows:
        return []
    told = [(f"{100 * lift:.0f} %", f"{arm:,}", f"{groups:,}") for lift, arm, groups in rows]
    head = f"how many groups {found.people:,} people are enough for, at {100 * rate:.1f} % who buy in 28 days:"
    return [
        "",
        head,
        *(f"  {line}" for line in columns([("lift", "people per arm", "groups"), *told], right=(0, 1, 2))),
    ]


def _drawn(
    session: Session, where: tuple[Project, Path | None], found: Found, wanted: Asked, *, tsne: bool
) -> list[str]:
    from engine.audience.clusters import neighbours, principal
    from engine.audience.picture import picture

    project, output = where
    if output is None or found.points is None:
        return []
    if tsne:
        session.note("t-SNE of up to 2,000 people takes up to a minute")
    flat = (neighbours if tsne else principal)(found.points, SEED)
    groups = f"{counted(len(found.groups), 'group')}" if found.groups else "no groups"
    output.write_text(picture(found, flat, wanted.features, f"{project.name}: {groups}"), encoding="utf-8")
    return ["", f"map in {output}: of each one's 10 nearest {100 * flat.kept:.0f} % are near there, too"]


def _written(project: Project, wanted: Asked, cards: Sequence[Card], write: Sequence[str]) -> list[str]:
    """Write groups into data.yaml, behind the segments that are there."""
    from engine.discovering import checked, whole_rule
    from journeys.adding import added

    if not write:
        return []
    rules = {card.group.number: whole_rule(wanted, card.group.rule) for card in cards}
    chosen: list[tuple[str, str]] = []
    for word in write:
        number, equals, name = word.partition("=")
        if not equals:
            chosen += [(f"{word}_{n}", rule) for n, rule in rules.items()]
        elif number.isdigit() and int(number) in rules:
            chosen.append((name, rules[int(number)]))
        else:
            raise WrongUse(f"--write {word}: there is no group {number}, there are {counted(len(rules), 'group')}")
    new = checked(project.data, chosen)
    file = project.root / "data.yaml"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(added(text, ("segments",), new), encoding="utf-8")
    return ["", f"written into data.yaml: {', '.join(new)}; see who is in them with `sojourn plan`, and deploy"]


def _data(
    people: Table, found: Found, wanted: Asked, cards: Sequence[Card], ahead: Foresight | None
) -> Mapping[str, Any]:
    from engine.discovering import whole_rule

    names = [feature.said for feature in wanted.features]
    groups = [
        {
            "number": c.group.number, "title": c.group.title, "rule": c.group.rule,
            "segment": whole_rule(wanted, c.group.rule), "people": c.group.people, "share": c.group.share,
            "medians": dict(zip(names, c.group.medians, strict=True)), "looked_so": c.looked_so,
            "spent_next_90d": c.spent_next, "bought_next_90d": c.bought_next, "rate_28d": c.rate,
            "smallest_lift": c.shows, "overlaps": dict(c.overlaps), "families": dict(c.families),
            "channel": c.channel or None, "hours": c.hours,
        }
        for c in cards
    ]  # fmt: skip
    tried = [{"k": t.k, "low": t.low, "mean": t.mean, "agree": t.agree, "redraws": t.redraws} for t in found.tried]
    return {
        "people": found.people, "left_out": people.left, "only": wanted.only.source if wanted.only else None,
        "features": names, "k": found.k if found.groups else None, "tried": tried, "groups": groups,
        "in_none": found.nowhere, "fidelity": found.book.fidelity if found.book else None,
        "hierarchy": found.hierarchy if found.groups else None,
        "foresight": None if ahead is None else {"forest": ahead.forest, "logistic": ahead.logistic},
    }  # fmt: skip
