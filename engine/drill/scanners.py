"""Drill 31: who follows the links of a mail, people and machines: told apart, and nobody unsubscribed.

The traces are made up after what gateways are known to do: SafeLinks follows every link within seconds under the name
of a browser, or late and for a whole company at once; Proofpoint and its like name themselves or ask with HEAD; chat
previews name themselves; Apple's proxy loads images, follows nothing. People take their time, sit in offices, forward.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from engine.drill.drill import Ask, Found
from engine.drill.ground import START, make_store
from engine.store.answering import CLICKED
from engine.store.connect import reading, writing
from engine.store.links import remember_template
from engine.store.tables import consents, contacts, decisions, deliveries, events
from engine.tokens import Tokens
from engine.web.app import build_app
from engine.web.doors import Doors, Facts
from journeys.project import Topic

PRECISION, RECALL = 0.99, 0.95
LINKS = 4
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
)
NAMED = (
    "Mozilla/5.0 (compatible; Proofpoint)",
    "python-requests/2.32",
    "Slackbot-LinkExpanding 1.0",
    "Mozilla/5.0",
    "",
)
KINDS = ("safelinks", "company", "proofpoint", "preview", "human", "office", "forwarded")
SHARES = (18, 12, 12, 5, 40, 8, 5)
MACHINES = frozenset(KINDS[:4])


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: at `after` seconds from the sending; link -1 is the one to unsubscribe."""

    after: float
    key: str
    link: int
    agent: str
    host: str
    method: str = "GET"


def traces(ask: Ask) -> Found:
    """Let 5,000 readers of one mail follow its links; hold what was called a click against who it was."""
    count = ask.some(5000, 200)
    chance = ask.chance
    kinds = {f"r{n:08}:1": kind for n, kind in enumerate(chance.choices(KINDS, SHARES, k=count))}
    visits = sorted((v for key, kind in kinds.items() for v in _trace(key, kind, chance)), key=lambda v: v.after)
    store = make_store("sqlite://")
    tokens = Tokens([b"a secret for the traces of a drill"])
    _sent(store, kinds)
    asyncio.run(_walk(store, tokens, visits))
    wrong, figures = _judged(store, kinds, len(visits))
    store.dispose()
    return Found(f"{count} readers, {len(visits)} requests", wrong=tuple(wrong), figures=figures)


def _trace(key: str, kind: str, chance: random.Random) -> Iterator[Visit]:
    """Yield what one reader does."""
    yield from (_machine if kind in MACHINES else _person)(key, kind, chance)


def _machine(key: str, kind: str, chance: random.Random) -> Iterator[Visit]:
    browser = chance.choice(BROWSERS)
    if kind == "safelinks":  # at once, every link, also the one to unsubscribe
        begin, host = chance.uniform(0.2, 30), f"40.94.{chance.randrange(250)}.9"
        for link in (-1, *range(LINKS)):
            yield Visit(begin + chance.uniform(0, 1.5), key, link, browser, host)
    elif kind == "company":  # late, one link each, for a whole company in one go
        begin = 600 + chance.uniform(0, 20)
        yield Visit(begin, key, chance.randrange(LINKS), browser, f"104.47.8.{chance.randrange(250)}")
        yield Visit(begin + 0.2, key, -1, browser, "104.47.8.1")
    elif kind == "proofpoint":
        begin = chance.uniform(1, 90)
        for link in (-1, *range(LINKS)):
            yield Visit(begin, key, link, browser, "67.231.144.9", "HEAD")
            yield Visit(begin + 0.1, key, link, chance.choice(NAMED), "67.231.144.9")
    else:
        yield Visit(chance.uniform(60, 9000), key, 0, chance.choice(NAMED[:3]), "54.172.3.9")


