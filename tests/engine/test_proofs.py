"""Templates are read before anybody gets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.proofs import proofs
from journeys.load import load
from journeys.starters import copy_starter, starters


@pytest.mark.parametrize("name", starters())
def test_the_starters_templates_are_clean(tmp_path: Path, name: str) -> None:
    copy_starter(name, tmp_path / "p")
    assert proofs(load(tmp_path / "p", {})) == []


@pytest.mark.parametrize(
    ("before", "after", "code", "says"),
    [
        ("contact.first_name", "contact.firstname", "T701", 'there is no "firstname" here; did you mean "first_name"?'),
        ("{{ unsubscribe_url }}", "{{ unsubscribe_url }", "T700", "unexpected '}'"),
        ("<mj-text", "<mj-txt", "T700", "mj-txt"),
    ],
)
def test_a_broken_template_is_named_with_its_line(
    tmp_path: Path, before: str, after: str, code: str, says: str
) -> None:
    copy_starter("shop", tmp_path / "p")
    file = tmp_path / "p" / "templates" / "email" / "welcome_hello.mjml"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))
    [problem] = proofs(load(tmp_path / "p", {}))
    assert (problem.code, problem.file) == (code, "templates/email/welcome_hello.mjml")
    assert says in problem.says
    assert after in text.replace(before, after, 1).splitlines()[problem.line - 1]
