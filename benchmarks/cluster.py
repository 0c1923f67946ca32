"""python -m benchmarks.cluster: processes on one PostgreSQL, killed and frozen in the middle of sending; who got what.

It starts a PostgreSQL that is durable, a mail server that writes a mail down at its final dot, and `sojourn serve
--cluster` processes; then it does to them what happens to machines, and holds the ledger against what arrived.
Prints Jepsen's multisets (lost, duplicated, unexpected, recovered, and what is in doubt), and the sums.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from engine.drill import ground
from engine.drill.checks import Account, Sent, account
from engine.drill.postgres import FAST, QUIET, Server, serve
from engine.drill.sink import MailSink
from engine.store.connect import reading
from engine.store.tables import deliveries, events

RUN = "import sys; from engine.cli import main; sys.exit(main())"
ROOT = Path(__file__).resolve().parent.parent
STEP = 0.02  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done: messages, processes; how often one is killed, or frozen past its lease, or the database crashes."""

    sends: int = 20_000
    workers: int = 2
    kills: int = 1
    freezes: int = 0
    restarts: int = 0
    lease: float = 10.0  # seconds
    latency: float = 0.001  # seconds between the final dot and the answer
    patience: float = 600.0  # seconds until a run that does not end is a finding
    durable: bool = True
    replaced: bool = True  # another process comes for one that was killed


@dataclass(slots=True)
class Result:
    """What came of it; `seconds` from the first event to the last answer, `waited` of them for leases to end."""

    plan: Plan
    account: Account
    seconds: float
    share: dict[str, int] = field(default_factory=dict)  # messages by the worker that sent them
    done: list[str] = field(default_factory=list)
    tracebacks: int = 0

    @property
    def ok(self) -> bool:
        """Return whether all that is promised holds."""
        one = self.account
        return one.clean and not one.waiting and not self.tracebacks and one.intents == self.plan.sends


@dataclass(slots=True)
class Crew:
    """The processes, and the log of each."""

    folder: Path
    lease: float
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        words = [sys.executable, "-c", RUN, "-C", str(self.folder), "serve", "--cluster", "--bind", "127.0.0.1:0",
                 "--every", "1s", "--lease", f"{self.lease:g}s"]  # fmt: skip
        with (self.folder / f"worker-{len(self.processes)}.log").open("wb") as log:
            self.processes.append(subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log))

    @property
    def living(self) -> list[subprocess.Popen[bytes]]:
        return [process for process in self.processes if process.poll() is None]

    def tracebacks(self) -> int:
        return sum(path.read_text().count("Traceback") for path in self.folder.glob("worker-*.log"))

    def stop(self) -> None:
        for process in self.living:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def staged(plan: Plan) -> Iterator[tuple[Server, MailSink, Crew, sa.Engine]]:
    """Give the stage: server, mail server, processes, store with people in it; all of it is gone at the end."""
    sink = MailSink(latency=plan.latency)
    with tempfile.TemporaryDirectory(prefix="cluster-") as place, serve(QUIET if plan.durable else FAST) as server:
        url = server.database("cluster")
        setting = ground.Setting(
            journeys={"trip": ground.ONE},
            email=ground.smtp(sink.port),
            limits=ground.quiet_far_from(datetime.now(UTC)),
        )
        folder = ground.lay(Path(place), url, setting)
        store = ground.make_store(url)
        ground.settle(store, folder, ground.people(plan.sends), datetime.now(UTC))
        crew = Crew(folder, plan.lease)
        try:
            yield server, sink, crew, store
        finally:
            crew.stop()
            store.dispose()
            sink.close()


def run(plan: Plan, seed: int = 1) -> Result:
    """Send, do harm in between, wait until all is settled; return who got what."""
    with staged(plan) as (server, sink, crew, store):
        for _ in range(plan.workers):
            crew.start()
        _until(lambda: _at_work(store) >= 2 * plan.workers, plan.patience)  # two workers of the queue each
        began = time.monotonic()
        ground.start(store, plan.sends, datetime.now(UTC))
        done = _harm(plan, (server, sink, crew), random.Random(seed))
        _until(lambda: _settled(store, plan.sends), plan.patience)
        seconds = time.monotonic() - began
        crew.stop()
        found = account(store, Sent(dict(sink.accepted)))
        return Result(plan, found, seconds, _share(store), done, crew.tracebacks())


