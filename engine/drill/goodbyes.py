"""Drill 17: people leave by one click while the batch is running; from the answer on nothing more begins."""

from __future__ import annotations

import threading
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

import sqlalchemy as sa

from channels.mime import message_id
from channels.smtp import SmtpChannel
from channels.smtp_line import SmtpSettings
from engine.drill.checks import DOMAIN, Sent, account
from engine.drill.course import Course
from engine.drill.drill import Ask, Found, judged
from engine.drill.ground import TWO, Setting, start
from engine.drill.sink import MailSink
from engine.engine import Engine, Limits
from engine.store.connect import reading
from engine.store.tables import deliveries
from engine.web.app import build_app
from engine.web.doors import Doors, Facts
from engine.web.server import WebServer

ANY = "127.0.0.1:0"
GRACE = 0.1  # seconds: what was at DATA when the answer was written
SLOW = 1.0  # seconds


def race(ask: Ask) -> Found:
    """Drill 17: one-click unsubscribes race with the batch."""
    count, leaving = ask.some(2000, 100), ask.some(1000, 40)
    sink = MailSink(latency=0.001)
    setting = Setting(journeys={"trip": TWO}, limits='quiet_hours: {from: "03:00", to: "03:01"}')
    course = Course(ask.folder, setting, f"sqlite:///{ask.folder / 'race.db'}")
    course.settle(count)
    start(course.store, count, course.clock.now())
    smtp = SmtpChannel(SmtpSettings(host="127.0.0.1", port=sink.port, starttls="off", connections=4))
    engine = course.engine({"email": smtp}, limits=Limits(messages=50))
    engine.drain()
    tokens = engine.post.letters.tokens
    doors = Doors(course.store, tokens, course.clock.now, lambda: None, Facts.of(engine.project))
    web = WebServer(build_app(doors), ANY, ANY)
    web.start()
    last = _last_of_each(course, leaving)
    answered: dict[str, tuple[float, float]] = {}  # who -> when their answer came, and how long it took
    leave = threading.Thread(target=_leave, args=(web.url, {who: tokens.unsubscribe(key) for who, key in last.items()},
                                                  answered))  # fmt: skip
    leave.start()
    _send_all(engine)
    leave.join()
    web.stop()
    engine.post.close()
    sink.close()
    found = account(course.store, Sent(dict(sink.accepted)))
    wrong, after = _after(course, sink, answered)
    slow = sorted(took for _, took in answered.values())
    if len(answered) != len(last):
        wrong.append(f"{len(answered)} of {len(last)} goodbyes were answered with 200")
    figures = {"saved_by_goodbye": found.statuses.get("suppressed", 0), "p99_s": slow[int(0.99 * (len(slow) - 1))],
               "at_the_door": after}  # fmt: skip
    if figures["p99_s"] > SLOW:
        wrong.append(f"p99 of an answer is {figures['p99_s']:.2f} s")
    return judged(found, f"N={count:,}, {len(last):,} one-click posts", wrong=wrong, figures=figures)


def _last_of_each(course: Course, leaving: int) -> dict[str, str]:
    """Return a message of each person who will leave; those whose turn is late, so that there is a race."""
    d = deliveries.c
    with reading(course.store) as conn:
        rows = conn.execute(sa.select(d.contact_id, d.key).order_by(d.key.desc()).limit(leaving * 2)).all()
    return dict(list({row.contact_id: row.key for row in rows}.items())[:leaving])


def _leave(url: str, tokens: dict[str, str], answered: dict[str, tuple[float, float]]) -> None:
    http = HTTPConnection(urlsplit(url).netloc, timeout=30)
    head = {"Content-Type": "application/x-www-form-urlencoded"}
    for who, token in tokens.items():
        began = time.monotonic()
        http.request("POST", f"/u/{token}", "List-Unsubscribe=One-Click", head)
        answer = http.getresponse()
        answer.read()
        if answer.status == 200:
            answered[who] = time.monotonic(), time.monotonic() - began
    http.close()


def _send_all(engine: Engine) -> None:
    while engine.deliver().claimed or engine.drain().due:
        pass


def _after(course: Course, sink: MailSink, answered: dict[str, tuple[float, float]]) -> tuple[list[str], int]:
    """Say which messages began after their reader's goodbye was answered; and how many were at DATA just then."""
    d = deliveries.c
    with reading(course.store) as conn:
        rows = conn.execute(sa.select(d.key, d.contact_id)).all()
    wrong, door = [], 0
    for row in rows:
        began = sink.began.get(message_id(row.key, DOMAIN))
        left = answered.get(row.contact_id, (float("inf"), 0.0))[0]
        if began is not None and began > left:
            door += 1
            if began > left + GRACE:
                wrong.append(f"{row.key} began {began - left:.3f} s after the answer")
    return wrong, door
