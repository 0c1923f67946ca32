"""The steps lead to exactly the tables of the program, and back, on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from engine.errors import SchemaNewer, SchemaOutdated
from engine.store.connect import backup, check_schema, create, open_store, reading, status, upgrade, writing
from engine.store.tables import metadata
from migrations import STEPS, jobs
from migrations.steps import climb, descend, settings

COLUMNS = {
    "sqlite": "SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
    "postgresql": "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'",
}
VALUES = {str: "x", int: 1, float: 0.5, bool: True, bytes: b"x", object: {}}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def empty(url: str) -> Iterator[sa.Engine]:
    engine = open_store(url)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """Give a store without tables, once per database."""
    served = None if request.param == "sqlite" else request.getfixturevalue("postgresql")
    address = "sqlite://" if served is None else served.lend()
    engine = open_store(address)
    if served is not None:
        with writing(engine) as conn:
            conn.exec_driver_sql("DROP SCHEMA public CASCADE")
            conn.exec_driver_sql("CREATE SCHEMA public")
    yield engine
    engine.dispose()
    if served is not None:
        served.take_back(address)


def schema(conn: sa.Connection) -> set[str]:
    """Return what SQLite says that it keeps, without the layout of the text, and the quotes of a renamed table."""
    texts = conn.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'alembic_version'")
    return {re.sub(r'^CREATE TABLE "(\w+)"', r"CREATE TABLE \1", " ".join(text.split())) for text in texts.scalars()}


def a_row(table: sa.Table) -> dict[str, object]:
    return {column.name: VALUES[column.type.python_type] for column in table.columns}


def a_table_of_ours(name: str | None, kind: str, _parents: object) -> bool:
    return not (kind == "table" and (name or "").startswith(jobs.PREFIX))


def test_the_steps_lead_to_exactly_the_tables(bare: sa.Engine):
    with writing(bare) as conn:
        climb(conn)
        context = MigrationContext.configure(conn, opts={"include_name": a_table_of_ours})
        assert compare_metadata(context, metadata) == []


def test_the_steps_and_the_short_way_make_the_same_schema(empty: sa.Engine):
    short = open_store("sqlite://")
    with writing(empty) as conn, writing(short) as other:
        climb(conn)
        create(other)
        assert schema(conn) == schema(other)
    short.dispose()


def test_every_step_goes_up_down_and_up_again_also_with_rows_in_the_tables(bare: sa.Engine):
    known: dict[frozenset[str], sa.Table] = {}
    for n, step in enumerate(STEPS):
        before = STEPS[n - 1] if n else "base"
        with writing(bare) as conn:
            climb(conn, step)
            there = columns(conn)
            for table in tables(conn, there, known):
                conn.execute(table.delete())
                conn.execute(table.insert().values(a_row(table)))
        with writing(bare) as conn:
            descend(conn, before)
            gone = columns(conn)
            climb(conn, step)
            assert gone <= there == columns(conn)


def columns(conn: sa.Connection) -> set[str]:
    """Return "table.column" of what is there; reflecting it all takes 40 times as long."""
    found = conn.exec_driver_sql(COLUMNS[conn.dialect.name]).scalars()
    return {name for name in found if not name.startswith((jobs.PREFIX, "alembic_version."))}


def tables(conn: sa.Connection, there: set[str], known: dict[frozenset[str], sa.Table]) -> list[sa.Table]:
    """Return the tables as they are now; those that look as before are not read again."""
    shapes: dict[str, set[str]] = {}
    for column in there:
        shapes.setdefault(column.partition(".")[0], set()).add(column)
    for name, shape in shapes.items():
        if frozenset(shape) not in known:
            known[frozenset(shape)] = sa.Table(name, sa.MetaData(), autoload_with=conn)
    return [known[frozenset(shape)] for shape in shapes.values()]


def test_the_program_knows_the_names_of_all_steps_without_asking_alembic(empty: sa.Engine):
    with writing(empty) as conn:
        script = ScriptDirectory.from_config(settings(conn))
    known = [revision.revision for revision in script.walk_revisions()]
    assert tuple(reversed(known)) == STEPS


def test_a_failing_step_leaves_the_store_as_it_was(empty: sa.Engine):
    with writing(empty) as conn:
        conn.exec_driver_sql("CREATE TABLE schedules (mine INTEGER)")
    with pytest.raises(sa.exc.OperationalError), empty.begin() as conn:
        climb(conn)
    with reading(empty) as conn:
        assert sa.inspect(conn).get_table_names() == ["schedules"]


def test_upgrade_makes_a_new_store_and_then_has_nothing_to_do(url: str):
    assert upgrade(url) == list(STEPS)
    assert upgrade(url) == []
    assert status(url).found == STEPS[-1]
    assert status(url).pending == ()


def test_upgrade_takes_an_old_store_by_its_steps(url: str):
    engine = open_store(url)
    with writing(engine) as conn:
        climb(conn)
        descend(conn, "base")
    engine.dispose()
    assert status(url).pending == STEPS
    assert upgrade(url) == list(STEPS)


def test_asking_for_the_status_makes_no_file(url: str, tmp_path: Path):
    assert status(url).pending == STEPS
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_tables_is_outdated_and_the_message_says_what_to_run(empty: sa.Engine):
    with pytest.raises(SchemaOutdated, match="sojourn db upgrade"):
        check_schema(empty)


def test_a_store_of_a_later_program_is_refused(url: str):
    upgrade(url)
    engine = open_store(url)
    with writing(engine) as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999_tomorrow'")
    with pytest.raises(SchemaNewer, match="9999_tomorrow"):
        check_schema(engine)
    engine.dispose()
    with pytest.raises(SchemaNewer):
        upgrade(url)


def test_a_backup_is_a_whole_store_named_by_its_schema(url: str, tmp_path: Path):
    upgrade(url)
    engine = open_store(url)
    with writing(engine) as conn:
        conn.exec_driver_sql("INSERT INTO audit (at, what, detail) VALUES (1, 'here', '{}')")
    copy = backup(url)
    engine.dispose()
    assert copy == tmp_path / f"store.db.at-{STEPS[-1]}"
    kept = open_store(f"sqlite:///{copy}")
    with reading(kept) as conn:
        assert conn.exec_driver_sql("SELECT what FROM audit").scalar() == "here"
    kept.dispose()


def test_there_is_no_backup_of_a_store_that_is_not_there(url: str):
    assert backup(url) is None
    assert backup("sqlite://") is None
