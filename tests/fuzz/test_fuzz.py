"""A sample of `python -m benchmarks.fuzz`: whatever a file holds, lint tells it at a place, or accepts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fuzz import Bench, run
from benchmarks.fuzz_bombs import BOMBS, HEAVY
from benchmarks.fuzz_cases import CHANGES, case, texts
from journeys.load import load_journey, load_project
from journeys.project import Project
from journeys.reader import decode
from journeys.show import show
from journeys.starters import copy_starter

SAMPLE = 300
GENEROUS = 10  # seconds: here only what never ends is meant; the benchmark measures


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("tenth", range(10))
def test_a_changed_file_is_told_or_accepted_and_never_a_traceback(bench, tenth):
    for number in range(tenth * SAMPLE // 10, (tenth + 1) * SAMPLE // 10):
        found = run(case(number), bench)
        assert found.ended in ("told", "valid"), f"python -m benchmarks.fuzz --case {number}\n{found.trace}"
        assert found.seconds < GENEROUS, number


def test_a_case_is_the_same_whenever_it_is_asked_for():
    assert case(17) == case(17)
    assert len({case(number).content for number in range(50)}) > 45


def test_every_kind_of_file_and_every_change_is_tried():
    kinds = {Path(case(number).file).parts[0] for number in range(SAMPLE)}
    assert kinds == {Path(file).parts[0] for _, file, _ in texts()}
    assert len(CHANGES) > 10


def test_the_files_as_they_are_have_nothing_to_be_told(bench):
    for starter, file, content in dict.fromkeys(texts()):
        one = case(0)
        assert bench.judge(type(one)(0, starter, file, content)) == (), file


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("bombs") / "empty"
    copy_starter("empty", root)
    found, _ = load_project(root, {})
    assert found is not None
    return found


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_a_place(project, name):
    page = decode(BOMBS[name].encode(), "journeys/bomb.yaml")
    problems = page.problems or load_journey(BOMBS[name], page.file, project)[1]
    assert {problem.code for problem in problems} <= {"Y008", "Y009"}
    assert len(problems) == 1
    assert len(show(problems[0], BOMBS[name])) < 2000


@pytest.mark.parametrize("name", HEAVY)
def test_what_is_as_large_as_may_be_is_read(project, name):
    journey, problems = load_journey(HEAVY[name], "journeys/bomb.yaml", project)
    assert journey is not None or problems
    assert len([problem for problem in problems if problem.code[0] in "YSRX"]) <= 101
