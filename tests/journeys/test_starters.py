"""The starters are whole projects: they copy, and every message in them compiles and can be refused."""

from pathlib import Path

import mrml
import pytest

from channels.templates import load_template
from journeys.starters import STARTER, copy_starter, starters

MAILS = sorted(STARTER.glob("*/templates/email/*.mjml"))
MESSAGES = sorted(STARTER.glob("*/templates/*/*.*"))
NOBODY = {
    "contact": {"first_name": None, "locale": None},
    "entry": {"cart_id": "A&1", "value": 64.9, "items_count": 1},
    "journey": {},
    "vars": {},
    "message": {},
    "currency": "EUR",
    "unsubscribe_url": "https://shop.example/u/1",
}


def name(path: Path) -> str:
    return "/".join(path.with_suffix("").parts[-4::3]) if path.suffix == ".mjml" else path.name


def test_there_are_three_starters():
    assert starters() == ["empty", "saas", "shop"]


def test_a_starter_is_copied_whole(tmp_path):
    written = copy_starter("shop", tmp_path / "shop")
    there = {path for path in (tmp_path / "shop").rglob("*") if path.is_file()}
    assert set(written) == there
    assert (tmp_path / "shop/templates/push/cart_nudge.yaml").read_bytes().startswith(b"title:")
    assert "/.sojourn/" in (tmp_path / "shop/.gitignore").read_text()


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "data.yaml").write_text("mine")
    with pytest.raises(FileExistsError, match=r"data\.yaml is already there"):
        copy_starter("empty", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["data.yaml"]


def test_an_unknown_starter_is_answered_with_the_names(tmp_path):
    with pytest.raises(ValueError, match="empty, saas, shop"):
        copy_starter("bank", tmp_path)


@pytest.mark.parametrize("path", MAILS, ids=name)
def test_a_mail_is_clean_mjml(path):
    output = mrml.to_html(path.read_text(encoding="utf-8"))
    assert output.warnings == []
    assert "unsubscribe_url" in output.content


@pytest.mark.parametrize("path", MESSAGES, ids=name)
def test_a_message_suits_a_person_we_know_nothing_about(path):
    rendered = load_template([path]).render(NOBODY, lambda number, *_: f"https://shop.example/c/{number}")
    for text in (rendered.subject, rendered.html, rendered.text, *rendered.push.values()):
        assert "None" not in text
        assert "{{" not in text
    assert rendered.subject


@pytest.mark.parametrize("path", MAILS, ids=name)
def test_a_mail_has_a_preheader_a_heading_and_dark_colours(path):
    text = path.read_text(encoding="utf-8")
    assert '\npreheader: "' in text
    assert text.count("<h1") == 1
    assert "prefers-color-scheme: dark" in text
    assert 'href="http:' not in text
    assert "<img" not in text
    assert "<mj-image" not in text
