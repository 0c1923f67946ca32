"""The demo at a size that tests can afford: what it writes, and that it is the same every time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from email import policy
from email.parser import BytesParser

import pytest
import sqlalchemy as sa

from engine.demo import files
from engine.demo.demo import Wish, play
from engine.store.connect import check_schema, open_store, reading
from engine.store.history import conservation
from engine.store.tables import consents, decisions, deliveries, deployments, enrollments, events, suppressions


@dataclass
class Watcher:
    said: list[str] = field(default_factory=list)
    days: list[float] = field(default_factory=list)

    def begin(self, name, days=0):
        self.said.append(name)

    def at(self, day):
        self.days.append(day)

    def end(self, says):
        self.said.append(says)


def small(folder, seed=7):
    return Wish(folder, contacts=300, history=10, days=6, seed=seed)


@pytest.fixture(scope="module")
def watcher():
    return Watcher()


@pytest.fixture(scope="module")
def played(tmp_path_factory, watcher):
    folder = tmp_path_factory.mktemp("demo")
    return folder, play(small(folder), watcher)


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    folder = tmp_path_factory.mktemp("again")
    return folder, play(small(folder), Watcher())


@pytest.fixture
def conn(played):
    store = open_store(f"sqlite:///{played[0] / 'sojourn.db'}")
    with reading(store) as connection:
        yield connection
    store.dispose()


def mails_in(folder):
    return {path.name: path.read_bytes() for path in (folder / "mailbox" / "new").iterdir()}


def test_every_message_of_a_demo_is_accounted_for(played, conn):
    sums = conservation(conn)
    assert sums.exact
    assert sums == played[1].shown.conservation
    assert sums.statuses["sent"] > 100


def test_the_phases_come_in_order_and_their_days_go_on(played, watcher):
    assert watcher.said[::2] == ["people", "history", "live", "mail", "report"]
    assert watcher.days[-1] == 6
    assert "300 contacts" in watcher.said[1]


def test_the_same_seed_writes_the_same_report_and_the_same_mails(played, again):
    assert (played[0] / "report.html").read_bytes() == (again[0] / "report.html").read_bytes()
    mine, theirs = mails_in(played[0]), mails_in(again[0])
    assert mine
    assert mine == theirs


def test_another_seed_is_another_shop(played, tmp_path):
    other = play(Wish(tmp_path, contacts=60, history=2, days=2, seed=8), Watcher())
    assert other.shown.findings.meta.seed == 8
    assert other.shown.conservation.intents != played[1].shown.conservation.intents


def test_mails_are_real_and_can_be_unsubscribed_from_with_one_click(played):
    folder, done = played
    mails = mails_in(folder)
    assert len(mails) == done.mails
    for content in mails.values():
        mail = BytesParser(policy=policy.default).parsebytes(content)
        assert mail["List-Unsubscribe"].startswith("<http")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert mail["To"].endswith("@people.test")
        assert mail.get_body(("plain",)).get_content().strip()
        assert "{{" not in mail.get_body(("html",)).get_content()


def test_what_nobody_reads_is_not_written_but_its_template_is_noted(played, conn):
    sent = conn.execute(sa.select(deliveries).where(deliveries.c.status == "sent")).all()
    written = [row for row in sent if row.links]
    assert all(row.template for row in sent)
    assert written
    assert min(row.sent_at for row in written) >= small(played[0]).live_at > min(row.sent_at for row in sent)


def test_only_mails_of_the_last_week_are_in_the_folder(played):
    oldest = small(played[0]).end - timedelta(days=7)
    dates = [
        BytesParser(policy=policy.default).parsebytes(content)["Date"].datetime
        for content in mails_in(played[0]).values()
    ]
    assert min(dates) >= oldest


def test_the_report_says_first_that_the_people_are_invented(played):
    page = (played[0] / "report.html").read_text(encoding="utf-8")
    assert "These people are invented" in page
    assert "The outliers are constructed" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_history_is_a_plain_test_and_the_live_days_are_not(played, conn):
    live = small(played[0]).live_at
    c, n = decisions.c, enrollments.c
    before = set(conn.scalars(sa.select(c.policy).where(c.at <= live)))
    groups = set(conn.scalars(sa.select(n.group).where(n.journey == "cart_recovery", n.entered_at > live)))
    assert before == {"uniform"}
    assert set(conn.scalars(sa.select(n.group).where(n.entered_at < live))) <= {"learner", "global"}
    assert {"learner", "holdout"} <= groups
    assert "baseline" in set(conn.scalars(sa.select(c.group).where(c.at > live)))


def test_what_ran_is_what_stands_in_the_folder(played, conn):
    text = (played[0] / "journeys" / "cart_recovery.yaml").read_text(encoding="utf-8")
    d = deployments.c
    kept = conn.scalars(sa.select(d.source).where(d.journey == "cart_recovery", d.live)).all()
    assert kept == [text]
    assert "holdout: 20%" in text
    assert "share: 25%" in text


def test_whoever_unsubscribes_takes_the_same_way_as_on_the_page(played, conn):
    left = conn.scalars(sa.select(events.c.contact_id).where(events.c.name.in_(("unsubscribed", "complained")))).all()
    withdrawn = conn.scalars(sa.select(consents.c.contact_id).where(consents.c.granted.is_(sa.false()))).all()
    assert sorted(left) == sorted(withdrawn)
    bounced = conn.scalars(sa.select(events.c.id).where(events.c.name == "bounced")).all()
    complained = conn.scalars(sa.select(events.c.id).where(events.c.name == "complained")).all()
    listed = conn.execute(sa.select(sa.func.count()).select_from(suppressions)).scalar_one()
    assert listed <= len(bounced) + len(complained)
    assert bool(listed) == bool(bounced or complained)


def test_some_events_come_hours_late(conn):
    carts = conn.execute(sa.select(events.c.at, events.c.received_at).where(events.c.name == "cart_abandoned")).all()
    late = [at for at, heard in carts if heard - at > timedelta(minutes=16)]
    assert 0 < len(late) < len(carts) / 5


def test_the_saved_store_is_one_that_every_command_can_open(played):
    store = open_store(f"sqlite:///{played[0] / 'sojourn.db'}")
    check_schema(store)
    store.dispose()


def test_a_starter_that_changed_is_said_and_not_played(tmp_path):
    (tmp_path / "x.yaml").write_text("nothing\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="no longer has"):
        files._edit(tmp_path / "x.yaml", r"^holdout", "")
