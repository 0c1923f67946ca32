"""Drills 13 and 14: contacts and templates that are poison, and a mail server that does everything wrong."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from channels.captured import CapturedChannel
from channels.smtp import SmtpChannel
from channels.smtp_line import SmtpSettings, Timeouts
from engine.drill.checks import Sent, account, name_of
from engine.drill.course import Course
from engine.drill.drill import Ask, Found, judged
from engine.drill.ground import ONE, START, Setting, people, start
from engine.drill.sink import Fate, MailSink
from engine.store.connect import reading
from engine.store.intake import NewContact
from engine.store.tables import deliveries

POISON = """\
<!--
subject: "Hello {{ contact.first_name }}"
-->
<p>{% if contact.first_name == "raise" %}{{ 1 / (contact.first_name|length - 5) }}{% endif %}
{% if contact.first_name|length == 4000 %}{% for a in contact.first_name %}{% for b in contact.first_name %}
{% for c in contact.first_name %}x{% endfor %}{% endfor %}{% endfor %}{% endif %}</p>
<p>Hi</p><a href='{{ unsubscribe_url }}'>n</a>
"""
KINDS: tuple[Callable[[int], str], ...] = (
    lambda _: "raise", lambda _: "loop" * 1000, lambda n: f"a\r\nBcc: evil{n}@x.test", lambda _: "x" * 1_000_000,
    lambda _: "a\x00b\u2028c",
)  # fmt: skip
NO_MAIL = ("raise", "loop" * 1000, "x" * 1_000_000)  # of these names no message can be made


def poison(ask: Ask) -> Found:
    """Drill 13: some contacts and templates are poison; everybody else has their mail in the same pass."""
    count, bad = ask.some(2000, 50), ask.some(50, 10)
    setting = Setting(journeys={"trip": ONE}, messages={"email/hello.html": POISON})
    course = Course(ask.folder, setting)
    who = people(count)
    odd = {who[n * (count // bad)].id: KINDS[n % len(KINDS)](n) for n in range(bad)}
    course.settle([_named(one, odd) for one in who])
    start(course.store, count, START)
    engine = course.engine({"email": (box := CapturedChannel("email"))})
    began = time.monotonic()
    ticked, posted = engine.drain(), engine.deliver()
    took = time.monotonic() - began
    no_mail = sum(name in NO_MAIL for name in odd.values())
    added = [one.key for one in box.envelopes if one.body.lower().count(b"\nbcc:")]
    found = account(course.store, Sent(Counter(name_of(one.key, "email") for one in box.envelopes)))
    wrong = [] if ticked.parked == 0 else [f"{ticked.parked} contacts parked"]
    if posted.sent != count - no_mail or course.statuses().get("failed") != no_mail:
        wrong.append(f"{posted.sent} sent of {count - no_mail}; {course.statuses()}")
    wrong += _silent(course, no_mail)
    wrong += [f"a name added a recipient: {key}" for key in added]
    scale = f"N={count:,}, {bad} poisoned in {len(KINDS)} ways"
    return judged(found, scale, wrong=wrong, figures={"seconds": round(took, 2), "no_mail_possible": no_mail})


def _named(one: NewContact, odd: dict[str, str]) -> NewContact:
    if one.id not in odd:
        return one
    attributes = {**one.attributes, "first_name": odd[one.id]}
    return replace(one, attributes=attributes)


def _silent(course: Course, failed: int) -> list[str]:
    """Say whose failure has no reason."""
    d = deliveries.c
    with reading(course.store) as conn:
        told = conn.execute(sa.select(d.key).where(d.status == "failed", d.kind == "render", d.detail != "")).all()
    return [] if len(told) == failed else [f"{failed - len(told)} failures without a reason"]


def mail_server(ask: Ask) -> Found:
    """Drill 14: 10 % 4xx, 2 % 5xx, 1 % hang up before and 1 % after taking the mail, 1 % stall, storms of 421."""
    count = ask.some(1000, 100)
    sink = MailSink(fate=_fates(ask.seed), stall=1.5)
    course = Course(ask.folder, Setting(journeys={"trip": ONE}, limits='quiet_hours: {from: "03:00", to: "03:01"}'))
    course.settle(count)
    start(course.store, count, START)
    settings = SmtpSettings(host="127.0.0.1", port=sink.port, starttls="off", connections=8,
                            timeouts=Timeouts(after_dot=0.5))  # fmt: skip
    engine = course.engine({"email": SmtpChannel(settings)})
    try:
        course.live(engine, START + timedelta(days=3))
    finally:
        engine.post.close()
        sink.close()
    found = account(course.store, Sent(dict(sink.accepted)))
    doubtful = {name for name, fates in sink.fates.items() if set(fates) & {"drop before", "drop after", "stall"}}
    figures = dict(Counter(fate for fates in sink.fates.values() for fate in fates))
    wrong = list(_against(course, sink, doubtful))
    return judged(found, f"N={count:,}, {sum(figures.values())} mishaps", wrong=wrong, figures=figures)


def _fates(seed: int) -> Callable[[str], Fate]:
    """Return what goes wrong with each attempt at a message, by seed."""
    tries: Counter[str] = Counter()
    table: tuple[tuple[float, Fate], ...] = (
        (0.10, "4xx"), (0.12, "5xx"), (0.13, "drop before"), (0.14, "drop after"), (0.15, "stall"), (0.17, "421"),
    )  # fmt: skip

    def fate(name: str) -> Fate:
        tries[name] += 1
        said = hashlib.sha256(f"{seed}:{name}:{tries[name]}".encode()).digest()
        share = int.from_bytes(said[:4]) / 2**32
        return next((what for until, what in table if share < until), "")

    return fate


def _against(course: Course, sink: MailSink, doubtful: set[str]) -> list[str]:
    """Hold every status against what the server did."""
    d = deliveries.c
    with reading(course.store) as conn:
        rows = conn.execute(sa.select(d.key, d.status, d.kind, d.attempt)).all()
    wrong = []
    for row in rows:
        name = name_of(row.key, "email")
        fates = sink.fates.get(name, [])
        expected = "unknown" if name in doubtful else "failed" if "5xx" in fates else "sent"
        if row.status != expected:
            wrong.append(f"{row.key} is {row.status}, the server did {fates}")
        if expected == "failed" and row.kind != "hard":
            wrong.append(f"{row.key}: 550 5.1.1 was read as {row.kind}")
    return wrong[:10]
