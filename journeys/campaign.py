"""A campaign file, read as a whole: products, weeks, volume, and everything that is wrong with it.

Rules
- Weeks are calendar weeks (ISO 8601) by their Monday. A share is of the people who can be reached.
- `only` sees what a segment sees, and never what is declared sensitive: nobody is chosen for their health.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from journeys.conditions import read_condition
from journeys.entering import read_goal
from journeys.expression import Expression
from journeys.fields import Fields, read_text, shaped
from journeys.forms_campaign import CAMPAIGN, PRODUCTS
from journeys.journey import Goal
from journeys.names import Names
from journeys.node import Node
from journeys.page import Page
from journeys.place import Place
from journeys.project import Data, Project
from journeys.sensitive import sensitive
from journeys.spot import read_message

_WEEK = re.compile(r"(\d{4})-?W?(\d{2})")
GOAL_WITHIN = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Products:
    """What is sold; `words` are for products that nobody has bought yet."""

    families: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class Volume:
    """How many people: one of a share, a number, or all who are expected to spend at least `worth`."""

    share: float | None = None
    number: int | None = None
    worth: float | None = None

    def __str__(self) -> str:
        if self.share is not None:
            return f"{self.share:.4g}".rstrip() if self.share > 1 else f"{self.share * 100:g}%"
        return f"{self.number:,}" if self.number is not None else f"worth {self.worth:g}"


@dataclass(frozen=True, slots=True)
class Campaign:
    """A checked campaign file. `goal` None: an order of one of the products within 14 days."""

    id: str
    file: str
    title: str
    products: Products
    weeks: tuple[date, ...]  # their Mondays
    send: str  # "email/spring_shoes"; "" = a journey of its own is named
    journey: str  # the journey that people enter
    volume: Volume
    only: Expression | None
    holdout: float
    random: float
    goal: Goal | None
    topic: str
    note: str | None
    place: Place

    @property
    def channel(self) -> str:
        return self.send.partition("/")[0]

    @property
    def within(self) -> timedelta:
        return self.goal.within if self.goal else GOAL_WITHIN


def read_campaign(page: Page, root: Node, project: Project, journeys: Sequence[str]) -> Campaign | None:
    """Return the campaign of a file; None when it has an error (all of them are on `page`)."""
    before = len(page.problems)
    top = Fields(page, root, CAMPAIGN.names, "a campaign")
    if top.node is None or top.node.kind != "map" or not top.needs("campaign", "products"):
        return None
    name = top.name("campaign") or ""
    _file_name(page, top, name)
    found = Campaign(
        id=name, file=page.file, title=top.text("title") or name,
        products=_products(page, top),
        weeks=_weeks(page, top),
        send=_send(page, top, project),
        journey=_journey(page, top, name, journeys),
        volume=_volume(page, top),
        only=_only(page, top, project.data),
        holdout=top.share("holdout", 0.1),
        random=top.share("random", 0.05),
        goal=_goal(page, top, project.data),
        topic=_topic(page, top, project),
        note=top.text("note"),
        place=page.place(top.keys["campaign"]),
    )  # fmt: skip
    _needs_orders(page, top, project.data)
    return None if any(one.severity == "error" for one in page.problems[before:]) else found


def _file_name(page: Page, top: Fields, name: str) -> None:
    node, stem = top.node_of("campaign"), page.file.rpartition("/")[2].rpartition(".")[0]
    if node is not None and name and stem != name:
        page.add("S120", node, f'this file is called {stem}.yaml, but its campaign "{name}"', label="use one name")


def _products(page: Page, top: Fields) -> Products:
    node = top.node_of("products")
    fields = Fields(page, node, PRODUCTS.names, "products")
    if node is not None and node.kind == "map" and not fields.values:
        page.add("S113", node, "`products` names nothing: family, department, sku or words")
    lists = {key: _texts(page, fields, key) for key in ("family", "department", "sku")}
    words = fields.text("words") or ""
    if words and (lists["sku"]):
        page.add("S104", fields.keys["words"], "`words` is for products that nobody has bought yet; leave out `sku`")
    return Products(lists["family"], lists["department"], lists["sku"], words)


def _texts(page: Page, fields: Fields, key: str) -> tuple[str, ...]:
    node = fields.node_of(key)
    if node is None:
        return ()
    nodes = node.items if node.kind == "list" else (node,)
    found = tuple(text for one in nodes if one.kind != "broken" and (text := read_text(page, one, key)) is not None)
    if not nodes:
        page.add("S112", node, f"`{key}` names nothing")
    return found


def _weeks(page: Page, top: Fields) -> tuple[date, ...]:
    node = top.node_of("weeks")
    if node is None:
        return ()
    nodes = node.items if node.kind == "list" else (node,)
    return tuple(sorted({monday for one in nodes if one.kind != "broken" and (monday := _week(page, one))}))


def _week(page: Page, node: Node) -> date | None:
    found = _WEEK.fullmatch(node.raw)
    try:
        if found is not None:
            return date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        pass
    page.add("S112", node, f'"{node.raw}" is no calendar week', label="write 2027-W10")
    return None


def _send(page: Page, top: Fields, project: Project) -> str:
    node = top.node_of("send")
    if node is not None and "journey" in top:
        page.add("S104", top.keys["journey"], "`send` and `journey` exclude each other: the journey sends")
    if node is None and "journey" not in top and "send" not in top:
        page.add("S113", top.keys["campaign"], "a campaign needs `send`, or a `journey` that people enter")
    return (read_message(page, node, project) or "") if node is not None else ""


def _journey(page: Page, top: Fields, name: str, journeys: Sequence[str]) -> str:
    node = top.node_of("journey")
    if node is None:
        return f"campaign_{name}"[:63]
    if node.raw not in journeys:
        page.unknown("R213", node, f'no journey called "{node.raw}"', journeys)
    return node.raw


def _volume(page: Page, top: Fields) -> Volume:
    node = top.node_of("volume")
    if node is None:
        return Volume(share=0.1)
    if node.kind == "map":
        fields = Fields(page, node, ("worth",), "volume")
        worth = fields.node_of("worth")
        if worth is not None and shaped(page, worth, "number", "worth"):
            return Volume(worth=float(worth.value))
        return Volume(share=0.1)
    said = node.raw.replace(",", "").replace("_", "")
    if said.isdigit() and int(said) > 0:
        return Volume(number=int(said))
    return Volume(share=top.share("volume", 0.1))


def _only(page: Page, top: Fields, data: Data) -> Expression | None:
    node = top.node_of("only")
    found = read_condition(page, node, Names(data, journey=False))
    if found is None or node is None:
        return found
    for name in sensitive(found, data):
        says = f'"{name}" is sensitive: nobody is chosen for a campaign by it'
        page.add("S130", node, says, helps=("leave it out; data.yaml says which attributes are sensitive",))
    return found


def _goal(page: Page, top: Fields, data: Data) -> Goal | None:
    node = top.node_of("goal")
    return read_goal(page, node, Names(data, journey=False)) if node is not None else None


def _topic(page: Page, top: Fields, project: Project) -> str:
    node = top.node_of("topic")
    if node is not None and node.raw not in project.topics:
        page.unknown("R208", node, f'no topic called "{node.raw}" in sojourn.yaml', project.topics)
    return node.raw if node is not None else "general"


def _needs_orders(page: Page, top: Fields, data: Data) -> None:
    if data.buying is None:
        helps = ("say in data.yaml how an order reads:\nbuying: {event: order_placed, value: total, items: items}",)
        page.add("S113", top.keys["campaign"], "a campaign needs to know how people buy", helps=helps)
