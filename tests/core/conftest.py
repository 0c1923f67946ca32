"""The journey of a test stands in its docstring; the fixtures make it walk."""

from __future__ import annotations

import pytest
from building import DATA, PROJECT, Bench, build_bench, lines

from journeys.load import load
from journeys.project import Project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("project")
    (root / "sojourn.yaml").write_text(lines(PROJECT))
    (root / "data.yaml").write_text(lines(DATA))
    for message in ("email/hello", "email/again", "email/offer", "push/nudge", "email/other"):
        path = root / "templates" / f"{message}{'.yaml' if message.startswith('push') else '.html'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("title: x\nbody: y\n" if message.startswith("push") else "<!--\nsubject: x\n-->\n<p>y</p>")
    found = load(root, {})
    assert found.project is not None, found.problems
    return found.project


@pytest.fixture
def bench(request: pytest.FixtureRequest, project: Project) -> Bench:
    """The journey of the test's docstring, with `enter: {event: started}` unless it says otherwise."""
    return build_bench(request.function.__doc__, project)


@pytest.fixture
def make(project: Project):
    return lambda text, *more, **contact: build_bench(text, project, *more, **contact)


@pytest.fixture(scope="session")
def make_once(project: Project):
    """As `make`, for tests that draw many examples from one journey."""
    known: dict[str, Bench] = {}
    return lambda text: known.setdefault(text, build_bench(text, project))
