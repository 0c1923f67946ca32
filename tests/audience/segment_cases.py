"""Rules and people for tests of segments, drawn at random from a seed: the same seed, the same case."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from journeys import Expression, Place, Scope
from journeys.names import Names
from journeys.parse import parse
from journeys.project import Attribute, Data

NOW = datetime(2027, 3, 27, 22, 17, 5, 123456, tzinfo=UTC)  # the night before clocks go forward in Europe
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "America/Santiago")
EVENTS = ("viewed", "cart", "bought", "refunded")
DATA = Data(
    {
        "tier": Attribute("enum", default="basic", choices=("basic", "silver", "gold")),
        "age": Attribute("number"),
        "orders": Attribute("number", default=0),
        "city": Attribute("text"),
        "vip": Attribute("flag"),
        "tags": Attribute("list"),
        "birthday": Attribute("date"),
        "ends": Attribute("date"),
    },
    {name: {"total": "number", "family": "text", "big": "flag"} for name in EVENTS},
    {},
)


@dataclass
class Happened:
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Person:
    id: str
    attributes: dict[str, Any]
    zone: str
    events: list[tuple[str, datetime, dict[str, Any]]]
    traits: dict[str, Any]

    def scope(self, now: datetime, segments: Mapping[str, Expression]) -> Scope:
        history: dict[str, list[Happened]] = {}
        for name, at, data in self.events:
            history.setdefault(name, []).append(Happened(at, data))
        zone = ZoneInfo(self.zone)
        return Scope(now, zone, self.attributes, history=history, segments=segments, traits=self.traits, who=self.id)


def rule(source: str, names: Names | None = None) -> Expression:
    found, problems = parse(source, Place("data.yaml", 1, 1), names or Names(DATA, journey=False), "flag")
    assert found is not None, (source, problems)
    return found


class Draw:
    """`sql`: only what SQL can say."""

    def __init__(self, seed: int, *, sql: bool = False) -> None:
        self.dice, self.sql = random.Random(seed), sql

    def one(self, *among: Any) -> Any:
        return self.dice.choice(among)

    def condition(self, deep: int = 3) -> str:
        kind = self.dice.random()
        if deep and kind < 0.45:
            word = self.one(" and ", " or ")
            return "(" + word.join(self.condition(deep - 1) for _ in range(self.one(2, 2, 3))) + ")"
        if deep and kind < 0.55:
            return f"not {self.condition(deep - 1)}"
        return self.one(*(SQL if self.sql else SQL + TIMED))(self)

    def span(self) -> str:
        return str(self.one("45m", "3h", "1d", "2d 6h", "7d", "30d"))

    def window(self) -> str:
        return self.one("", f" within {self.span()}", f" within {self.span()}", f" within {self.span()}")

    def test(self) -> str:
        family = self.one("shoes", "hats")
        return self.one(
            "", "", "", " where event.total > 20", f' where event.family == "{family}"', " where event.total == none",
            " where event.big == true", f' where event.family != "{family}"', ' where event.family in ["hats", "bags"]',
            ' where event.family contains "o"', " where (not event.total >= 10)",
        )  # fmt: skip

    def event(self) -> str:
        return str(self.one(*EVENTS)) + self.test() + self.window()

    def op(self) -> str:
        return str(self.one("<", "<=", ">", ">=", "==", "!="))

    def person(self, number: int) -> Person:
        dice = self.dice
        attributes: dict[str, Any] = {}
        for name, values in ATTRIBUTES.items():
            if dice.random() < 0.7:
                attributes[name] = self.one(*values)
        events = [(str(self.one(*EVENTS)), self.moment(), self.body()) for _ in range(dice.randrange(9))]
        ordered = sorted(events, key=lambda event: event[1])
        traits: dict[str, Any] = {}
        if dice.random() < 0.6:
            value = {"worth": round(dice.uniform(0, 90), 2), "alive": dice.random(), "rfm": self.one("5-4-3", "1-1-1")}
            micros = int((NOW - timedelta(days=dice.uniform(0, 99))).timestamp() * 1e6)
            interests = {topic: [dice.uniform(0, 40), micros] for topic in ("shoes", "hats") if dice.random() < 0.7}
            traits = {"value": value, "interests": interests}
        return Person(f"p{number}", attributes, self.one(*ZONES), ordered, traits)

    def moment(self) -> datetime:
        """Return an instant before NOW; many of them stand exactly at the edge of a window."""
        span = self.one(45, 180, 1440, 3240, 10080, 43200, self.dice.randrange(60000))
        return NOW - timedelta(minutes=span) - self.one(timedelta(0), timedelta(0), timedelta(microseconds=1))

    def body(self) -> dict[str, Any]:
        total = self.one(None, 10, 20, 20.5, 0.1, 0.2, -15, 35)
        body = {"total": total, "family": self.one(None, "shoes", "hats", "Boots"), "big": self.one(None, True, False)}
        return {name: value for name, value in body.items() if value is not None or self.dice.random() < 0.5}


ATTRIBUTES: dict[str, tuple[Any, ...]] = {
    "tier": ("basic", "silver", "gold"),
    "age": (17, 18, 18.5, 40, None),
    "orders": (0, 1, 3, 7),
    "city": ("Bern", "Berlin", "Köln", "bERLIN", "%", "", None, "a_b"),
    "vip": (True, False, None),
    "tags": (["a", "b"], ["b"], [], None),
    "birthday": ("1990-03-30", "1984-02-29", "2001-01-01", "2027-03-28"),
    "ends": ("2027-03-27", "2027-03-28", "2027-04-02", "2027-03-28T12:00:00+02:00", "2026-01-01"),
}
SQL = (
    lambda d: f'contact.tier {d.one("==", "!=")} "{d.one("basic", "gold")}"',
    lambda d: f'contact.tier {d.one("in", "not in")} ["silver", "gold"]',
    lambda d: f"contact.age {d.op()} {d.one(18, 18.5, 17)}",
    lambda d: f"contact.orders {d.one('+ 1', '* 2', '- 0.5', '/ 2')} {d.op()} {d.one(1, 2, 3.5)}",
    lambda d: f"contact.{d.one('age', 'city', 'vip', 'tags')} {d.one('==', '!=')} none",
    lambda d: f'contact.city {d.one("contains", "starts", "ends")} "{d.one("er", "Ber", "lin", "%", "_", "ö")}"',
    lambda d: f'contact.tags contains "{d.one("a", "c")}"',
    lambda d: f'"{d.one("a", "c")}" {d.one("in", "not in")} contact.tags',
    lambda d: d.one("contact.vip", "contact.vip == false", "contact.vip == true"),
    lambda d: f"{d.one('any', 'no')} {d.event()}",
    lambda d: f"count({d.event()}) {d.op()} {d.one(0, 1, 2, 3)}",
    lambda d: f"sum({d.one(*EVENTS)}.total{d.test()}{d.window()}) {d.op()} {d.one(0, 0.3, 20, 30.5)}",
    lambda d: f"days_since({d.event()}) {d.op()} {d.one(1, 7, 30, 0.125)}",
    lambda d: f"days_since_first({d.event()}) {d.op()} {d.one(1, 7, 30)}",
    lambda d: f"value.{d.one('worth', 'alive')} {d.op()} {d.one(0.5, 30)}",
    lambda _: 'value.rfm == "5-4-3"',
    lambda d: f"count({d.event()}) {d.one('+', '-')} count({d.event()}) {d.op()} {d.one(0, 1, 2)}",
    lambda d: f"sum({d.one(*EVENTS)}.total) {d.op()} contact.orders",
)
TIMED = (
    lambda d: f"{d.one(1, 2)} {d.op()} count({d.event()})",
    lambda d: f"days_since(contact.{d.one('birthday', 'ends')}) {d.op()} {d.one(0, 1, -5, 400, 0.5)}",
    lambda d: f"next(contact.birthday) - {d.one('3d', '1d', '12h')} {d.op()} now.date",
    lambda d: f"contact.ends {d.op()} now.date",
    lambda d: f"now.date {d.op()} contact.ends - {d.one('1d', '6h')}",
    lambda d: f'now.weekday {d.one("==", "!=")} "{d.one("sun", "mon")}"',
    lambda d: f"now.hour {d.op()} {d.one(0, 2, 9, 23)}",
    lambda _: 'now.weekday in ["sat", "sun"]',
    lambda d: f'interest("{d.one("shoes", "hats")}") {d.op()} {d.one(0.3, 1, 0)}',
    lambda d: f'interest("shoes") {d.one("+", "-")} interest("hats") {d.op()} {d.one(0.3, 1)}',
    lambda _: 'top_interest == "shoes"',
    lambda d: f"days_since({d.event()}) * 2 - 1 {d.op()} {d.one(5, 13)}",
    lambda d: f"days_since({d.event()}) {d.op()} days_since({d.event()}) * 2",
    lambda d: f'first({d.one(*EVENTS)}{d.window()}).family == "shoes"',
    lambda d: f"last({d.one(*EVENTS)}{d.window()}).total > 15",
    lambda d: f"bucket({d.one(2, 10)}) < 1",
    lambda d: f"sequence({d.event()}, {d.event()}, no {d.event()})",
    lambda d: f"sequence({d.event()}, no {d.event()}, {d.event()})",
    lambda d: f"sequence({d.event()}, no {d.event()})",
    lambda d: f"min(days_since({d.one(*EVENTS)}), 30) {d.op()} 7",
)  # fmt: skip
