"""One command line at work: its flags, its project, its store, and how it speaks.

Rules
- What is heavy is imported when it is asked for; `sojourn --help` asks for nothing.
- Data goes through `say`, all else through `note`, `warn` and `bar`; nothing else prints.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from engine.cli import text
from engine.cli.flags import Flags, WrongUse
from engine.cli.progress import Bar, bar

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.app import Options
    from engine.clock import Clock
    from engine.engine import Engine
    from journeys.project import Definitions, Project


class NeedsYes(Exception):
    """A yes is needed, and nobody is there to give it, or they said no."""


@dataclass(slots=True)
class Session:
    """What a command is given as `ctx.obj`."""

    flags: Flags
    command: str = ""
    project_name: str | None = None
    sources: dict[str, str] = field(default_factory=dict)
    role: str = "operator"  # set before a command begins: roles.py

    @property
    def speaks_json(self) -> bool:
        return self.flags.as_json

    @property
    def colour(self) -> bool:
        """Whether stdout may be coloured."""
        return not self.flags.plain and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def ascii(self) -> bool:
        """Whether only ASCII letters may be printed."""
        return self.flags.ascii or not (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")

    @property
    def env(self) -> Mapping[str, str]:
        """Return the environment, with what --env FILE adds to it."""
        return {**os.environ, **(_env_file(self.flags.env) if self.flags.env else {})}

    # what the project says

    @property
    def root(self) -> Path:
        """Return the project's folder: -C or the current one, or the nearest above with a sojourn.yaml."""
        from engine.errors import ConfigError
        from journeys.load import find_root

        start = self.here
        root = find_root(start)
        if root is None:
            says = f"no sojourn.yaml in {start} or above it; run `sojourn init`, or name the project with -C"
            raise ConfigError(says)
        return root

    def definitions(self) -> Definitions:
        """Read every file of the project; problems are in the result."""
        from journeys.load import load

        found = load(self.root, self.env)
        self.project_name = found.project.name if found.project else None
        return found

    def project(self) -> Project:
        """Return the project, whatever is wrong with single journeys; DefinitionError when it cannot be read."""
        from engine.errors import DefinitionError
        from journeys.load import load_project

        project, problems = load_project(self.root, self.env)
        if project is None or any(problem.severity == "error" for problem in problems):
            raise DefinitionError(problems)
        self.project_name = project.name
        return project

    def url(self, project: Project) -> str:
        """Return the address of the store: --db, else what sojourn.yaml says."""
        return self.flags.url or project.store

    @contextmanager
    def store(self, project: Project) -> Iterator[sa.Engine]:
        """Give the project's store, at this program's schema."""
        from engine.app import sealing_for
        from engine.store.connect import check_schema, expect, open_store

        self._sign()
        store = open_store(expect(self.url(project)), sealing=sealing_for(project))
        try:
            check_schema(store)
            yield store
        finally:
            store.dispose()

    @contextmanager
    def engine(self, definitions: Definitions, options: Options | None = None) -> Iterator[Engine]:
        """Give the whole engine; refuses files and templates with errors, and an outdated store."""
        from dataclasses import replace

        from engine.app import Options, build

        self._sign()
        given = options or Options()
        engine = build(definitions, replace(given, url=given.url or self.flags.url, check=check_messages))
        try:
            yield engine
        finally:
            engine.close()

    def _sign(self) -> None:
        """Let the audit know who asks: the user of the machine; a server acts for itself."""
        from engine.store.auditing import actor

        if self.command.partition(" ")[0] not in ("serve", "tick"):
            actor.set(self.user)

    @property
    def user(self) -> str:
        """Return who is at the command line: user@host."""
        from getpass import getuser
        from socket import gethostname

        try:
            user = getuser()
        except (KeyError, OSError):  # a container may run under a number without a name
            user = str(os.getuid())
        return f"{user}@{gethostname()}"

    @property
    def here(self) -> Path:
        """Return the folder that a project is looked for from."""
        return self.flags.root or Path.cwd()

    def clock(self) -> Clock:
        """Return the clock to go by: the machine's, or one that stands at --now."""
        from engine.clock import SimulatedClock, SystemClock

        return SystemClock() if self.flags.now is None else SimulatedClock(self.now())

    def now(self) -> datetime:
        """Return the instant to go by."""
        if self.flags.now is None:
            return datetime.now(UTC)
        try:
            at = datetime.fromisoformat(self.flags.now)
        except ValueError:
            says = f'cannot read --now "{self.flags.now}"; write it as 2026-03-01T09:30:00Z'
            raise WrongUse(says) from None
        return (at if at.tzinfo else at.astimezone()).astimezone(UTC)

    # how it speaks

    def say(self, line: str = "") -> None:
        """Print one line of the answer."""
        self._print(line, sys.stdout)

    def note(self, line: str) -> None:
        """Print to stderr what is good to know; not with -q."""
        if not self.flags.quiet:
            self._print(line, sys.stderr)

    def warn(self, line: str) -> None:
        """Print to stderr what must be known."""
        self._print(line, sys.stderr)

    def bar(self, label: str, total: int | None = None) -> AbstractContextManager[Bar]:
        """Give a progress bar."""
        return bar(label, total, shown=sys.stderr.isatty() and not self.flags.quiet)

    def paint(self, words: str, tone: str) -> str:
        """Return `words` in a colour of text.py, where there are colours."""
        return f"{tone}{words}{text.PLAIN}" if self.colour else words

    def fit(self, words: str, *, as_json: bool = False) -> str:
        """Return what this role may read of a line, or of JSON."""
        if self.role == "operator":
            return words
        from engine.cli.roles import shown, shown_json

        return shown_json(words) if as_json else shown(words)

    def confirm(self, question: str) -> None:
        """Return when the answer is yes; NeedsYes otherwise."""
        if self.flags.yes:
            return
        if self.flags.no_input or not sys.stdin.isatty():
            raise NeedsYes(f"{question} - this needs a yes: add --yes")
        self._print(f"{question} [y/N] ", sys.stderr, end="")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise NeedsYes("nothing was changed")

    def _print(self, line: str, stream: TextIO, end: str = "\n") -> None:
        line = self.fit(line)
        words = text.to_ascii(line) if self.ascii else line
        print(
            words.encode(stream.encoding or "utf-8", "replace").decode(stream.encoding or "utf-8"), file=stream, end=end
        )
        stream.flush()


def check_messages(definitions: Definitions) -> None:
    """Raise what is wrong with the messages that these journeys send."""
    from engine.errors import DefinitionError
    from engine.proofs import proofs
    from engine.versions import with_used_messages

    if definitions.ok and (broken := [p for p in proofs(with_used_messages(definitions)) if p.severity == "error"]):
        raise DefinitionError(broken)


def _env_file(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"cannot read --env {path}: {getattr(error, 'strerror', None) or error}") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        said = line.strip().removeprefix("export ")
        if not said or said.startswith("#"):
            continue
        name, equals, value = said.partition("=")
        if not equals or not name.strip().isidentifier():
            raise WrongUse(f"{path}:{number}: cannot read this line; write NAME=value")
        found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    quoted: Any = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
