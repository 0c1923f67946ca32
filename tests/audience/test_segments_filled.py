"""What SQL fills is what Python says of each person, on both databases; alarms of a fill are never late."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta

import pytest
import sqlalchemy as sa
from examples import examples
from segment_cases import DATA, NOW, Draw, Person, rule

from engine.audience.facts import fact_of
from engine.filling import Ground, current, fill, planned, sayable
from engine.store import membership
from engine.store.connect import writing
from engine.store.segment_tables import segment_fills, segment_numbers, standings
from engine.store.tables import alarms, contacts, events
from engine.store.value_tables import traits
from journeys import Expression
from journeys.names import Names
from journeys.project import Data

RULES, PEOPLE = 70, 40


def data_of(segments: Mapping[str, str]) -> Data:
    names = Names(DATA, journey=False, segments=frozenset(segments))
    return Data(DATA.attributes, DATA.events, {name: rule(source, names) for name, source in segments.items()})


def settle(conn: sa.Connection, people: list[Person]) -> None:
    for table in (standings, alarms, segment_numbers, segment_fills, traits, events, contacts):
        conn.execute(table.delete())
    mine = [
        {"id": one.id, "attributes": {**one.attributes, "timezone": one.zone}, "consents": "", "created_at": NOW,
         "updated_at": NOW} for one in people
    ]  # fmt: skip
    conn.execute(contacts.insert(), mine)
    told = [
        {"id": f"{one.id}:{n}", "contact_id": one.id, "name": name, "at": at, "received_at": at, "data": data,
         "source": "test", "fresh": False, "starts": True}
        for one in people for n, (name, at, data) in enumerate(one.events)
    ]  # fmt: skip
    conn.execute(events.insert(), told)
    worked = [{"contact_id": one.id, **one.traits, "at": NOW} for one in people if one.traits]
    conn.execute(traits.insert(), worked)


@pytest.mark.parametrize("seed", range(examples(2)))
def test_sql_and_python_agree_on_who_is_in_and_no_alarm_of_a_fill_is_late(store: sa.Engine, seed: int) -> None:
    draw = Draw(seed, sql=seed % 2 == 0)
    data = data_of({f"s{n}": draw.condition() for n in range(RULES)})
    people = [draw.person(n) for n in range(PEOPLE)]
    ground = Ground(data, UTC, NOW)
    with writing(store) as conn:
        settle(conn, people)
        made, done = fill(conn, ground)
        inside = {name: set(conn.execute(membership.members(conn, name)).scalars()) for name in data.segments}
        dues = dict(
            conn.execute(sa.select(standings.c.contact_id, standings.c.due_at).where(standings.c.block == 0)).all()
        )
        sizes = membership.sizes(conn)
        assert current(conn, ground) is not None
        by_hand = len(sayable(made, made.every, ground)[1])
    assert (by_hand == 0) is (seed % 2 == 0)
    for name, expression in data.segments.items():
        true = {one.id for one in people if expression.holds(one.scope(NOW, data.segments))}
        assert inside[name] == true, (name, expression.source)
        assert sizes[name] == len(true)
    assert {one.name: (one.members, one.entered) for one in done} == {n: (sizes[n], sizes[n]) for n in sizes}
    for one in people:
        _, first = earliest(data.segments, one)
        assert first is None or (dues[one.id] is not None and dues[one.id] <= first), one.id


def earliest(segments: Mapping[str, Expression], one: Person) -> tuple[str, object]:
    found = {}
    for name, expression in segments.items():
        until = fact_of(expression.root, segments)(one.scope(NOW, segments)).until
        if until is not None:
            found[name] = until
    name = min(found, key=lambda each: found[each], default="")
    return name, found.get(name)


def test_an_edited_segment_says_who_enters_and_leaves_before_and_after_it_is_filled(store: sa.Engine) -> None:
    draw = Draw(7)
    people = [draw.person(n) for n in range(30)]
    old = data_of({"grown": "contact.age >= 18", "buyers": "any bought", "gone": "any cart"})
    new = data_of({"grown": "contact.age >= 40", "buyers": "any bought", "late": "now.hour >= 0 and any viewed"})
    with writing(store) as conn:
        settle(conn, people)
        fill(conn, Ground(old, UTC, NOW))
        numbers = membership.numbers(conn)
        plan = {one.name: one for one in planned(conn, Ground(new, UTC, NOW))}
        _, done = fill(conn, Ground(new, UTC, NOW + timedelta(minutes=1)))
    ages = [one.attributes.get("age") or 0 for one in people]
    adults, elders = sum(age >= 18 for age in ages), sum(age >= 40 for age in ages)
    viewers = sum(any(name == "viewed" for name, _, _ in one.events) for one in people)
    buyers_left = sum(any(name == "cart" for name, _, _ in one.events) for one in people)
    assert (plan["grown"].why, plan["grown"].members, plan["grown"].left) == ("edited", elders, adults - elders)
    assert (plan["late"].why, plan["late"].entered) == ("new", viewers)
    assert plan["late"].by_hand != ""
    assert plan["gone"].left == buyers_left
    assert {one.name for one in done} == {"grown", "late"}
    assert [(one.entered, one.left) for one in done if one.name == "grown"] == [(0, adults - elders)]
    with writing(store) as conn:
        assert membership.numbers(conn)["late"] not in numbers.values()
        assert "gone" not in membership.sizes(conn)
        fill(conn, Ground(data_of({"gone": "any cart"}), UTC, NOW))
        assert membership.numbers(conn)["gone"] == numbers["gone"]
        assert membership.count(conn, "gone") == buyers_left
