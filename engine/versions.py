"""The journeys that run: those that were deployed, whatever lies on disk by now.

Rules
- A version is what decides who gets what: the journey's text with the fragments and `use` files that it takes in, and
  data.yaml (attributes, events, segments), one for all journeys. All of it is kept in the store.
- What sojourn.yaml says (channels, caps, quiet hours, holdout, keys) holds as it is on disk when a process starts, and
  templates as they are on disk when a message is rendered: they are never kept, secrets least of all.
- A store where nothing was ever deployed takes the files as they are, once: who has just begun is not asked.
- A file that is still as it was deployed is not read again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b

import sqlalchemy as sa

from engine.errors import ConfigError, DefinitionError
from engine.proofs import used_by
from engine.store import deploying
from engine.store.connect import alone, reading, writing
from engine.store.deploying import Standing, Version
from journeys import Journey
from journeys.data_file import read_data
from journeys.fragments import Fetch
from journeys.load import DATA, load_journey
from journeys.page import Page
from journeys.problem import Problem
from journeys.project import Data, Definitions, Project
from journeys.reader import read

FIRST = "first start"


@dataclass(frozen=True, slots=True)
class Changed:
    """How the files differ from what is deployed, by journey."""

    changed: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    data: bool = False

    @property
    def any(self) -> bool:
        return bool(self.changed or self.new or self.gone or self.data)

    def __str__(self) -> str:
        """Return "1 changed on disk, 1 new: run `sojourn plan`", "" when nothing is."""
        counts = ((len(self.changed), "changed on disk"), (len(self.new), "new on disk"), (len(self.gone), "gone"))
        said = [f"{count} {word}" for count, word in counts if count] + ([f"{DATA} changed"] if self.data else [])
        return f"{', '.join(said)}: run `sojourn plan`" if said else ""


@dataclass(slots=True)
class Versions:
    """What keeps an engine at what is deployed. `files` is what lies on disk; `standing` is what the engine runs."""

    files: Definitions
    standing: Standing = field(default_factory=Standing)
    began: tuple[str, ...] = ()  # journeys that the very first start has deployed, with their version: "cart v1"

    def outdated(self, standing: Standing) -> bool:
        """Return whether another version of anything is live than the engine runs."""
        return (standing.versions, standing.data) != (self.standing.versions, self.standing.data)

    def take_up(self, conn: sa.Connection) -> Definitions:
        """Return the definitions that are live now."""
        self.standing = deploying.standing(conn)
        return deployed(conn, self.files)

    @property
    def changed(self) -> Changed:
        """Return how the files differ from what runs."""
        return changed(self.files, self.standing)


Check = Callable[[Definitions], None]
"""Raises what keeps definitions from running."""


def begin(
    store: sa.Engine, files: Definitions, now: datetime, check: Check = lambda _: None
) -> tuple[Versions, Definitions]:
    """Return what runs on this store; the very first start deploys the files, if `check` has nothing against them.

    DefinitionError when nothing can run.
    """
    found = Versions(files)
    if files.project is None:
        raise DefinitionError(files.problems)
    with reading(store) as conn:
        running = found.take_up(conn)
    if found.standing.versions and found.standing.data:
        return found, running
    if not files.ok:
        raise DefinitionError(files.problems)
    if not found.standing.versions:
        check(files)
    with writing(store) as conn:
        alone(conn)
        found.began = _first(conn, files, now)
        return found, found.take_up(conn)


def _first(conn: sa.Connection, files: Definitions, now: datetime) -> tuple[str, ...]:
    """Deploy the files where nothing was deployed yet; a store of an older program lacks only its data.yaml."""
    standing = deploying.standing(conn)
    if not standing.data:
        deploying.publish_data(conn, data_version(files), data_source(files), now)
    if standing.versions or not files.journeys:
        return ()
    numbers = {name: deploying.publish(conn, version_of(files, name), now) for name in sorted(files.journeys)}
    told = {name: {"number": number, "version": files.journeys[name].version} for name, number in numbers.items()}
    deploying.note(conn, "deployed", {"journeys": told, "because": FIRST}, now)
    return tuple(f"{name} v{number}" for name, number in numbers.items())


def changed(files: Definitions, standing: Standing) -> Changed:
    """Return how the files differ from what stands; a file with errors is not told from one that is as deployed."""
    live = standing.versions
    return Changed(
        changed=tuple(sorted(n for n, j in files.journeys.items() if n in live and live[n] != j.version)),
        new=tuple(sorted(name for name in files.journeys if name not in live)),
        gone=tuple(sorted(name for name in live if name not in files.journeys and not on_disk(files, name))),
        data=bool(standing.data) and standing.data != data_version(files),
    )


def on_disk(files: Definitions, name: str) -> bool:
    """Return whether there is a file of this journey, readable or not."""
    return (known(files).root / "journeys" / f"{name}.yaml").is_file()


def version_of(files: Definitions, name: str) -> Version:
    """Return what of the files is kept as the version of a journey."""
    journey = files.journeys[name]
    return Version(name, journey.version, 0, files.sources.get(name, ""), files.files.get(name, {}))


def with_used_messages(definitions: Definitions) -> Definitions:
    """Return the definitions with those messages only that their journeys may send."""
    project = definitions.project
    if project is None:
        return definitions
    used = {name: paths for name, paths in project.messages.items() if used_by(name, definitions)}
    return replace(definitions, project=replace(project, messages=used))


def data_source(files: Definitions) -> str:
    """Return the text of data.yaml, "" where there is none."""
    path = known(files).root / DATA
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""


def data_version(files: Definitions) -> str:
    """Return the hash of what data.yaml says; comments and order of lines do not count."""
    return hash_of(data_source(files))


def hash_of(source: str) -> str:
    """Return the hash of a YAML text's values."""
    node = read(Page(DATA, source))
    said = json.dumps(None if node is None else node.data(), ensure_ascii=False, sort_keys=True, default=str)
    return blake2b(said.encode(), digest_size=6).hexdigest()


