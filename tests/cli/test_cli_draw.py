"""`sojourn draw`: the file's name says what is drawn; counts come from the store."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from engine import png as painting


@pytest.fixture
def shop(tmp_path, sojourn, monkeypatch) -> Path:
    """The starter as it is, as the current folder."""
    assert sojourn("init", tmp_path / "shop").code == 0
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def test_without_a_file_the_terminal_gets_text_and_the_project_a_picture(shop, sojourn):
    said = sojourn("draw", "cart_recovery")
    assert (said.code, said.err) == (0, "wrote .sojourn/draw/cart_recovery.svg\n")
    assert "⧖ cool_off ──checkout_started within 45m──▶" in said.out
    assert (shop / ".sojourn/draw/cart_recovery.svg").read_text("utf-8").startswith("<svg ")
    assert sojourn("draw", "welcome", "-o", "-").err == ""


def test_an_svg_is_light_or_dark_as_its_reader_likes(shop, sojourn):
    assert sojourn("draw", "cart_recovery", "-o", "cart.svg").code == 0
    text = (shop / "cart.svg").read_text("utf-8")
    assert "prefers-color-scheme:dark" in text
    assert ET.fromstring(text).get("role") == "img"  # noqa: S314 - our own file
    sojourn("draw", "cart_recovery", "-o", "dark.svg", "--dark")
    assert "prefers-color-scheme" not in (shop / "dark.svg").read_text("utf-8")


def test_a_png_is_painted_with_its_words(shop, sojourn):
    assert sojourn("draw", "welcome", "-o", "w.png").code == 0
    first = (shop / "w.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    path = shop / "journeys/welcome.yaml"
    path.write_text(path.read_text("utf-8").replace("  hello:", "  greet:"), "utf-8")
    sojourn("draw", "welcome", "-o", "w.png")
    assert (shop / "w.png").read_bytes() != first


def test_without_resvg_the_way_out_is_said(shop, sojourn, monkeypatch):
    def gone(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(painting, "import_module", gone)
    said = sojourn("draw", "welcome", "-o", "w.png")
    assert said.code == 2
    assert "pip install 'sojourn[draw]'; or draw -o FILE.svg" in said.err
    assert not (shop / "w.png").exists()


def test_without_a_font_nothing_is_written(shop, sojourn, monkeypatch):
    monkeypatch.setattr(painting, "_writes", lambda: False)
    said = sojourn("draw", "welcome", "-o", "w.png")
    assert said.code == 2
    assert "no font was found" in said.err
    assert not (shop / "w.png").exists()


def test_mermaid_is_written_for_places_that_draw_it_themselves(shop, sojourn):
    assert sojourn("draw", "cart_recovery", "-o", "c.mmd").code == 0
    text = (shop / "c.mmd").read_text("utf-8")
    assert "flowchart TD" in text
    assert '-->|"contact.tier == #quot;gold#quot;<br>entry.value #gt;= vars.big_cart"|' in text
    assert ":::end" not in text  # that word ends a chart


def test_another_kind_of_file_is_refused_with_those_that_there_are(shop, sojourn):
    said = sojourn("draw", "welcome", "-o", "w.gif")
    assert said.code == 2
    assert "draw cannot write .gif: name the file w.svg, .png, .mmd or .txt" in said.err


def test_live_shows_who_is_inside(shop, sojourn):
    (shop / "people.csv").write_text("email,consent\nlena@shop.example,onboarding;promo\n")
    assert sojourn("contact", "import", "people.csv").code == 0
    settings = shop / "sojourn.yaml"
    settings.write_text(settings.read_text("utf-8").replace("holdout: 2%", "holdout: 0%"))
    path = shop / "journeys/welcome.yaml"
    path.write_text(path.read_text("utf-8").replace("holdout: 10%", "holdout: 0%"))
    assert sojourn("event", "send", "signed_up", "--contact", "lena@shop.example").code == 0
    assert sojourn("tick", "--no-send").code == 0
    data = sojourn("draw", "welcome", "--live", "--json").json["data"]["live"]
    assert sum(data["inside"].values()) == 1
    said = sojourn("draw", "welcome", "--live", "-o", "-")
    assert "inside  left in 30 days" in said.out
    assert sojourn("draw", "welcome", "--live", "-o", "w.svg").code == 0
    assert "1 inside now" in (shop / "w.svg").read_text("utf-8")
