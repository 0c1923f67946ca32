"""`sojourn tick`: one pass and exit: step who is due, send what is queued, learn what came back."""

from __future__ import annotations

import sqlite3
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.logs import show_warnings
from engine.cli.session import Session
from engine.cli.standing import standing
from engine.cli.stopping import INTERRUPTED, stopping
from engine.cli.text import parts

if TYPE_CHECKING:
    import sqlalchemy as sa

    from channels.channel import Channel
    from engine.chores import Done
    from engine.engine import Engine, Ticked
    from engine.posting import Posted
    from engine.teaching import Taught

PROVIDER_FAILED = 6
BREATH = 0.05  # seconds between two looks at a channel whose rate is used up


def tick(
    ctx: typer.Context,
    *,
    limit: Annotated[int | None, typer.Option("--max", min=1, help="Step at most so many people.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="On a copy of the store: say what would happen.")] = False,
    no_send: Annotated[bool, typer.Option("--no-send", help="Step and learn; what is queued waits.")] = False,
) -> Answer:
    """Step everybody who is due, send what is queued, learn; then exit. For cron and for trying things out."""
    from engine.app import Options

    session: Session = ctx.obj
    show_warnings(session)
    if session.flags.now and not dry_run:
        raise WrongUse("--now would write a wrong time into the store; use it with --dry-run, or simulate")
    definitions = session.definitions()
    options = Options(clock=session.clock())
    if dry_run:
        options = replace(options, store=_copy(session), channels=_captured(session))
    began = time.monotonic()
    with session.engine(definitions, options) as engine, stopping(session, "finishing what is under way") as ending:
        done = _chores(engine, session, sends=not (no_send or dry_run))
        ticked = _step(engine, limit, session, ending)
        posted = _post(engine, session, ending) if not no_send else None
        taught = _learn(engine, ending)
        now = engine.clock.now()
        for note in standing(engine):
            session.note(note)
    line = f"{now:%Y-%m-%dT%H:%M:%SZ}  {passed(ticked, posted)} · {time.monotonic() - began:.1f} s"
    lines = [line, *(f"  {chore.name}: {chore.said}" for chore in done if chore.said)]
    lines += [f"  {trouble}" for trouble in (posted.troubles if posted else ())]
    if ticked.holds:
        session.note("  what waits, and why: sojourn log --kind hold")
    if dry_run:
        lines.append("  nothing was changed or sent: this was a copy")
    code = PROVIDER_FAILED if posted and posted.troubles else 0
    if ending.is_set():
        lines.append("  ended before everything was done; the next tick goes on")
        code = INTERRUPTED
    data = _data(ticked, posted, taught, dry_run=dry_run) | {"chores": {chore.name: chore.said for chore in done}}
    return Answer(data, lines, code=code)


def _chores(engine: Engine, session: Session, *, sends: bool) -> list[Done]:
    """Do what is due from time to time; what fails is said, is due again after a while, and keeps nobody waiting."""
    from engine.chores import CHORES, perform

    found = []
    for chore in CHORES:
        if chore.sends and not sends:
            continue
        try:
            done = perform(engine, chore)
        except Exception as error:  # noqa: BLE001 - whatever it is, people are stepped
            session.warn(f"warning: {chore.name} failed and will be tried again: {error}")
        else:
            found += [done] if done else []
    return found


def _step(engine: Engine, limit: int | None, session: Session, ending: threading.Event) -> Ticked:
    from engine.engine import Ticked

    total = Ticked()
    usual = engine.limits
    with session.bar("contacts") as bar:
        while not ending.is_set() and (limit is None or total.due < limit):
            if limit is not None:
                engine.limits = replace(usual, contacts=min(usual.contacts, limit - total.due))
            done = engine.tick()
            if not done.due:
                break
            total = total + done
            bar.to(total.due)
    return total


def _post(engine: Engine, session: Session, ending: threading.Event) -> Posted:
    """Send until nothing that is due is left, at the channels' own speed."""
    from engine.posting import Posted

    total = Posted()
    with session.bar("messages") as bar:
        while not ending.is_set():
            done = engine.deliver()
            total = total + done
            bar.to(total.claimed)
            if total.troubles or (not done.claimed and not _waiting(engine)):
                break
            if not done.claimed:
                ending.wait(BREATH)
    return total


def _waiting(engine: Engine) -> bool:
    """Return whether a message that one of our channels can take is due now: its rate is used up, then."""
    import sqlalchemy as sa

    from engine.store.connect import reading
    from engine.store.tables import deliveries as d

    due = (d.c.next_at <= engine.clock.now()) & d.c.channel.in_(list(engine.post.pacing.rates))
    if not engine.post.pacing.rates:
        return False
    with reading(engine.store) as conn:
        return conn.execute(sa.select(d.c.key).where(due).limit(1)).first() is not None


def _learn(engine: Engine, ending: threading.Event) -> Taught:
    from engine.teaching import Taught

    total = Taught()
    while not ending.is_set():
        done = engine.learn()
        total = total + done
        if done.looked_at < engine.limits.decisions:
            break
    return total


def passed(ticked: Ticked, posted: Posted | None) -> str:
    """Return "due 214 · entered 31 · decisions 58 · sent 143 (email 101, push 42) · waits 37 · skips 3 · errors 0"."""
    said = [f"due {ticked.due:,}", f"entered {ticked.started:,}", f"decisions {ticked.decisions:,}"]
    said.append(sent(posted) if posted is not None else f"queued {ticked.sends:,}")
    said += [f"held out {ticked.shadows:,}"] if ticked.shadows else []
    failed = sum(posted.statuses.get(status, 0) for status in ("failed", "unknown")) if posted else 0
    said += [f"waits {ticked.holds:,}", f"skips {ticked.skips:,}", f"errors {ticked.parked + failed:,}"]
    return " · ".join(said)


def sent(posted: Posted) -> str:
    """Return "sent 143 (email 101, push 42)", with what else became of messages."""
    channels = ", ".join(f"{name} {count:,}" for name, count in sorted(posted.channels.items()))
    others = [(name, posted.statuses.get(name, 0)) for name in ("deferred", "failed", "unknown", "withheld", "queued")]
    said = f"sent {posted.sent:,}" + (f" ({channels})" if channels else "")
    return " · ".join([said, *([parts(others)] if any(count for _, count in others) else [])])


def _data(ticked: Ticked, posted: Posted | None, taught: Taught, *, dry_run: bool) -> dict[str, object]:
    found: dict[str, object] = {**asdict(ticked), "dry_run": dry_run, "learned": asdict(taught)}
    if posted is not None:
        found["sent"] = posted.sent
        found["messages"] = {"claimed": posted.claimed, "statuses": dict(posted.statuses),
                             "channels": dict(posted.channels), "troubles": posted.troubles}  # fmt: skip
    return found


def _copy(session: Session) -> sa.Engine:
    """Return a copy of the store in memory."""
    from engine.errors import ConfigError
    from engine.store.connect import open_store

    url = session.url(session.project())
    path = Path(url.partition(":///")[2])
    if not url.startswith("sqlite") or not path.exists():
        raise ConfigError("--dry-run works on a copy of a SQLite store; this store is not one")
    copy = open_store("sqlite://")
    raw = copy.raw_connection()
    source = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        driver = raw.driver_connection
        if driver is None:
            raise AssertionError("the pool gives a connection")
        source.backup(driver)
    finally:
        source.close()
        raw.close()
    return copy


def _captured(session: Session) -> dict[str, Channel]:
    from channels.captured import CapturedChannel

    return {name: CapturedChannel(name, keep=False) for name in [*session.project().channels, "webhook"]}
