"""Nothing a template says reaches beyond its data, or grows past its bounds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from channels.errors import TemplateProblem
from channels.templates import load_template
from engine.drill.escapes import BOMBS, ESCAPES


def rendering(tmp_path: Path, source: str) -> str:
    file = tmp_path / "x.html"
    file.write_text(f"<!-- subject: s -->\n<p>{source}</p>", "utf-8")
    data = {"contact": {"first_name": "Ana", "locale": "en"}, "w": list(range(9_000))}
    return load_template([file]).render(data, str).html


@pytest.mark.parametrize("source", ESCAPES)
def test_an_escape_is_refused_by_name(tmp_path: Path, source: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        rendering(tmp_path, source)
    assert caught.value.line == 2


@pytest.mark.parametrize("source", BOMBS)
def test_a_bomb_is_refused_before_it_grows(tmp_path: Path, source: str) -> None:
    began = time.process_time()
    with pytest.raises(TemplateProblem):
        rendering(tmp_path, source)
    assert time.process_time() - began < 2
