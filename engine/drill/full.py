"""Drill 19: a disk that is full, on a disk of our own: nothing leaves without a row, and it goes on by itself.

Rules
- The disk is a tmpfs in a mount namespace of a process of our own; it is gone when that process is, however it ends.
- The disk is nearly full before anything is claimed; then it is full just before a commit, or just after a mail has
  been handed over, at one of them after the other, as if somebody else had written in between.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path

from channels.failpoints import armed
from engine.app import watch_over
from engine.doctor import RESERVE
from engine.drill.checks import Account, Sent, account
from engine.drill.course import Course
from engine.drill.drill import Ask, Found, Skipped, judged
from engine.drill.ground import START, TWO, Setting, smtp, start
from engine.drill.sink import MailSink
from engine.engine import Engine, Limits
from engine.errors import StoreError

SIZE = RESERVE + 32 * 2**20  # bytes of the disk
SPACES = (("unshare", "--user", "--map-root-user", "--mount"), ("unshare", "--mount"))
LEASE = timedelta(minutes=16)
PAGE = 4096  # bytes that a disk gives at once
DOT = "smtp dot"
HALTED = "MiB are free beside the store"
CLEAR = HALTED, "the disk is full; make room", "No space left on device; make room"


def disk(ask: Ask) -> Found:
    """Drill 19, in a process that may mount a disk."""
    command = [sys.executable, "-m", "engine.drill.full", str(ask.folder), "--scale", str(ask.scale)]
    ran = subprocess.run([*_space(), *command], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if ran.returncode:
        raise RuntimeError(ran.stderr.strip()[-2000:])
    said = json.loads(ran.stdout)
    return Found(**{**said, "wrong": tuple(said["wrong"])})


def _space() -> tuple[str, ...]:
    """Return the words that give a command mounts of its own."""
    for words in SPACES:
        trial = [*words, "mount", "-t", "tmpfs", "none", "/mnt"]
        with suppress(OSError):
            if not subprocess.run(trial, capture_output=True, check=False).returncode:  # noqa: S603 - as written above
                return words
    raise Skipped("no disk of its own can be mounted here: run it on Linux as root, or where users may have namespaces")


@dataclass(slots=True)
class Disk:
    """A small disk with a project on it."""

    course: Course
    folder: Path
    sink: MailSink
    said: set[str] = field(default_factory=set)  # what the operator read

    def engine(self) -> Engine:
        made = self.course.engine(limits=Limits(contacts=20, messages=20))
        watch_over(made.post, self.course.store, self.course.folder)
        return made

    def fill(self, leave: int = 0) -> None:
        """Write until only so many bytes are left; the last page of the sent log is full, too."""
        for notes in self.folder.glob(".sojourn/sent/*/*"):
            with notes.open("ab") as file:
                file.write(b"\n" * (-notes.stat().st_size % PAGE))
        size = shutil.disk_usage(self.folder).free - leave
        with suppress(OSError), (self.folder / "ballast").open("ab", buffering=0) as file:
            while size > 0:
                size -= file.write(bytes(min(size, 2**20)))

    def free(self) -> None:
        """Give the room back."""
        (self.folder / "ballast").unlink(missing_ok=True)

    def beat(self, engine: Engine) -> bool:
        """Do what is due, as the metronome would; return whether anything was."""
        try:
            due, posted = engine.tick().due, engine.deliver()
        except StoreError as error:
            self.said.add(str(error))
            return False
        self.said.update(posted.troubles)
        return bool(due or posted.claimed)

    def finish(self, engine: Engine) -> None:
        """Go on until nothing is left."""
        for _ in range(1000):
            if not self.beat(engine):
                at = self.course.next_at(engine)
                if at is None:
                    return
                self.course.clock.jump(max(at, self.course.clock.now() + timedelta(seconds=1)))

    def account(self) -> Account:
        return account(self.course.store, Sent(dict(self.sink.accepted)))


@dataclass(slots=True)
class Filling:
    """An arm that fills the disk at the n-th point of a name: just before a commit, just after a final dot."""

    disk: Disk
    point: str
    n: int
    reached: int = 0

    def __call__(self, name: str, applied: bool) -> None:
        if name == self.point and applied == (name == DOT):
            self.reached += 1
            if self.reached == self.n:
                self.disk.fill()


def _tried(folder: Path, scale: float) -> Found:
    ask = Ask(folder, scale=scale)
    count, times = ask.some(200, 30), ask.some(12, 4)
    sink = MailSink()
    where = Disk(_course(folder / "disk", sink), folder / "disk", sink)
    where.course.settle(count)
    start(where.course.store, count, START)
    wrong = list(_nearly_full(where))
    full = sum(_full_at(where, Filling(where, point, 1 + n)) for n in range(times) for point in ("commit", DOT))
    engine = where.engine()
    where.finish(engine)
    engine.close()
    found = where.account()
    sink.close()
    wrong += [f"what the operator reads: {one}" for one in where.said if not any(w in one for w in CLEAR)]
    if found.intents != 2 * count:
        wrong.append(f"{found.intents} messages of {2 * count}")
    tried = (
        f"N={count}, nearly full once, full at {full} commits and final dots, {SIZE // 2**20} MiB tmpfs, SQLite, SMTP"
    )
    return judged(found, tried, wrong=wrong, figures={"said": sorted(where.said)})


def _course(folder: Path, sink: MailSink) -> Course:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "drill", str(folder)], check=True)  # noqa: S603, S607 - in our own space
    setting = Setting(journeys={"trip": TWO}, email=smtp(sink.port), limits='quiet_hours: {from: "03:00", to: "03:01"}')
    return Course(folder, setting, f"sqlite:///{folder / 'full.db'}")


def _nearly_full(where: Disk) -> Iterator[str]:
    """Yield what is wrong where there is less room than is kept for the ledger."""
    where.fill(leave=RESERVE // 2)
    engine = where.engine()
    engine.tick()
    posted = engine.deliver()
    if posted.claimed or where.sink.accepted or not any(HALTED in one for one in posted.troubles):
        yield f"with half of the reserve left: {posted}"
    where.free()
    if not engine.deliver().claimed:
        yield "with room again nothing is claimed"
    engine.close()


def _full_at(where: Disk, arm: Filling) -> bool:
    """Have the disk full at a point of a new process, and room again after it has tried some more."""
    engine = where.engine()
    engine.post.room = lambda: None  # it looked just before
    with armed(arm):
        for _ in range(4):
            where.beat(engine)
    where.free()
    where.course.clock.jump(where.course.clock.now() + LEASE)
    where.beat(engine)
    engine.close()
    return arm.reached >= arm.n


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m engine.drill.full", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    wish = parser.parse_args()
    (wish.folder / "disk").mkdir()
    sys.stdout.write(json.dumps(asdict(_tried(wish.folder, wish.scale))))
