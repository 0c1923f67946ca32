"""`sojourn new`: every starter works in every project, adds what is lacking and touches nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeys.ready import READY, ready

NAMES = [one.name for one in ready()]


@pytest.fixture
def project(tmp_path, sojourn, monkeypatch):
    """Make a project from a starter, as the current folder."""

    def make(starter: str) -> Path:
        folder = tmp_path / starter
        assert sojourn("init", folder, "--from", starter).code == 0
        monkeypatch.chdir(folder)
        return folder

    return make


def files(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("sojourn.db"))
    kept = (path for path in found if ".sojourn" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in kept}


@pytest.mark.parametrize("starter", NAMES)
def test_a_starter_is_clean_its_tests_pass_and_people_live_through_it(project, sojourn, starter):
    project("empty")
    said = sojourn("new", "my_own", "--from", starter, "--yes", "--json")
    assert said.code == 0, said.out
    lint = sojourn("lint", "--json")
    assert (lint.code, lint.json["data"]["warnings"], lint.json["problems"]) == (0, 0, [])
    tests = sojourn("test", "my_own", "--json").json["data"]
    assert (tests["failed"], tests["passed"] >= 2) == (0, True)
    crowd = sojourn("simulate", "my_own", "--population", "40", "--days", "24", "--json").json["data"]
    assert crowd["did"]["started"] > 15
    assert crowd["did"]["sends"] > 0


def test_all_starters_live_in_a_project_that_has_journeys_of_its_own(project, sojourn):
    folder = project("shop")
    before = files(folder)
    for starter in NAMES:
        said = sojourn("new", f"my_{starter}", "--from", starter, "--yes", "--json")
        assert (said.code, said.json["data"]["failed"]) == (0, []), said.out
    lint = sojourn("lint", "--json")
    assert (lint.code, lint.json["data"]["warnings"], lint.json["problems"]) == (0, 0, [])
    assert sojourn("test", "--json").json["data"]["failed"] == 0
    after = files(folder)
    assert {name for name in before if before[name] != after[name]} == {"data.yaml", "sojourn.yaml"}
    for name in ("data.yaml", "sojourn.yaml"):  # what was there is there, in its order
        kept = [line for line in after[name].split("\n") if line in before[name].split("\n")]
        assert kept == before[name].split("\n")


@pytest.mark.parametrize("starter", NAMES)
def test_a_starter_is_short(starter):
    text = (READY / starter / "journey.yaml").read_text("utf-8").partition("\ntests:")[0]
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("#")]
    assert len(lines) <= 25


def test_the_starters_are_listed_with_what_they_are_for(sojourn):
    said = sojourn("new", "--list")
    assert said.code == 0
    assert all(f"{name} " in said.out for name in NAMES)
    assert set(NAMES) == {"welcome", "cart", "winback", "birthday", "nps", "post-purchase", "re-permission"}


def test_everything_that_is_added_is_shown_and_asked_for(project, sojourn):
    folder = project("empty")
    before = files(folder)
    said = sojourn("new", "basket", "--from", "cart")
    assert said.code == 3
    assert "cart_abandoned: {cart_id: text, value: number, items_count: number}" in said.err
    assert "add --yes" in said.err + said.out
    assert files(folder) == before


def test_undo_and_next_are_said(project, sojourn):
    project("shop")
    said = sojourn("new", "basket", "--from", "cart")
    assert said.code == 0, said.err
    assert "Created journeys/basket.yaml   with 3 tests; they pass" in said.out
    assert "Next:   sojourn draw basket" in said.out
    assert "Undo:   rm journeys/basket.yaml templates/email/cart_reminder.mjml" in said.out


def test_messages_that_are_there_are_kept_as_they_are(project, sojourn):
    folder = project("shop")
    before = (folder / "templates/email/welcome_tips.mjml").read_text("utf-8")
    said = sojourn("new", "hello_again", "--from", "welcome", "--yes")
    assert "Kept    email/welcome_tips, which was there" in said.out
    assert (folder / "templates/email/welcome_tips.mjml").read_text("utf-8") == before


def test_push_is_left_out_where_there_is_none(project, sojourn):
    folder = project("empty")
    assert sojourn("new", "cart", "--yes").code == 0
    assert "push" not in (folder / "journeys/cart.yaml").read_text("utf-8")
    assert "can_push" not in (folder / "data.yaml").read_text("utf-8")


def test_a_journey_that_is_there_is_not_written_over(project, sojourn):
    folder = project("shop")
    before = files(folder)
    said = sojourn("new", "welcome", "--yes")
    assert said.code == 2
    assert "journeys/welcome.yaml is already there: nothing was written" in said.err
    assert files(folder) == before


def test_what_does_not_fit_the_project_is_said_before_anything_is_written(project, sojourn):
    folder = project("empty")
    data = folder / "data.yaml"
    data.write_text(
        data.read_text("utf-8").replace("timezone: timezone", "birthday: flag\n  timezone: timezone"), "utf-8"
    )
    before = files(folder)
    said = sojourn("new", "birthday", "--yes")
    assert said.code == 2
    assert "this project does not suit it, so nothing was written" in said.err
    assert "birthday" in said.err
    assert files(folder) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["basket"], "--from what? there are: "),
        (["basket", "--from", "crat"], 'did you mean "cart"?'),
        ([], "sojourn new --list tells of them"),
        (["My Cart", "--from", "cart"], "is no name"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_ones(project, sojourn, words, says):
    project("empty")
    said = sojourn("new", *words)
    assert said.code == 2
    assert says in said.err
