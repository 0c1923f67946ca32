"""`sojourn new`: a journey that works, put into the project that is here."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.text import columns, counted

if TYPE_CHECKING:
    from engine.adopting import Tried
    from journeys.project import Project
    from journeys.ready import Brought


def new(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[JOURNEY]", help="What it shall be called.")] = "",
    starter: Annotated[str, typer.Option("--from", metavar="STARTER", help="What to begin with; see --list.")] = "",
    show: Annotated[bool, typer.Option("--list", help="Show the starters.")] = False,
) -> Answer:
    """Begin a journey from a starter: the file, its messages, its tests, and what data.yaml must know for it."""
    from journeys.ready import brought

    session: Session = ctx.obj
    if show:
        return _listed()
    starter, name = _chosen(starter, name)
    project = session.project()
    _free(session.root, name)
    _reachable(project, starter)
    bring = brought(starter, name, project)
    changed = bring.changed(session.root)
    done = _tried(session, {**bring.files, **changed}, name)
    if bring.additions:
        _asked(session, bring)
    for file, text in {**bring.files, **changed}.items():
        (session.root / file).parent.mkdir(parents=True, exist_ok=True)
        (session.root / file).write_text(text, encoding="utf-8")
    _for_editors(session)
    failed = [one.test.name for one in done.played if not one.passed]
    data = {
        "journey": name, "from": starter, "files": list(bring.files), "changed": list(changed), "kept": bring.kept,
        "tests": len(done.played), "failed": failed,
    }  # fmt: skip
    return Answer(data, _told(name, bring, (len(done.played), failed)))


def _listed() -> Answer:
    from journeys.ready import ready

    found = ready()
    lines = [*columns([(one.name, one.says) for one in found]), "", "Begin one:  sojourn new JOURNEY --from STARTER"]
    return Answer({"starters": found}, lines)


def _chosen(starter: str, name: str) -> tuple[str, str]:
    """Return the starter and the journey's name; each can stand for the other."""
    from journeys.fields import ID
    from journeys.ready import ready

    names = [one.name for one in ready()]
    said = starter or (name.replace("_", "-") if name.replace("_", "-") in names else "")
    if not said and not name:
        raise WrongUse(f"say which: sojourn new JOURNEY --from {'|'.join(names)}; sojourn new --list tells of them")
    if said not in names:
        near = get_close_matches(said, names, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(names)}"
        raise WrongUse(f'there is no starter "{said}"; {hint}' if said else f"--from what? {hint}")
    called = (name or said).replace("-", "_")
    if not ID.fullmatch(called):
        raise WrongUse(f'"{name}" is no name: small letters, digits and _, starting with a letter')
    return said, called


def _free(root: Path, name: str) -> None:
    from engine.errors import ConfigError

    path = root / "journeys" / f"{name}.yaml"
    if path.exists():
        says = f"journeys/{name}.yaml is already there: nothing was written"
        raise ConfigError(f"{says}; give another name: sojourn new {name}_2 --from ...")


def _reachable(project: Project, starter: str) -> None:
    from engine.errors import ConfigError
    from journeys.ready import channels_of

    lacking = [channel for channel in channels_of(starter) if channel not in project.channels]
    if lacking:
        raise ConfigError(f"{starter} sends by {lacking[0]}, and sojourn.yaml has no such channel: add it there first")


def _tried(session: Session, texts: dict[str, str], name: str) -> Tried:
    """Return how the new journey does in a copy of the project; DefinitionError where it does not fit."""
    from engine.adopting import tried
    from engine.errors import ConfigError
    from journeys.show import head

    done = tried(session.root, texts, name, session.env)
    errors = [problem for problem in done.problems if problem.severity == "error"]
    if errors:
        said = "\n  ".join(head(problem) for problem in errors)
        raise ConfigError(f"this project does not suit it, so nothing was written:\n  {said}")
    for problem in done.problems:
        session.warn(head(problem))
    return done


def _for_editors(session: Session) -> None:
    """Write the schema anew: it names the project's events, attributes and messages."""
    from engine.cli.schema import write_schemas

    write_schemas(session.root, session.definitions())


def _asked(session: Session, bring: Brought) -> None:
    """Show what is added to files that are there, and ask."""
    files = list(dict.fromkeys(one.file for one in bring.additions))
    for file in files:
        session.note(f"to {file}:")
        for one in bring.additions:
            if one.file == file:
                for line in str(one).split("\n"):
                    session.note(f"  {line}")
    session.confirm(f"Add this to {' and '.join(files)}? Everything that is there stays as it is.")


def _told(name: str, bring: Brought, tests: tuple[int, Sequence[str]]) -> list[str]:
    count, failed = tests
    went = f"{count - len(failed)} of them pass here" if failed else "they pass"
    lines = [f"Created journeys/{name}.yaml   with {counted(count, 'test')}; {went}"]
    lines += [f"        {file}" for file in bring.files if not file.startswith("journeys/")]
    lines += [f"Kept    {message}, which was there" for message in bring.kept]
    lines += [f"Added   {one.file}: {'.'.join(one.path)} {', '.join(one.entries)}" for one in bring.additions]
    lines += [f"Fails   {one}: sojourn test {name} says why" for one in failed]
    lines.append(f"Next:   sojourn draw {name} && sojourn simulate {name} --population 1000")
    undo = " ".join(bring.files)
    rest = "; take out what was added, or git checkout " + " ".join(dict.fromkeys(one.file for one in bring.additions))
    return [*lines, f"Undo:   rm {undo}{rest if bring.additions else ''}"]
