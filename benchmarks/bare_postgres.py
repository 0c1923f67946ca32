"""The bare pipeline on PostgreSQL: the rows and mails of bare.py, written with COPY and UNNEST, without an engine."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

import psycopg
from psycopg.rows import dict_row

from benchmarks.bare import BATCH, FAR, ROOT, STATES, follow, message, packed, sent, templates
from benchmarks.readers import Person, people

SCHEMA = """
create table contacts (id text primary key, email text, first_name text, city text, tier text, score int, orders int,
    points int, favourite text, voucher text);
create table enrollments (contact_id text primary key, state text not null, due_at bigint, steps int not null);
create index due on enrollments (due_at) where due_at is not null;
create table history (contact_id text, n int, state text, at int, primary key (contact_id, n));
create table outbox (key text primary key, contact_id text, message text, status text);
create index waiting on outbox (key) where status = 'queued';
"""
MOVE = (
    "update enrollments e set state = v.state, due_at = v.due_at, steps = v.steps "
    "from unnest(%s::text[], %s::text[], %s::bigint[], %s::int[]) v (contact_id, state, due_at, steps) "
    "where e.contact_id = v.contact_id"
)
DUE = (
    "select e.contact_id, e.state, e.steps, c.score from enrollments e join contacts c on c.id = e.contact_id "
    "where e.due_at <= %s order by e.due_at limit %s for update of e skip locked"
)
QUEUED = (
    "select o.key, o.message, c.* from outbox o join contacts c on c.id = o.contact_id "
    "where o.status = 'queued' order by o.key limit %s"
)


def load(url: str, count: int, waiting: int = 0) -> None:
    """Load the people before the clock starts; `waiting` more are enrolled and due in the far future."""
    with psycopg.connect(url) as conn:
        conn.execute(SCHEMA)
        copy(conn, "contacts", Person._fields, list(people(count)))
        away = ((f"w{n:07d}", "delay", FAR, 5) for n in range(waiting))
        while some := list(islice(away, BATCH)):
            copy(conn, "enrollments", ("contact_id", "state", "due_at", "steps"), some)


def copy(conn: psycopg.Connection[Any], table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    with conn.cursor().copy(f"copy {table} ({', '.join(columns)}) from stdin") as into:  # type: ignore[arg-type]
        for row in rows:
            into.write_row(row)


def run(url: str, port: int) -> float:
    """Enrol everybody, step everybody to the end, send everything; return the CPU seconds of the sender."""
    with psycopg.connect(url) as conn:
        conn.execute("insert into enrollments select id, 'entrance', 1, 1 from contacts")
        conn.execute("insert into history select id, 1, 'entrance', 1 from contacts")
        conn.commit()
        for now in range(1, len(STATES)):
            while step(conn, now):
                pass
    command = [sys.executable, "-m", "benchmarks.bare_postgres", url, str(port)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT.parent).stdout)


def step(conn: psycopg.Connection[Any], now: int) -> int:
    """Move one batch of those that are due one state on, in one transaction."""
    rows = conn.execute(DUE, (now, BATCH)).fetchall()
    moved = [(person, follow(state, score), n + 1) for person, state, n, score in rows]
    mails = [(f"{person}:{n}", person, message(person, state), "queued")
             for person, state, n in moved if state in {"first", "second"}]  # fmt: skip
    due = [None if state == "exit" else now + 1 for _, state, _ in moved]
    ids, states, steps = ([row[place] for row in moved] for place in range(3))
    conn.execute(MOVE, (ids, states, due, steps))
    copy(conn, "history", ("contact_id", "n", "state", "at"), [(who, n, state, now) for who, state, n in moved])
    copy(conn, "outbox", ("key", "contact_id", "message", "status"), mails)
    conn.commit()
    return len(rows)


def rows(url: str) -> tuple[int, int]:
    """Return (step rows, mails sent)."""
    with psycopg.connect(url) as conn:
        steps = conn.execute("select count(*) from history").fetchone()
        mails = conn.execute("select count(*) from outbox where status = 'sent'").fetchone()
        return (steps or (0,))[0], (mails or (0,))[0]


def send_all(url: str, port: int) -> None:
    """Render and send everything that is queued."""
    parts = templates()
    with psycopg.connect(url, row_factory=dict_row) as conn:
        while some := conn.execute(QUEUED, (BATCH,)).fetchall():
            sent(port, packed(some, parts))
            conn.execute("update outbox set status = 'sent' where key = any(%s)", ([row["key"] for row in some],))
            conn.commit()


if __name__ == "__main__":
    began = time.process_time()  # starting Python is not what is measured
    send_all(sys.argv[1], int(sys.argv[2]))
    print(time.process_time() - began)
