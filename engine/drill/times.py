"""Drills 15, 16 and 18: downtime, the nights when clocks change, and clocks that are wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import sqlalchemy as sa

from channels.captured import CapturedChannel
from engine.core.calendar import quiet_until
from engine.drill.checks import Sent, account, name_of
from engine.drill.course import Course
from engine.drill.drill import Ask, Found, judged
from engine.drill.ground import ONE, START, Setting, people, start
from engine.engine import Limits
from engine.store.connect import reading
from engine.store.intake import NewContact
from engine.store.tables import contacts, deliveries, enrollments

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STEPS = 5
RATE = 600  # messages a minute
LATE = "journey: trip\ntopic: promo\nenter: {event: started}\nlate: {skip_after: 48h}\nstates:\n" + "".join(
    f"  s{n}: {{after: 6h, send: email/hello}}\n" for n in range(STEPS)
)
DAILY = "journey: trip\ntopic: promo\nenter: {event: started}\nstates:\n" + "".join(
    f'  d{n}: {{after: {"1h" if n == 0 else "12h"}, at: "10:00", send: email/hello}}\n' for n in range(3)
)
SWITCHES = ((2026, 3, 7), (2026, 3, 28), (2026, 4, 4), (2026, 10, 3), (2026, 10, 24), (2026, 10, 31))
QUIET = 'quiet_hours: {from: "22:00", to: "08:00"}'


def downtime(ask: Ask) -> Found:
    """Drill 15: down for 36 hours with five steps due each: one message a person, at the rate, none too late."""
    count = ask.some(2000, 60)
    setting = Setting(journeys={"trip": LATE}, email=f"provider: captured, rate: {RATE}/min",
                      limits='quiet_hours: {from: "03:00", to: "03:01"}\nlate: {skip_after: 48h}')  # fmt: skip
    course = Course(ask.folder, setting)
    course.settle(count)
    start(course.store, count, START)
    box = CapturedChannel("email")
    engine = course.engine({"email": box})
    engine.tick()  # everybody has entered; then the machine is off
    course.clock.jump(START + 36 * HOUR)
    while engine.drain().due:
        pass
    minutes = list(_minutes(course, box, engine))
    found = account(course.store, Sent(Counter(name_of(one.key, "email") for one in box.envelopes)))
    with reading(course.store) as conn:
        d = deliveries.c
        per = conn.execute(sa.select(sa.func.count(d.key)).group_by(d.contact_id)).scalars().all()
    wrong = [f"{max(per)} messages for one person at once"] if per and max(per) > 1 else []
    if minutes and max(minutes) > RATE * 1.01 + RATE / 60:
        wrong.append(f"{max(minutes)} messages in a minute, {RATE} allowed")
    figures = {"messages": found.intents, "most_a_minute": max(minutes, default=0), "minutes": len(minutes)}
    return judged(found, f"N={count:,}, {STEPS} steps each, 36 h down", wrong=wrong, figures=figures)


def _minutes(course: Course, box: CapturedChannel, engine: object) -> Iterator[int]:
    """Deliver a second at a time; yield how many went out in each minute."""
    while True:
        before = box.count
        for _ in range(60):
            engine.deliver()  # type: ignore[attr-defined]
            course.clock.jump(course.clock.now() + timedelta(seconds=1))
        if box.count == before:
            return
        yield box.count - before


def clock_changes(ask: Ask) -> Found:
    """Drill 16: in every zone, on the days when clocks change: no message in quiet hours, one a day, none skipped."""
    zones = sorted(available_timezones() - {"localtime", "Factory"})
    zones = zones[:: max(1, round(1 / min(1.0, ask.scale)))]
    wrong: list[str] = []
    sent = 0
    for number, day in enumerate(SWITCHES):
        begin = datetime(*day, tzinfo=UTC) - 30 * HOUR
        course = Course(ask.folder / str(number), Setting(journeys={"trip": DAILY}, limits=QUIET))
        course.clock.jump(begin)
        course.settle([_living(one, zone) for one, zone in zip(people(len(zones)), zones, strict=True)])
        start(course.store, len(zones), course.clock.now())
        engine = course.engine({"email": CapturedChannel("email", keep=False)})
        course.live(engine, max(begin, START) + 5 * DAY)
        found = list(_off(course, zones))
        wrong += found
        sent += course.statuses().get("sent", 0)
        ask.tell(f"{day}: {sent:,} messages")
    scale = f"{len(zones)} zones, {len(SWITCHES)} switches, {sent:,} messages"
    return Found(scale, wrong=tuple(wrong[:10]), figures={"messages": sent})


def _living(one: NewContact, zone: str) -> NewContact:
    return replace(one, attributes={**one.attributes, "timezone": zone})


def _off(course: Course, zones: list[str]) -> Iterator[str]:
    """Say which message came in quiet hours, and whose days did not have one each."""
    quiet = course.engine({}).project.limits.quiet_for("email")
    d = deliveries.c
    with reading(course.store) as conn:
        rows = conn.execute(sa.select(d.contact_id, d.queued_at).order_by(d.queued_at)).all()
    days: dict[str, list[object]] = {}
    for row in rows:
        zone = ZoneInfo(zones[int(row.contact_id[1:])])
        local = row.queued_at.astimezone(zone)
        days.setdefault(row.contact_id, []).append(local.date())
        if quiet is not None and quiet_until(quiet, row.queued_at, zone) is not None:
            yield f"{zone}: {local} is in quiet hours"
        if local.hour != 10:
            yield f"{zone}: {local} is not 10 o'clock"
    for contact, mine in days.items():
        steps = {(b - a).days for a, b in pairwise(mine)}  # type: ignore[operator]
        if len(mine) != 3 or steps != {1}:
            yield f"{zones[int(contact[1:])]}: {mine}"


class Skewed:
    """A clock that is off, and may jump or stand."""

    def __init__(self, course: Course) -> None:
        self.course, self.by = course, timedelta(0)
        self.stands: datetime | None = None

    def now(self) -> datetime:
        return self.stands or self.course.clock.now() + self.by


def wrong_clocks(ask: Ask) -> Found:
    """Drill 18: two nodes 90 s apart, one of which jumps an hour back and forth, 400 days ahead, and stands still."""
    count = ask.some(300, 30)
    journey = ONE + "  two: {after: 1h, send: email/again}\n  three: {after: 1h, send: email/more}\n"
    course = Course(ask.folder, Setting(journeys={"trip": journey}, limits='quiet_hours: {from: "03:00", to: "03:01"}'))
    course.settle(count)
    start(course.store, count, START - timedelta(minutes=5))
    box = CapturedChannel("email")
    odd, slow = Skewed(course), Skewed(course)
    slow.by = -timedelta(seconds=90)
    limits = Limits(contacts=20, messages=20)
    nodes = [course.engine({"email": box}, clock, limits) for clock in (odd, slow)]
    jumps = {5: -HOUR, 12: timedelta(0), 20: HOUR, 30: timedelta(0)}
    for beat in range(60):
        odd.by = jumps.get(beat, odd.by)
        odd.stands = course.clock.now() if beat == 40 else None if beat == 50 else odd.stands
        for node in nodes:
            for _ in range(5):
                node.tick()
                node.deliver()
        course.clock.jump(course.clock.now() + timedelta(minutes=5))
    wrong = list(_stalled(course))
    odd.by = 400 * DAY
    nodes[0].drain()
    nodes[0].deliver()
    found = account(course.store, Sent(Counter(name_of(one.key, "email") for one in box.envelopes)))
    if found.intents != 3 * count:
        wrong.append(f"{found.intents} messages of {3 * count}")
    return judged(found, f"N={count}, 2 nodes, -1 h, +1 h, +400 d, frozen, -90 s", wrong=wrong)


def _stalled(course: Course) -> Iterator[str]:
    """Say who has not arrived although a clock was right all the time."""
    e = enrollments.c
    with reading(course.store) as conn:
        everybody = conn.execute(sa.select(sa.func.count()).select_from(contacts)).scalar_one()
        left = conn.execute(sa.select(sa.func.count()).where(e.status == "left")).scalar_one()
    if left != everybody:
        yield f"{everybody - left} people stand still"
