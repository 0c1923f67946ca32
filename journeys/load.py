"""Files to Definitions: everything that is there, and everything that is wrong, all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from journeys.build import build
from journeys.campaign import Campaign, read_campaign
from journeys.check import check
from journeys.check_names import noted
from journeys.check_segments import check_segments
from journeys.data_file import read_data
from journeys.experiment import unknown_arms
from journeys.facts import NO_FACTS, Facts
from journeys.fragments import Fetch, Shelf
from journeys.ignoring import heeded
from journeys.journey import Journey
from journeys.messages import messages
from journeys.page import Page
from journeys.problem import Problem
from journeys.project import Definitions, Project
from journeys.project_file import read_project
from journeys.reader import LONGEST, decode, read

PROJECT, DATA = "sojourn.yaml", "data.yaml"
Ask = Callable[[Project], Facts]


def _nobody(_: Project) -> Facts:
    return NO_FACTS


@dataclass(frozen=True, slots=True)
class Loaded:
    """One journey file: the journey unless it has an error, and what was found in it and in the files it uses.

    An error in one of its tests is an error of the file, but the journey can be drawn and its other tests be run.
    """

    journey: Journey | None
    problems: tuple[Problem, ...]
    files: Mapping[str, str] = field(default_factory=dict)  # path -> text of its fragments and of `use`


@dataclass(frozen=True, slots=True)
class Around:
    """What a journey file is read with: what reads other files, the names of all fragments, and the facts."""

    fetch: Fetch
    fragments: tuple[str, ...] = ()
    facts: Facts = NO_FACTS


def find_root(start: Path) -> Path | None:
    """Return the folder of the project that `start` lies in: the nearest one upward with a sojourn.yaml."""
    start = start.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / PROJECT).is_file()), None)


def load(root: Path, env: Mapping[str, str], ask: Ask = _nobody) -> Definitions:
    """Return all that the files under `root` say; a broken file never hides another.

    `ask` gives what the store knows; problems then say more, and hints that need counts are given.
    """
    root = root.resolve()
    project, pages = _project(root, env)
    problems, texts = _found(pages), _texts(pages)
    facts = ask(project) if project is not None else NO_FACTS
    journeys: dict[str, Journey] = {}
    sources: dict[str, str] = {}
    files: dict[str, Mapping[str, str]] = {}
    for path in _yaml_files(root / "journeys"):
        page = _page(root, path)
        texts |= _texts([page])
        if project is None:
            read(page)
            problems += page.problems
            continue
        loaded = _loaded(page, project, Around(_fetch(root), _names(root / "fragments"), facts))
        problems += loaded.problems
        texts |= loaded.files
        journey = loaded.journey
        if journey is not None and journey.name in journeys:
            problems.append(_twice(journey, journeys[journey.name]))
        elif journey is not None:
            journeys[journey.name] = journey
            sources[journey.name] = "\n".join(page.lines)
            files[journey.name] = loaded.files
    campaigns, found = _campaigns(root, project, tuple(journeys))
    if project is not None:
        problems += unknown_arms(project.data, journeys, _names(root / "journeys"))
    problems, texts = problems + _found(found), texts | _texts(found)
    problems += check_segments(project.data, facts) if project is not None else []
    return Definitions(project, journeys, _said(noted(problems, facts), texts), sources, files, campaigns)


def _campaigns(
    root: Path, project: Project | None, journeys: tuple[str, ...]
) -> tuple[dict[str, Campaign], list[Page]]:
    """Return the campaigns of campaigns/*.yaml, and the pages with what is wrong with them."""
    campaigns: dict[str, Campaign] = {}
    pages = []
    for path in _yaml_files(root / "campaigns"):
        page = _page(root, path)
        pages.append(page)
        node = read(page) if not page.problems else None
        if node is None and not page.problems:
            page.add("S113", (1, 1, 2), "this file is empty")
        one = read_campaign(page, node, project, journeys) if node is not None and project is not None else None
        if one is not None and one.id in campaigns:
            says = f'two campaigns are called "{one.id}"'
            page.add("S122", (one.place.line, one.place.col, one.place.col + 1), says)
        elif one is not None:
            campaigns[one.id] = one
    return campaigns, pages


def load_project(root: Path, env: Mapping[str, str]) -> tuple[Project | None, list[Problem]]:
    """Return the project of sojourn.yaml, data.yaml and templates/, and what is wrong with it."""
    project, pages = _project(root, env)
    return project, heeded(_found(pages), _texts(pages), ())


def _project(root: Path, env: Mapping[str, str]) -> tuple[Project | None, list[Page]]:
    if not (root / PROJECT).is_file():
        page = Page(PROJECT, "")
        page.add("S113", (1, 1, 2), f"no {PROJECT} in {root}")
        return None, [page]
    data_page = _page(root, root / DATA) if (root / DATA).is_file() else Page(DATA, "")
    data = read_data(data_page, read(data_page))
    page = _page(root, root / PROJECT)
    node = read(page)
    project = read_project(page, node, data, (root, env)) if node is not None else None
    if node is None and not page.problems:
        page.add("S113", (1, 1, 2), f"{PROJECT} is empty")
    return (replace(project, messages=messages(root)) if project else None), [page, data_page]


def _found(pages: Iterable[Page]) -> list[Problem]:
    return [problem for page in pages for problem in page.problems]


def _texts(pages: Iterable[Page]) -> dict[str, str]:
    return {page.file: "\n".join(page.lines) for page in pages}


def load_journey(
    text: str, file: str, project: Project, fetch: Fetch | None = None, facts: Facts = NO_FACTS
) -> tuple[Journey | None, list[Problem]]:
    """Return the journey that `text` says, and its problems; `fetch` gives the texts of fragments and used files.

    Without `fetch` they are read from the project's folder.
    """
    page = Page(file, text)
    loaded = _loaded(page, project, Around(fetch or _fetch(project.root), (), facts))
    return loaded.journey, list(_said(noted(loaded.problems, facts), {**loaded.files, **_texts([page])}))


def _loaded(page: Page, project: Project, around: Around) -> Loaded:
    shelf = Shelf(around.fetch, around.fragments)
    root = read(page) if not page.problems else None
    if root is None and not page.problems:
        page.add("S113", (1, 1, 2), "this file is empty")
    journey = build(page, root, project, shelf) if root is not None else None
    others = [other for other, _ in shelf.pages.values()]
    found = _found([page, *others])
    if journey is None or _broken(journey, found):
        return Loaded(None, tuple(found), _texts(others))
    found += check(journey, project, around.facts)
    return Loaded(None if _broken(journey, found) else journey, tuple(found), _texts(others))


def _broken(journey: Journey, problems: Iterable[Problem]) -> bool:
    """Return whether there is an error outside of the journey's tests: those are wrong without it being wrong."""
    of_tests = {problem for test in journey.tests for problem in test.broken}
    return any(problem.severity == "error" and problem not in of_tests for problem in problems)


def _said(problems: Iterable[Problem], texts: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return what is said in the end: not what the files ask to ignore, and what of that is useless."""
    found = list(problems)
    judged = () if any(problem.severity == "error" for problem in found) else tuple(texts)
    return _ordered(heeded(found, texts, judged))


def _ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return each problem once: what is wrong in a fragment is found by every journey that runs it."""
    unique = dict.fromkeys(problems)
    return tuple(sorted(unique, key=lambda problem: (problem.file, problem.line, problem.col, problem.code)))


def _twice(journey: Journey, other: Journey) -> Problem:
    place = journey.places["journey"]
    says = f'two journeys are called "{journey.name}"'
    notes = (f"the other one is {other.file}",)
    return Problem("S122", "error", place.file, place.line, place.col, place.end_col, says, notes=notes)


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.yaml") if path.is_file()) if folder.is_dir() else []


def _names(folder: Path) -> tuple[str, ...]:
    return tuple(path.stem for path in _yaml_files(folder))


def _page(root: Path, path: Path) -> Page:
    file = path.relative_to(root).as_posix()
    try:
        with path.open("rb") as stream:
            return decode(stream.read(LONGEST + 1), file)
    except OSError as error:
        page = Page(file, "")
        page.add("Y009", (1, 1, 2), f"cannot read this file: {error.strerror}")
        return page


def _fetch(root: Path) -> Fetch:
    """Return what reads files of the project, never one outside of it."""

    def fetch(file: str) -> str | None:
        try:
            path = (root / file).resolve()
            inside = path.is_relative_to(root.resolve()) and path.is_file()
        except (OSError, ValueError):  # no name a file could have
            return None
        if not inside:
            return None
        page = _page(root.resolve(), path)
        return None if page.problems else "\n".join(page.lines)

    return fetch
