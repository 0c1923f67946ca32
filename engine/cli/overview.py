"""What `sojourn` shows alone and with --help: the commands in their groups, and the project it found."""

from __future__ import annotations

from difflib import get_close_matches

from engine.cli.commands import COMMANDS, GROUPS, Command, family
from engine.cli.flags import HELP
from engine.cli.text import columns


def page() -> list[str]:
    """Return every command by group, and the flags of all."""
    flags = ["flags, anywhere on the line", *(f"  {line}" for line in columns(HELP)), ""]
    return [*groups(), *flags, "sojourn COMMAND --help shows the flags of a command, and examples."]


def groups() -> list[str]:
    """Return every command by group."""
    lines = ["Usage: sojourn [FLAGS] COMMAND [...]", "", "Adaptive customer journeys, written as YAML.", ""]
    width = max(len(command.name) for command in COMMANDS)
    for group, says in GROUPS.items():
        mine = [command for command in COMMANDS if command.group == group]
        if mine:
            lines += [f"{group}: {says}", *(f"  {one.name:<{width}}  {one.says}" for one in mine), ""]
    return lines


def family_page(word: str) -> list[str]:
    """Return the commands that begin with `word`."""
    return [f"Usage: sojourn {word} COMMAND [...]", "", *(f"  {line}" for line in _listed(family(word)))]


def guess(word: str) -> str:
    """Return what to say about a command that does not exist."""
    firsts = sorted({command.name.split()[0] for command in COMMANDS})
    near = get_close_matches(word, firsts, 1)
    return f'no command called "{word}"' + (f'; did you mean "{near[0]}"?' if near else "; sojourn --help lists them")


def _listed(commands: list[Command]) -> list[str]:
    return columns([(command.name, command.says) for command in commands])
