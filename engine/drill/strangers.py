"""Drill 35: strangers at the door for events: without a key, with a forged signature, too much, too slowly."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http.client import HTTPConnection

import sqlalchemy as sa

from channels.signing import ID, SIGNATURE, signed
from engine.drill.course import Course
from engine.drill.drill import Ask, Found
from engine.store.connect import reading
from engine.store.tables import events
from engine.web import limits, server
from engine.web.app import build_app
from engine.web.doors import Doors, Facts
from engine.web.server import WebServer

KEY, SECRET = {"Authorization": "Bearer a-write-key"}, b"a secret of the drill's own"
ANY = "127.0.0.1:0"
SLOW = 0.05  # seconds that 99 of 100 refusals may take
SLOWLY = 25  # connections that dribble


@dataclass(frozen=True, slots=True)
class Try:
    """A request, what it must be answered, and how many events it may leave behind."""

    what: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    stored: int = 0


def events_api(ask: Ask) -> Found:
    """Drill 35: bad keys, replays, wrong clocks, changed bodies, too much, slowloris: told as promised, never a 500."""
    course = Course(ask.folder, url=f"sqlite:///{ask.folder}/drill.db")
    course.settle(2)
    engine = course.engine()
    facts = replace(Facts.of(engine.project), secrets=((SECRET, "till"),))
    doors = Doors(course.store, engine.post.letters.tokens, course.clock.now, lambda: None, facts)
    tries = _tries(course.clock.now().timestamp())
    took: list[float] = []
    wrong = [one for asked in tries for one in _tried(course, doors, asked, took)]
    web = WebServer(build_app(doors), ANY, ANY)
    web.start()
    try:
        wrong += _guessing(web.url, ask.some(100, 20), took)
        wrong += _dribbled(web.url, small=ask.scale < 1)
    finally:
        web.stop()
    p99 = sorted(took)[int(0.99 * (len(took) - 1))]
    if p99 > SLOW:
        wrong.append(f"p99 of a refusal is {p99 * 1000:.0f} ms")
    return Found(f"{len(tries)} ways to be wrong, {SLOWLY} slow senders", wrong=tuple(wrong[:10]),
                 figures={"p99_ms": round(p99 * 1000, 1)})  # fmt: skip


def _tries(now: float) -> list[Try]:
    event = {"event": "paid", "contact": "p0", "data": {"total": 1}}
    body = json.dumps(event).encode()
    good = signed([SECRET], "call-1", now, body)

    def sign(at: float, content: bytes = body) -> dict[str, str]:
        return signed([SECRET], "call-2", at, content)

    many = json.dumps({"batch": [{**event, "id": f"m{n}"} for n in range(501)]}).encode()
    far = {late: sign(now - late) for late in (301, -301)}
    return [
        Try("signed", 202, good, body, 1), Try("the same again", 202, good, body),
        Try("299 s late", 202, signed([SECRET], "call-3", now - 299, body), body, 1),
        Try("301 s late", 401, far[301], body), Try("301 s early", 401, far[-301], body),
        Try("a changed body", 401, good, body + b" "), Try("another id", 401, good | {ID: "call-9"}, body),
        Try("another signature", 401, good | {SIGNATURE: "v1,AAAA"}, body),
        Try("a good key beside it", 401, KEY | {SIGNATURE: "v1,AAAA"}, body), Try("no key", 401, {}, body),
        Try("a wrong key", 401, {"Authorization": "Bearer wrong"}, body), Try("65 KiB", 413, KEY, b"x" * 65 * 1024),
        Try("65 KiB, signed", 413, sign(now, b"x" * 65 * 1024), b"x" * 65 * 1024), Try("501 events", 413, KEY, many),
        Try("no JSON", 400, KEY, b"["), Try("not UTF-8", 400, KEY, b'"\xff"'), Try("nested", 400, KEY, b"[" * 60_000),
        Try("a list", 400, KEY, b"[]"), Try("nobody", 400, KEY, json.dumps({**event, "contact": "nobody"}).encode()),
    ]  # fmt: skip


def _tried(course: Course, doors: Doors, asked: Try, took: list[float]) -> Iterator[str]:
    """Ask on a server of its own: wrong keys are counted, and would refuse the next one."""
    web = WebServer(build_app(doors), ANY, ANY)
    web.start()
    before = _count(course)
    began = time.monotonic()
    status = _post(web.url, asked.body, asked.headers)
    if status in {401, 429}:
        took.append(time.monotonic() - began)
    web.stop()
    if status != asked.status:
        yield f"{asked.what}: {status}, expected {asked.status}"
    if _count(course) - before != asked.stored:
        yield f"{asked.what}: {_count(course) - before} events were stored"


def _count(course: Course) -> int:
    with reading(course.store) as conn:
        return int(conn.execute(sa.select(sa.func.count()).select_from(events)).scalar_one())


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    http = HTTPConnection(url.removeprefix("http://"), timeout=30)
    http.request("POST", "/v1/events", body, dict(headers))
    answer = http.getresponse()
    answer.read()
    http.close()
    return answer.status


def _guessing(url: str, count: int, took: list[float]) -> Iterator[str]:
    """Guess keys: ten are answered, the others told to wait, and a right one is heard all the same."""
    statuses = []
    for n in range(count):
        began = time.monotonic()
        statuses.append(_post(url, b"{}", {"Authorization": f"Bearer {n}"}))
        took.append(time.monotonic() - began)
    if statuses != [401] * 10 + [429] * (count - 10):
        yield f"guessed keys: {statuses[:20]}"
    body = json.dumps({"event": "paid", "contact": "p1", "id": "right", "data": {"total": 1}}).encode()
    if (status := _post(url, body, KEY)) != 202:
        yield f"a right key after wrong ones: {status}"


def _dribbled(url: str, *, small: bool) -> Iterator[str]:
    """Begin requests and never end them: others are answered meanwhile, and the slow are hung up on."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    heads: Sequence[bytes] = (b"POST /v1/events HTTP/1.1\r\nX-A: ", _BODY)
    with ExitStack() as stack:
        lines = [stack.enter_context(socket.create_connection((host, int(port)), 5)) for _ in range(SLOWLY)]
        for n, line in enumerate(lines):
            line.sendall(heads[n % 2])
        began = time.monotonic()
        if _post(url, b"{}", KEY) != 400 or time.monotonic() - began > 2:
            yield "somebody quick had to wait for the slow"
        if small:
            return  # how long they are borne is a matter of seconds, which a small run does not have
        time.sleep(max(server.HEAD_SECONDS, limits.BODY_SECONDS) + 1)
        for line in lines:
            line.settimeout(1)
            try:
                heard = line.recv(4096)
            except OSError:
                heard = b"?"
            if heard and not heard.startswith(b"HTTP/1.1 408"):
                yield f"a slow sender is still borne: {heard[:40]!r}"


_BODY = b"POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a-write-key\r\nContent-Length: 900\r\n\r\nx"
