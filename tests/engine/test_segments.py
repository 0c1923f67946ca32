"""People enter and leave segments, by what they do and by time alone, and journeys follow at that instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from engine.app import Options
from engine.archive import frame
from engine.replaying import replay
from engine.simulate import Virtual, run_events, virtual
from engine.store import membership
from engine.store.connect import reading, writing
from engine.store.consenting import ConsentChange, change_consents
from engine.store.intake import NewContact, NewEvent, add_contacts
from engine.store.replaying import logs, newest_runs
from engine.store.segment_tables import segment_moves, standings
from engine.store.tables import alarms, enrollments
from engine.store.traits import keep_values
from journeys.load import load
from journeys.project import Definitions

START = datetime(2026, 3, 27, 9, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PROJECT = """\
project: groups
timezone: Europe/Berlin
store: "sqlite://"
secret: a-secret-for-the-groups
channels: {email: {provider: captured, from: a@b.test}}
topics: {promo: {title: Promo}}
"""
DATA = """\
contact: {email: text, tier: "enum(basic, gold) = basic", timezone: timezone}
events: {bought: {total: number}, viewed: {}, cart: {}}
segments:
  buyers: any bought
  keen: count(viewed within 2d) >= 2
  lapsed: days_since(bought) > 3
  golden: contact.tier == "gold"
  left_a_cart: sequence(cart within 7d, no bought within 2h)
  asleep: now.hour < 6 and in_segment(buyers)
  rich: value.worth > 100
