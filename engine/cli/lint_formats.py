"""What lint found, as people read it and as machines do: text, gcc, GitHub annotations, SARIF.

Rules
- Columns count characters from 1, the end is exclusive; SARIF 2.1.0 says `utf16CodeUnits` unless it is told
  `unicodeCodePoints`, and is told.
- GitHub's workflow commands escape `%`, CR and LF, and in their properties also `:` and `,`
  (github.com/actions/toolkit, packages/core/src/command.ts).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from engine.cli.failure import source
from engine.cli.session import Session

if TYPE_CHECKING:
    from engine.cli.lint import Looked
    from journeys import Edit, Problem

SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RED, GREEN, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[0m"


def written(session: Session, looked: Looked, form: str) -> list[str]:
    """Return the lines of one look in this format."""
    match form:
        case "gcc":
            return [f"{_place(one)}: {one.severity}: {_whole(one)} [{one.code}]" for one in looked.problems]
        case "github":
            return [_annotation(one) for one in looked.problems]
        case "sarif":
            return [json.dumps(_sarif(looked.problems), indent=2, ensure_ascii=False)]
        case _:
            return _text(session, looked)


def fixed_lines(fixed: Sequence[Problem]) -> list[str]:
    """Return what was repaired, a line each."""
    files = {problem.file for problem in fixed}
    if not fixed:
        return ["nothing could be fixed safely", ""]
    count = f"{len(fixed)} problem{'' if len(fixed) == 1 else 's'} in {len(files)} file{'' if len(files) == 1 else 's'}"
    return [f"fixed {count}:", *(f"  {_place(one)}: {one.code} {one.says}" for one in fixed), ""]


def patch(files: Mapping[str, tuple[str, str]], *, colour: bool) -> list[str]:
    """Return what --fix would do as a unified diff; `files` hold each text before and after."""
    lines: list[str] = []
    for file, (was, now) in sorted(files.items()):
        names = (f"a/{file}", f"b/{file}")
        for line in difflib.unified_diff(_lines(was), _lines(now), *names):
            body = line.removesuffix("\n")
            lines.append(_painted(body) if colour else body)
            if body == line:
                lines.append("\\ No newline at end of file")
    return lines


def _lines(text: str) -> list[str]:
    """Return the lines with their ends, as patches count them."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _painted(line: str) -> str:
    tone = {"+": GREEN, "-": RED}.get(line[:1], "")
    return f"{tone}{line}{PLAIN}" if tone else line


def _text(session: Session, looked: Looked) -> list[str]:
    from journeys.show import show, summary

    lines: list[str] = []
    for problem in looked.problems:
        lines += [*show(problem, source(problem.file, session), session.colour).split("\n"), ""]
    return [*lines, summary(looked.problems, looked.checked, looked.seconds)]


def _place(problem: Problem) -> str:
    return f"{problem.file}:{problem.line}:{problem.col}"


def _whole(problem: Problem) -> str:
    """Return the message with its way out, on one line."""
    says = problem.says if not problem.label else f"{problem.says}: {problem.label}"
    return " ".join(says.split())


def _annotation(problem: Problem) -> str:
    said = {
        "file": problem.file,
        "line": problem.line,
        "col": problem.col,
        "endColumn": problem.end_col,
        "title": f"sojourn {problem.code}",
    }
    properties = ",".join(f"{key}={_escaped(str(value), inside=True)}" for key, value in said.items())
    more = [f"help: {text}" for text in problem.helps] + [f"note: {text}" for text in problem.notes]
    return f"::{problem.severity} {properties}::{_escaped(chr(10).join([_whole(problem), *more]), inside=False)}"


def _escaped(text: str, *, inside: bool) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return escaped.replace(":", "%3A").replace(",", "%2C") if inside else escaped


def _sarif(problems: Sequence[Problem]) -> dict[str, Any]:
    """Return a SARIF 2.1.0 log of one run."""
    from engine.cli.run import version

    codes = sorted({problem.code for problem in problems})
    driver = {
        "name": "sojourn",
        "version": version(),
        "rules": [{"id": code} for code in codes],
    }
    return {
        "$schema": SARIF,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {"PROJECT": {"description": {"text": "the folder of sojourn.yaml"}}},
                "results": [_result(problem, codes.index(problem.code)) for problem in problems],
            }
        ],
    }


def _result(problem: Problem, rule: int) -> dict[str, Any]:
    artifact = {"uri": quote(problem.file), "uriBaseId": "PROJECT"}
    region = {"startLine": problem.line, "startColumn": problem.col, "endColumn": problem.end_col}
    found: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": problem.severity,
        "message": {"text": "\n".join([_whole(problem), *problem.helps, *problem.notes])},
        "locations": [{"physicalLocation": {"artifactLocation": artifact, "region": region}}],
    }
    if problem.fix:
        changes = {"artifactLocation": artifact, "replacements": [_replacement(edit) for edit in problem.fix]}
        found["fixes"] = [{"description": {"text": problem.label or "repair"}, "artifactChanges": [changes]}]
    return found


def _replacement(edit: Edit) -> dict[str, Any]:
    region = {"startLine": edit.line, "startColumn": edit.col, "endColumn": edit.end_col}
    return {"deletedRegion": region, "insertedContent": {"text": edit.text}}
