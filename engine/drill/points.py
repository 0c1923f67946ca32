"""Ring 1: every commit and every step on the wire of one journey, and what happens when it fails just there.

Rules
- The channels are the real ones, over loopback; only the clock is virtual. A process that ends is an engine that is
  left lying: its transaction is undone, its sockets close, and another one is built over the same store.
- While a point hangs, time goes past every lease and another worker does what is due; then the sleeper goes on.
- What must hold after each run: `judge`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from channels.templates import Library
from channels.webpush import generate_vapid_key
from engine.app import Options, build, usable
from engine.clock import SimulatedClock
from engine.drill.checks import Account, Sent, account
from engine.drill.drill import Ask, Found
from engine.drill.ground import MAIL, START, Setting, Stage, definitions, lay, people, settle, smtp
from engine.drill.sink import MailSink, WebSink
from engine.engine import Engine
from engine.errors import StoreError
from engine.failpoints import Counting, Exit, Hit, Mode, Strike, armed
from engine.store.connect import reading
from engine.store.delivering import next_due
from engine.store.intake import NewEvent
from engine.store.tables import enrollments, events
from journeys.project import Definitions

PEOPLE = 3
QUIET = 'quiet_hours: {from: "03:00", to: "03:01"}'
PASSES = 60
LONG = timedelta(hours=2)  # past every lease
JOURNEY = """\
journey: trip
topic: promo
enter: {event: started}
states:
  one: {choose: {arms: [email/hello, email/again], reward: {within: 1d, score: {clicked: 1}}}}
  two: {after: 1h, send: push/nudge}
  three: {after: 1h, call: {url: "http://HOST/hook", json: {who: "=contact.first_name"}, save_as: verdict}}
"""
NEEDED = frozenset({
    "commit engine.engine.Engine.tick", "commit engine.engine.Engine.record", "commit engine.posting.Post.deliver",
    "commit engine.teaching.Teacher._learn", "smtp connect", "smtp ehlo", "smtp mail", "smtp rcpt", "smtp data",
    "smtp body", "smtp dot", "smtp reply asking", "smtp reply data", "smtp reply body", "push post", "webhook post",
})  # fmt: skip
"""Points that a run must come to; one that is not reached any more has been forgotten by whoever moved it."""


@dataclass(slots=True)
class Ground:
    """Where all runs take place: the sinks, the files, and a store that is put back before each run."""

    mails: MailSink
    web: WebSink
    files: Definitions
    library: Library  # templates are read once: reading them is no part of a fault
    resend: bool
    stage: Stage = field(default_factory=Stage)
    scenes: list[Scene] = field(default_factory=list)

    def scene(self, at: datetime, passed: int) -> Scene:
        """Remember where everything stands."""
        return Scene(passed, at, self.stage.kept(), Counter(self.mails.accepted), Counter(self.web.accepted))

    def set(self, scene: Scene) -> None:
        """Put everything back."""
        self.stage.reset(scene.store)
        self.mails.forget()
        self.mails.accepted.update(scene.mails)
        self.web.accepted.clear()
        self.web.accepted.update(scene.web)


@dataclass(frozen=True, slots=True)
class Scene:
    """A moment between two passes, in which a process may as well have begun: all that counts is in the store."""

    passed: int  # points before it
    at: datetime
    store: sqlite3.Connection
    mails: Counter[str]
    web: Counter[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run ended; `wrong` says what must not be, nothing when all is well."""

    hit: Hit | None
    mode: Mode | None
    resend: bool
    account: Account
    wrong: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.hit} · {self.mode} · {'resend' if self.resend else 'hold'}: {'; '.join(self.wrong)}"


@contextmanager
def ground(folder: Path, *, resend: bool) -> Iterator[Ground]:
    """Lay the project, with people in its store."""
    mails, web = MailSink(pipelining=False), WebSink()
    try:
        files = definitions(_laid(folder, mails, web, resend=resend))
        found = Ground(mails, web, files, Library(usable(files).messages), resend)
        settle(found.stage.store, usable(files).root, people(PEOPLE, f"http://{web.host}"), START)
        Life(found).build().post.close()  # the first start deploys
        yield found
    finally:
        mails.close()
        web.close()


