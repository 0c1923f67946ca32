"""`python -m benchmarks.fuzz`: files as nobody would write them. Lint answers each with file:line:col, or accepts it.

Rules
- Case number N is always the same file; what fails can be asked for again with --case N.
- Each case is judged in a child process that is measured from outside: CPU seconds, and how much its memory grew.
  A child that dies or hangs is a finding, too.
- Starting texts are the starters' own files: journeys, fragments, sojourn.yaml, data.yaml, templates.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fuzz_bombs import BOMBS, HEAVY
from benchmarks.fuzz_cases import STARTERS, Case, case
from engine.proofs import proofs
from journeys.load import load, load_journey, load_project
from journeys.page import Page
from journeys.problem import Problem
from journeys.project import Definitions
from journeys.reader import decode
from journeys.repair import repair
from journeys.show import as_json, show
from journeys.starters import copy_starter

SECONDS, MEGABYTES = 1.0, 200
BOMB_SECONDS = 0.05
LONGEST_SAYING = 1000
HANG = 30  # seconds after which a child is given up


class Broken(Exception):
    """A problem that is none: without words, or at no place."""


@dataclass(slots=True)
class Outcome:
    """How a case ended: "valid", "told" (with how many problems), or what went wrong."""

    number: int
    file: str
    ended: str
    seconds: float = 0.0
    megabytes: float = 0.0
    codes: tuple[str, ...] = ()
    trace: str = ""


# how it is judged


class Bench:
    """A copy of each starter, in which one file is changed at a time; what the others say is known."""

    def __init__(self, folder: Path) -> None:
        self.roots = {}
        for starter in STARTERS:
            copy_starter(starter, folder / starter)
            self.roots[starter] = (folder / starter).resolve()

    def judge(self, one: Case) -> tuple[str, ...]:
        """Return the codes that lint gives for the changed file, or raise what it raises."""
        root = self.roots[one.starter]
        path = root / one.file
        before = path.read_bytes()
        path.write_bytes(one.content)
        try:
            problems = self._problems(root, one.file)
        finally:
            path.write_bytes(before)
        sound(problems, one)
        return tuple(problem.code for problem in problems)

    def _problems(self, root: Path, file: str) -> list[Problem]:
        """Look as lint does, but only at what the file can touch."""
        if file.startswith("templates/"):
            return proofs(_only(untouched(root), root / file))
        hidden = {path: path.with_name(f"{path.name}.off") for path in self._unconcerned(root, file)}
        for path, name in hidden.items():
            path.rename(name)
        try:
            return list(load(root, {}).problems)
        finally:
            for path, name in hidden.items():
                name.rename(path)

    def _unconcerned(self, root: Path, file: str) -> list[Path]:
        if file.startswith("journeys/"):
            return [path for path in (root / "journeys").glob("*.yaml") if path != root / file]
        return []


@cache
def untouched(root: Path) -> Definitions:
    """Return what the starter says as it is: a template changes nothing of it."""
    return load(root, {})


def _only(definitions: Definitions, path: Path) -> Definitions:
    """Return the definitions with the one message that `path` is a file of."""
    project = definitions.project
    if project is None:
        raise Broken("a starter can be read")
    messages = {name: files for name, files in project.messages.items() if path in files}
    return replace(definitions, project=replace(project, messages=messages))


def sound(problems: list[Problem], one: Case) -> None:
    """Hold every problem against what is promised of one: a place inside its file, words, and fixes that go in."""
    text = one.content.decode("utf-8-sig", "replace")
    lines = len(Page(one.file, text).lines)
    for problem in problems:
        placed = problem.line >= 1 and 1 <= problem.col < problem.end_col
        inside = problem.file != one.file or problem.line <= lines
        if not (placed and inside and 0 < len(problem.says) < LONGEST_SAYING and show(problem, text)):
            raise Broken(str(problem)[:500])
        json.dumps(as_json(problem))
    repair(text, [problem for problem in problems if problem.file == one.file])


def run(one: Case, bench: Bench) -> Outcome:
    """Judge one case here, with the time it took."""
    began = time.process_time()
    found = Outcome(one.number, f"{one.starter}/{one.file}", "valid")
    try:
        found.codes = bench.judge(one)
    except MemoryError:
        found.ended, found.trace = "memory", traceback.format_exc()[-1500:]
    except Exception:  # noqa: BLE001 - any exception is a finding
        found.ended, found.trace = "traceback", traceback.format_exc()[-3000:]
    found.seconds = time.process_time() - began
    if found.ended == "valid" and found.codes:
        found.ended = "told"
    return found


def _child(pipe: Connection, first: int, last: int) -> None:
    with TemporaryDirectory(prefix="fuzz-") as folder:
        bench = Bench(Path(folder))
        run(case(first), bench)  # what is imported and kept once is not the file's
        for number in range(first, last):
            base = _resident(reset=True)
            found = run(case(number), bench)
            found.megabytes = max(0.0, (_peak() - base) / 1024)
            pipe.send(asdict(found))
    pipe.send(None)


def _resident(*, reset: bool = False) -> int:
    """Return the memory now in kB; `reset` lets the peak start anew from it (proc(5), clear_refs)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def outcomes(first: int, last: int) -> Iterator[Outcome]:
    """Yield how each case ended; a child that dies or hangs is replaced."""
    context = multiprocessing.get_context("spawn")
    at = first
    while at < last:
        mine, theirs = context.Pipe()
        child = context.Process(target=_child, args=(theirs, at, last))
        child.start()
        theirs.close()
        for found in _heard(mine, at):
            at = found.number + 1
            yield found
            if found.ended in ("hang", "killed"):
                break
        else:
            at = last
        child.kill()
        child.join()


