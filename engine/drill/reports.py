"""Drill 32: bounces and complaints, forged ones that must change nothing, genuine ones that must be understood."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from channels.captured import CapturedChannel
from channels.report_samples import Sample, samples
from engine.app import digest_with
from engine.bouncing import SPEAKING, Mailroom
from engine.drill.course import Course
from engine.drill.drill import Ask, Found
from engine.drill.ground import ONE, START, Setting, start
from engine.store.connect import reading
from engine.store.reporting import Rules
from engine.store.tables import addresses, consents, contacts, deliveries, events, suppressions
from engine.tokens import Tokens

BOX = "THE-BOX"
SAMPLES = tuple(samples(BOX))
SECRET = b"the secret of this drill"
OURS, OTHERS = Tokens([SECRET]), Tokens([b"the secret of somebody else"])
RIGHT = 0.95  # of the genuine ones that must be understood
TOUCHED = (addresses, consents, contacts, deliveries, events, suppressions)


def heard(ask: Ask) -> Found:
    """Drill 32: a thousand forgeries, then every known format with a token of ours."""
    forgeries, count = ask.some(1000, 50), ask.some(4) * len(SAMPLES)
    course = Course(ask.folder, Setting(journeys={"trip": ONE}, limits='quiet_hours: {from: "03:00", to: "03:01"}'))
    keys = _posted(course, count)
    room = Mailroom(course.store, OURS, Rules(digest_with(SECRET)), course.clock.now)
    wrong = _changed(course, room, list(_forged(ask.chance, keys, forgeries)))
    ask.tell(f"{forgeries:,} forgeries")
    misread = list(_misread(room, keys))
    if len(misread) > (1 - RIGHT) * count:
        wrong.append(f"{len(misread)} of {count} were misread: {', '.join(misread[:5])}")
    wrong += _unsettled(course, keys)
    course.store.dispose()
    scale = f"{forgeries:,} forgeries, {count} reports in {len(SAMPLES)} formats"
    return Found(scale, wrong=tuple(wrong), figures={"misread": len(misread), "formats": len(SAMPLES)})


def _posted(course: Course, count: int) -> list[str]:
    """Send one mail to each of so many people; return the send keys."""
    course.settle(count)
    start(course.store, count, START)
    engine = course.engine({"email": CapturedChannel("email")})
    course.live(engine, START)
    with reading(course.store) as conn:
        return list(conn.scalars(sa.select(deliveries.c.key).order_by(deliveries.c.key)))


def _forged(chance: random.Random, keys: Sequence[str], count: int) -> Iterator[bytes]:
    """Yield mails that speak as bounces and complaints, to mailboxes that we never gave anybody."""
    speaking = [one for one in SAMPLES if one.what in SPEAKING]
    for n in range(count):
        box = FORGERIES[n % len(FORGERIES)](chance, chance.choice(keys))
        yield _to(chance.choice(speaking), f"{box}@bounces.drill.test")


def _flipped(chance: random.Random, key: str) -> str:
    token = OURS.mailbox("bounce", key) or ""
    at = chance.randrange(len(token))
    return f"b+{token[:at]}{chance.choice([one for one in 'abcdefgh234567' if one != token[at]])}{token[at + 1 :]}"


FORGERIES: tuple[Callable[[random.Random, str], str], ...] = (
    lambda chance, _: f"p{chance.randrange(99)}",
    lambda chance, _: "b+" + "".join(chance.choices("abcdefghijklmnopqrstuvwxyz234567-_", k=chance.randint(18, 62))),
    lambda _, key: f"b+{OTHERS.mailbox('bounce', key)}",
    lambda _, key: f"b+{OURS.mailbox('leave', key)}",
    lambda _, key: f"u+{OURS.mailbox('bounce', key)}",
    lambda _, key: f"b+{OURS.unsubscribe(key)[:62]}",
    _flipped,
)


def _to(sample: Sample, box: str) -> bytes:
    return sample.raw.replace(BOX.encode(), box.encode())


def _changed(course: Course, room: Mailroom, mails: Sequence[bytes]) -> list[str]:
    """Take mails nobody may believe; return what they have done all the same."""
    before, said = _rows(course), room.take(mails)
    wrong = [f"forgeries changed {name}" for name, rows in _rows(course).items() if rows != before[name]]
    if said.counts.get("forged", 0) != len(mails):
        wrong.append(f"of {len(mails)} forgeries: {said}")
    return wrong


def _rows(course: Course) -> Mapping[str, list[tuple[Any, ...]]]:
    with reading(course.store) as conn:
        return {table.name: [tuple(row) for row in conn.execute(sa.select(table))] for table in TOUCHED}


def _misread(room: Mailroom, keys: Sequence[str]) -> Iterator[str]:
    """Take each sample as the answer to one message after the other; yield those that were taken for something else."""
    for n, key in enumerate(keys):
        sample = SAMPLES[n % len(SAMPLES)]
        said = room.take([_to(sample, f"b+{OURS.mailbox('bounce', key)}@bounces.drill.test")]).counts
        if said != {sample.kind or sample.what: 1}:
            yield f"{sample.name} as {dict(said)}"


def _unsettled(course: Course, keys: Sequence[str]) -> Iterator[str]:
    """Yield whose address is out of use without a reason, or in use although nobody is there."""
    d, a = deliveries.c, addresses.c
    joined = sa.select(d.key, a.suppressed).join(addresses, (a.contact_id == d.contact_id) & (a.channel == d.channel))
    with reading(course.store) as conn:
        out = {row.key: row.suppressed for row in conn.execute(joined)}
    for n, key in enumerate(keys):
        sample = SAMPLES[n % len(SAMPLES)]
        final = sample.kind == "hard" or sample.what == "complained"
        if bool(out[key]) != final:
            yield f"{sample.name}: the address is {out[key] or 'in use'}"
