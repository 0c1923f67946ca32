from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from engine.cli.commands import COMMANDS
from engine.cli.flags import read_flags
from engine.cli.text import to_ascii


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from engine.cli import main; main(['--help']); "
        "print([name for name in ('typer', 'sqlalchemy', 'numpy', 'lark', 'rich') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert all(command.says in done.stdout for command in COMMANDS)


def test_every_command_explains_itself_with_an_example(sojourn):
    for command in COMMANDS:
        said = sojourn(*command.name.split(), "--help")
        assert said.code == 0, command.name
        assert command.examples[0] in said.out, command.name


def test_flags_are_understood_before_and_after_the_command():
    flags, rest = read_flags(["-C", "shop", "lint", "--json", "--select", "R2"])
    assert flags.root == Path("shop")
    assert flags.as_json
    assert rest == ["lint", "--select", "R2"]


def test_what_stands_behind_two_dashes_is_left_alone():
    flags, rest = read_flags(["event", "send", "--", "--json"])
    assert not flags.as_json
    assert rest == ["event", "send", "--", "--json"]


def test_a_mistyped_command_gets_a_guess_and_code_2(sojourn):
    said = sojourn("lnt")
    assert said.code == 2
    assert 'did you mean "lint"?' in said.err
    assert said.out == ""


def test_a_mistyped_flag_ends_with_code_2_and_no_traceback(sojourn, shop):
    said = sojourn("tick", "--mx", "3")
    assert said.code == 2
    assert "--mx" in said.err
    assert "Traceback" not in said.err


def test_without_a_project_the_way_out_is_named(sojourn, tmp_path):
    said = sojourn("-C", tmp_path, "lint")
    assert said.code == 2
    assert "sojourn init" in said.err


def test_an_error_in_json_is_one_object_with_its_problem(sojourn, tmp_path):
    said = sojourn("lint", "-C", tmp_path, "--json")
    whole = json.loads(said.out)
    assert (whole["schema"], whole["ok"], whole["command"]) == (1, False, "lint")
    assert whole["problems"][0]["code"] == "config_error"
    assert said.err == ""


def test_alone_it_says_which_project_it_found_and_how_it_stands(sojourn, people):
    said = sojourn()
    assert said.code == 0
    assert "acme-shop" in said.out
    assert "2 contacts" in said.out


def test_a_bug_is_one_line_and_v_shows_where(sojourn, shop, monkeypatch):
    monkeypatch.setattr("engine.cli.db.masked", lambda *_: 1 / 0)
    assert "Traceback" not in sojourn("db", "status").err
    verbose = sojourn("db", "status", "-v")
    assert verbose.code == 1
    assert "Traceback" in verbose.err


def test_ascii_holds_no_other_letter():
    assert to_ascii("▶ a → b · 5 ± 2 € ü") == "> a -> b | 5 +/- 2 EUR  ?"


def test_an_env_file_fills_the_settings(sojourn, shop):
    (shop / "prod.env").write_text("# production\nSMTP_HOST=mail.example\nexport SMTP_PASSWORD='hunter2 long'\n")
    said = sojourn("config", "show", "--env", "prod.env")
    assert "mail.example" in said.out
    assert "SMTP_HOST" in said.out
    assert "hunter2" not in said.out


def test_an_env_file_with_a_wrong_line_is_named_by_line(sojourn, shop):
    (shop / "prod.env").write_text("A=1\nnonsense\n")
    said = sojourn("config", "show", "--env", "prod.env")
    assert said.code == 2
    assert "prod.env:2" in said.err
