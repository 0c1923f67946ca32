"""`python -m benchmarks.soak [--minutes 20] [--people N] [--json]`: `sojourn serve` all day, in minutes.

A real `sojourn serve` with waits of seconds, between a real SMTP server, a push service and people who click, order,
unsubscribe and repeat themselves. At the end it is asked to stop, and everything has to add up.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.soak_checks import Check, checks, figures
from benchmarks.soak_doors import PushService, free_port, mail_server, push_service
from benchmarks.soak_people import Crowd, somebody
from engine.store.connect import open_store, reading

SHOP = Path(__file__).with_name("shop_soak")
SOJOURN = (sys.executable, "-c", "import sys; from engine.cli import main; sys.exit(main())")
ROOT = Path(__file__).resolve().parent.parent
PER_MINUTE = 60  # people who sign up, unless --people says otherwise
TAIL = 150.0  # seconds at the end without sign-ups: the last decision closes, and is learned from
STOPPING = 30.0  # seconds a stop may take


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how many, and where."""

    minutes: float
    people: int
    folder: Path
    push: bool = True

    @property
    def seconds(self) -> float:
        return self.minutes * 60

    @property
    def entering(self) -> float:
        return self.seconds - min(TAIL, self.seconds / 2)


@dataclass(slots=True)
class Served:
    """What became of the serving process."""

    code: int = -1
    stopped_in: float = 0.0
    cpu: float = 0.0
    memory: list[tuple[float, float]] = field(default_factory=list)  # (seconds since its start, MiB in use)
    peak: float = 0.0
    answer: dict[str, Any] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


def soak(plan: Plan, say: Any = print) -> dict[str, Any]:
    """Run it and return all figures and checks."""
    port, bind = free_port(), f"127.0.0.1:{free_port()}"
    crowd = Crowd(f"http://{bind}", {person.id: person for person in somebody(plan.people)})
    with ExitStack() as stack:
        service = stack.enter_context(push_service(crowd))
        stack.enter_context(mail_server(crowd, port))
        env = _settle(plan, crowd, service if plan.push else None, (port, bind))
        began = time.monotonic()
        served = stack.enter_context(_serving(plan, env, bind))
        stack.enter_context(_watched(crowd, served, say))
        asyncio.run(crowd.live(plan.entering, plan.seconds))
        _stop(served)
    return _report(plan, crowd, served.served, time.monotonic() - began)


def _settle(plan: Plan, crowd: Crowd, service: PushService | None, at: tuple[int, str]) -> dict[str, str]:
    """Make the project with its people by the program's own commands; return the environment it needs."""
    shutil.copytree(SHOP, plan.folder, dirs_exist_ok=True)
    far = datetime.now(UTC) + timedelta(hours=12)  # the one quiet minute of the day
    env = {
        **os.environ,
        "SOAK_SMTP_PORT": str(at[0]),
        "SOAK_BIND": at[1],
        "SOAK_QUIET_FROM": f"{far:%H:%M}",
        "SOAK_QUIET_TO": f"{far + timedelta(minutes=1):%H:%M}",
    }
    env["VAPID_KEY"] = _run(plan.folder, env, "config", "push-key")["private"]
    people = plan.folder / "people.csv"
    with people.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "email", "first_name", "taste", "can_push", "consent", "push"])
        for person in crowd.people.values():
            here = service is not None and person.can_push
            push = service.subscribe(person) if service and here else ""
            name = person.id.capitalize()
            rows.writerow([person.id, person.address, name, person.taste, "yes" if here else "no", "promo", push])
    _run(plan.folder, env, "db", "upgrade", "--yes")
    done = _run(plan.folder, env, "contact", "import", str(people))
    if done["new"] != len(crowd.people):
        raise SystemExit(f"the import took {done['new']} of {len(crowd.people)} people: {done['reasons']}")
    return env


def _run(folder: Path, env: Mapping[str, str], *words: str) -> dict[str, Any]:
    command = [*SOJOURN, "-C", str(folder), "--json", *words]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"sojourn {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return dict(json.loads(done.stdout)["data"])


@dataclass(slots=True)
class Serving:
    """The process, while it is there."""

    process: subprocess.Popen[bytes]
    folder: Path
    began: float = field(default_factory=time.monotonic)
    served: Served = field(default_factory=Served)

    def look(self) -> None:
        """Note its memory and CPU, as Linux tells them."""
        with suppress(OSError, IndexError, ValueError):
            lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines()
            status = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "VmHWM"))}
            times = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            self.served.memory.append((round(time.monotonic() - self.began), int(status["VmRSS"]) / 1024))
            self.served.peak = int(status["VmHWM"]) / 1024
            self.served.cpu = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _serving(plan: Plan, env: Mapping[str, str], bind: str) -> Iterator[Serving]:
    command = [*SOJOURN, "-C", str(plan.folder), "--json", "serve", "--every", "1s"]
    with (plan.folder / "serve.log").open("wb") as log, (plan.folder / "serve.json").open("wb") as answer:
        process = subprocess.Popen(command, env=dict(env), cwd=ROOT, stdout=answer, stderr=log)
        serving = Serving(process, plan.folder)
        try:
            _await(bind, process)
            yield serving
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _await(bind: str, process: subprocess.Popen[bytes]) -> None:
    """Return when somebody listens there."""
    host, _, port = bind.partition(":")
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection((host, int(port)), 1):
            return
        time.sleep(0.05)
    raise SystemExit(f"sojourn serve does not answer on {bind} (exit code {process.poll()})")