def _laid(folder: Path, mails: MailSink, web: WebSink, *, resend: bool) -> Path:
    again = ", on_unknown: resend" if resend else ""
    push = f', push: {{provider: webpush, key: {generate_vapid_key()[0]}, contact: "mailto:ops@drill.test"'
    setting = Setting(
        journeys={"trip": JOURNEY.replace("HOST", web.host)},
        email=smtp(mails.port, connections=1),
        more=f"{push}, loopback: true, connections: 1{again}}}",
        limits=f'webhooks: {{crm: {{url: "http://{web.host}/hook", private: true}}}}\n{QUIET}',
        resend=resend,
        messages={"email/hello.html": MAIL, "email/again.html": MAIL, "push/nudge.yaml": "title: x\nbody: y\n"},
    )
    return lay(folder, "sqlite://", setting)


@dataclass(slots=True)
class Life:
    """One run: three people from their first event to the end, by workers that may end and hang."""

    ground: Ground
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(START))
    told: bool = False  # the events have been acknowledged
    learns: bool = True  # at the end; it takes as long as all else, and nothing follows from it
    _engine: Engine | None = None

    @property
    def store(self) -> sa.Engine:
        return self.ground.stage.store

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            self._engine = self.build()
        return self._engine

    def build(self) -> Engine:
        """Start a process."""
        made = build(self.ground.files, Options(clock=self.clock, store=self.store))
        made.post.letters.library = self.ground.library
        return made

    def live(self, revive: Callable[[], None] = lambda: None, passing: Callable[[], None] = lambda: None) -> None:
        """Do all that is due, at every instant at which something is, whatever fails."""
        for _ in range(PASSES):
            passing()
            try:
                self.told = self.told or self._tell()
                self.work(self.engine)
                at = self.next_at()
                if at is None:
                    self._learn()
                    return
                self.clock.jump(at or self.clock.now())
            except Exit:
                self.bury()
                revive()
            except StoreError:
                continue  # the metronome tries again at its next beat

    def _tell(self) -> bool:
        """Somebody sends the events, and sends them again until they are acknowledged."""
        self.engine.record([NewEvent(f"e{n}", f"p{n}", "started", START, {"value": 5}) for n in range(PEOPLE)])
        return True

    def _learn(self) -> None:
        if self.learns:
            self.engine.learn()

    def work(self, engine: Engine) -> None:
        """Do what is due now."""
        engine.drain()
        engine.deliver()

    def next_at(self) -> datetime | None:
        """Return when the next thing is due."""
        with reading(self.store) as conn:
            message = next_due(conn)
        return min((at for at in (self.engine.next_alarm(), message) if at is not None), default=None)

    def bury(self) -> None:
        """The process has ended: its sockets close, its memory is gone."""
        if self._engine is not None:
            with contextlib.suppress(Exit):  # what is dead says no goodbye
                self._engine.post.close()
            self._engine = None

    def elsewhere(self, hit: Hit) -> None:
        """Another worker goes on for hours, where the sleeper does not keep the store to itself."""
        self.clock.jump(self.clock.now() + LONG)
        if hit.is_commit and not hit.applied:
            return
        other = self.build()
        self.work(other)
        other.post.close()


def count(here: Ground) -> list[Hit]:
    """Run once with no fault, noting the scenes; return the points that were reached."""
    arm, life = Counting(), Life(here)
    here.scenes = []
    with armed(arm):
        life.live(passing=lambda: here.scenes.append(here.scene(life.clock.now(), len(arm.hits))))
    life.bury()
    found = account(here.stage.store, _sent(here))
    if not found.clean or found.accepted != found.intents:
        raise AssertionError(f"the run without a fault is not clean: {found}")
    if early := [str(hit) for hit in arm.hits if hit.name == "smtp data" and not arm.hits[hit.n - 1].is_commit]:
        raise AssertionError(f"a message is begun before its intent is written: {early}")
    return arm.hits


