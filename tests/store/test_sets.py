"""Sets in one statement, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from outbox import NOON, contact, counting
from sqlalchemy.dialects import postgresql

from engine.store.sets import _prepared, given, insert_missing, one_of, write
from engine.store.tables import contacts, decisions, refusals, templates


def test_a_set_of_any_size_is_one_bound_value(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        names = ["ana", "o'hara", '"quoted"', *(str(n) for n in range(50_000))]
        with counting(conn) as seen:
            found = conn.scalars(sa.select(contacts.c.id).where(one_of(contacts.c.id, names))).all()
        assert (found, seen[0].count("?") + seen[0].count("%(")) == (["ana"], 1)


def test_nothing_is_one_of_no_values(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        assert conn.scalars(sa.select(contacts.c.id).where(one_of(contacts.c.id, []))).all() == []


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
def test_a_set_is_looked_up_by_index(fresh):
    with fresh() as conn:
        with counting(conn) as seen:
            conn.execute(sa.select(contacts.c.consents).where(one_of(contacts.c.id, ["ana"])))
        plan = conn.exec_driver_sql("EXPLAIN QUERY PLAN " + seen[0], ('["ana"]',)).all()
        assert plan[0][3].startswith("SEARCH contacts USING INDEX")


def test_postgresql_takes_the_set_as_an_array():
    asked = sa.select(contacts.c.id).where(one_of(contacts.c.id, ["ana"]))
    assert "contacts.id = ANY (" in str(asked.compile(dialect=postgresql.dialect()))


def test_given_rows_are_a_table_to_join(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        rows = given(conn, ("id", "word"), [("ana", "it's"), ("bo", "x")])
        change = sa.update(contacts).where(contacts.c.id == rows.c.id).values(consents=rows.c.word)
        assert conn.execute(change).rowcount == 1
        assert conn.scalar(sa.select(contacts.c.consents)) == "it's"


def test_what_is_there_already_is_left_alone(fresh):
    row = {"version": "t1", "message": "email/a", "links": [], "at": NOON}
    with fresh() as conn:
        insert_missing(conn, templates, [row])
        insert_missing(conn, templates, [row | {"message": "email/b"}, row | {"version": "t2"}])
        insert_missing(conn, templates, [])
        kept = conn.execute(sa.select(templates.c.version, templates.c.message).order_by(templates.c.version)).all()
        assert kept == [("t1", "email/a"), ("t2", "email/a")]


_REFUSE = refusals.insert()
_MOVE_ON = refusals.update().where(refusals.c.key == sa.bindparam("of"))
_DECIDE = decisions.insert()
REFUSAL = {
    "key": "k:1", "contact_id": "ana", "journey": "trip", "state": "s0", "message": "email/a", "rule": "quiet",
    "detail": "100% it's", "at": NOON, "until": None,
}  # fmt: skip


def test_rows_written_together_are_read_as_they_were(fresh):
    with fresh() as conn:
        assert write(conn, _REFUSE, [REFUSAL, REFUSAL | {"key": "k:2", "until": NOON}]) == 2
        assert write(conn, _MOVE_ON, [{"of": "k:2", "until": NOON + timedelta(1)}, {"of": "gone", "until": NOON}]) == 1
        found = conn.execute(sa.select(*(refusals.c[name] for name in REFUSAL)).order_by(refusals.c.key)).mappings()
        assert [dict(row) for row in found] == [
            REFUSAL, REFUSAL | {"key": "k:2", "until": NOON + timedelta(1)},
        ]  # fmt: skip


def test_fractions_lists_and_absent_values_survive_being_written_together(fresh):
    row = {
        "key": "k:1", "contact_id": "ana", "journey": "trip", "version": "v", "state": "s0", "at": NOON, "group": "",
        "arms": ["a", "b"], "chances": [0.1 + 0.2, 1 / 3], "arm": "a", "propensity": 1 / 3, "u": 0.1 + 0.2,
        "policy": "p", "features": "", "cost": 0.0, "starts_at": NOON, "closes_at": NOON, "status": "open",
        "touched": True, "reward": None, "learned": None,
    }  # fmt: skip
    with fresh() as conn:
        write(conn, _DECIDE, [row])
        assert dict(conn.execute(sa.select(decisions)).mappings().one()) == row


def test_postgresql_fetches_no_key_for_rows_written_together():
    prepared = _prepared(postgresql.psycopg.dialect(), _REFUSE, tuple(REFUSAL))
    assert "%(at)s::BIGINT" in prepared.text
    assert "RETURNING" not in prepared.text
    assert (prepared.positional, set(prepared.names)) == (False, set(REFUSAL))
