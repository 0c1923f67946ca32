"""plan, deploy, pause and resume as a user meets them."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def running(people: Path, sojourn) -> Path:
    """The shop with two people in `welcome`, which the first tick has deployed."""
    for who in ("lena@shop.example", "tom@shop.example"):
        assert sojourn("event", "send", "signed_up", "--contact", who).code == 0
    said = sojourn("tick")
    assert "deployed cart_recovery v1, welcome v1, winback v1" in said.err
    return people


def edit(shop: Path, *pairs: tuple[str, str]) -> None:
    path = shop / "journeys" / "welcome.yaml"
    text = path.read_text("utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text, "utf-8")


def test_nothing_changed_is_nothing_to_deploy(running, sojourn):
    said = sojourn("plan", "--exit-code")
    assert (said.code, "Nothing to deploy" in said.out) == (0, True)
    assert "3 journeys deployed" in sojourn().out


def test_a_change_is_told_planned_deployed_and_undone(running, sojourn):
    edit(running, ("after: 2d", "after: 3d"))
    assert "1 changed on disk: run `sojourn plan`" in sojourn().out
    assert "1 changed on disk: run `sojourn plan`" in sojourn("tick").err
    planned = sojourn("plan", "--exit-code")
    assert planned.code == 10
    assert "welcome   v1 → v2" in planned.out
    assert "2d → 3d" in planned.out
    assert sojourn("deploy", "--no-input").code == 3
    assert sojourn("plan", "--exit-code").code == 10
    done = sojourn("deploy", "--yes")
    assert done.code == 0
    assert "✓ welcome v2" in done.out
    assert "Undo: sojourn deploy --version welcome@1" in done.out
    assert sojourn("plan", "--exit-code").code == 0
    back = sojourn("deploy", "--version", "welcome@1", "--yes", "--json").json
    assert back["data"]["deployed"][0] | {"moved": []} == {
        "name": "welcome", "before": 2, "number": 1, "moved": [], "retimed": 0,
    }  # fmt: skip


def test_a_plan_as_json_is_one_object_with_every_count(running, sojourn):
    edit(running, ("after: 2d", "after: 3d"))
    (found,) = [one for one in sojourn("plan", "--json").json["data"]["journeys"] if one["kind"] == "changed"]
    assert (found["journey"], found["from"], found["to"], found["inside"]) == ("welcome", 1, 2, 2)
    (change,) = found["changes"]
    assert (change["mark"], change["old"], change["new"], change["concerned"]) == ("~", "2d", "3d", 2)


def test_a_journey_that_is_not_there_and_a_version_that_cannot_be_read(running, sojourn):
    assert sojourn("plan", "welcom").code == 4
    assert sojourn("deploy", "--version", "welcome@9", "--yes").code == 4
    assert sojourn("deploy", "--version", "welcome", "--yes").code == 2


def test_a_broken_file_blocks_the_plan_and_not_what_is_deployed(running, sojourn):
    (running / "journeys" / "welcome.yaml").write_text("journey: welcome\nstates: {a: {sned: email/x}}\n")
    said = sojourn("plan")
    assert (said.code, "S101" in said.out) == (1, True)
    assert sojourn("tick").code == 0
    assert "run `sojourn lint`" in sojourn().out


def test_pause_and_resume_say_what_waits_and_what_will_go_out(running, sojourn):
    assert sojourn("resume", "welcome").out == "welcome is not paused; nothing is\n"
    said = sojourn("pause", "welcome", "--reason", "wrong price")
    assert "welcome paused: 2 contacts wait where they are, nothing is sent, entries are still recorded" in said.out
    assert "paused: welcome" in sojourn().out
    asked = sojourn("resume", "welcome", "--no-input")
    assert (asked.code, "wrong price): 0 messages came due" in asked.out) == (3, True)
    assert sojourn("resume", "welcome", "--yes", "--json").json["data"]["resumed"] is True
    assert sojourn("pause").code == 2
    assert sojourn("pause", "welcome.nowhere").code == 4
    assert "everything paused" in sojourn("pause", "--all").out
