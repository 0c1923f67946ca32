"""The flags that every command has, read wherever they stand on the line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

HELP = (
    ("-C DIR", "the project (default: the folder here, or above)"),
    ("--env FILE", "settings for ${VAR} in sojourn.yaml, one NAME=value a line"),
    ("--db URL", "another store than sojourn.yaml names"),
    ("--json", "one JSON object on stdout, nothing else"),
    ("-q, -v", "less, more"),
    ("--no-color, --ascii", "plain text (also NO_COLOR)"),
    ("--yes, --no-input", "answer yes; never ask"),
    ("--now TIME", "pretend it is then (where nothing is written)"),
    ("--version, --help", ""),
)

SWITCHES = {
    "--json": "as_json", "-q": "quiet", "--quiet": "quiet", "-v": "verbose", "--verbose": "verbose",
    "--no-color": "plain", "--ascii": "ascii", "--yes": "yes", "--no-input": "no_input", "--version": "version",
}  # fmt: skip
VALUES = {"-C": "root", "--env": "env", "--db": "url", "--now": "now"}


class WrongUse(Exception):
    """The line cannot be understood; the message says what would be right."""


@dataclass(slots=True)
class Flags:
    """What the line said about all commands."""

    root: Path | None = None
    env: Path | None = None
    url: str | None = None
    now: str | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    plain: bool = field(default_factory=lambda: bool(os.environ.get("NO_COLOR")))
    ascii: bool = False
    yes: bool = False
    no_input: bool = False
    version: bool = False


def read_flags(argv: Sequence[str]) -> tuple[Flags, list[str]]:
    """Return the flags and the other words; what stands behind `--` is left alone."""
    flags = Flags()
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            return flags, [*rest, word, *words]
        name, equals, value = word.partition("=")
        if word in SWITCHES and not (word == "--version" and rest):  # behind a command it is that command's own
            setattr(flags, SWITCHES[word], True)
        elif name in VALUES:
            _set(flags, name, value if equals else next(words, None))
        else:
            rest.append(word)
    return flags, rest


def _set(flags: Flags, name: str, value: str | None) -> None:
    if not value:
        raise WrongUse(f"{name} needs a value: sojourn {name} ...")
    setattr(flags, VALUES[name], Path(value).expanduser() if name in ("-C", "--env") else value)
