"""`sojourn lint --watch`: looks again whenever a file changes, and prints only what is new and what is gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.answer import Answer
from engine.cli.failure import source
from engine.cli.lint_formats import written
from engine.cli.session import Session

if TYPE_CHECKING:
    from engine.cli.lint import Looked
    from journeys import Problem

INTERRUPTED = 130
PAUSE = 0.5  # seconds between two looks at the files' times
Stamp = frozenset[tuple[str, int, int]]


def watched(session: Session, look: Callable[[], Looked]) -> Answer:
    """Print every look's changes until Ctrl-C; exit code 130, nothing else to say."""
    try:
        _watch(session, look)
    except KeyboardInterrupt:
        session.note("")
    return Answer(code=INTERRUPTED)


def _watch(session: Session, look: Callable[[], Looked]) -> None:
    root = session.root
    stamp = stamped(root)
    seen = look()
    for line in written(session, seen, "text"):
        session.say(line)
    session.note(f"watching {root} (Ctrl-C ends)")
    while True:
        time.sleep(PAUSE)
        now = stamped(root)
        if now != stamp:
            stamp, before, seen = now, seen, look()
            for line in changes(session, before, seen):
                session.say(line)


def stamped(root: Path) -> Stamp:
    """Return each file with its time and size: what differs when somebody saved."""
    from engine.repairs import files

    found = set()
    for path in files(root):
        try:
            at = path.stat()
        except OSError:  # deleted between listing and looking
            continue
        found.add((str(path), at.st_mtime_ns, at.st_size))
    return frozenset(found)


def changes(session: Session, before: Looked, after: Looked) -> list[str]:
    """Return what is new, what is gone, and how it stands now."""
    from journeys.show import show, summary

    was = {same(problem) for problem in before.problems}
    now = {same(problem) for problem in after.problems}
    lines: list[str] = []
    for problem in after.problems:
        if same(problem) not in was:
            lines += [*show(problem, source(problem.file, session), session.colour).split("\n"), ""]
    gone = [problem for problem in before.problems if same(problem) not in now]
    lines += [f"gone: {problem.file}: {problem.code} {problem.says}" for problem in gone]
    clock = datetime.now().astimezone().strftime("%H:%M:%S")
    return [*lines, f"{clock}  {summary(after.problems, after.checked, after.seconds)}"]


def same(problem: Problem) -> tuple[str, str, str]:
    """Return what makes a problem the same one after its line moved."""
    return problem.file, problem.code, problem.says
