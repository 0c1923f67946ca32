"""`sojourn lint` with its flags: repair, formats, watching."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.repairs import Repaired, write

MISTAKES = (
    ("email/welcome_gift", "email/welcome_gft", "R203"),
    ("after: 2d", "after: 2 days   # two days", "S106"),
    ("holdout: 10%", "holdout: 10", "S108"),
    ("reenter: never", "renter: never", "S101"),
    ('at: "09:00-11:00"', "at: 9am", "S107"),
    ("{event: signed_up}", "[signed_up, app_opened]", "S111"),
    ("app_opened within", "app_openned within", "R202"),
    ("    send: email/welcome_hello", "\tsend: email/welcome_hello", "Y001"),
    ("if: no app_opened within 5d", 'if: contact.tier = "gold"', "X303"),
    ("if: no app_opened within 5d", 'if: contact.teir == "gold"', "X301"),
    ("if: no app_opened within 5d", "if: !contact.open_ticket", "Y006"),
    ("if: no app_opened within 5d", 'if: "gold" in ["gold", contact.tier]', "Y005"),
    ("if: no app_opened within 5d", "then: gft", "R201"),
    ("      reward: goal", "      reward: goal\n      baseline: {arm: email/welcome_tps, share: 10%}", "B503"),
    ("      reward: goal", "    reward: goal", "S102"),
    ("hello:\n    send: email/welcome_hello", "hello: {if: count(order_placed) in (1, 2), send: email/welcome_hello}", "Y004"),
    ("{event: signed_up}", "{segment: lapsed90}", "R204"),
)  # fmt: skip


@pytest.fixture
def welcome(shop: Path) -> Path:
    return shop / "journeys" / "welcome.yaml"


def change(file: Path, old: str, new: str) -> str:
    text = file.read_text("utf-8")
    assert old in text
    changed = text.replace(old, new, 1)
    file.write_text(changed, "utf-8")
    return changed


@pytest.mark.parametrize(("right", "wrong", "code"), MISTAKES, ids=[f"{m[2]}-{m[1][:12]}" for m in MISTAKES])
def test_each_repairable_mistake_is_repaired_and_nothing_else_is_touched(sojourn, welcome, right, wrong, code):
    text = change(welcome, right, wrong)
    touched = {problem["line"] for problem in sojourn("lint", "--json").json["problems"] if problem["fix"]}
    said = sojourn("lint", "--fix", "--json").json
    assert code in {problem["code"] for problem in said["data"]["fixed"]}
    assert code not in {problem["code"] for problem in said["problems"]}
    now = welcome.read_text("utf-8").split("\n")
    before = text.split("\n")
    changed = {at for at, (one, two) in enumerate(zip(before, now, strict=True), 1) if one != two}
    assert changed
    assert changed <= touched or code == "S102"


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [("contact.first_name", "contact.frist_name", "T701"), ("<mj-button href", "<mj-buton href", "T702")],
)
def test_a_repairable_mistake_in_a_template_is_repaired(sojourn, shop, right, wrong, code):
    file = shop / "templates" / "email" / "welcome_gift.mjml"
    before = file.read_text("utf-8")
    change(file, right, wrong)
    assert code in sojourn("lint").out
    assert sojourn("lint", "--fix").code in (0, 1)
    now = file.read_text("utf-8")
    assert now == before or (code, now.replace("</mj-buton>", "</mj-button>")) == ("T702", before)


def test_comments_line_ends_and_rights_stay(sojourn, welcome):
    text = change(welcome, "after: 2d", "after: 2 days   # two days").replace("\n", "\r\n")
    welcome.write_bytes(b"\xef\xbb\xbf" + text.encode())
    welcome.chmod(0o640)
    assert sojourn("lint", "--fix").code == 0
    assert welcome.read_bytes() == b"\xef\xbb\xbf" + text.replace("2 days ", "2d ").encode()
    assert stat.S_IMODE(welcome.stat().st_mode) == 0o640
    assert [path.name for path in welcome.parent.iterdir() if path.name.startswith(".")] == []


def test_the_repair_says_what_it_did_and_what_is_left(sojourn, welcome):
    change(welcome, "after: 2d", "after: 2 days")
    change(welcome, "send: email/welcome_hello", "send: email/not_at_all_like_any_other")
    said = sojourn("lint", "--fix")
    assert said.code == 1
    assert "fixed 1 problem in 1 file:\n  journeys/welcome.yaml:14:12: S106" in said.out
    assert "error[R203] no message email/not_at_all_like_any_other" in said.out
    assert "1 error, 0 warnings" in said.out.splitlines()[-1]


def test_diff_shows_and_does_not_write(sojourn, welcome):
    text = change(welcome, "after: 2d", "after: 2 days")
    said = sojourn("lint", "--diff")
    assert said.code == 1
    assert "-    after: 2 days\n+    after: 2d\n" in said.out
    assert said.out.startswith("--- a/journeys/welcome.yaml\n+++ b/journeys/welcome.yaml\n@@ ")
    assert welcome.read_text("utf-8") == text
    change(welcome, "after: 2 days", "after: 2d")
    assert (sojourn("lint", "--diff").out, sojourn("lint", "--diff").code) == ("nothing to fix\n", 0)


def test_the_patch_that_diff_prints_can_be_applied(sojourn, shop, welcome):
    change(welcome, "after: 2d", "after: 2 days")
    change(shop / "fragments" / "nps.yaml", "send: email/nps_ask", "send: email/nps_aks")
    patch = sojourn("lint", "--diff").out
    subprocess.run(["git", "apply", "-"], input=patch.encode(), check=True, cwd=shop)
    assert sojourn("lint").code == 0


def test_fragments_templates_and_settings_are_repaired_too(sojourn, shop):
    change(shop / "fragments" / "nps.yaml", "send: email/nps_ask", "send: email/nps_aks")
    change(shop / "sojourn.yaml", "quiet_hours:", "quiet_hour:")
    change(shop / "data.yaml", "segments:", "segmnts:")
    said = sojourn("lint", "--fix")
    assert said.code == 0, said.out
    assert {"fragments/nps.yaml", "sojourn.yaml", "data.yaml"} == set(
        re.findall(r"^  ([\w/.]+):", said.out, re.MULTILINE)
    )


def test_one_repair_brings_the_next_problem_to_light_and_both_are_done(sojourn, welcome):
    change(welcome, "  gift:\n    after: 3d", "  gift:\n\tafter: 3 days")
    said = sojourn("lint", "--fix")
    assert said.code == 0
    assert "fixed 2 problems in 1 file" in said.out


def test_a_repair_that_would_do_harm_is_not_written(sojourn, welcome):
    """Both unknown keys look like `after`: written for both, it would stand there twice."""
    text = change(welcome, "    after: 3d", "    aftr: 3d\n    aftre: 4d")
    said = sojourn("lint", "--fix")
    assert said.code == 1
    now = welcome.read_text("utf-8")
    assert len(re.findall(r"^    after: [34]d$", now, re.MULTILINE)) == 1
    assert len(now.split("\n")) == len(text.split("\n"))


def test_only_the_codes_and_files_that_are_asked_for_are_repaired(sojourn, shop, welcome):
    text = change(welcome, "after: 2d", "after: 2 days")
    sojourn("lint", "--fix", "--select", "R2")
    sojourn("lint", "--fix", "journeys/winback.yaml")
    assert welcome.read_text("utf-8") == text
    sojourn("lint", "--fix", "--select", "S106", "journeys")
    assert welcome.read_text("utf-8") != text


def test_nothing_to_repair_writes_nothing(sojourn, welcome):
    before = welcome.stat()
    said = sojourn("lint", "--fix")
    assert (said.code, said.out.splitlines()[0]) == (0, "nothing could be fixed safely")
    assert welcome.stat().st_mtime_ns == before.st_mtime_ns


def test_a_file_that_changed_meanwhile_is_left_alone(shop, welcome):
    was = welcome.read_text("utf-8")
    assert write(shop, Repaired({"journeys/welcome.yaml": ("something else", "new")})) == ["journeys/welcome.yaml"]
    assert welcome.read_text("utf-8") == was


# formats


def test_gcc_is_a_line_a_problem(sojourn, welcome):
    change(welcome, "after: 2d", "after: 2 days")
    line = 'journeys/welcome.yaml:14:12: error: cannot read "2 days" as a length of time: write 2d [S106]'
    assert sojourn("lint", "--format", "gcc").out.splitlines() == [line]


def test_github_annotations_are_escaped(sojourn, welcome):
    change(welcome, "holdout: 10%", "holdout: 10")
    (said,) = sojourn("lint", "--format", "github").out.splitlines()
    head = "::error file=journeys/welcome.yaml,line=7,col=10,endColumn=12,title=sojourn S108::"
    assert said.startswith(f"{head}a share needs a percent sign: write 10%25%0Anote: ")


def test_sarif_says_where_and_how_to_repair_it(sojourn, welcome):
    change(welcome, "after: 2d", "after: 2 days")
    log = json.loads(sojourn("lint", "--format", "sarif").out)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["rules"]) == ("sojourn", [{"id": "S106"}])
    assert run["columnKind"] == "unicodeCodePoints"
    (result,) = run["results"]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("S106", 0, "error")
    assert result["message"]["text"].startswith('cannot read "2 days"')
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "journeys/welcome.yaml", "uriBaseId": "PROJECT"}
    assert place["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]
    assert place["region"] == {"startLine": 14, "startColumn": 12, "endColumn": 18}
    (change_,) = result["fixes"][0]["artifactChanges"]
    assert change_["replacements"] == [{"deletedRegion": place["region"], "insertedContent": {"text": "2d"}}]


def test_sarif_without_problems_is_still_a_log(sojourn, shop):
    assert json.loads(sojourn("lint", "--format", "sarif").out)["runs"][0]["results"] == []


def test_json_is_the_object_of_json(sojourn, welcome):
    change(welcome, "after: 2d", "after: 2 days")
    (found,) = sojourn("lint", "--format", "json").json["problems"]
    assert found["fix"] == {"safe": True, "edits": [{"line": 14, "col": 12, "end_col": 18, "text": "2d"}]}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--format", "xml"], "text, json, github, gcc, sarif"),
        (["--fix", "--watch"], "do not go together"),
        (["--watch", "--json"], "--watch is for people"),
        (["--diff", "--format", "sarif"], "--diff prints a patch"),
    ],
)
def test_flags_that_make_no_sense_together_are_refused(sojourn, shop, words, says):
    said = sojourn("lint", *words)
    assert said.code == 2
    assert says in said.err + said.out


# watching


def test_watch_prints_what_changed_since_the_last_look_and_ends_with_130(shop, welcome):
    script = "import sys; from engine.cli import main; sys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", script, "lint", "--watch"], cwd=shop, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=environment,
    ) as child:  # fmt: skip
        try:
            assert child.stdout is not None
            assert "0 errors" in child.stdout.readline()
            change(welcome, "after: 2d", "after: 2 days")
            assert "error[S106]" in child.stdout.readline()
            until(child, "1 error")
            time.sleep(0.1)
            change(welcome, "after: 2 days", "after: 2d")
            assert child.stdout.readline().startswith("gone: journeys/welcome.yaml: S106")
            assert "0 errors" in child.stdout.readline()
            child.send_signal(signal.SIGINT)
            _, told = child.communicate(timeout=30)
        finally:
            child.kill()
    assert child.returncode == 130
    assert "Traceback" not in told


def until(child: subprocess.Popen[str], word: str) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        if word in line:
            return
    raise AssertionError(word)
