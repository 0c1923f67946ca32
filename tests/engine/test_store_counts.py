"""Lint asks the store when there is one, and does without it otherwise, saying why."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from engine.facts import facts_of
from engine.store.connect import create, open_store, writing
from engine.store.intake import NewContact, add_contacts
from journeys.facts import NO_FACTS, Facts
from journeys.load import load
from journeys.project import Project
from journeys.starters import STARTER

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def project() -> Project:
    found = load(STARTER / "shop", {}).project
    assert found is not None
    return found


def told(project: Project, url: str) -> tuple[Facts, str]:
    return facts_of(project, url, NOW)


def test_a_store_that_is_there_is_asked(project, database):
    store = open_store(database)
    with writing(store) as conn:
        add_contacts(conn, [NewContact("ana", {}, {"email": "a@x.org"})], NOW, lambda _, address: address)
    store.dispose()
    found, why = told(project, database)
    assert (found.contacts, why) == (1, "")
    assert found.unaddressed["", "push"] == 1.0


def test_no_store_is_no_trouble_and_makes_none(project, tmp_path):
    path = tmp_path / "none.db"
    assert told(project, f"sqlite:///{path}") == (NO_FACTS, "there is no store yet")
    assert not path.exists()


def test_a_store_of_another_schema_is_left_alone(project, tmp_path):
    url = f"sqlite:///{tmp_path / 'old.db'}"
    store = open_store(url)
    with writing(store) as conn:
        create(conn)
        conn.execute(sa.text("UPDATE alembic_version SET version_num = '0001_start'"))
    store.dispose()
    assert told(project, url)[1] == "the store is not at this program's schema; run: sojourn db upgrade"


@pytest.mark.parametrize(
    "url", ["postgresql://nobody@127.0.0.1:1/x", "sqlite:////no/such/folder/x.db", "oracle://x", "nonsense"]
)
def test_a_store_that_cannot_be_opened_is_one_line(project, url):
    found, why = told(project, url)
    assert found is NO_FACTS
    assert why
    assert "\n" not in why


def test_a_file_that_is_no_database_is_one_line(project, tmp_path):
    path = tmp_path / "x.db"
    path.write_text("hello " * 1000)
    found, why = told(project, f"sqlite:///{path}")
    assert (found, "is not a SQLite database" in why) == (NO_FACTS, True)
