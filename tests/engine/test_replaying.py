"""Replay equality: what was done can be done again from the log, and whatever comes out otherwise is named."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from examples import examples
from hypothesis import HealthCheck, given, settings
from lawbook import START, Case, cases, emptied, script, world

from engine.app import Options, build
from engine.archive import frame
from engine.crowd import CROWD, Trial, crowd_for, live
from engine.deploying import deploy
from engine.planning import Wish
from engine.rehearsal import unsigned
from engine.replayed import Replayed
from engine.replaying import Then, replay
from engine.simulate import Virtual, run_events, virtual
from engine.store.connect import reading, writing
from engine.store.intake import NewContact, NewEvent, Suppression, add_contacts, suppress
from engine.store.replaying import logs, newest_runs
from engine.store.tables import decisions, deliveries, displaced, policies, refusals
from journeys import Journey
from journeys.load import load, load_journey
from journeys.project import Definitions
from journeys.starters import copy_starter

END = START + timedelta(days=12)
PEOPLE = min(1330, examples(450))
FEW = settings(max_examples=examples(10), deadline=None, suppress_health_check=list(HealthCheck))


def again(made: Virtual, definitions: Definitions | None = None) -> list[Replayed]:
    """Replay every run of a store."""
    with reading(made.engine.store) as conn:
        found = logs(conn, newest_runs(conn, 100_000).values())
        points = {row.decision.point for log in found.values() for row in log.decisions}
        asked = frame(conn, definitions or made.engine.definitions, points, made.engine.seed)
    return [answer for log in found.values() for answer in replay(log, asked)]


def different(answers: list[Replayed]) -> list[Replayed]:
    return [answer for answer in answers if answer.difference is not None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("replay")


@given(cases())
@FEW
def test_whatever_the_journeys_every_run_comes_out_the_same(folder: Path, case: Case) -> None:
    made = world(case, folder, store=emptied())
    run_events(made, script(case), END)
    assert different(again(made)) == []


@given(cases())
@FEW
def test_runs_of_late_ticks_come_out_the_same(folder: Path, case: Case) -> None:
    made = world(case, folder, store=emptied())
    waiting, at = script(case), START
    while at < END:
        at += timedelta(hours=7)
        made.clock.jump(at)
        made.feed([event for event in waiting if event.at <= at])
        waiting = [event for event in waiting if event.at > at]
        made.act()
    assert different(again(made)) == []


POKES = """\
journey: trip0
topic: promo
enter: {event: started}
jump_when: [{event: poked, if: contact.tier == "gold", then: back}]
states:
  gild: {after: 1h, set: {contact.tier: gold}}
  poke: {after: 1h, max_visits: 3, emit: {event: poked}}
  rest: {after: 1d, max_visits: 3, send: email/hello}
  back: {after: 26h, max_visits: 3, then: poke}
"""


def test_what_a_walk_emits_is_seen_by_the_next_walk_of_the_same_instant(folder: Path) -> None:
    settings_ = {"CAP_ALL": "2/day", "WHEN": "wait", "QUIET": "21:30"}
    other = POKES.replace("trip0", "trip1").replace("after: 26h", "after: 3h")
    made = world(Case(settings_, (POKES, other), ((0, "started", 0.0, 5.0),), 1, ()), folder, store=emptied())
    made.feed([NewEvent("e0", "p0", "started", START, {"value": 5})])
    run_events(made, [], END)
    answers = again(made)
    assert different(answers) == []
    assert sum(one.moves for one in answers) > 10


BEST = """\
journey: trip0
topic: promo
enter: {event: started}
states:
  one: {after: 1d, at: best, send: email/hello}
  two: {after: 1d, at: best, send: email/again}
