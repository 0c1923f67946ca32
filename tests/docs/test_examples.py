"""What the documentation shows is tried: examples load, expressions parse, commands and flags exist."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from channels.asking import sample
from channels.build import build_channel
from channels.templates import load_template
from engine.cli import main
from engine.cli.commands import COMMANDS, find
from engine.cli.flags import SWITCHES, VALUES, read_flags
from journeys.build import KEYS
from journeys.codes import CODES, COUNTED, WARNINGS
from journeys.load import load, load_journey
from journeys.names import Names
from journeys.page import Page
from journeys.parse import parse
from journeys.place import Place
from journeys.project import Project
from journeys.project_file import read_project
from journeys.reader import read
from journeys.starters import STARTER, copy_starter

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ([\w/.]+\.yaml)\n")
PART = re.compile(r"# sojourn\.yaml, ")
CHANGE = re.compile(r"# journeys/\w+\.yaml, ")  # what the authoring guide adds to a file: test_authoring.py does it
# What an example leaves out; each line stands in when the example does not say it itself.
AROUND = {
    "enter": "enter: {event: cart_abandoned}",
    "reenter": "reenter: never",
    "topic": "topic: promo",
    "goal": "goal: {event: order_placed, within: 72h}",
    "holdout": "holdout: 10%",
    "states": "states: {hello: {send: email/welcome_hello}}",
}


@dataclass(frozen=True)
class Block:
    file: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def blocks(*kinds: str) -> list[Block]:
    found = []
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        for fence in FENCE.finditer(text):
            line = text.count("\n", 0, fence.start()) + 2
            found.append(Block(path.name, line, fence[1], fence[2]))
    return [block for block in found if block.kind in kinds]


FILES = [block for block in blocks("yaml") if FILE.match(block.text)]
PARTS = [block for block in blocks("yaml") if PART.match(block.text)]
JOURNEYS = [block for block in blocks("yaml") if not any(kind.match(block.text) for kind in (FILE, PART, CHANGE))]
COMMAND_LINES = [(block, line) for block in blocks("console") for line in block.text.splitlines() if "sojourn " in line]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The shop starter, with the files that the documentation shows in place of its own."""
    root = tmp_path_factory.mktemp("docs") / "shop"
    copy_starter("shop", root)
    for path in (root / "journeys").glob("*.yaml"):
        path.unlink()
    for block in FILES:
        found = FILE.match(block.text)
        assert found is not None
        path = root / found[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    definitions = load(root, {})
    assert definitions.problems == ()
    assert definitions.project is not None
    return definitions.project


def test_the_settings_that_are_shown_make_channels(project):
    assert PARTS
    path = project.root / "sojourn.yaml"
    for part in PARTS:
        text = path.read_text(encoding="utf-8")
        for section in re.findall(r"^(\w+):", part.text, re.MULTILINE):
            text = re.sub(rf"^{section}:.*\n(?: .*\n)*", "", text, flags=re.MULTILINE)
        page = Page("sojourn.yaml", f"{text}\n{part.text}")
        node = read(page)
        assert node is not None
        found = read_project(page, node, project.data, (project.root, {}))
        assert (found is not None, page.problems) == (True, []), part
        for name, settings in found.channels.items():
            build_channel(name, settings, project.root).close()


def whole(block: Block) -> tuple[str, str]:
    """Return the file name and the text of the journey that a block is, or is a part of."""
    named = re.match(r"journey: (\w+)\n", block.text)
    if named:
        return f"journeys/{named[1]}.yaml", block.text
    written = re.findall(r"^(\w+):", block.text, re.MULTILINE)
    assert set(written) <= set(KEYS), f"{block}: neither a journey nor a part of one"
    around = [line for key, line in AROUND.items() if key not in written]
    return "journeys/example.yaml", "\n".join(["journey: example", *around, block.text])


def test_the_documentation_shows_examples_of_everything():
    assert len(JOURNEYS) > 25
    assert {"sojourn.yaml", "data.yaml"} <= {FILE.match(block.text)[1] for block in FILES}
    assert COMMAND_LINES


@pytest.mark.parametrize("block", JOURNEYS, ids=str)
def test_every_journey_that_is_shown_loads_without_an_error(project, block):
    file, text = whole(block)
    journey, problems = load_journey(text, file, project)
    assert [f"{p.code} {p.says}" for p in problems if p.severity == "error"] == []
    assert journey is not None


def test_every_journey_that_is_shown_says_only_the_warnings_that_are_spoken_of(project):
    said = {p.code for block in JOURNEYS for p in load_journey(*reversed(whole(block)), project)[1]}
    assert said <= {"W901", "W903", "W904", "B504"}


def test_every_expression_that_is_shown_is_one(project):
    data = project.data
    names = Names(data, entry=data.events["cart_abandoned"], event=data.events["order_placed"])
    lines = [line for block in blocks("expr") for line in block.text.splitlines()]
    assert len(lines) > 10
    for line in lines:
        found, problems = parse(line, Place("docs", 1, 1), names, "flag")
        assert (found is not None, problems) == (True, []), line


def test_every_mail_that_is_shown_renders(tmp_path):
    person = {"contact": {"first_name": "Lena"}, "entry": {"value": 80, "items_count": 2, "cart_id": "A 1"}}
    pages = {"unsubscribe_url": "https://x.test/u/1", "preferences_url": "https://x.test/p/1"}
    shown = [block for block in blocks("html") if "subject:" in block.text]  # others are parts of a web page
    says = {}
    for block in shown:
        path = tmp_path / "mail.html"
        path.write_text(block.text, encoding="utf-8")
        template = load_template([path])
        rendered = template.render({**person, **pages, **sample(template.asks)}, lambda n: f"https://x.test/c/{n}")
        says[rendered.subject] = rendered.html
    assert set(says) == {"Lena, your basket is waiting", "Picked for you", "New this week"}
    assert "Delivery is free" in says["Lena, your basket is waiting"]
    assert "Product 3, €30.00" in says["Picked for you"]


def test_the_push_message_that_is_shown_renders(project):
    template = load_template(project.messages["push/basket"])
    entry = {"value": 80, "items_count": 2, "cart_id": "A1"}
    rendered = template.render({"contact": {}, "entry": entry}, lambda n: f"https://x.test/c/{n}")
    assert (rendered.subject, rendered.ttl) == ("Your basket is saved", 12 * 3600)


def test_the_list_of_codes_is_the_one_that_the_program_has():
    sources = [path for path in (ROOT / "journeys").glob("*.py") if path.name != "codes.py"]
    sources += [ROOT / "engine" / "proofs.py", *(ROOT / "channels").glob("*.py")]
    written = {code for path in sources for code in re.findall(r'"([A-Z]\d{3})"', path.read_text(encoding="utf-8"))}
    text = (DOCS / "language.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \*?([A-Z]\d{3})\*? \|", text, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == written == CODES
    assert set(re.findall(r"^\| \*([A-Z]\d{3})\* \|", text, re.MULTILINE)) == WARNINGS
    counted = re.findall(r"^\| \*([A-Z]\d{3})\* \| .*\(counts\) \|$", text, re.MULTILINE)
    assert set(counted) == COUNTED


def words_of(line: str) -> list[str]:
    """Return the words behind `sojourn` of one shell line."""
    said = re.split(r"\s(?:\||>|&&|&)\s", line[line.index("sojourn ") :])[0]
    return shlex.split(said, comments=True)[1:]


@pytest.mark.parametrize(("block", "line"), COMMAND_LINES, ids=lambda value: str(value)[:60])
def test_every_command_that_is_shown_exists_with_its_flags(block, line, capsys):
    flags, words = read_flags(words_of(line))
    assert flags
    found = find(words)
    assert found is not None, line
    assert main([*found[0].name.split(), "--help"]) == 0
    told = capsys.readouterr().out
    for flag in [word.partition("=")[0] for word in found[1] if re.fullmatch(r"--?[a-z][\w-]*(=.*)?", word)]:
        assert re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", told), f"{line}: {flag}"


def test_every_command_that_exists_is_spoken_of():
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md")))
    silent = [command.name for command in COMMANDS if f"sojourn {command.name}" not in text]
    assert silent == []


def test_what_is_said_to_be_missing_is_missing():
    text = (DOCS / "running.md").read_text(encoding="utf-8")
    missing = re.findall(r"`(\w+)`", text[text.index("## Not there yet") :])
    assert "sms" in missing
    assert [name for name in missing if find([name])] == []


def test_the_common_flags_are_spoken_of():
    text = (DOCS / "running.md").read_text(encoding="utf-8")
    assert [flag for flag in [*SWITCHES, *VALUES] if f"`{flag}" not in text] == []


def test_links_inside_the_documentation_lead_somewhere():
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]*)(?:#[^)]*)?\)", text):
            assert not target or (path.parent / target).exists(), f"{path.name}: {target}"
        anchors = anchors_of(text)
        for anchor in re.findall(r"\]\(#([^)]*)\)", text):
            assert anchor in anchors, f"{path.name}: #{anchor}"
        for other, anchor in re.findall(r"\]\((\w+\.md)#([^)]*)\)", text):
            assert anchor in anchors_of((DOCS / other).read_text(encoding="utf-8")), f"{path.name}: {other}#{anchor}"


def anchors_of(text: str) -> set[str]:
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings(text)}


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.*)$", text, re.MULTILINE)


def test_the_starters_are_named():
    text = (DOCS / "running.md").read_text(encoding="utf-8")
    for starter in STARTER.iterdir():
        if starter.is_dir():
            assert f"`{starter.name}`" in text
