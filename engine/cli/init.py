"""`sojourn init`: a project that works, in a folder that has none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session
from engine.cli.text import columns

TAKEN = ("sojourn.yaml", "data.yaml", "journeys")


def init(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where; it may not exist yet.")] = Path(),
    starter: Annotated[str, typer.Option("--from", help="What to start from: shop, saas or empty.")] = "shop",
) -> Answer:
    """Make a project that works: files to read and change, a secret, an empty store."""
    session: Session = ctx.obj
    target = (session.flags.root / folder if session.flags.root else folder).expanduser()
    made = _copied(starter, target)
    session.project_name = starter
    store = _equipped(session, target)
    _for_editors(target, session)
    names = [path.relative_to(target).as_posix() for path in made]
    first = _first_journey(names)
    go = "" if target.resolve() == Path.cwd() else f"cd {target} && "
    lines = [
        f"Created {'.' if target == Path() else target}/",
        *(f"  {line}" for line in columns(_described(target, names, store))),
        f"Next:  {go}sojourn simulate {first} --population 1000 && sojourn serve",
    ]
    data = {"folder": target.resolve(), "from": starter, "files": names, "store": store, "journey": first}
    return Answer(data, lines)


def _copied(starter: str, target: Path) -> list[Path]:
    from engine.errors import ConfigError
    from journeys.starters import copy_starter

    if target.exists() and not target.is_dir():
        raise ConfigError(f"{target} is a file; name a folder")
    there = [name for name in TAKEN if (target / name).exists()]
    if there:
        raise ConfigError(f"{target / there[0]} is already there: nothing was written; choose an empty folder")
    try:
        return copy_starter(starter, target)
    except (ValueError, FileExistsError) as error:
        raise ConfigError(str(error)) from None


def _equipped(session: Session, target: Path) -> str:
    """Make the secret and the empty store; return what to call the store."""
    from engine.store.connect import upgrade
    from engine.tokens import create_secret
    from journeys.load import load_project

    create_secret(target)
    project, _ = load_project(target.resolve(), session.env)
    if project is None:
        raise AssertionError("a starter can be read")
    session.project_name = project.name
    upgrade(session.url(project))
    address = session.url(project)
    if not address.startswith("sqlite:///"):
        return address.partition("://")[0]
    path = Path(address.removeprefix("sqlite:///"))
    return path.relative_to(target.resolve()).as_posix() if path.is_relative_to(target.resolve()) else str(path)


def _for_editors(target: Path, session: Session) -> None:
    """Write the schema that the first line of every journey names."""
    from engine.cli.schema import write_schemas
    from journeys.load import load

    write_schemas(target, load(target.resolve(), session.env))


def _first_journey(names: list[str]) -> str:
    found = [Path(name).stem for name in names if name.startswith("journeys/")]
    return "welcome" if "welcome" in found else found[0]


def _described(target: Path, names: list[str], store: str) -> list[tuple[str, str]]:
    from migrations import STEPS

    rows = [
        ("sojourn.yaml", "project, channels (mail goes to ./mailbox until SOJOURN_EMAIL=smtp), caps, quiet hours"),
        ("data.yaml", "what a contact and an event look like"),
    ]
    for name in names:
        if name.startswith("journeys/"):
            count = len((target / name).read_text(encoding="utf-8").splitlines())
            rows.append((name, f"a working journey, {count} lines"))
        elif name.startswith("fragments/"):
            rows.append((name, "states that journeys share"))
    for channel in ("email", "push"):
        count = sum(name.startswith(f"templates/{channel}/") for name in names)
        if count:
            rows.append((f"templates/{channel}/", f"{count} message{'' if count == 1 else 's'}"))
    return [
        *rows,
        (".sojourn/*.schema.json", "what editors complete and check journeys with"),
        (".sojourn/secret", "signs links; keep it, and keep it private"),
        (store, f"empty store, schema {len(STEPS)}"),
    ]
