"""`sojourn lint`: everything that is wrong in the files, all at once, where, and the way out; --fix repairs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.answer import Answer
from engine.cli.failure import as_problems
from engine.cli.flags import WrongUse
from engine.cli.session import Session

if TYPE_CHECKING:
    from engine.repairs import Repaired
    from journeys import Problem
    from journeys.facts import Facts

NO_STORE = "there is no store yet"
FORMATS = ("text", "json", "github", "gcc", "sarif")


@dataclass(frozen=True, slots=True)
class Looked:
    """One look at the project: what is wrong in what was asked for, and what there was to check."""

    problems: Sequence[Problem]
    checked: dict[str, int]
    seconds: float
    aside: str = ""  # why the store was not asked

    @property
    def errors(self) -> int:
        return sum(problem.severity == "error" for problem in self.problems)


def lint(  # noqa: PLR0917 - flags are parameters
    ctx: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; all of the project if none.")] = None,
    select: Annotated[str, typer.Option(metavar="CODES", help="Only these codes: R201,W9 (W9 is all of W9xx).")] = "",
    ignore: Annotated[str, typer.Option(metavar="CODES", help="All but these codes.")] = "",
    fix: Annotated[bool, typer.Option("--fix", help="Repair what is marked [*]; comments stay.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what --fix would do; write nothing.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again whenever a file changes, until Ctrl-C.")] = False,
    form: Annotated[str, typer.Option("--format", help=f"{', '.join(FORMATS)}.")] = "text",
) -> Answer:
    """Check every file of the project; exit 1 when there are errors."""
    session: Session = ctx.obj
    _sensible(session, form, alone={"--fix": fix, "--diff": diff, "--watch": watch})
    if paths and session.flags.root is None:
        session.flags.root = paths[0] if paths[0].is_dir() else paths[0].parent
    asked = _asked(select, ignore, _relative(paths or (), session.root))
    if watch:
        from engine.cli.lint_watch import watched

        return watched(session, lambda: _looked(session, asked))
    if fix or diff:
        return _repaired(session, asked, form, only_shown=diff)
    return _told(session, _looked(session, asked), form)


def _sensible(session: Session, form: str, alone: dict[str, bool]) -> None:
    if form not in FORMATS:
        raise WrongUse(f'--format is one of {", ".join(FORMATS)}, not "{form}"')
    wanted = [flag for flag, said in alone.items() if said]
    if len(wanted) > 1:
        raise WrongUse(f"{' and '.join(wanted)} do not go together")
    session.flags.as_json = session.flags.as_json or form == "json"
    if alone["--watch"] and (session.speaks_json or form != "text"):
        raise WrongUse("--watch is for people: leave out --json and --format")
    if alone["--diff"] and form not in ("text", "json"):
        raise WrongUse(f"--diff prints a patch: leave out --format {form}")


def _looked(session: Session, asked: Callable[[Problem], bool]) -> Looked:
    began = time.monotonic()
    session.sources.clear()
    facts, aside = _facts(session)
    problems = [problem for problem in _looking(session, facts)(session.root) if asked(problem)]
    return Looked(problems, _checked(session), time.monotonic() - began, aside)


def _looking(session: Session, facts: Facts) -> Callable[[Path], list[Problem]]:
    """Return what looks at a project's folder: at its files and its templates, with what the store knows."""
    from engine.cli.schema import outdated, write_schemas
    from engine.proofs import proofs
    from journeys.load import load

    def look(root: Path) -> list[Problem]:
        definitions = load(root, session.env, lambda _: facts)
        session.project_name = definitions.project.name if definitions.project else None
        if root == session.root and outdated(root, definitions):
            write_schemas(root, definitions)
        return [*definitions.problems, *proofs(definitions, facts)]

    return look


def _facts(session: Session) -> tuple[Facts, str]:
    """Return what the store knows, and why it was not asked ("" when it was, or when there is none yet)."""
    from engine.facts import facts_of
    from journeys.facts import NO_FACTS
    from journeys.load import load_project

    project, problems = load_project(session.root, session.env)
    if project is None or any(problem.severity == "error" for problem in problems):
        return NO_FACTS, ""
    facts, why = facts_of(project, session.url(project), session.now())
    return facts, "" if why == NO_STORE else why


def _told(session: Session, looked: Looked, form: str, first: Sequence[str] = (), **data: Any) -> Answer:
    """Return the answer about one look; `first` are lines before it, `data` more for the JSON object."""
    from engine.cli.lint_formats import written

    if looked.aside:
        session.note(f"without the counts of the store: {looked.aside}")
    counts = {"checked": looked.checked, "errors": looked.errors, "warnings": len(looked.problems) - looked.errors}
    lines = [*first, *written(session, looked, form)]
    return Answer({**counts, **data}, lines, as_problems(looked.problems), 1 if looked.errors else 0)


def _repaired(session: Session, asked: Callable[[Problem], bool], form: str, *, only_shown: bool) -> Answer:
    from engine.cli.lint_formats import fixed_lines, patch
    from engine.repairs import repairs, write

    began = time.monotonic()
    facts, aside = _facts(session)
    repaired = repairs(session.root, _looking(session, facts), asked)
    if only_shown:
        return _shown(repaired, patch(repaired.files, colour=session.colour))
    missed = write(session.root, repaired)
    session.sources.clear()
    for file in missed:
        session.warn(f"sojourn: {file} changed meanwhile and was left alone; run it again")
    looked = Looked([one for one in repaired.left if asked(one)], _checked(session), time.monotonic() - began, aside)
    if missed:
        looked = _looked(session, asked)
    done = [one for one in repaired.fixed if one.file not in missed]
    first = fixed_lines(done) if form == "text" else []
    return _told(session, looked, form, first, fixed=as_problems(done), files=sorted({one.file for one in done}))


def _shown(repaired: Repaired, lines: list[str]) -> Answer:
    data = {"files": sorted(repaired.files), "fixed": as_problems(repaired.fixed), "diff": "\n".join(lines)}
    return Answer(data, lines or ["nothing to fix"], (), 1 if repaired.files else 0)


def _asked(select: str, ignore: str, paths: Sequence[str]) -> Callable[[Problem], bool]:
    wanted, unwanted = _codes(select), _codes(ignore)

    def asked(problem: Problem) -> bool:
        return (
            (not wanted or problem.code.startswith(wanted))
            and not (unwanted and problem.code.startswith(unwanted))
            and (not paths or _inside(problem.file, paths))
        )

    return asked


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


def _checked(session: Session) -> dict[str, int]:
    """Return what there is to check, by singular noun; fragments only where there are any."""
    from journeys.messages import messages

    root = session.root
    fragments = len(list((root / "fragments").glob("*.yaml")))
    return {
        "journey": len(list((root / "journeys").glob("*.yaml"))),
        **({"fragment": fragments} if fragments else {}),
        "message": len(messages(root)),
    }
