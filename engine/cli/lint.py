"""`sojourn lint`: everything that is wrong in the files, all at once, where, and the way out."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.failure import as_problems, source
from engine.cli.flags import WrongUse
from engine.cli.session import Session

if TYPE_CHECKING:
    from journeys import Problem


def lint(
    ctx: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; all of the project if none.")] = None,
    select: Annotated[str, typer.Option(metavar="CODES", help="Only these codes: R201,W9 (W9 is all of W9xx).")] = "",
    ignore: Annotated[str, typer.Option(metavar="CODES", help="All but these codes.")] = "",
) -> Answer:
    """Check every file of the project; exit 1 when there are errors."""
    from engine.proofs import proofs
    from journeys.show import show, summary

    session: Session = ctx.obj
    began = time.monotonic()
    if paths and session.flags.root is None:
        session.flags.root = paths[0] if paths[0].is_dir() else paths[0].parent
    definitions = session.definitions()
    found = _chosen([*definitions.problems, *proofs(definitions)], select, ignore)
    if paths:
        found = [problem for problem in found if _inside(problem.file, _relative(paths, session.root))]
    checked = _checked(session.root, definitions.project.messages if definitions.project else ())
    errors = sum(problem.severity == "error" for problem in found)
    lines: list[str] = []
    for problem in found:
        said = replace(problem, fix=())
        lines += [*show(said, source(problem.file, session), session.colour).split("\n"), ""]
    lines.append(summary([replace(p, fix=()) for p in found], checked, time.monotonic() - began))
    data = {"checked": checked, "errors": errors, "warnings": len(found) - errors}
    return Answer(data, lines, as_problems(found), 1 if errors else 0)


def _chosen(problems: Iterable[Problem], select: str, ignore: str) -> list[Problem]:
    wanted, unwanted = _codes(select), _codes(ignore)
    return [
        problem
        for problem in problems
        if (not wanted or problem.code.startswith(wanted)) and not (unwanted and problem.code.startswith(unwanted))
    ]


def _codes(said: str) -> tuple[str, ...]:
    return tuple(code.strip().upper() for code in said.split(",") if code.strip())


def _relative(paths: Iterable[Path], root: Path) -> list[str]:
    found = []
    for path in paths:
        whole = path if path.exists() else root / path
        if not whole.exists():
            raise WrongUse(f"there is no {path}")
        if not whole.resolve().is_relative_to(root):
            raise WrongUse(f"{path} is not in the project {root}")
        found.append(whole.resolve().relative_to(root).as_posix())
    return found


def _inside(file: str, paths: Iterable[str]) -> bool:
    return any(path in (".", file) or file.startswith(f"{path}/") for path in paths)


def _checked(root: Path, messages: Iterable[str]) -> dict[str, int]:
    """Return what there is to check, by singular noun; fragments only where there are any."""
    fragments = len(list((root / "fragments").glob("*.yaml")))
    return {
        "journey": len(list((root / "journeys").glob("*.yaml"))),
        **({"fragment": fragments} if fragments else {}),
        "message": len(list(messages)),
    }
