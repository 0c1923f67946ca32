"""What an editor shows of a journey: the real YAML language server, with the schema that the project writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from language_server import LanguageServer, NoServer

from engine.cli import main

WRONG = """\
# yaml-language-server: $schema=../.sojourn/journey.schema.json
journey: wrong
enter: {event: signed_upp}
holdout: 110%
goal: {event: order_placed, within: 2 weeks}
states:
  hello:
    send: email/welcome_hello
    exit: done
  nudge:
    choose:
      arms: [email/welcome_tips, nothing]
      reward: goal
      baseline: {arm: nothing, share: 10%}
  wait: {wait_for: {event: clicked}}
  sned: {sned: email/welcome_tips}
"""
UNFINISHED = """\
# yaml-language-server: $schema=../.sojourn/journey.schema.json
journey: unfinished
enter: {event: si}
states:
  hello:
    send: email/welcome_hello
    if: no app_opened within 5d
"""
UNFINISHED += "    \n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("editor") / "shop"
    assert main(["init", str(folder), "-q"]) == 0
    return folder


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[LanguageServer]:
    try:
        found = LanguageServer(root)
    except NoServer as error:
        pytest.skip(f"the YAML language server was NOT tested: {error}")
    yield found
    found.close()


@pytest.fixture(scope="module")
def wrong(server: LanguageServer) -> dict[tuple[int, int], str]:
    server.open("journeys/wrong.yaml", WRONG)
    found = server.diagnostics("journeys/wrong.yaml")
    return {(d["range"]["start"]["line"], d["range"]["start"]["character"]): d["message"] for d in found}


def test_a_good_journey_has_nothing_to_be_told(server, root):
    for path in sorted((root / "journeys").glob("*.yaml")):
        server.open(f"journeys/{path.name}", path.read_text("utf-8"))
        assert server.diagnostics(f"journeys/{path.name}") == [], path.name


@pytest.mark.parametrize(
    ("line", "character", "says"),
    [
        (2, 15, '"signed_up"'),
        (3, 9, "a share is written like 10%"),
        (4, 36, "a length of time is written like 45m, 2d"),
        (8, 4, "beside `send`: at most one of `send`, `choose`"),
        (13, 22, "`nothing` cannot be the baseline"),
        (14, 19, 'Missing property "within"'),
        (15, 9, "sned"),
    ],
)
def test_a_slip_is_marked_at_its_place(wrong, line, character, says):
    assert says in wrong.get((line, character), str(wrong))


def test_nothing_else_is_marked(wrong):
    assert len(wrong) == 7, wrong


def test_the_keys_of_a_state_are_offered(server):
    server.open("journeys/unfinished.yaml", UNFINISHED)
    offered = server.completion("journeys/unfinished.yaml", 7, 4)
    assert {"after", "then", "when_capped", "title"} <= set(offered)
    assert not {"if", "journey", "states"} & set(offered)


def test_the_events_and_messages_of_this_project_are_offered(server):
    server.open("journeys/unfinished_too.yaml", UNFINISHED)
    assert "signed_up" in server.completion("journeys/unfinished_too.yaml", 2, 17)
    assert "email/welcome_hello" in server.completion("journeys/unfinished_too.yaml", 5, 12)


def test_a_key_says_what_it_means(server):
    server.open("journeys/unfinished_as_well.yaml", UNFINISHED)
    said = server.hover("journeys/unfinished_as_well.yaml", 6, 5)
    assert "The action is skipped when this is false" in said
    assert "contact.tier" in said
