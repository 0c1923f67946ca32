"""The learner's commands on a project that really learned."""

from __future__ import annotations

import random
import shutil
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from engine.app import Options
from engine.demo.past import save
from engine.simulate import virtual
from engine.store.connect import open_store, reading, writing
from engine.store.intake import NewContact, NewEvent, add_contacts
from engine.store.stopping import stopped
from engine.store.tables import audit, decisions, points, policies
from journeys.load import load

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
POINT = "trip.pick"
FILES = {
    "sojourn.yaml": """\
project: learns
timezone: UTC
store: "sqlite:///learns.db"
secret: a-secret-for-the-test-of-it
channels: {email: {provider: maildir, from: a@b.test}, push: {provider: console}}
topics: {promo: {title: Promo}}
""",
    "data.yaml": 'contact: {email: text, tier: "enum(basic, gold) = basic"}\nevents: {started: {}, paid: {total: number}}\n',
    "journeys/trip.yaml": """\
journey: trip
topic: promo
enter: {event: started}
reenter: always
goal: {event: paid, within: 1d}
states:
  pick:
    choose:
      arms: [email/hello, email/again, nothing]
      reward: {within: 1d, score: {paid: 1}}
      context: [contact.tier]
      explore: {warmup: 20}
      stop_arm_if: {unsubscribed: 5%, after: 50}
""",
}
MAIL = "<!--\nsubject: x\n-->\n<a href='{{ unsubscribe_url }}'>n</a>"


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A project in which 40 people were written to for three days; `again` drives away one in six."""
    root = tmp_path_factory.mktemp("learns")
    for name, text in {**FILES, "templates/email/hello.html": MAIL, "templates/email/again.html": MAIL}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    definitions = load(root, {})
    assert definitions.ok, definitions.problems
    made = virtual(definitions, START, Options(seed="test"))
    who = [NewContact(f"p{n}", {"email": f"p{n}@a.test"}, {"email": f"p{n}@a.test"}, {"promo"}) for n in range(40)]
    with writing(made.engine.store) as conn:
        add_contacts(conn, who, START, lambda _, address: address)
    chance, known = random.Random(3), set()
    for hour in range(72):
        now = START + timedelta(hours=hour)
        made.clock.jump(now)
        made.feed([NewEvent(f"s{hour}.{n}", f"p{chance.randrange(40)}", "started", now, {}) for n in range(5)])
        made.act()
        with reading(made.engine.store) as conn:
            new = [row for row in conn.execute(sa.select(decisions)) if row.key not in known and row.status == "open"]
        known.update(row.key for row in new)
        made.feed([e for row in new for e in answers(row, chance, now)])
    made.act()
    save(made.engine.store, root / "learns.db")
    made.engine.close()
    return root


def answers(row, chance, now):
    if chance.random() < (0.5 if row.arm == "email/hello" else 0.1):
        yield NewEvent(f"paid:{row.key}", row.contact_id, "paid", now + timedelta(minutes=1), {"total": 1})
    if row.arm == "email/again" and chance.random() < 1 / 6:
        yield NewEvent(f"left:{row.key}", row.contact_id, "unsubscribed", now + timedelta(minutes=1), {"key": row.key})


@pytest.fixture
def project(lived, tmp_path, monkeypatch):
    folder = tmp_path / "project"
    shutil.copytree(lived, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def store(project):
    store = open_store(f"sqlite:///{project / 'learns.db'}")
    yield store
    store.dispose()


def read(store, query):
    with reading(store) as conn:
        return list(conn.execute(query).scalars())


def out(store):
    with reading(store) as conn:
        return stopped(conn)


def notes(store, what):
    return read(store, sa.select(audit.c.detail).where(audit.c.what == what).order_by(audit.c.id))


def test_an_arm_that_drives_people_away_was_taken_out_and_it_was_written_down(project, store, sojourn):
    assert out(store) == {(POINT, "email/again")}
    [note] = notes(store, "stop_arm")
    assert note["arm"] == "email/again"
    assert "unsubscribed" in note["why"]
    assert "more than 5 %" in note["why"]
    after = read(store, sa.select(decisions.c.arms).where(decisions.c.at > START + timedelta(hours=70)))
    assert all("email/again" not in arms for arms in after)
    assert "out for everyone: email/again" in sojourn("learner", "show").out


def test_a_stopped_arm_is_allowed_again_and_stopped_by_hand(project, store, sojourn):
    said = sojourn("allow-arm", POINT, "email/again", "--json")
    assert (said.code, said.json["data"]["was_stopped"]) == (0, True)
    assert out(store) == frozenset()
    said = sojourn("stop-arm", POINT, "email/hello", "--reason", "wrong price")
    assert "is out for everyone" in said.out
    assert "left: email/again, nothing" in said.out
    assert notes(store, "stop_arm")[-1]["why"] == "wrong price"
    assert sojourn("stop-arm", POINT, "email/hello").out.startswith("email/hello is out already")
    assert sojourn("stop-arm", POINT, "email/nobody").code == 4
    assert 'did you mean "trip.pick"' in sojourn("stop-arm", "trip", "email/hello").err


def test_the_log_makes_the_same_weights(project, sojourn):
    said = sojourn("learner", "rebuild", POINT, "--check", "--json")
    assert said.code == 0
    models = said.json["data"]["models"]
    assert {one["kind"] for one in models} == {"vw", "thompson"}
    assert all(one["same"] and one["lessons"] > 50 for one in models)


def test_a_broken_model_is_found_and_replaced_by_what_the_log_makes(project, store, sojourn):
    with writing(store) as conn:
        conn.execute(sa.update(policies).where(policies.c.kind == "vw").values(model=b"broken"))
    said = sojourn("learner", "rebuild", POINT, "--check")
    assert said.code == 1
    assert "what is stored cannot be read" in said.out
    assert sojourn("learner", "rebuild", POINT, "--no-input").code == 3
    assert "published trip.pick vw@" in sojourn("learner", "rebuild", POINT, "--yes").out
    assert sojourn("learner", "rebuild", POINT, "--check").code == 0


def test_what_is_learned_is_shown(project, sojourn):
    said = sojourn("learner", "show", POINT)
    assert said.code == 0
    assert "decides" in said.out
    assert "learns in its shadow" in said.out
    assert "half of the outcomes are known after" in said.out
    [point] = sojourn("learner", "show", "--json").json["data"]["points"]
    assert (point["serves"], point["challenger"]) == ("thompson", "vw")
    assert sojourn("learner", "show", "trip.nowhere").code == 4


def test_a_promotion_needs_a_bound_or_a_person_and_is_undone_by_one_word(project, store, sojourn):
    said = sojourn("promote", POINT, "--yes")
    assert said.code == 1
    assert "not promoted" in said.out
    assert read(store, sa.select(points.c.serves)) == [None]
    said = sojourn("promote", POINT, "--force", "--yes")
    assert "vw decides from the next tick on" in said.out
    [note] = notes(store, "promote")
    assert (note["from"], note["to"], note["forced"]) == ("thompson", "vw", True)
    assert sojourn("learner", "show", "--json").json["data"]["points"][0]["serves"] == "vw"
    assert "thompson decides again" in sojourn("promote", POINT, "--back", "--yes").out
    assert sojourn("promote", POINT, "--back", "--yes").code == 2


def test_a_version_is_pinned_and_unpinned(project, store, sojourn):
    numbers = read(store, sa.select(policies.c.number).where(policies.c.kind == "thompson"))
    assert f"thompson@{numbers[-2]} decides until it is unpinned" in sojourn("promote", POINT, "--pin", numbers[-2]).out
    assert read(store, sa.select(points.c.pinned)) == [numbers[-2]]
    assert sojourn("promote", POINT, "--unpin").code == 0
    assert sojourn("promote", POINT, "--pin", 99_999).code == 4
    assert sojourn("promote", POINT, "--pin", numbers[-2], "--back").code == 2
    assert sojourn("promote", POINT, "--version", numbers[-2], "--yes").code == 2


def test_a_deploy_learns_what_the_log_knows_and_says_when_there_is_nothing(project, sojourn):
    assert sojourn("deploy", "--warm-from", "soon").code == 2
    said = sojourn("deploy", "--warm-from", "60d", "--yes")
    assert said.code == 0
    assert "the log knows nothing that the models have not learned" in said.out
