"""What lint can repair: tried on a copy of the project's files, and written only where it helped.

Rules
- Only the safe edits that Problems carry; comments, line ends and everything else stay byte for byte.
- A fix that leaves its own problem, that makes the file unreadable, or that puts more errors on the lines it touches
  is not written. What a fix brings to light elsewhere is no reason: it was wrong before.
- A file is written whole or not at all, and not if it changed while it was looked at.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

from journeys import Problem
from journeys.repair import repair

ROUNDS = 10  # an edit may bring the next problem to light, at most so often
TRIES = 50  # fixes of one file that are tried one by one, when together they did harm
BOM = "\ufeff"
PLACES = ("journeys", "fragments", "templates")  # beside the .yaml files, which may stand anywhere
ASIDE = frozenset({"mailbox", "backups", "node_modules"})

Look = Callable[[Path], Sequence[Problem]]  # a project's folder -> what is wrong in it


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was repaired: each file's text before and after, what was fixed in which order, what is wrong now."""

    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    fixed: tuple[Problem, ...] = ()
    left: tuple[Problem, ...] = ()


def repairs(root: Path, look: Look, wanted: Callable[[Problem], bool]) -> Repaired:
    """Return what the fixes of the `wanted` problems make of the project; nothing is written under `root`."""
    with TemporaryDirectory(prefix="sojourn-lint-") as folder:
        bench = _Bench(Path(folder).resolve(), look, {}, set())
        for path in files(root):
            _copy(path, bench.root / path.relative_to(root))
        found = look(bench.root)
        fixed: list[Problem] = []
        for _ in range(ROUNDS):
            todo = [one for one in found if one.fix and wanted(one) and _key(one) not in bench.refused]
            done, found = _round(bench, todo, found)
            fixed += done
            if not todo:
                break
        changed = {file: (was, bench.read(file)) for file, was in bench.before.items() if was != bench.read(file)}
        return Repaired(changed, tuple(fixed), tuple(found))


def write(root: Path, repaired: Repaired) -> list[str]:
    """Write the repaired files; return those that were left alone because they changed meanwhile."""
    missed = []
    for file, (was, now) in repaired.files.items():
        path = (root / file).resolve()
        if _read(path) != was:
            missed.append(file)
        else:
            _replace(path, now)
    return missed


def files(root: Path) -> Iterator[Path]:
    """Yield the files of a project that its author writes: all .yaml files, and whatever lies in templates/."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in ASIDE)
        kept = Path(folder).relative_to(root).parts[:1] == ("templates",)
        for name in sorted(names):
            path = Path(folder) / name
            if (kept or name.endswith(".yaml")) and path.is_file():
                yield path


@dataclass(frozen=True, slots=True)
class _Bench:
    """The copy on which fixes are tried."""

    root: Path
    look: Look
    before: dict[str, str]  # texts as they were when first touched
    refused: set[tuple[str, ...]]

    def read(self, file: str) -> str:
        return _read(self.root / file)

    def put(self, file: str, text: str) -> None:
        (self.root / file).write_bytes(text.encode())


def _round(bench: _Bench, todo: Sequence[Problem], found: Sequence[Problem]) -> tuple[list[Problem], Sequence[Problem]]:
    """Put in what fits together, file by file; return what was fixed, and what is wrong then."""
    fixed: list[Problem] = []
    for file in dict.fromkeys(problem.file for problem in todo):
        own = [problem for problem in todo if problem.file == file]
        done, found = _tried(bench, own, found)
        if not done:
            for problem in own[:TRIES]:
                one, found = _tried(bench, [problem], found)
                done += one
                if one:
                    break  # the places of the others have moved: the next round sees them
                bench.refused.add(_key(problem))
        fixed += done
    return fixed, found


def _tried(bench: _Bench, own: Sequence[Problem], found: Sequence[Problem]) -> tuple[list[Problem], Sequence[Problem]]:
    file = own[0].file
    try:
        before = bench.read(file)
    except (OSError, UnicodeDecodeError):
        return [], found
    bom, text = (BOM, before[1:]) if before.startswith(BOM) else ("", before)
    now, done = repair(text, own)
    if not done:
        return [], found
    bench.put(file, bom + now)
    after = bench.look(bench.root)
    if _worse(done, found, after):
        bench.put(file, before)
        return [], found
    bench.before.setdefault(file, before)
    return list(done), after


def _worse(done: Sequence[Problem], before: Sequence[Problem], after: Sequence[Problem]) -> bool:
    file = done[0].file
    was, now = _errors(before, file), _errors(after, file)
    still = Counter(_key(one) for one in now if one.line in {p.line for p in done})
    if any(still[_key(one)] for one in done):
        return True
    known = {_key(one) for one in was}
    if any(one.code.startswith("Y") and _key(one) not in known for one in now):
        return True
    lines = {edit.line for problem in done if not problem.code.startswith("Y") for edit in problem.fix}
    return any(_on(line, now) > _on(line, was) for line in lines)


def _errors(problems: Iterable[Problem], file: str) -> list[Problem]:
    return [one for one in problems if one.file == file and one.severity == "error"]


def _on(line: int, problems: Iterable[Problem]) -> int:
    return sum(problem.line == line for problem in problems)


def _key(problem: Problem) -> tuple[str, ...]:
    return (problem.file, problem.code, problem.says, str(problem.line))


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _replace(path: Path, text: str) -> None:
    """Put `text` in place of the file in one step, with the same rights."""
    rights = stat.S_IMODE(path.stat().st_mode)
    with NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
        stream.write(text.encode())
        stream.flush()
        os.fsync(stream.fileno())
    other = Path(stream.name)
    try:
        other.chmod(rights)
        other.replace(path)
    except OSError:
        other.unlink(missing_ok=True)
        raise
