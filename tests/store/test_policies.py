"""Published policies: which serve, what is kept, what was settled about a point."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa
from outbox import NOON

from engine.store import policies as store
from engine.store.policies import KEPT, PointRow, PolicyRow
from engine.store.tables import policies


@pytest.fixture
def conn(fresh):
    with fresh() as conn:
        yield conn


def policy(number: int, point: str = "welcome.hello", kind: str = "vw") -> PolicyRow:
    return PolicyRow(point, number, kind, b"\x00model", "abc", {"l": 0.1}, 100 * number, NOON, b"copy", number)


def newest(conn):
    every = {(row.point, row.kind) for row in conn.execute(sa.select(policies.c.point, policies.c.kind))}
    return {(row.point, row.kind): row for row in store.newest(conn, every)}


def test_the_newest_policy_of_each_point_and_kind_goes_on(conn):
    store.publish(conn, [policy(1), policy(2, kind="thompson"), policy(3), policy(7, "cart.recover")])
    assert store.numbers(conn) == {
        ("welcome.hello", "vw"): 3, ("welcome.hello", "thompson"): 2, ("cart.recover", "vw"): 7,
    }  # fmt: skip
    assert newest(conn)["welcome.hello", "vw"] == policy(3)
    assert newest(conn)["welcome.hello", "thompson"] == policy(2, kind="thompson")
    assert [row.number for row in store.newest(conn, {("welcome.hello", "thompson")})] == [2]
    assert store.last_number(conn, ["welcome.hello", "nowhere"]) == {"welcome.hello": 3}


def test_a_candidate_serves_nobody(conn):
    store.publish(conn, [policy(1), replace(policy(2), role="candidate")])
    assert store.numbers(conn) == {("welcome.hello", "vw"): 1}
    assert newest(conn)["welcome.hello", "vw"].number == 1
    assert store.last_number(conn, ["welcome.hello"]) == {"welcome.hello": 2}
    assert [row.role for row in store.versions(conn, "welcome.hello")] == ["candidate", "serves"]


def bytes_kept(conn):
    rows = conn.execute(sa.select(policies.c.number, policies.c.model, policies.c.serving).order_by(policies.c.number))
    return [number for number, model, serving in rows if model and serving]


def test_old_versions_keep_their_row_and_not_their_bytes_unless_one_is_pinned(conn):
    store.hold(conn, ["welcome.hello"])
    store.settle(conn, ["welcome.hello"], pinned=2)
    for number in range(1, KEPT + 4):
        store.publish(conn, [policy(number)])
    assert bytes_kept(conn) == [2, *range(4, KEPT + 4)]
    assert conn.scalar(sa.select(sa.func.count()).select_from(policies)) == KEPT + 3


def test_a_number_is_published_once(conn):
    store.publish(conn, [policy(1)])
    with pytest.raises(sa.exc.IntegrityError), conn.begin_nested():
        store.publish(conn, [policy(1)])


def test_what_was_settled_about_a_point_stands_until_it_is_settled_anew(conn):
    assert store.hold(conn, ["a.b", "c.d"]) == {"a.b": PointRow("a.b"), "c.d": PointRow("c.d")}
    store.settle(conn, ["a.b"], serves="thompson", written="vw")
    assert store.hold(conn, ["a.b"])["a.b"] == PointRow("a.b", None, "thompson", "vw")
    assert store.standing(conn)["a.b"].serves == "thompson"