def _heard(pipe: Connection, at: int) -> Iterator[Outcome]:
    while True:
        if not pipe.poll(HANG):
            yield Outcome(at, case(at).file, "hang", HANG)
            return
        try:
            said = pipe.recv()
        except EOFError:
            yield Outcome(at, case(at).file, "killed")
            return
        if said is None:
            return
        found = Outcome(**said)
        at = found.number + 1
        yield found


def bombs() -> Iterator[tuple[str, float, tuple[str, ...]]]:
    """Yield name, CPU seconds and codes of each bomb and of each heavy text, read as a journey; the best of three."""
    with TemporaryDirectory(prefix="fuzz-") as folder:
        root = copy_starter("empty", Path(folder) / "empty")[0].parent
        project, _ = load_project(Path(folder) / "empty", {})
        if project is None:
            raise Broken(str(root))
        for name, text in {**BOMBS, **HEAVY}.items():
            best, codes = 1e9, ()
            for _ in range(3):
                began = time.process_time()
                page = decode(text.encode(), "journeys/bomb.yaml")
                problems = page.problems or load_journey(text, page.file, project)[1]
                best = min(best, time.process_time() - began)
                codes = tuple(sorted({problem.code for problem in problems}))
            yield name, best, codes


def main() -> int:
    """Print the figures; 1 when anything broke its promise."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__.split("\n")[0])
    asked.add_argument("--cases", type=int, default=10_000)
    asked.add_argument("--first", type=int, default=0)
    asked.add_argument("--case", type=int, help="judge one case here and show it")
    words = asked.parse_args()
    if words.case is not None:
        return _one(words.case)
    ends: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    worst: list[Outcome] = []
    seconds: list[float] = []
    largest = 0.0
    for found in outcomes(words.first, words.first + words.cases):
        ends[found.ended] += 1
        codes.update(set(found.codes))
        seconds.append(found.seconds)
        largest = max(largest, found.megabytes)
        if found.ended not in ("valid", "told") or found.seconds > SECONDS or found.megabytes > MEGABYTES:
            worst.append(found)
            print(
                f"case {found.number} {found.file}: {found.ended} {found.seconds:.2f} s {found.megabytes:.0f} MB",
                flush=True,
            )
            print(found.trace[-600:], flush=True)
    seconds.sort()
    middle, high = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.99)]
    print(f"{sum(ends.values()):,} files: {dict(ends)}; {len(codes)} codes seen")
    print(f"CPU: middle {middle * 1000:.0f} ms, 99 % {high * 1000:.0f} ms, most {seconds[-1] * 1000:.0f} ms")
    print(f"memory beyond what lint itself needs: most {largest:.0f} MB")
    slow = 0
    for name, took, said in bombs():
        slow += took > SECONDS if name in HEAVY else took > BOMB_SECONDS or not said
        kind = "heavy" if name in HEAVY else "bomb"
        print(f"{kind} {name}: {took * 1000:.1f} ms {' '.join(said) or 'accepted'}")
    print(f"{len(worst)} broke a promise, {slow} bombs were slow")
    return 1 if worst or slow else 0


def _one(number: int) -> int:
    with TemporaryDirectory(prefix="fuzz-") as folder:
        one = case(number)
        sys.stdout.buffer.write(one.content + b"\n")
        found = run(one, Bench(Path(folder)))
        print(found.ended, found.file, found.codes, f"{found.seconds:.3f} s", found.trace)
        return 0


if __name__ == "__main__":
    sys.exit(main())