def _harm(plan: Plan, stage: tuple[Server, MailSink, Crew], chance: random.Random) -> list[str]:
    """Do harm at instants spread over the sending: after so many mails have been accepted."""
    server, sink, crew = stage
    harms = ["kill"] * plan.kills + ["freeze"] * plan.freezes + ["restart"] * plan.restarts
    chance.shuffle(harms)
    said = []
    for n, harm in enumerate(harms, 1):
        at = plan.sends * n // (len(harms) + 1)
        _until(lambda at=at: sum(sink.accepted.values()) >= at, plan.patience)
        said.append(f"{harm} after {sum(sink.accepted.values()):,}")
        if harm == "restart":
            server.restart()
            continue
        victim = chance.choice(crew.living)
        if harm == "kill":
            os.kill(victim.pid, signal.SIGKILL)
            victim.wait()
            if plan.replaced:
                crew.start()
        else:
            os.kill(victim.pid, signal.SIGSTOP)
            time.sleep(1.5 * plan.lease)
            os.kill(victim.pid, signal.SIGCONT)
    return said


def _at_work(store: sa.Engine) -> int:
    with reading(store) as conn:
        return int(conn.execute(sa.text("SELECT count(*) FROM procrastinate_workers")).scalar_one())


def _settled(store: sa.Engine, sends: int) -> bool:
    """Return whether every event has become a message that has ended."""
    over = deliveries.c.status.in_(("sent", "failed", "suppressed", "expired", "unknown"))
    try:
        with reading(store) as conn:
            fresh = conn.execute(sa.select(sa.func.count()).where(events.c.fresh)).scalar_one()
            return not fresh and conn.execute(sa.select(sa.func.count()).where(over)).scalar_one() >= sends
    except Exception:  # noqa: BLE001 - the database may be on its way up
        return False


def _share(store: sa.Engine) -> dict[str, int]:
    """Return how many messages each process has sent: who they were last held by says it."""
    process = (
        sa.func.split_part(deliveries.c.owner, "-", -3) if store.dialect.name == "postgresql" else deliveries.c.owner
    )
    with reading(store) as conn:
        rows = conn.execute(sa.select(process, sa.func.count()).where(deliveries.c.status == "sent").group_by(process))
        return {str(row[0]): int(row[1]) for row in rows}


def _until(look, patience: float) -> None:  # noqa: ANN001 - a question
    deadline = time.monotonic() + patience
    while not look():
        if time.monotonic() > deadline:
            raise SystemExit("it did not come to an end in time")
        time.sleep(STEP)


def table(result: Result) -> str:
    """Return what is told to people."""
    one, plan = result.account, result.plan
    server = "durable" if plan.durable else "in haste"
    ends = " + ".join(f"{n:,} {status}" for status, n in sorted(one.statuses.items()))
    arrived = f"{one.statuses.get('sent', 0):,} sent + {one.delivered_in_doubt:,} in doubt + {one.duplicated:,} double"
    lines = [
        f"{plan.sends:,} messages, {plan.workers} processes on one PostgreSQL ({server}), leases of {plan.lease:g} s",
        f"harm         {', '.join(result.done) or 'none'}",
        f"{result.seconds:.1f} s from the first event to the last answer ({plan.sends / result.seconds:,.0f}/s)",
        "",
        f"lost         {one.lost:>8,}   counted as sent, but nobody got it",
        f"duplicated   {one.duplicated:>8,}   copies beyond the first",
        f"unexpected   {one.unexpected:>8,}   got without an intent, or against the ledger",
        f"unknown      {one.unknown:>8,}   in doubt, listed by name and held",
        f"recovered    {one.delivered_in_doubt:>8,}   of those in doubt: had arrived",
        "",
        f"intents      {one.intents:,} = {ends}",
        f"accepted     {one.accepted:,} = {arrived}",
        f"sums         {one.broken or 'exact'}; {one.waiting} waiting; {result.tracebacks} tracebacks in the logs",
        f"shared       {', '.join(f'process {pid}: {n:,}' for pid, n in sorted(result.share.items()))}",
        "",
        "holds" if result.ok else "DOES NOT HOLD",
    ]
    return "\n".join(lines)


def main() -> int:
    """Run as the command line says; 1 when something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__.partition("\n")[0])
    plan = Plan()
    parser.add_argument("--sends", type=int, default=plan.sends)
    parser.add_argument("--workers", type=int, default=plan.workers)
    parser.add_argument("--kills", type=int, default=plan.kills, help="kill -9 in the middle; another one is started")
    parser.add_argument("--freezes", type=int, default=0, help="SIGSTOP for one and a half leases")
    parser.add_argument("--restarts", type=int, default=0, help="the database crashes and comes back")
    parser.add_argument("--lease", type=float, default=plan.lease, metavar="SECONDS")
    parser.add_argument("--latency", type=float, default=plan.latency, metavar="SECONDS", help="of the mail server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    said = vars(parser.parse_args())
    seed, as_json = said.pop("seed"), said.pop("json")
    result = run(Plan(**said), seed)
    print(json.dumps(asdict(result) | {"ok": result.ok}) if as_json else table(result))
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main())
