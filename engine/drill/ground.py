"""Projects for drills: a few files in a folder of their own, people, and the event that starts them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import sqlalchemy as sa

from engine.app import digest_of, read, usable
from engine.store.connect import create, open_store, writing
from engine.store.intake import NewContact, NewEvent, add_contacts, record
from journeys.project import Definitions

START = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday
SENDER = "a@drill.test"
PROJECT = """\
project: drill
timezone: UTC
store: "STORE"
secret: a-secret-for-drills-and-nothing-else
web: {base_url: "http://go.test", keys: [a-write-key]}
channels: {email: {EMAIL}MORE}
topics: {promo: {title: Promo}}
caps: {all: [CAPS]}
LIMITS
"""
DATA = """\
contact: {email: text, first_name: text, timezone: timezone}
events: {started: {value: number}, poked: {}, paid: {total: number}}
"""
MAIL = (
    "<!--\nsubject: \"Hello {{ contact.first_name or 'you' }}\"\n-->\n<p>Hi</p><a href='{{ unsubscribe_url }}'>n</a>\n"
)
TWO = """\
journey: trip
topic: promo
enter: {event: started}
states:
  one: {choose: {arms: [email/hello, email/again], reward: {within: 1d, score: {clicked: 1}}}}
  two: {send: email/more}
"""
ONE = "journey: trip\ntopic: promo\nenter: {event: started}\nstates:\n  one: {send: email/hello}\n"


@dataclass(frozen=True, slots=True)
class Setting:
    """What differs between drills; `email` are the settings of that channel, `more` further channels as YAML."""

    journeys: Mapping[str, str] = field(default_factory=lambda: {"trip": TWO})
    email: str = "provider: captured"
    more: str = ""
    caps: str = "99/day"
    limits: str = ""
    resend: bool = False
    messages: Mapping[str, str] = field(
        default_factory=lambda: {"email/hello.html": MAIL, "email/again.html": MAIL, "email/more.html": MAIL}
    )


def lay(folder: Path, store: str, setting: Setting | None = None) -> Path:
    """Write a project's files; return its folder."""
    found = setting or Setting()
    for name, text in found.messages.items():
        _write(folder / "templates" / name, text)
    for name, text in found.journeys.items():
        _write(folder / "journeys" / f"{name}.yaml", text)
    _write(folder / "data.yaml", DATA)
    email = f"{found.email}, from: {SENDER}" + (", on_unknown: resend" if found.resend else "")
    words = {"STORE": store, "EMAIL": email, "MORE": found.more, "CAPS": found.caps, "LIMITS": found.limits}
    text = PROJECT
    for word, value in words.items():
        text = text.replace(word, value)
    _write(folder / "sojourn.yaml", text)
    return folder


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def smtp(port: int, connections: int = 3, more: str = "") -> str:
    """Return the settings of an e-mail channel that goes to a sink."""
    return f'provider: smtp, host: 127.0.0.1, port: {port}, starttls: "off", connections: {connections}{more}'


def definitions(folder: Path) -> Definitions:
    """Read a drill's files; what is wrong with them is our mistake."""
    found = read(folder, {})
    usable(found)
    return found


def make_store(url: str, durability: str = "full") -> sa.Engine:
    """Open a store and make its tables, where it has none."""
    store = open_store(url, "normal" if durability == "normal" else "full")
    with writing(store) as conn:
        if not sa.inspect(conn).get_table_names():
            create(conn)
    return store


class Stage:
    """A store in memory that is put back to how it was prepared: what SQLAlchemy has compiled stays."""

    def __init__(self) -> None:
        self.store = make_store("sqlite://")

    def kept(self) -> sqlite3.Connection:
        """Return a copy of the store as it is."""
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        with self._raw() as raw:
            raw.backup(copy)
        return copy

    def reset(self, copy: sqlite3.Connection) -> None:
        """Put the store back to how it was when `copy` was made."""
        with self._raw() as raw:
            copy.backup(raw)

    @contextmanager
    def _raw(self) -> Iterator[sqlite3.Connection]:
        fairy = self.store.raw_connection()
        try:
            yield cast("sqlite3.Connection", fairy.driver_connection)
        finally:
            fairy.close()


def people(count: int, push: str = "") -> list[NewContact]:
    """Return contacts p0.. with a mailbox each, and a push subscription where an endpoint is given."""
    return [_person(n, push) for n in range(count)]


def _person(n: int, push: str) -> NewContact:
    mailbox = f"p{n}@drill.test"
    addresses = {"email": mailbox} | ({"push": subscription(f"{push}/p{n}")} if push else {})
    return NewContact(f"p{n}", {"email": mailbox, "first_name": f"Ana {n}"}, addresses, frozenset({"promo"}))


def subscription(endpoint: str) -> str:
    """Return a push subscription as a browser gives it; its keys are real, the device is not."""
    public = "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM"
    return json.dumps({"endpoint": endpoint, "keys": {"p256dh": public, "auth": "tBHItJI5svbpez7KI4CCXg"}})


def settle(store: sa.Engine, folder: Path, news: Sequence[NewContact], now: datetime) -> None:
    """Add people to a store."""
    digest = digest_of(usable(definitions(folder)))
    with writing(store) as conn:
        for at in range(0, len(news), 2000):
            add_contacts(conn, news[at : at + 2000], now, digest)


def start(store: sa.Engine, count: int, now: datetime, name: str = "started") -> None:
    """Record the event that starts everybody."""
    news = [NewEvent(f"{name}{n}", f"p{n}", name, now, {"value": 5}) for n in range(count)]
    with writing(store) as conn:
        for at in range(0, count, 2000):
            record(conn, news[at : at + 2000], now)


def quiet_far_from(now: datetime) -> str:
    """Return quiet hours of one minute half a day away: the defaults would stop a drill in the evening."""
    far = now + timedelta(hours=12)
    return f'quiet_hours: {{from: "{far:%H:%M}", to: "{far + timedelta(minutes=1):%H:%M}"}}'
