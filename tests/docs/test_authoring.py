"""The authoring guide, followed to the letter: each change made, each command run, each answer there."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.cli import main

GUIDE = Path(__file__).parents[2] / "docs" / "authoring.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CHANGE = re.compile(r"# ([\w/.]+), at the end\n")


@dataclass(frozen=True)
class Step:
    kind: str
    text: str


def steps() -> list[Step]:
    """Return what the reader does up to the recipes, in order."""
    text = GUIDE.read_text("utf-8")
    return [Step(found[1], found[2]) for found in FENCE.finditer(text[: text.index("## Recipes")])]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Step, str]]:
    """Follow the guide; return each step with what was printed since the step before."""
    patch = pytest.MonkeyPatch()
    patch.chdir(tmp_path_factory.mktemp("guide"))
    patch.setenv("COLUMNS", "120")
    try:
        return [(step, taken(step)) for step in steps()]
    finally:
        patch.undo()


def taken(step: Step) -> str:
    if step.kind == "yaml":
        named = CHANGE.match(step.text)
        assert named is not None, step.text
        with Path(named[1]).open("a", encoding="utf-8") as file:
            file.write(step.text[named.end() :])
    return "".join(run(line) for line in step.text.splitlines()) if step.kind == "console" else ""


def run(line: str) -> str:
    """Run one line of the terminal; return what it prints."""
    words = shlex.split(line.removeprefix("$ "))
    match words[0]:
        case "cd":
            os.chdir(words[1])  # the fixture comes back
        case "cp":
            shutil.copyfile(words[1], words[2])
        case "sojourn":
            return printed(words[1:])
        case _:
            raise AssertionError(line)
    return ""


def printed(words: list[str]) -> str:
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(words)
    said.seek(0)
    text = said.read()
    assert code == (1 if "lint" in words and "error[" in text else 0), text
    return text


def test_every_answer_that_is_shown_comes(answers):
    shown = [(before[1], step.text) for before, (step, _) in itertools.pairwise(answers) if step.kind == "text"]
    assert len(shown) == 6
    for printed_, text in shown:
        rest = plain(printed_)
        for line in text.splitlines():
            assert plain(line).strip() in rest, f"{line}\n--- is not in ---\n{printed_}"
            rest = rest[rest.index(plain(line).strip()) :]


def plain(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


def test_everything_before_the_recipes_is_followed():
    assert {step.kind for step in steps()} == {"console", "yaml", "text"}
    assert sum(step.kind == "yaml" for step in steps()) == 2


def test_each_message_that_the_table_explains_is_one_of_the_program():
    text = GUIDE.read_text("utf-8")
    rows = re.findall(r"^\| `(.*?)` \((\w+)\) \|", text[text.index("## When lint objects") :], re.MULTILINE)
    assert len(rows) == 7
    sources = {path: path.read_text("utf-8") for path in (GUIDE.parents[1] / "journeys").glob("*.py")}
    for says, code in rows:
        words = max(re.split(r'"[^"]*"|\d\d:\d\d|\{ ?\}', says), key=len).strip()
        assert any(words in source and f'"{code}"' in source for source in sources.values()), (says, code)
