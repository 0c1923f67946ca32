"""The result of journey tests as CI servers read it: JUnit's XML, one suite per journey.

Rules
- The attributes are those that Jenkins, GitLab and GitHub's test reporters read; times are seconds.
- A test that could not be played is an `error`, one whose expectation failed a `failure`.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from engine.testing import Played


def junit_xml(played: Sequence[Played]) -> str:
    """Return the document."""
    root = ET.Element("testsuites", {"name": "sojourn", **_counts(played)})
    for name in dict.fromkeys(one.journey for one in played):
        mine = [one for one in played if one.journey == name]
        suite = ET.SubElement(root, "testsuite", {"name": name, **_counts(mine)})
        for one in mine:
            _case(suite, one)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _counts(played: Sequence[Played]) -> dict[str, str]:
    return {
        "tests": str(len(played)), "failures": str(sum(bool(one.misses) for one in played)),
        "errors": str(sum(bool(one.broken) for one in played)), "time": f"{sum(one.seconds for one in played):.3f}",
    }  # fmt: skip


def _case(suite: ET.Element, one: Played) -> None:
    place = one.test.place
    case = ET.SubElement(
        suite, "testcase", classname=one.journey, name=_clean(one.test.name), file=place.file, line=str(place.line),
        time=f"{one.seconds:.3f}",
    )  # fmt: skip
    for problem in one.broken:
        found = ET.SubElement(case, "error", type=problem.code, message=_clean(problem.says))
        found.text = f"{problem.file}:{problem.line}:{problem.col}"
    for miss in one.misses:
        said = f"expected {miss.expected}, got {miss.got}"
        found = ET.SubElement(case, "failure", type=miss.what, message=_clean(said))
        found.text = _clean("\n".join([*(f"because {reason}" for reason in miss.because), str(miss.place)]))


def _clean(said: str) -> str:
    """Return the text without letters that XML 1.0 cannot hold."""
    return "".join(letter for letter in said if letter.isprintable() or letter == "\n")
