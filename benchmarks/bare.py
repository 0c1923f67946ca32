"""The bare pipeline: the same people, the same mails, rows of the same kind, and no engine.

It says what the hardware allows: set-wise enrolment; batches of 1,000; one update and one history row per step and one
outbox row per mail, in one transaction; a second process renders (sandboxed Jinja2), packs quoted-printable by hand and
sends over one pipelined connection. No gates, caps, decisions, retries, leases, links. SQLite, durability full.
"""

from __future__ import annotations

import binascii
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from benchmarks.readers import Person, people

ROOT = Path(__file__).resolve().parent
BATCH = 1000
SCHEMA = """
create table contacts (id text primary key, email text, first_name text, city text, tier text, score int, orders int,
    points int, favourite text, voucher text);
create table enrollments (contact_id text primary key, state text not null, due_at int, steps int not null);
create index due on enrollments (due_at) where due_at is not null;
create table history (contact_id text, n int, state text, at int, primary key (contact_id, n)) without rowid;
create table outbox (key text primary key, contact_id text, message text, status text);
create index waiting on outbox (key) where status = 'queued';
"""
STATES = ("entrance", "gate", "split", "first", "delay", "second", "exit")
FAR = 10**12

Messages = dict[str, tuple[Any, Any, Any]]  # subject, HTML, text
Row = Mapping[str, Any] | sqlite3.Row


def connect(path: Path) -> sqlite3.Connection:
    conn = sqlite3.connect(path, isolation_level=None)
    conn.executescript("pragma journal_mode=wal; pragma synchronous=full; pragma cache_size=-65536;")
    return conn


def load(path: Path, count: int, waiting: int = 0) -> None:
    """Load the people before the clock starts; `waiting` more are enrolled and due in the far future."""
    conn = connect(path)
    conn.executescript(SCHEMA)
    conn.execute("begin immediate")
    marks = ",".join("?" * len(Person._fields))
    conn.executemany(f"insert into contacts values ({marks})", people(count))
    away = ((f"w{n:07d}", "delay", FAR, 5) for n in range(waiting))
    conn.executemany("insert into enrollments values (?, ?, ?, ?)", away)
    conn.execute("commit")
    conn.close()


def run(path: Path, port: int) -> float:
    """Enrol everybody, step everybody to the end, send everything; return the CPU seconds of the sender."""
    conn = connect(path)
    conn.execute("begin immediate")
    conn.execute("insert into enrollments select id, 'entrance', 1, 1 from contacts where true")
    conn.execute("insert into history select id, 1, 'entrance', 1 from contacts")
    conn.execute("commit")
    for now in range(1, len(STATES)):
        while step(conn, now):
            pass
    command = [sys.executable, "-m", "benchmarks.bare", str(path), str(port)]
    sender = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT.parent)
    conn.close()
    return float(sender.stdout)


def rows(path: Path) -> tuple[int, int]:
    """Return (step rows, mails sent)."""
    conn = connect(path)
    steps = conn.execute("select count(*) from history").fetchone()[0]
    mails = conn.execute("select count(*) from outbox where status = 'sent'").fetchone()[0]
    conn.close()
    return steps, mails


def step(conn: sqlite3.Connection, now: int) -> int:
    """Move one batch of those that are due one state on."""
    conn.execute("begin immediate")
    rows = conn.execute(
        "select e.contact_id, e.state, e.steps, c.score from enrollments e join contacts c on c.id = e.contact_id "
        "where e.due_at <= ? order by e.due_at limit ?", (now, BATCH)
    ).fetchall()  # fmt: skip
    moved = [(person, follow(state, score), n + 1) for person, state, n, score in rows]
    mails = [(f"{person}:{n}", person, message(person, state), "queued")
             for person, state, n in moved if state in {"first", "second"}]  # fmt: skip
    update = [(state, None if state == "exit" else now + 1, n, person) for person, state, n in moved]
    conn.executemany("update enrollments set state = ?, due_at = ?, steps = ? where contact_id = ?", update)
    conn.executemany("insert into history values (?, ?, ?, ?)", [(person, n, state, now) for person, state, n in moved])
    conn.executemany("insert into outbox values (?, ?, ?, ?)", mails)
    conn.execute("commit")
    return len(rows)