"""


def test_the_hour_at_which_somebody_is_there_is_found_again(folder: Path) -> None:
    made = world(
        Case({"CAP_ALL": "2/day", "WHEN": "wait", "QUIET": "21:30"}, (BEST,), (), 1, ()), folder, store=emptied()
    )
    seen = [NewEvent(f"s{n}", "p0", "poked", START + timedelta(hours=5)) for n in range(4)]
    run_events(made, [NewEvent("e0", "p0", "started", START, {"value": 5}), *seen], END)
    with reading(made.engine.store) as conn:
        assert conn.execute(sa.select(deliveries.c.due_at)).scalars().all()[-1].hour == 13  # 15:00 in Paris in summer
    assert different(again(made)) == []


def shop(folder: Path, people: int) -> tuple[Definitions, Trial, Virtual]:
    if not folder.exists():
        copy_starter("shop", folder)
        winback = folder / "journeys/winback.yaml"  # who is in its segment already is let in, too
        text = winback.read_text("utf-8").replace("lapsed_90d, limit", "lapsed_90d, check: daily 06:00, limit")
        winback.write_text(text)
        cart = folder / "journeys/cart_recovery.yaml"  # few people are to meet what was learned, too
        cart.write_text(cart.read_text("utf-8").replace("warmup: 300", f"warmup: {30 if PEOPLE < 1000 else 300}"))
    definitions = unsigned(load(folder, os.environ))
    trial = Trial("cart_recovery", people, 16, datetime(2026, 3, 16, 9, tzinfo=UTC), 7)
    return definitions, trial, virtual(definitions, trial.start, Options(seed="7", limits=CROWD))


def changed(definitions: Definitions) -> Definitions:
    """Return the project with other waits in two of its journeys, and a state of another name in one of them."""
    cart = definitions.sources["cart_recovery"].replace("after: 20h", "after: 17h").replace("breathe", "rest")
    cart = cart.replace("states:\n", "moved: {breathe: rest}\nstates:\n", 1)
    welcome = definitions.sources["welcome"].replace("after: 2d", "after: 30h")
    texts = {"cart_recovery": cart, "welcome": welcome}
    assert all(text != definitions.sources[name] for name, text in texts.items())
    project = definitions.project
    assert project is not None
    built = [load_journey(text, f"journeys/{name}.yaml", project)[0] for name, text in texts.items()]
    journeys = {one.name: one for one in built if one is not None}
    assert len(journeys) == 2
    return replace(definitions, journeys={**definitions.journeys, **journeys}, sources={**definitions.sources, **texts})


@pytest.fixture(scope="module")
def lived(folder: Path) -> Virtual:
    """Hundreds of runs in a shop that learns, more than a thousand with SOJOURN_EXAMPLES=3.

    In the middle its journeys, people and addresses change.
    """
    definitions, trial, made = shop(folder / "shop", PEOPLE)
    crowd = crowd_for(definitions.project, definitions.journeys["cart_recovery"], trial)
    half = replace(trial, days=8)
    live(made, crowd, half)
    made.clock.jump(half.end + timedelta(seconds=1))
    _disturb(made)
    deploy(made.engine.store, changed(definitions), Wish(), made.clock.now())
    options = Options(seed="7", limits=CROWD, store=made.engine.store, clock=made.clock, channels=made.captured)
    made.take_over(build(changed(definitions), options))
    live(made, _Going(crowd), replace(trial, start=half.end, days=8))
    return made


class _Going:
    """A crowd that has arrived already."""

    def __init__(self, crowd):
        self.crowd = crowd
        self.says = crowd.says

    def arrive(self):
        return ()

    def before(self):
        return ()

    def happenings(self, since, until):
        return self.crowd.happenings(since, until)

    def told(self, sent):
        self.crowd.told(sent)


def _disturb(made: Virtual) -> None:
    """Change people as an import does, take an address away for good and give another one."""
    with writing(made.engine.store) as conn:
        ids = list(conn.execute(sa.text("SELECT id FROM contacts ORDER BY id LIMIT 300")).scalars())
        changes = [NewContact(id_, {"tier": "gold"}, {"email": f"new-{n}@people.test"} if n % 3 else {})
                   for n, id_ in enumerate(ids)]  # fmt: skip
        digest = made.engine.post.terms.digest
        add_contacts(conn, changes, made.clock.now(), digest)
        dead = [Suppression("email", f"new-{n}@people.test", "hard") for n in range(1, 200, 4)]
        suppress(conn, dead, digest, made.clock.now())


def test_all_runs_of_a_shop_come_out_the_same_under_the_versions_and_policies_that_acted(lived: Virtual) -> None:
    answers = again(lived)
    assert len(answers) >= PEOPLE * 3 // 4
    assert [(one.difference, one.notes) for one in answers if one.difference or one.notes] == []
    with reading(lived.engine.store) as conn:
        drawn = Counter(conn.execute(sa.select(decisions.c.policy)).scalars())
        held = Counter(conn.execute(sa.select(refusals.c.rule).where(refusals.c.until.is_not(None))).scalars())
    assert sum(one.moves for one in answers) > 3 * PEOPLE
    assert len([policy for policy in drawn if "@" in policy]) >= 5, "policies change in between"
    assert {"capped", "quiet_hours"} <= set(held)
    assert len({one.version for one in answers if one.journey == "cart_recovery"}) == 2
    with reading(lived.engine.store) as conn:
        taken = conn.execute(sa.select(displaced.c.run).where(displaced.c.old == "breathe")).scalars().all()
    assert {one.run for one in answers} & set(taken), "people were taken from one state to another"


def _with(then: Then, journey: Journey) -> Then:
    return replace(then, journeys={**then.journeys, journey.name: journey})


def test_todays_files_would_not_have_done_the_same(lived: Virtual) -> None:
    """The check can fail: with the new versions in place of the old ones, it says what and when."""
    with reading(lived.engine.store) as conn:
        found = logs(conn, newest_runs(conn, 100_000, "welcome").values())
        asked = frame(conn, lived.engine.definitions, (), lived.engine.seed)
    today = lived.engine.definitions.journeys["welcome"]
    then = asked.then
    other = replace(asked, then=lambda at, drawn: _with(then(at, drawn), today))
    parted = different([answer for log in found.values() for answer in replay(log, other)])
    assert parted
    assert {one.journey for one in parted if one.version != today.version} == {"welcome"}


def test_an_older_policy_is_taken_from_the_log_and_that_is_said(lived: Virtual) -> None:
    with lived.engine.store.connect() as conn, conn.begin() as undone:
        conn.execute(policies.update().values(model=b""))
        found = logs(conn, newest_runs(conn, 120, "cart_recovery").values())
        points = {row.decision.point for log in found.values() for row in log.decisions}
        asked = frame(conn, lived.engine.definitions, points, lived.engine.seed)
        undone.rollback()
    answers = [answer for log in found.values() for answer in replay(log, asked)]
    assert different(answers) == []
    assert any("is no longer kept: its chances are taken from the log" in note for one in answers for note in one.notes)


def test_a_draw_that_was_tampered_with_is_found(lived: Virtual) -> None:
    with reading(lived.engine.store) as conn:
        found = logs(conn, newest_runs(conn, 400, "cart_recovery").values())
        log = next(one for one in found.values() if one.decisions)
        row = log.decisions[0]
        log.decisions[0] = replace(row, decision=replace(row.decision, u=0.123))
        asked = frame(conn, lived.engine.definitions, {row.decision.point}, lived.engine.seed)
    (answer,) = [one for one in replay(log, asked) if one.run == row.decision.key.rpartition(":")[0]]
    assert answer.difference is not None
    assert (answer.difference.kind, answer.difference.columns) == ("decision", ("u",))
