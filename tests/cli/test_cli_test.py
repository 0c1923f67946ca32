"""`sojourn test`: what is printed, what programs get, and the exit code."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

BAD = """\
  - name: an impossible hope
    tags: none
    events: [{at: 0h, cart_abandoned: {cart_id: B2, value: 30, items_count: 1}}]
    expect: {ends: goal}
""".replace("    tags: none\n", "")


@pytest.fixture
def shop(tmp_path, sojourn, monkeypatch) -> Path:
    """The starter as it is, as the current folder."""
    assert sojourn("init", tmp_path / "shop").code == 0
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def add(shop: Path, text: str) -> None:
    path = shop / "journeys/cart_recovery.yaml"
    path.write_text(path.read_text("utf-8") + text, "utf-8")


def test_tests_that_pass_are_listed_and_counted(shop, sojourn):
    said = sojourn("test")
    assert (said.code, said.err) == (0, "")
    assert "cart_recovery\n  ✓ a buyer hears nothing more " in said.out
    assert "no test of cart_recovery comes through: paying, short_note" in said.out
    assert ": 2 passed, 0 failed in " in sojourn("test", "cart_recovery").out


def test_the_store_is_neither_needed_nor_touched(shop, sojourn):
    (shop / "sojourn.db").unlink()
    assert sojourn("test").code == 0
    assert not (shop / "sojourn.db").exists()


def test_a_test_that_fails_says_what_came_instead_and_the_command_ends_with_1(shop, sojourn):
    add(shop, BAD)
    said = sojourn("test", "-k", "hope")
    assert said.code == 1
    lines = [line.strip() for line in said.out.splitlines()]
    assert lines[1].startswith("✗ an impossible hope")
    assert lines[2].startswith("expected  goal   (journeys/cart_recovery.yaml:")
    assert lines[3].startswith("got       completed   Tue 6 Jan ")
    assert lines[4].startswith("because   ")
    assert "1 test: 0 passed, 1 failed" in lines[-1]


def test_programs_get_everything(shop, sojourn):
    add(shop, BAD)
    said = sojourn("test", "--json")
    data = said.json["data"]
    assert (said.code, said.json["ok"], data["failed"]) == (1, False, 1)
    failed = next(one for one in data["tests"] if not one["passed"])
    assert failed["misses"][0]["expected"] == "goal"
    assert failed["misses"][0]["place"]["file"] == "journeys/cart_recovery.yaml"
    assert "paying" in data["unvisited"]["cart_recovery"]


def test_a_ci_server_gets_junit(shop, sojourn):
    add(shop, BAD + "  - name: typo\n    expect: {path: [nowhere]}\n")
    said = sojourn("test", "--junit", "out.xml")
    assert (said.code, said.err) == (1, "wrote out.xml\n")
    root = ET.parse(shop / "out.xml").getroot()  # noqa: S314 - our own file
    suite = next(suite for suite in root if suite.get("name") == "cart_recovery")
    assert (root.get("failures"), root.get("errors"), suite.get("tests")) == ("1", "1", "4")
    case = next(case for case in suite if case.get("name") == "an impossible hope")
    assert "expected goal, got completed" in case[0].get("message")
    assert case.get("line").isdigit()


def test_a_journey_that_cannot_be_read_stops_no_other(shop, sojourn):
    (shop / "journeys/broken.yaml").write_text("journey: broken\nstates: {hello: {sned: email/hello}}\n")
    said = sojourn("test")
    assert said.code == 1
    assert "✓ a buyer hears nothing more" in said.out
    assert "✗ journeys/broken.yaml cannot be read (sojourn lint shows why)" in said.out
    assert sojourn("test", "cart_recovery").code == 0


def test_tests_are_chosen_by_journey_state_tag_and_word(shop, sojourn):
    names = [one["name"] for one in sojourn("test", "cart_recovery.concierge", "--json").json["data"]["tests"]]
    assert names == ["gold customers get the concierge on a weekday"]
    assert len(sojourn("test", "-k", "BUYER", "--json").json["data"]["tests"]) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["cart_recover"], 'did you mean "cart_recovery"?'),
        (["cart_recovery.concierg"], 'did you mean "concierge"?'),
        (["tag:nobody"], "there are: none"),
        (["-k", "nosuchword"], 'no test has "nosuchword" in its name'),
    ],
)
def test_what_is_not_there_is_said_with_what_is(shop, sojourn, words, says):
    said = sojourn("test", *words)
    assert said.code == 4
    assert says in said.err + said.out


def test_a_project_without_tests_is_shown_how_one_is_written(tmp_path, sojourn):
    assert sojourn("init", tmp_path / "empty", "--from", "empty").code == 0
    said = sojourn("-C", tmp_path / "empty", "test")
    assert said.code == 0
    assert "  - name: who buys hears nothing more" in said.out
