"""The date of the verdict is fixed in the file."""

from __future__ import annotations

from datetime import date

import pytest

from journeys.load import load
from journeys.starters import copy_starter

ENTER = "enter:"


@pytest.mark.parametrize(("said", "found"), [("2026-12-31", date(2026, 12, 31)), ("soon", None), ("2026-13-01", None)])
def test_the_date_is_read_or_refused_with_its_place(tmp_path, said: str, found: date | None) -> None:
    copy_starter("shop", tmp_path / "p")
    file = tmp_path / "p" / "journeys" / "welcome.yaml"
    file.write_text(file.read_text().replace(ENTER, f"verdict_on: {said}\n{ENTER}", 1))
    definitions = load(tmp_path / "p", {})
    if found is not None:
        assert definitions.journeys["welcome"].verdict_on == found
        return
    line = file.read_text().split("\n").index(f"verdict_on: {said}") + 1
    [problem] = [one for one in definitions.problems if one.severity == "error"]
    assert (problem.code, problem.line) == ("S112", line)
    assert "verdict_on is a date like 2026-01-12" in problem.says
