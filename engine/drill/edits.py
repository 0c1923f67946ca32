"""Drill 24: a journey is edited under people: refused with their number, or moved; nobody is written twice."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import sqlalchemy as sa

from channels.captured import CapturedChannel
from engine.deploying import deploy
from engine.drill.checks import Sent, account, name_of
from engine.drill.course import Course
from engine.drill.drill import Ask, Found, judged
from engine.drill.ground import MAIL, START, Setting, definitions, lay, start
from engine.errors import EngineError
from engine.planning import Wish
from engine.store.connect import reading
from engine.store.tables import enrollments

BEFORE = """\
journey: trip
topic: promo
enter: {event: started}
states:
  hello: {send: email/hello}
  rest: {after: 2d, send: email/again}
  last: {after: 1d, send: email/more}
"""
RENAMED = BEFORE.replace("  rest: {after: 2d", "  pause: {after: 3d")
QUIET = 'quiet_hours: {from: "03:00", to: "03:01"}'


def under_people(ask: Ask) -> Found:
    """Drill 24: a state is renamed, a template deleted, a wait changed, and the old version brought back."""
    count = ask.some(2000, 50)
    course = Course(ask.folder, Setting(journeys={"trip": BEFORE}, limits=QUIET))
    course.settle(count)
    start(course.store, count, START)
    box = CapturedChannel("email")
    engine = course.engine({"email": box})
    course.live(engine, START + timedelta(hours=1))
    wrong = []
    said = _deployed(course, RENAMED, Wish())
    if f"{count:,}" not in said and str(count) not in said:
        wrong.append(f"a state with {count} people was deleted: {said or 'nothing was said'}")
    if _standing(course) != {"rest": count}:
        wrong.append(f"a refused deploy moved people: {_standing(course)}")
    if said := _deployed(course, RENAMED, Wish(moves={"rest": "pause"})):
        wrong.append(f"a mapped deploy was refused: {said}")
    if _standing(course) != {"pause": count}:
        wrong.append(f"after the move: {_standing(course)}")
    gone = _without(course, "email/more.html")
    if not gone:
        wrong.append("a template that people will get was deleted, and nothing was said")
    if said := _deployed(course, BEFORE, Wish(moves={"pause": "rest"})):
        wrong.append(f"the way back was refused: {said}")
    course.live(engine, START + timedelta(days=9))
    found = account(course.store, Sent(Counter(name_of(one.key, "email") for one in box.envelopes)))
    if found.intents != 3 * count or found.accepted != 3 * count:
        wrong.append(f"{found.accepted} of {found.intents} messages, {3 * count} expected")
    return judged(found, f"N={count:,}, 4 edits", wrong=wrong, figures={"refusal": gone[:200]})


def _deployed(course: Course, journey: str, wish: Wish) -> str:
    """Deploy this text; return what refuses it, "" when it runs."""
    lay(course.folder, course.url, Setting(journeys={"trip": journey}, limits=QUIET))
    try:
        deploy(course.store, definitions(course.folder), wish, course.clock.now())
    except EngineError as error:
        return f"{error} {getattr(error, 'problems', '')}"
    return ""


def _without(course: Course, template: str) -> str:
    """Deploy without a template that is used; return what refuses it, and put it back."""
    path = course.folder / "templates" / template
    path.unlink()
    try:
        deploy(course.store, definitions(course.folder), Wish(), course.clock.now())
    except EngineError as error:
        return f"{error} {getattr(error, 'problems', '')}"
    finally:
        path.write_text(MAIL, encoding="utf-8")
    return ""


def _standing(course: Course) -> dict[str, int]:
    e = enrollments.c
    with reading(course.store) as conn:
        rows = conn.execute(sa.select(e.state, sa.func.count(e.id)).where(e.status == "active").group_by(e.state)).all()
    return {row[0]: row[1] for row in rows}