def deployed(conn: sa.Connection, files: Definitions) -> Definitions:
    """Return the live versions as definitions; those that lie on disk unchanged are taken from there."""
    project, same = _project(conn, files)
    standing = deploying.standing(conn)
    unchanged = {
        name: journey
        for name, journey in files.journeys.items()
        if same and standing.versions.get(name) == journey.version
    }
    others = deploying.live(conn) if standing.versions.keys() - unchanged.keys() else {}
    stored = {n: journey for n, one in others.items() if n not in unchanged and (journey := read_kept(one, project))}
    sources = {name: files.sources.get(name, "") for name in unchanged} | {n: others[n].source for n in stored}
    kept = {name: files.files.get(name, {}) for name in unchanged} | {n: others[n].files for n in stored}
    journeys = {**unchanged, **stored}
    return Definitions(project, {name: journeys[name] for name in standing.versions}, (), sources, kept)


def _project(conn: sa.Connection, files: Definitions) -> tuple[Project, bool]:
    """Return the project with data.yaml as deployed, and whether that is the one on disk."""
    project = known(files)
    kept = deploying.dictionary(conn)
    if kept is None or kept.version == data_version(files):
        return project, True
    return with_data(project, kept.source), False


def with_data(project: Project, source: str) -> Project:
    """Return the project with another data.yaml."""
    page = Page(DATA, source)
    data: Data = read_data(page, read(page))
    return replace(project, data=data)


def read_kept(one: Version, project: Project) -> Journey:
    """Return a version as it was deployed; ConfigError when the project has no longer what it needs."""
    journey, problems = try_kept(one, project)
    if journey is not None:
        return journey
    first = next(problem for problem in problems if problem.severity == "error")
    raise ConfigError(
        f"the deployed {one.journey} v{one.number} cannot run any more: {first.says} (its line {first.line}); "
        "put back what it needs in sojourn.yaml, or deploy a version without it: sojourn plan"
    )


def try_kept(one: Version, project: Project) -> tuple[Journey | None, list[Problem]]:
    """Return a version as it was deployed, and what is wrong with it now."""
    fetch = _kept(one.files, project)
    journey, problems = load_journey(one.source, f"journeys/{one.journey}.yaml", project, fetch)
    return replace(journey, version=one.version) if journey is not None else None, problems


def _kept(files: Mapping[str, str], project: Project) -> Fetch:
    """Return what gives a file's text as it was deployed, else as it is on disk: early versions did not keep it."""

    def fetch(file: str) -> str | None:
        if file in files:
            return files[file]
        path = (project.root / file).resolve()
        inside = path.is_relative_to(project.root.resolve()) and path.is_file()
        return path.read_text(encoding="utf-8-sig") if inside else None

    return fetch


def known(files: Definitions) -> Project:
    """Return the project, or raise what keeps it from being one."""
    if files.project is None:
        raise DefinitionError(files.problems)
    return files.project
