"""From the words of a command line to an exit code: find the command, call it, print its answer or its error."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from importlib import import_module

from engine.cli import overview
from engine.cli.answer import Answer, to_json
from engine.cli.commands import Command, family, find
from engine.cli.flags import WrongUse, read_flags
from engine.cli.session import Session

INTERRUPTED = 130


def run(argv: Sequence[str]) -> int:
    """Run one command line; nothing escapes but what ends the process."""
    began = time.monotonic()
    try:
        flags, words = read_flags(argv)
    except WrongUse as error:
        print(f"sojourn: {error}", file=sys.stderr)
        return 2
    session = Session(flags)
    try:
        answer = _answer(session, words)
        return _finish(session, answer, began)
    except BrokenPipeError:
        _silence()
        return 0
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the edge: every failure becomes a line and a number
        return _fail(session, error, began)


def _answer(session: Session, words: list[str]) -> Answer:
    if session.flags.version:
        return Answer({"version": version()}, [f"sojourn {version()}"])
    if not words:
        from engine.cli.state import state

        stands = state(session)
        return Answer({"state": stands}, [*overview.groups(), *stands, "sojourn --help shows the flags, too"])
    if words[0] in ("--help", "-h", "help"):
        return Answer({}, overview.page())
    found = find(words)
    if found is not None:
        session.command = found[0].name
        if "--help" not in words and "-h" not in words:
            from engine.cli.roles import admit

            admit(session)
        return _called(found[0], found[1], session)
    return _not_found(words)


def _not_found(words: list[str]) -> Answer:
    first = words[0]
    if first.startswith("-"):
        raise WrongUse(f"no flag called {first}; sojourn --help lists them")
    if not family(first):
        raise WrongUse(overview.guess(first))
    if len(words) > 1 and words[1] not in ("--help", "-h"):
        raise WrongUse(f'no command called "{first} {words[1]}"; there is: ' + ", ".join(c.name for c in family(first)))
    return Answer({}, overview.family_page(first))


def _called(command: Command, words: list[str], session: Session) -> Answer:
    """Import the command, let Typer read its words, and return what it answers."""
    import typer

    module, _, function = command.call.partition(":")
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    # one paragraph that is kept as it is, line by line
    epilog = (
        "\n".join(["\b", "Examples:", *(f"  {example}" for example in command.examples)]) if command.examples else ""
    )
    settings = {"help_option_names": ["-h", "--help"]}
    app.command(epilog=epilog, context_settings=settings)(getattr(import_module(module), function))
    program = typer.main.get_command(app)
    answer = program.main(words, f"sojourn {command.name}", standalone_mode=False, obj=session)
    return answer if isinstance(answer, Answer) else Answer(code=answer if isinstance(answer, int) else 0)


def _finish(session: Session, answer: Answer, began: float) -> int:
    if session.speaks_json:
        _print_json(session, answer, began)
    else:
        for line in answer.lines:
            session.say(line)
    return answer.code


def _print_json(session: Session, answer: Answer, began: float) -> None:
    whole = {
        "schema": 1,
        "ok": answer.code == 0,
        "command": session.command,
        "version": version(),
        "project": session.project_name,
        "took_ms": round((time.monotonic() - began) * 1000),
        "data": answer.data,
        "problems": answer.problems,
    }
    print(session.fit(to_json(whole), as_json=True), flush=True)


def _fail(session: Session, error: BaseException, began: float) -> int:
    """Say what went wrong in one line, with the way out."""
    from engine.cli.failure import failure

    found = failure(error, session)
    if session.flags.verbose and found.code not in (0, INTERRUPTED):
        import traceback

        session.warn("".join(traceback.format_exception(error)).rstrip())
    if session.speaks_json:
        _print_json(session, Answer(problems=found.problems, code=found.code), began)
    else:
        for line in found.lines:
            session.warn(line)
    return found.code


def _silence() -> None:
    """Let the interpreter end quietly after the reader of a pipe went away."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def version() -> str:
    """Return this program's version."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("sojourn")
    except PackageNotFoundError:
        return "0"