def _person(key: str, kind: str, chance: random.Random) -> Iterator[Visit]:
    browser = chance.choice(BROWSERS)
    if kind == "human":
        home = f"{chance.randrange(60, 90)}.{chance.randrange(250)}.{chance.randrange(250)}.7"
        begin = chance.expovariate(1 / 7200) + 8
        for n in range(chance.choice((1, 1, 1, 2, 3))):
            yield Visit(begin + n * chance.uniform(6, 90), key, chance.randrange(LINKS), browser, home)
    elif kind == "office":  # many behind one address, each when they like
        yield Visit(chance.uniform(30, 14400), key, chance.randrange(LINKS), browser, "81.2.69.144")
    else:  # several people with one mail
        for n in range(chance.choice((2, 3))):
            yield Visit(chance.uniform(60, 86400), key, chance.randrange(LINKS), chance.choice(BROWSERS), f"86.1.{n}.3")


def _sent(store: sa.Engine, kinds: dict[str, str]) -> None:
    people = [
        {"id": key, "attributes": {}, "consents": "promo", "created_at": START, "updated_at": START} for key in kinds
    ]
    sent: dict[str, Any] = {
        "journey": "trip", "state": "one", "message": "email/hello", "channel": "email", "topic": "promo",
        "transactional": False, "counted": True, "decided": False, "request": {}, "status": "sent", "queued_at": START,
        "due_at": START, "attempt": 1, "fence": 1, "sent_at": START, "template": "v1",
    }  # fmt: skip
    with writing(store) as conn:
        remember_template(conn, "v1", "email/hello", [f"https://shop.test/{n}" for n in range(LINKS)], START)
        conn.execute(contacts.insert(), people)
        conn.execute(deliveries.insert(), [sent | {"key": key, "contact_id": key} for key in kinds])


async def _walk(store: sa.Engine, tokens: Tokens, visits: list[Visit]) -> None:
    """Make every request at its instant, through the application itself."""
    now = [START]
    topics = {"promo": Topic("Offers")}
    facts = Facts("drill", (), {}, topics, timedelta(hours=24), "strict")
    app = build_app(Doors(store, tokens, lambda: now[0], lambda: None, facts))
    for visit in visits:
        now[0] = START + timedelta(seconds=visit.after)
        token = tokens.unsubscribe(visit.key) if visit.link < 0 else tokens.click(visit.key, visit.link)
        await app(_scope(visit, f"/{'u' if visit.link < 0 else 'c'}/{token}"), _nothing, _unheard)


def _scope(visit: Visit, path: str) -> dict[str, Any]:
    return {
        "type": "http", "method": visit.method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"user-agent", visit.agent.encode())], "client": (visit.host, 50000), "scheme": "https",
        "server": ("shop.test", 443), "http_version": "1.1", "root_path": "",
    }  # fmt: skip


async def _nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _unheard(_: Any) -> None:
    return None


def _judged(store: sa.Engine, kinds: dict[str, str], requests: int) -> tuple[list[str], dict[str, Any]]:
    e = events.c
    with reading(store) as conn:
        rows = conn.execute(sa.select(e.contact_id, e.name, e.data)).all()
        left = conn.execute(sa.select(sa.func.count()).select_from(consents)).scalar_one()
        taught = conn.execute(sa.select(sa.func.count()).select_from(decisions)).scalar_one()
    human = [kinds[row.contact_id] not in MACHINES for row in rows if row.name == CLICKED]
    machine = [row.name != CLICKED for row in rows if kinds[row.contact_id] in MACHINES]
    kept = [row.name == CLICKED for row in rows if kinds[row.contact_id] not in MACHINES]
    precision, recall = sum(human) / max(1, len(human)), sum(machine) / max(1, len(machine))
    figures = {
        "precision": round(precision, 4), "recall": round(recall, 4), "kept": round(sum(kept) / len(kept), 4),
        "unsubscribed": left, "requests": requests,
    }  # fmt: skip
    wrong = [f"precision {precision:.3f}, must be {PRECISION}"] if precision < PRECISION else []
    wrong += [f"recall {recall:.3f}, must be {RECALL}"] if recall < RECALL else []
    wrong += [f"{left} unsubscribed by a GET"] if left else []
    return wrong + ([f"{taught} decisions learned from it"] if taught else []), figures
