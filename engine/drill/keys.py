"""Drill 34: a change of keys is killed at random statements; every value opens at every moment, and it finishes."""

from __future__ import annotations

import os
import signal
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine import rotating
from engine.drill.drill import Ask, Found
from engine.drill.ground import START, make_store
from engine.store import keyring
from engine.store.connect import check_schema, open_store, reading, writing
from engine.store.intake import NewContact, add_contacts
from engine.store.sealing import MARK, Sealing, new_key
from engine.store.tables import addresses, contacts, deliveries

PRIVATE = ("phone",)
TRIES = 4  # as many runs as are needed for one kill, at most
LOST = 9  # the exit code of a child that was not killed


def rotation(ask: Ask) -> Found:
    """Change the keys of a store, killed at 50 random statements."""
    people, kills = ask.some(2000, 30), ask.some(50, 3)
    url, old, new = f"sqlite:///{ask.folder / 'drill.db'}", new_key(), new_key()
    make_store(url).dispose()
    store = _open(url, old)
    _fill(store, people)
    statements = _statements(people)
    store.dispose()
    wrong: list[str] = []
    killed, chance, keys = 0, ask.chance, (new, old)
    for _ in range(TRIES * kills):
        died = _killed(url, keys, chance.randrange(statements))
        wrong += _unreadable(url, keys, people)
        killed += died
        keys = keys if died else keys[::-1]  # it finished: the keys change back
        if killed == kills:
            break
    last = _open(url, new, old)
    rotating.rotate(last, _now, batch=_batch(people))
    last.dispose()
    wrong += _unreadable(url, (new,), people)
    raw = (ask.folder / "drill.db").read_bytes() + b"".join(f.read_bytes() for f in ask.folder.glob("drill.db-wal"))
    wrong += [f"{word!r} stands in clear" for word in (b"p1@drill.test", b"+49300001") if word in raw]
    figures = {"people": people, "kills": killed}
    return Found(f"{people} people, {killed} kills", wrong=tuple(dict.fromkeys(wrong)), figures=figures)


def _open(url: str, *keys: str) -> sa.Engine:
    store = open_store(url, "normal", sealing=Sealing(keys, PRIVATE))
    check_schema(store)
    return store


def _now() -> datetime:
    return START


def _batch(people: int) -> int:
    return max(2, people // 20)


def _statements(people: int) -> int:
    """Return about how many statements a change of all keys takes."""
    return 2 * (people // _batch(people)) * len(keyring.spots())


def _fill(store: sa.Engine, count: int) -> None:
    """Make people, each with a private attribute and a message that went to their address."""
    news = [NewContact(f"p{n}", {"phone": _phone(n), "n": n}, {"email": f"p{n}@drill.test"}) for n in range(count)]
    with writing(store) as conn:
        add_contacts(conn, news, START, lambda channel, address: f"{channel}:{address}")
        conn.execute(deliveries.insert(), [_message(n) for n in range(count)])
        a, d = addresses.c, deliveries.c
        theirs = sa.select(a.address).where(a.contact_id == d.contact_id).scalar_subquery()
        conn.execute(sa.update(deliveries).values(address=theirs))


def _phone(n: int) -> str:
    return f"+4930{n:04}"


def _message(n: int) -> dict[str, Any]:
    return {
        "key": f"r{n}:1", "contact_id": f"p{n}", "journey": "trip", "state": "s", "message": "email/x",
        "channel": "email", "topic": "promo", "transactional": False, "counted": True, "decided": False, "request": {},
        "status": "claimed", "queued_at": START, "due_at": START, "attempt": 0, "fence": 1, "owner": "w",
        "lease_until": START,
    }  # fmt: skip


def _killed(url: str, keys: tuple[str, ...], statement: int) -> bool:
    """Change keys in a process that kills itself before its `statement`-th statement; return whether it did."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status)
    try:  # the child: it never returns from here
        store, seen = _open(url, *keys), iter(range(statement + 1))

        def count(*_: object) -> None:
            if next(seen, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        sa.event.listen(store, "before_cursor_execute", count)
        with reading(store) as conn:
            people = conn.execute(sa.select(sa.func.count()).select_from(contacts)).scalar_one()
        rotating.rotate(store, _now, batch=_batch(people))
    finally:
        os._exit(LOST)


def _unreadable(url: str, keys: tuple[str, ...], people: int) -> list[str]:
    """Return what does not open, is not found by its address, or no longer fits its message."""
    store = _open(url, *keys)
    try:
        with reading(store) as conn:
            found = dict(map(tuple, conn.execute(sa.select(contacts.c.id, contacts.c.attributes)).all()))
            a, d = addresses.c, deliveries.c
            reach = dict(map(tuple, conn.execute(sa.select(a.contact_id, a.address)).all()))
            same = (a.contact_id == d.contact_id) & (a.address == d.address)
            joined = conn.execute(sa.select(sa.func.count()).select_from(deliveries).join(addresses, same)).scalar_one()
            who = [conn.execute(sa.select(a.contact_id).where(a.address == f"p{n}@drill.test")).scalar()
                   for n in range(0, people, max(1, people // 10))]  # fmt: skip
    finally:
        store.dispose()
    wrong = [f"{joined} of {people} messages still fit their address"] if joined != people else []
    wrong += [f"{id_} reads {said}" for id_, said in found.items() if said.get("phone") != _phone(said["n"])]
    wrong += [f"{id_} has {to}" for id_, to in reach.items() if to != f"{id_}@drill.test" or to.startswith(MARK)]
    return wrong + (["an address is not found"] if None in who else [])
