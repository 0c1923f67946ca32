"""Processes that a drill may do anything to: started by forking, killed, frozen and waited for by their number."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

LEASE = 1.0  # seconds
PATIENCE = 300.0  # seconds until a process that does not end is a finding


class Stuck(Exception):
    """A process does not end."""


@dataclass(slots=True)
class Crew:
    """Workers on one project, by process number."""

    folder: Path
    nursery: subprocess.Popen[str]
    pids: list[int] = field(default_factory=list)
    ended: dict[int, int] = field(default_factory=dict)  # exit codes

    def start(self, work: str = str(LEASE)) -> int:
        """Start a worker with leases of so many seconds, or "serve:PORT": one that answers on the web, too."""
        pid = int(self._say("start", str(self.folder), work))
        self.pids.append(pid)
        return pid

    def lives(self, pid: int) -> bool:
        """Return whether a worker is still there."""
        if pid in self.pids and (code := self._say("poll", str(pid))) != "-":
            self._gone(pid, int(code))
        return pid in self.pids

    def end(self, pid: int, how: int = signal.SIGKILL) -> int:
        """End a worker; return its exit code."""
        if self.lives(pid):
            os.kill(pid, how)
        return self.wait(pid)

    def wait(self, pid: int) -> int:
        """Wait until a worker has ended by itself; return its exit code."""
        until = time.monotonic() + PATIENCE
        while self.lives(pid):
            if time.monotonic() > until:
                raise Stuck(f"worker {pid} has not ended in {PATIENCE:.0f} s")
            time.sleep(0.002)
        return self.ended[pid]

    def freeze(self, pid: int, seconds: float) -> None:
        """Stop a worker for a while."""
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    def _gone(self, pid: int, code: int) -> None:
        self.pids.remove(pid)
        self.ended[pid] = code
        if code > 0:
            raise Stuck(f"a worker ended with {code}; what it said stands on stderr")

    def _say(self, *words: str) -> str:
        asked, answers = self.nursery.stdin, self.nursery.stdout
        assert asked is not None  # noqa: S101 - it is a pipe
        assert answers is not None  # noqa: S101 - it is a pipe
        asked.write("\t".join(words) + "\n")
        asked.flush()
        answer = answers.readline().strip()
        if not answer:
            raise Stuck("the process that starts workers has ended")
        return answer


@contextlib.contextmanager
def crew(folder: Path) -> Iterator[Crew]:
    """Give a crew for a project; whoever is left at the end is killed."""
    command = [sys.executable, "-m", "engine.drill.worker"]
    nursery = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0)  # noqa: S603 - ours; a Ctrl-C is meant for us
    found = Crew(folder, nursery)
    try:
        yield found
    finally:
        for pipe in (nursery.stdin, nursery.stdout):  # it ends whom it has started when it hears no more
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        nursery.wait(10)
