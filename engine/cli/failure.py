"""An exception as people read it: one clear line with the way out, and the number the command ends with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import NeedsYes, Session

if TYPE_CHECKING:
    from journeys import Problem

INTERRUPTED = "interrupted; what was done is safe, the rest goes on at the next run"


def failure(error: BaseException, session: Session) -> Answer:
    """Return what to print for `error`, and the exit code."""
    if isinstance(error, KeyboardInterrupt):
        return _said("interrupted", INTERRUPTED, 130)
    if isinstance(error, WrongUse):
        return _said("wrong_use", str(error), 2)
    if isinstance(error, NeedsYes):
        return _said("needs_yes", str(error), 3)
    usage = _usage(error, session)
    return usage or _of_engine(error, session) or _of_machine(error)


def _usage(error: BaseException, session: Session) -> Answer | None:
    """Typer's own words for a line that it cannot read, whichever library it brings them from."""
    says = getattr(error, "format_message", None)
    if says is None:
        return None
    return _said("wrong_use", f"{str(says()).rstrip('.')}; see: sojourn {session.command} --help", 2)


def _of_engine(error: BaseException, session: Session) -> Answer | None:
    from channels.errors import ChannelError, ChannelMisconfigured, TemplateProblem
    from engine.errors import DefinitionError, EngineError

    if isinstance(error, DefinitionError):
        lines = shown(error.problems, session)
        return Answer(lines=lines, problems=as_problems(error.problems), code=error.exit_code)
    if isinstance(error, EngineError):
        return _said(_code(error), str(error), error.exit_code)
    if isinstance(error, ChannelMisconfigured):
        return _said("channel_misconfigured", f"channel {error}", 2)
    if isinstance(error, ChannelError):
        return _said("channel_unavailable", f"channel {error}; messages stay queued", 6)
    if isinstance(error, TemplateProblem):
        return _said("template", str(error), 1)
    return None


def _of_machine(error: BaseException) -> Answer:
    import sqlalchemy as sa

    if isinstance(error, sa.exc.OperationalError):
        return _said("store_unavailable", f"the store does not answer: {error.orig}; is it there, and free?", 5)
    if isinstance(error, OSError) and error.filename is not None:
        return _said("file", f"{error.filename}: {error.strerror}", 2)
    if isinstance(error, sa.exc.NoSuchModuleError | ModuleNotFoundError):
        return _said("missing_package", f"something is not installed: {error}", 2)
    says = f"this is a mistake in sojourn, not yours: {type(error).__name__}: {error}"
    return _said("bug", f"{says} (-v shows where)", 1)


def shown(problems: Sequence[Problem], session: Session) -> list[str]:
    """Return each problem with its source and a caret, errors only when there are any."""
    from journeys.show import show

    errors = [problem for problem in problems if problem.severity == "error"] or list(problems)
    lines: list[str] = []
    for problem in errors:
        said = replace(problem, fix=())  # nothing here repairs files, so no [*]
        lines += [*show(said, source(problem.file, session), session.colour).split("\n"), ""]
    return lines[:-1]


def source(file: str, session: Session) -> str:
    """Return the text of a file of the project, "" when it cannot be read."""
    from engine.errors import EngineError

    if file not in session.sources:
        try:
            session.sources[file] = (session.root / file).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError, EngineError):
            session.sources[file] = ""
    return session.sources[file]


def as_problems(problems: Sequence[Problem]) -> list[Mapping[str, Any]]:
    """Return problems as JSON keeps them."""
    from journeys.show import as_json

    return [as_json(problem) for problem in problems]


def _said(code: str, says: str, exit_code: int) -> Answer:
    problem = {"code": code, "severity": "error", "message": says}
    return Answer(lines=[f"sojourn: {says}"], problems=[problem], code=exit_code)


def _code(error: Exception) -> str:
    """Return "store_unavailable" for StoreUnavailable."""
    name = type(error).__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
