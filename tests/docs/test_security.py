"""docs/security.md names tests and drills that there are, one for every threat."""

from __future__ import annotations

import re
from pathlib import Path

from engine.drill.catalogue import DRILLS

ROOT = Path(__file__).parents[2]
ROWS = [line for line in (ROOT / "docs" / "security.md").read_text().splitlines() if line.startswith("| ")][1:]


def test_every_threat_has_a_test_that_exists():
    assert len(ROWS) == 17
    for row in ROWS:
        files = re.findall(r"`((?:tests/|requirements)[\w/.]+)`", row)
        assert files, row
        assert [file for file in files if not (ROOT / file).is_file()] == []


def test_every_drill_that_is_named_is_in_the_catalogue():
    named = {int(number) for row in ROWS for number in re.findall(r"drill (\d+)", row)}
    assert named - {drill.number for drill in DRILLS} == set()