@contextmanager
def _watched(crowd: Crowd, serving: Serving, say: Any) -> Iterator[None]:
    """Look at the process every ten seconds, and say how it goes every minute."""
    over = threading.Event()

    def watch() -> None:
        looks = 0
        while not over.wait(10):
            serving.look()
            looks += 1
            if looks % 6 == 0:
                tally = crowd.tally
                say(f"minute {looks // 6}: {len(tally.mails)} mails, {len(tally.pushes)} pushes, {tally.clicks} clicks")

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


def _stop(serving: Serving) -> None:
    """Ask it to end, as the system does, and note how it went."""
    serving.look()
    served, began = serving.served, time.monotonic()
    serving.process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        served.code = serving.process.wait(timeout=STOPPING)
    served.stopped_in = time.monotonic() - began
    with suppress(ValueError):
        served.answer = json.loads((serving.folder / "serve.json").read_text(encoding="utf-8"))["data"]
    log = (serving.folder / "serve.log").read_text(encoding="utf-8")
    served.complaints = [line for line in log.splitlines() if _complains(line)]


def _complains(line: str) -> bool:
    """Return whether a line tells of trouble; a message that failed is none, it is counted elsewhere."""
    return any(word in line for word in (" warn ", "warning", "Traceback", "Error", "errors"))


def _report(plan: Plan, crowd: Crowd, served: Served, wall: float) -> dict[str, Any]:
    store = open_store(f"sqlite:///{plan.folder / 'soak.db'}")
    with reading(store) as conn:
        found = [*checks(conn, crowd), *_of_process(plan, served)]
        told = figures(conn, crowd)
    store.dispose()
    found += _of_moving(plan, told["points"])
    return {
        "ok": all(check.ok for check in found),
        "minutes": plan.minutes,
        "checks": [{"name": x.name, "ok": x.ok, "found": x.found, "wanted": x.wanted} for x in found],
        **told,
        "serve": {
            "wall_s": round(wall, 1),
            "cpu_s": round(served.cpu, 1),
            "cpu_share": round(served.cpu / wall, 3),
            "memory_mib": {f"{at} s": round(mib, 1) for at, mib in _quarters(served.memory)},
            "peak_mib": round(served.peak, 1),
            "stopped_in_s": round(served.stopped_in, 2),
        },
    }


def _of_process(plan: Plan, served: Served) -> Iterator[Check]:
    yield Check("exit code after SIGTERM", served.code, 0)
    yield Check("complaints in its log", served.complaints[:5], [])
    with reading(store := open_store(f"sqlite:///{plan.folder / 'soak.db'}")) as conn:
        sent = conn.exec_driver_sql("SELECT count(*) FROM deliveries WHERE status = 'sent'").scalar_one()
        sound = conn.exec_driver_sql("PRAGMA integrity_check").scalar_one()
    store.dispose()
    yield Check("sent, in its own last words", served.answer.get("sent"), sent)
    yield Check("the database is sound", sound, "ok")


def _of_moving(plan: Plan, points: Sequence[Mapping[str, Any]]) -> Iterator[Check]:
    """Yield that every policy moved, where there was time: the learner looks once a minute."""
    if plan.minutes < 3:
        return
    for point in points:
        yield Check(f"{point['point']} was decided by newer and newer policies", point["published"] >= 2, True)


def _quarters(memory: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [memory[len(memory) * part // 4 - (part == 4)] for part in range(5)] if len(memory) > 4 else list(memory)


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    for check in report["checks"]:
        mark, found = ("ok  " if check["ok"] else "FAIL"), check["found"]
        shown = f"{found}" if isinstance(found, int | str | bool) else f"{len(found)}"
        yield f"{mark} {check['name']:<55}{shown}" + ("" if check["ok"] else f"   wanted {check['wanted']}")
    for name, value in report.items():
        if name not in ("checks", "points", "serve"):
            yield f"     {name:<55}{value}"
    for point in report["points"]:
        yield f"     {point['point']}: {point['decisions']} decisions, {point['policy_at_start']} to "
        yield f"       {point['policy_at_end']}, {point['published']} published, {point['learned']} learned from"
        for when in ("early", "late"):
            yield f"       {when:<6} best arm for sea, hills; mean reward: {list(point[when].values())}"
    yield f"     serve: {report['serve']}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--people", type=int, help=f"default: {PER_MINUTE} a minute")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", type=Path, help="leave the project with its store and log in this folder")
    asked = parser.parse_args()
    count = asked.people or max(10, round(PER_MINUTE * asked.minutes))
    with tempfile.TemporaryDirectory() as scratch:
        plan = Plan(asked.minutes, count, asked.keep or Path(scratch))
        report = soak(plan, lambda line: print(line, file=sys.stderr, flush=True))
    print(json.dumps(report, default=str) if asked.json else "\n".join(_lines(report)))
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
