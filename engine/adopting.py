"""A new journey tried in a copy of its project before anything is written: is it clean, and do its tests pass.

Rules
- The copy holds the project's files and nothing of its people: no store, no secret, no mailbox.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.proofs import proofs
from engine.testing import Played, Stage
from journeys.load import load
from journeys.problem import Problem

LEFT_OUT = shutil.ignore_patterns(".*", "*.db", "*.db-*", "mailbox", "backups", "node_modules")


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it: the problems that the project did not have before, and how the journey's tests went."""

    problems: tuple[Problem, ...]
    played: tuple[Played, ...] = ()


def tried(root: Path, texts: Mapping[str, str], name: str, env: Mapping[str, str]) -> Tried:
    """Return what would come of writing `texts` (by path) into the project at `root`."""
    with TemporaryDirectory(prefix="sojourn-") as folder:
        copy = Path(folder) / "project"
        shutil.copytree(root, copy, ignore=LEFT_OUT)
        before = set(map(_known, load(copy, env).problems))
        for file, text in texts.items():
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            (copy / file).write_text(text, encoding="utf-8")
        definitions = load(copy, env)
        fresh = [problem for problem in definitions.problems if _known(problem) not in before]
        fresh += [problem for problem in proofs(definitions) if problem.file in texts]
        if name not in definitions.journeys:
            return Tried(tuple(fresh))
        stage = Stage(definitions)
        journey = definitions.journeys[name]
        try:
            return Tried(tuple(fresh), tuple(stage.play(journey, test) for test in journey.tests))
        finally:
            stage.close()


def _known(problem: Problem) -> tuple[str, str, str]:
    return problem.file, problem.code, problem.says