def follow(state: str, score: int) -> str:
    return "exit" if state == "gate" and score < 20 else STATES[STATES.index(state) + 1]


def message(person: str, state: str) -> str:
    return "c" if state == "second" else "ab"[blake2b(person.encode()).digest()[0] % 2]


def templates() -> Messages:
    """Return subject, HTML and text of each message, compiled."""
    environment = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    compiled: Messages = {}
    for path in (ROOT / "reference" / "templates" / "email").glob("*.html"):
        front, _, html = path.read_text(encoding="utf-8").partition("-->\n")
        subject = front.partition('subject: "')[2].partition('"\n')[0]
        text = re.sub(r"\n\s*\n+", "\n\n", re.sub(r"<[^>]+>", "", html.partition("</head>")[2]))
        compiled[path.stem] = (
            environment.from_string(subject),
            environment.from_string(html),
            environment.from_string(text),
        )
    return compiled


def pack(key: str, row: Row, parts: tuple[Any, Any, Any]) -> bytes:
    names = {"contact": dict(row), "unsubscribe_url": f"https://go.shop.example/u/{key}"}
    subject, html, text = (part.render(names) for part in parts)
    body = [binascii.b2a_qp(part.encode(), istext=True).replace(b"\n", b"\r\n") for part in (text, html)]
    return (
        f"From: Reference Shop <hello@shop.example>\r\nTo: {row['email']}\r\nSubject: {subject}\r\n"
        f"Message-ID: <{key}@shop.example>\r\nDate: Thu, 01 Jan 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        f"List-Unsubscribe: <https://go.shop.example/u/{key}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        'Content-Type: multipart/alternative; boundary="b0"\r\n\r\n--b0\r\nContent-Type: text/plain; charset=utf-8\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode() + body[0] + (
        b"\r\n--b0\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    ) + body[1] + b"\r\n--b0--\r\n"  # fmt: skip


def send_all(path: Path, port: int) -> None:
    """Render and send everything that is queued."""
    conn, parts = connect(path), templates()
    conn.row_factory = sqlite3.Row
    while rows := conn.execute(
        "select o.key, o.message, c.* from outbox o join contacts c on c.id = o.contact_id "
        "where o.status = 'queued' order by o.key limit ?", (BATCH,)
    ).fetchall():  # fmt: skip
        sent(port, packed(rows, parts))
        conn.execute("begin immediate")
        conn.executemany("update outbox set status = 'sent' where key = ?", [(row["key"],) for row in rows])
        conn.execute("commit")
    conn.close()


def sent(port: int, mails: Iterable[tuple[bytes, bytes]]) -> None:
    """Send a batch over one pipelined connection."""
    with socket.create_connection(("127.0.0.1", port)) as wire, wire.makefile("rb") as answers:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers.readline()
        wire.sendall(b"EHLO bench\r\n")
        expect(answers, 1)
        for envelope, mail in mails:
            wire.sendall(envelope)
            expect(answers, 3)
            wire.sendall(mail)
            expect(answers, 1)
        wire.sendall(b"QUIT\r\n")


def packed(rows: Sequence[Row], parts: Messages) -> Iterator[tuple[bytes, bytes]]:
    for row in rows:
        envelope = f"MAIL FROM:<hello@shop.example>\r\nRCPT TO:<{row['email']}>\r\nDATA\r\n".encode()
        mail = pack(row["key"], row, parts[row["message"]]).replace(b"\r\n.", b"\r\n..")
        yield envelope, mail + b".\r\n"


def expect(answers: Iterable[bytes], count: int) -> None:
    """Read `count` replies and stop at the first that refuses."""
    for line in answers:
        if line[:1] not in b"23":
            raise RuntimeError(line.decode())
        count -= line[3:4] != b"-"
        if not count:
            return


if __name__ == "__main__":
    began = time.process_time()  # starting Python is not what is measured
    send_all(Path(sys.argv[1]), int(sys.argv[2]))
    print(time.process_time() - began)