"""
JOURNEYS = {
    "winback": "enter: {segment: lapsed}\nreenter: always\nexit_when: [{if: not in_segment(lapsed)}]\n"
    "states: {wait: {after: 30d, send: email/hello}}",
    "cart": "enter: {segment: left_a_cart}\nstates: {mail: {send: email/hello}}",
    "first": "enter: {event: viewed}\nexit_when: [{segment: lapsed}]\n"
    "states: {now: {wait_for: {segment: keen, within: 20d}, then: done, else: late}, late: {set: {contact.tier: basic}},"
    " done: {set: {contact.tier: gold}}}",
    "vip": "enter: {event: bought}\nstates: {look: {after: 1h, if: value.worth > 100, send: email/hello, else: rest}, "
    "rest: {after: 9d}}",
    "daily": "enter: {segment: golden, check: daily 06:00}\nstates: {mail: {after: 9d, send: email/hello}}",
}  # fmt: skip


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    folder = tmp_path_factory.mktemp("groups")
    (folder / "journeys").mkdir()
    (folder / "templates" / "email").mkdir(parents=True)
    (folder / "templates" / "email" / "hello.txt").write_text("---\nsubject: Hi\n---\nHi {{ unsubscribe_url }}")
    (folder / "sojourn.yaml").write_text(PROJECT)
    (folder / "data.yaml").write_text(DATA)
    for name, text in JOURNEYS.items():
        (folder / "journeys" / f"{name}.yaml").write_text(f"journey: {name}\ntopic: promo\n{text}\n")
    found = load(folder, {})
    assert found.ok, [p for p in found.problems if p.severity == "error"]
    return found


@pytest.fixture
def world(definitions: Definitions) -> Virtual:
    return made(definitions)


@pytest.fixture
def stored(definitions: Definitions, store: sa.Engine) -> Virtual:
    return made(definitions, store)


def made(definitions: Definitions, store: sa.Engine | None = None) -> Virtual:
    found = virtual(definitions, START, Options(seed="groups", store=store))
    people(found, "ann", "bob")
    return found


def people(world: Virtual, *names: str, **attributes: str) -> None:
    rows = [NewContact(n, attributes, {"email": f"{n}@a.test"}, frozenset({"promo"})) for n in names]
    with writing(world.engine.store) as conn:
        add_contacts(conn, rows, world.clock.now(), lambda _, address: address)


def event(who: str, name: str, at: datetime) -> NewEvent:
    return NewEvent(f"{who}-{name}-{at.isoformat()}", who, name, at, {"total": 20})


def moves(world: Virtual, segment: str) -> list[tuple[str, bool, datetime, str]]:
    c = segment_moves.c
    query = sa.select(c.contact_id, c.entered, c.at, c.why).where(c.segment == segment).order_by(c.id)
    with reading(world.engine.store) as conn:
        return [(row[0], row[1], row[2], row[3]) for row in conn.execute(query)]


def runs(world: Virtual, journey: str) -> list[tuple[str, datetime, datetime | None]]:
    c = enrollments.c
    query = sa.select(c.contact_id, c.entered_at, c.left_at).where(c.journey == journey).order_by(c.entered_at)
    with reading(world.engine.store) as conn:
        return [(row[0], row[1], row[2]) for row in conn.execute(query)]


def test_an_event_moves_people_in_the_tick_that_sees_it_and_time_alone_at_the_very_instant(world: Virtual) -> None:
    first, second = START + HOUR, START + 2 * HOUR
    run_events(world, [event("ann", "viewed", first), event("ann", "viewed", second)], START + 10 * DAY)
    gone = first + 2 * DAY + timedelta(microseconds=1)
    assert moves(world, "keen") == [("ann", True, second, "viewed"), ("ann", False, gone, "time")]


def test_a_segment_starts_a_journey_and_leaving_it_ends_the_run_without_any_check(stored: Virtual) -> None:
    world = stored
    bought, again = START + HOUR, START + 5 * DAY
    run_events(world, [event("ann", "bought", bought), event("ann", "bought", again)], START + 6 * DAY)
    lapsed = bought + 3 * DAY + timedelta(microseconds=1)
    assert runs(world, "winback") == [("ann", lapsed, again)]
    assert moves(world, "lapsed") == [("ann", True, lapsed, "time"), ("ann", False, again, "bought")]


def test_a_cart_that_is_left_is_noticed_two_hours_later_and_one_that_is_bought_never(world: Virtual) -> None:
    cart = START + HOUR
    script = [event("ann", "cart", cart), event("bob", "cart", cart), event("bob", "bought", cart + HOUR)]
    run_events(world, script, START + DAY)
    assert [run[:2] for run in runs(world, "cart")] == [("ann", cart + 2 * HOUR + timedelta(microseconds=1))]


def test_a_wait_for_a_segment_and_an_exit_into_one_come_at_their_instants(world: Virtual) -> None:
    first, second, bought = START + HOUR, START + 2 * HOUR, START + 30 * timedelta(minutes=1)
    run_events(
        world, [event("ann", "viewed", first), event("ann", "viewed", second), event("bob", "bought", bought),
                event("bob", "viewed", first)], START + 4 * DAY,
    )  # fmt: skip
    lapsed = bought + 3 * DAY + timedelta(microseconds=1)
    assert runs(world, "first") == [("ann", first, second), ("bob", first, lapsed)]


def test_what_a_journey_writes_moves_people_at_once_and_check_lets_them_in_at_its_time_only(world: Virtual) -> None:
    second = START + 2 * HOUR
    run_events(world, [event("ann", "viewed", START + HOUR), event("ann", "viewed", second)], START + 2 * DAY)
    assert moves(world, "golden") == [("ann", True, second, "profile")]
    check = datetime(2026, 3, 28, 6, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    assert [run[:2] for run in runs(world, "daily")] == [("ann", check)]


def test_a_night_comes_and_goes_in_each_persons_own_zone(world: Virtual) -> None:
    people(world, "ann", timezone="America/New_York")
    run_events(world, [event("ann", "bought", START), event("bob", "bought", START)], START + 2 * DAY)
    night, morning = (datetime(2026, 3, 28, hour, tzinfo=ZoneInfo("America/New_York")) for hour in (0, 6))
    ann = [move for move in moves(world, "asleep") if move[0] == "ann"]
    assert [(entered, at) for _, entered, at, _ in ann[2:4]] == [(True, night), (False, morning)]
    bob = [move[2] for move in moves(world, "asleep") if move[0] == "bob"][:2]
    assert bob == [datetime(2026, 3, 28, 0, tzinfo=ZoneInfo("Europe/Berlin")),
                   datetime(2026, 3, 28, 6, tzinfo=ZoneInfo("Europe/Berlin"))]  # fmt: skip


def test_an_import_that_changes_a_profile_and_a_new_person_are_looked_at_by_the_next_tick(world: Virtual) -> None:
    world.act()
    people(world, "ann", tier="gold")
    people(world, "eve", tier="gold")
    world.act()
    assert sorted(moves(world, "golden")) == [("ann", True, START, "profile"), ("eve", True, START, "new")]


def test_who_does_nothing_and_waits_for_nothing_costs_nothing(world: Virtual) -> None:
    run_events(world, [event("ann", "viewed", START + HOUR)], START + 3 * DAY)
    with reading(world.engine.store) as conn:
        rung = set(conn.execute(sa.select(alarms.c.contact_id)).scalars())
        rows = conn.execute(sa.select(standings.c.contact_id, standings.c.due_at)).all()
    assert "bob" not in rung
    assert ("bob", None) in [tuple(row) for row in rows]


def test_enterings_and_leavings_alternate_and_add_up_to_who_is_in(world: Virtual) -> None:
    script = [event(who, name, START + HOUR + n * 7 * HOUR) for n, (who, name) in enumerate(
        [("ann", "bought"), ("bob", "viewed"), ("bob", "viewed"), ("ann", "cart"), ("bob", "bought")] * 3)]  # fmt: skip
    run_events(world, script, START + 8 * DAY)
    for segment in ("buyers", "keen", "lapsed", "left_a_cart", "asleep"):
        for who in ("ann", "bob"):
            mine = [entered for name, entered, _, _ in moves(world, segment) if name == who]
            assert mine == [n % 2 == 0 for n in range(len(mine))]
            with reading(world.engine.store) as conn:
                assert (segment in membership.standing_in(conn, who)) is bool(mine and mine[-1])


def test_people_one_by_one_move_as_they_would_together(world: Virtual) -> None:
    world.engine.limits = replace(world.engine.limits, contacts=1)
    names = [f"p{n}" for n in range(3)]
    people(world, *names)
    script = [event(who, name, START + (n + 1) * HOUR) for n, who in enumerate(names) for name in ("bought", "viewed")]
    run_events(world, script, START + 4 * DAY)
    said = [(who, at - START) for who, _, at, _ in moves(world, "lapsed")]
    assert said == [(who, (n + 1) * HOUR + 3 * DAY + timedelta(microseconds=1)) for n, who in enumerate(names)]


def test_what_segments_started_and_ended_comes_out_the_same_when_it_is_walked_again(world: Virtual) -> None:
    script = [event(who, name, START + n * 5 * HOUR) for n, (who, name) in enumerate(
        [("ann", "bought"), ("bob", "viewed"), ("bob", "cart"), ("bob", "viewed"), ("ann", "bought")])]  # fmt: skip
    run_events(world, [*script, event("ann", "bought", START + 6 * DAY)], START + 8 * DAY)
    with reading(world.engine.store) as conn:
        found = logs(conn, newest_runs(conn, 100).values())
        asked = frame(conn, world.engine.definitions, set(), world.engine.seed)
    answers = [answer for log in found.values() for answer in replay(log, asked)]
    assert {answer.journey for answer in answers} >= {"winback", "cart", "first"}
    assert [answer.difference for answer in answers if answer.difference] == []


def test_who_takes_the_consent_to_profiling_back_leaves_what_was_worked_out_about_them(world: Virtual) -> None:
    world.act()
    with writing(world.engine.store) as conn:
        membership.look_again(conn, ["ann"], world.clock.now())
        keep_values(conn, {"ann": {"worth": 500}}, world.clock.now())
    world.act()
    refused = ConsentChange("ann", "profiling", "", granted=False, source="test")
    with writing(world.engine.store) as conn:
        change_consents(conn, [refused], world.clock.now())
    world.act()
    assert moves(world, "rich") == [("ann", True, START, "profile"), ("ann", False, START, "profile")]


def test_a_run_that_asked_for_a_value_of_then_is_said_to_be_unsure_not_different(world: Virtual) -> None:
    run_events(world, [event("ann", "bought", START)], START + 2 * HOUR)
    with writing(world.engine.store) as conn:
        keep_values(conn, {"ann": {"worth": 500}}, world.clock.now())
    with reading(world.engine.store) as conn:
        found = logs(conn, ["ann"])["ann"]
        answers = replay(found, frame(conn, world.engine.definitions, set(), world.engine.seed))
    vip = next(answer for answer in answers if answer.journey == "vip")
    assert vip.difference is None
    assert "cannot be retaken exactly" in vip.notes[-1]
