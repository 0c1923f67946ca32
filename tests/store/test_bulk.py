"""Many rows at once arrive as they were given, on both databases, and a refused row is SQLAlchemy's error."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from engine.store.columns import Instant, Json
from engine.store.connect import reading, writing
from engine.store.sets import upsert, write

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
shape = sa.MetaData()
things = sa.Table(
    "bulk_things", shape,
    sa.Column("id", sa.String(9), primary_key=True),
    sa.Column("group", sa.String(4)),
    sa.Column("at", Instant),
    sa.Column("share", sa.Float),
    sa.Column("yes", sa.Boolean),
    sa.Column("values", Json),
    sa.Column("count", sa.Integer, nullable=False),
)  # fmt: skip
AWKWARD = 'tab\there, "quoted" \\N \\ {a,b} % %s é\n'


@pytest.fixture
def shelf(fresh):
    with fresh() as conn:
        shape.create_all(conn)
        yield conn


def row(id_: str, **other: object) -> dict[str, object]:
    return {
        "id": id_,
        "group": None,
        "at": NOON,
        "share": 0.5,
        "yes": True,
        "values": {"a": [1, None]},
        "count": 1,
    } | other


ROWS = [
    row("a"), row("b", at=None, share=1, yes=None, values=None), row("c", values={"said": AWKWARD}, share=None),
    row("d", values=[1, "x"], group="ab", yes=False),
]  # fmt: skip


def there(conn: sa.Connection) -> list[dict[str, object]]:
    return [dict(found._mapping) for found in conn.execute(sa.select(things).order_by(things.c.id))]


def test_rows_that_are_added_come_out_as_they_went_in(shelf):
    assert write(shelf, things.insert(), ROWS) == 4
    assert there(shelf) == ROWS


def test_rows_that_are_there_are_met_once_each(shelf):
    write(shelf, things.insert(), ROWS)
    own = things.c.count + sa.bindparam("more", type_=sa.Integer)
    change = things.update().where(things.c.id == sa.bindparam("of")).values(count=own)
    again = [{"of": id_, "more": n, "values": {"n": AWKWARD}} for n, id_ in enumerate("abcdx")]
    assert write(shelf, change, again) == 4
    assert [(one["count"], one["values"]) for one in there(shelf)] == [(1 + n, {"n": AWKWARD}) for n in range(4)]


def test_what_meets_a_row_changes_it_and_what_meets_none_is_added(shelf):
    write(shelf, things.insert(), ROWS[:2])
    insert = upsert(shelf.dialect.name, things)
    later = sa.case((insert.excluded.count > things.c.count, insert.excluded.count), else_=things.c.count)
    insert = insert.on_conflict_do_update(index_elements=["id"], set_={"count": later})
    write(shelf, insert, [row("a", count=7), row("b", count=0), row("z", share=2)])
    assert [(one["id"], one["count"], one["share"]) for one in there(shelf)] == [
        ("a", 7, 0.5), ("b", 1, 1.0), ("z", 1, 2.0)]  # fmt: skip


@pytest.mark.parametrize("wrong", [{"count": None}, {"id": "a"}])
def test_a_row_that_is_refused_is_an_error_of_sqlalchemy_and_names_no_values(shelf, wrong):
    secret = row("q", group="mail") | wrong
    with pytest.raises(sa.exc.IntegrityError) as caught, shelf.begin_nested():
        write(shelf, things.insert(), [row("a"), secret])
    assert "mail" not in str(caught.value).partition("DETAIL")[0]
    assert there(shelf) == []


def test_a_value_that_is_too_long_is_refused_and_not_cut(store: sa.Engine):
    if store.dialect.name == "sqlite":
        pytest.skip("SQLite keeps texts of any length")
    with reading(store) as conn:
        shape.create_all(conn)
        with pytest.raises(sa.exc.DataError), conn.begin_nested():
            write(conn, things.insert(), [row("a", group="far too long")])
        write(conn, things.insert(), [row("a")])
        change = things.update().where(things.c.id == sa.bindparam("of"))
        with pytest.raises(sa.exc.DataError), conn.begin_nested():
            write(conn, change, [{"of": "a", "group": "far too long"}])


def test_a_tick_of_one_is_written_like_a_tick_of_many(store: sa.Engine):
    with writing(store) as conn:
        shape.create_all(conn)
        assert write(conn, things.insert(), ROWS[:1]) == 1
        assert there(conn) == ROWS[:1]
        things.drop(conn)