def strike(here: Ground, hit: Hit, mode: Mode) -> Outcome:
    """Run with one fault, from the last scene before it, and judge what came of it."""
    scene = next(one for one in reversed(here.scenes) if one.passed <= hit.n)
    here.set(scene)
    life = Life(here, SimulatedClock(scene.at), scene.passed > 0, "teaching" in hit.name or "nightly" in hit.name)
    arm = Strike(hit.n - scene.passed, "raise" if mode == "lost" else mode, life.elsewhere)
    with armed(arm):
        life.live(arm.revive)
    life.bury()
    found = account(here.stage.store, _sent(here))
    return Outcome(arm.struck, mode, here.resend, found, tuple(judge(life, found, arm.struck)))


def _sent(here: Ground) -> Sent:
    return Sent(dict(here.mails.accepted), dict(here.web.accepted))


def judge(life: Life, found: Account, struck: Hit | None) -> Iterator[str]:
    """Say what is wrong with a run of which one point has failed."""
    if struck is None:
        yield "the point was not reached"
    if found.lost or found.unexpected or found.broken:
        yield f"lost {found.lost}, unexpected {found.unexpected}, broken {dict(found.broken)}"
    if found.duplicated > (1 if life.ground.resend else 0):
        yield f"{found.duplicated} second copies"
    if found.unknown > (0 if life.ground.resend else 1):
        yield f"{found.unknown} in doubt"
    if found.waiting or found.intents != 3 * PEOPLE:
        yield f"{found.intents} messages of {3 * PEOPLE}, {found.waiting} still wait"
    with reading(life.store) as conn:
        runs = conn.execute(sa.select(enrollments.c.status)).scalars().all()
        heard = conn.execute(sa.select(sa.func.count()).where(events.c.name == "started", ~events.c.fresh)).scalar_one()
    if list(runs) != ["left"] * PEOPLE or heard != PEOPLE:
        yield f"runs {runs}, events heard {heard}"


def every(ask: Ask) -> Found:
    """Drill 3: every point in every mode, once with hold and once with resend."""
    return struck(ask, lambda hits: hits)


def struck(ask: Ask, choose: Callable[[list[Hit]], list[Hit]]) -> Found:
    """Strike the chosen points in every mode, with both policies."""
    outcomes: list[Outcome] = []
    names: set[str] = set()
    reached = 0
    for resend in (False, True):
        with ground(ask.folder / f"resend-{resend}", resend=resend) as here:
            hits = count(here)
            reached = len(hits)
            names |= {hit.name for hit in hits}
            for hit in choose(hits):
                outcomes += [strike(here, hit, mode) for mode in hit.modes]
                ask.tell(f"{len(outcomes)} runs, at {hit}")
    wrong = [str(one) for one in outcomes if one.wrong]
    if missing := NEEDED - names:
        wrong.append(f"points that are not reached any more: {', '.join(sorted(missing))}")
    total = {name: sum(getattr(one.account, name) for one in outcomes) for name in ("lost", "unexpected", "unknown")}
    copies = sum(one.account.duplicated for one in outcomes if not one.resend)
    figures = {
        "points": reached, "named": len(names), "runs": len(outcomes),
        "second_copies_with_resend": sum(one.account.duplicated for one in outcomes if one.resend),
    }  # fmt: skip
    scale = f"K={reached} points ({len(names)} names), {PEOPLE} contacts, mail, push, webhook, {len(outcomes)} runs"
    return Found(scale, total["lost"], copies, total["unexpected"], total["unknown"], tuple(wrong), figures)


def firsts(hits: list[Hit]) -> list[Hit]:
    """Return the first hit of each named point: the others differ in whose message it is."""
    return list({(hit.name, hit.applied): hit for hit in reversed(hits)}.values())[::-1]
