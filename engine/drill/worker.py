"""A process that is made to be killed: steps and sends what is due, until nothing is left to do.

`python -m engine.drill.worker` only forks: a process that has to read Python's modules first is killed once in the
time in which one that is forked is killed ten times. It is told "start FOLDER LEASE", "wait PID" and "poll PID", a
line each, and answers a line: the process, or its exit code ("-" while it lives). A worker ends with 0 when all is
done; SIGTERM lets it finish what it has claimed. Leases are short, so that a successor need not wait.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from engine.app import Options, build, read
from engine.engine import Engine, Limits
from engine.errors import StoreError
from engine.store.connect import reading
from engine.store.delivering import pending
from engine.store.tables import alarms

PR_SET_PDEATHSIG = 1
PAUSE = 0.05  # seconds between looks at a store that has nothing to do
SOON = 60.0  # seconds without a store before giving up


def main(folder: str, lease: str) -> int:
    """Work until all is done."""
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    limits = Limits(contacts=20, messages=20, lease=timedelta(seconds=float(lease)))
    engine = _begin(Path(folder), limits)
    since = time.monotonic()
    while not ending.is_set():
        try:
            if not engine.tick().due and not engine.deliver().claimed:
                if _done(engine):
                    break
                time.sleep(PAUSE)
            since = time.monotonic()
        except StoreError:  # the metronome would try again at its next beat
            if time.monotonic() - since > SOON:
                raise
            time.sleep(PAUSE)
    engine.close()
    return 0


def serve(folder: str, port: str) -> int:
    """Do all that `sojourn serve` does, with its web pages on this port, until SIGTERM."""
    from engine.serve import Heard, Service, Wishes  # noqa: PLC0415 - the other workers need no web server

    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    engine = _begin(Path(folder), Limits())
    wishes = Wishes(f"127.0.0.1:{port}", timedelta(seconds=1))
    service = Service(engine, wishes, Heard(lambda *_: None, lambda _: None, lambda _: None))
    service.start()
    ending.wait()
    service.stop()
    return 0


def _begin(folder: Path, limits: Limits) -> Engine:
    since = time.monotonic()
    while True:
        try:
            return build(read(folder, {}), Options(limits=limits))
        except StoreError:
            if time.monotonic() - since > SOON:
                raise
            time.sleep(PAUSE)


def _done(engine: Engine) -> bool:
    with reading(engine.store) as conn:
        left = pending(conn)
        due = conn.execute(sa.select(sa.func.count()).where(alarms.c.due_at <= engine.clock.now())).scalar_one()
    return not due and not set(left) - {"unknown"}


def fork() -> None:
    """Fork workers as we are told, until nobody tells us anything any more; whoever is left then is killed."""
    import engine.learner.vw  # noqa: F401, PLC0415 - slow to read, and every worker will need it

    mine = set[int]()
    with contextlib.suppress(BrokenPipeError):
        for line in sys.stdin:
            word, *rest = line.rstrip("\n").split("\t")
            answer = str(_start(*rest)) if word == "start" else _ended(word, int(rest[0]))
            mine.add(int(answer)) if word == "start" else mine.discard(int(rest[0]) if answer != "-" else 0)
            sys.stdout.write(f"{answer}\n")
            sys.stdout.flush()
    for pid in mine:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _start(folder: str, lease: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        die_with_parent()
        os.close(0)
        code = serve(folder, lease[6:]) if lease.startswith("serve:") else main(folder, lease)
    except Exception:  # noqa: BLE001 - it ends here; whoever waits sees the code
        traceback.print_exc()
    finally:
        os._exit(code)


def die_with_parent() -> None:
    """Have the kernel end us when whoever started us is gone, however that happened (Linux: prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _ended(word: str, pid: int) -> str:
    done, status = os.waitpid(pid, os.WNOHANG if word == "poll" else 0)
    return str(os.waitstatus_to_exitcode(status)) if done else "-"


if __name__ == "__main__":
    fork()
    os._exit(0)  # nobody reads what is still to be said
