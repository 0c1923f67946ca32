"""A campaign is a file: what it may say, and every mistake with its line and the way out."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from journeys.load import load
from journeys.project import Definitions
from journeys.starters import copy_starter

BUYING = """
buying: {event: order_placed, value: total, items: items}
"""
WHOLE = """campaign: spring_shoes
products: {family: [shoes], sku: [S-12, S-14]}
weeks: [2027-W10, 2027-11]
send: email/welcome_hello
volume: 20000
only: contact.country == "FR" and count(order_placed) > 0
holdout: 10%
random: 5%
goal: {event: order_placed, within: 14d, value: event.total}
topic: promo
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("campaigns") / "shop"
    copy_starter("shop", root)
    data = root / "data.yaml"
    text = data.read_text("utf-8").replace(
        "{order_id: text, total: number}", "{order_id: text, total: number, items: list}"
    )
    text = text.replace("  birthday: date", "  birthday: date\n  religion: text sensitive")
    text = text.replace("segments:", 'segments:\n  pious: contact.religion == "x"')
    data.write_text(text + ("" if "buying:" in text else BUYING), "utf-8")
    (root / "campaigns").mkdir()
    return root


def read(shop: Path, text: str, name: str = "spring_shoes") -> Definitions:
    for old in (shop / "campaigns").glob("*.yaml"):
        old.unlink()
    (shop / "campaigns" / f"{name}.yaml").write_text(text, "utf-8")
    return load(shop, {})


def said(found: Definitions) -> list[tuple[str, int, str]]:
    return [(one.code, one.line, one.label) for one in found.problems if one.file.startswith("campaigns/")]


def test_a_whole_campaign_says_who_when_and_how_many(shop):
    found = read(shop, WHOLE)
    assert said(found) == []
    one = found.campaigns["spring_shoes"]
    assert (one.products.families, one.products.skus) == (("shoes",), ("S-12", "S-14"))
    assert one.weeks == (date(2027, 3, 8), date(2027, 3, 15))
    assert (one.volume.number, one.holdout, one.random, one.channel) == (20000, 0.1, 0.05, "email")
    assert one.journey == "campaign_spring_shoes"


def test_a_short_campaign_has_sensible_defaults(shop):
    one = read(
        shop, "campaign: x\nproducts: {words: running}\nsend: email/welcome_hello\nvolume: {worth: 0.05}\n", "x"
    ).campaigns["x"]
    assert (one.volume.worth, one.holdout, one.random, one.goal, one.within.days) == (0.05, 0.1, 0.05, None, 14)


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "label"),
    [
        ("volume: 20000", "volume: 10", None, 0, ""),
        ("volume: 20000", "volum: 10%", "S101", 5, 'did you mean "volume"?'),
        ("email/welcome_hello", "email/welcome_helo", "R203", 4, "did you mean email/welcome_hello?"),
        ("2027-W10", "2027-W60", "S112", 3, "write 2027-W10"),
        ("topic: promo", "topic: prom", "R208", 10, 'did you mean "promo"?'),
        ("holdout: 10%", "holdout: 10", "S108", 7, "write 10%"),
        ("family: [shoes]", "familly: [shoes]", "S101", 2, 'did you mean "family"?'),
        ("contact.country", "contact.contry", "X301", 6, 'did you mean "country"?'),
        ('contact.country == "FR"', 'contact.religion == "x"', "S130", 6, ""),
        ('contact.country == "FR"', "in_segment(pious)", "S130", 6, ""),
        ("send: email/welcome_hello", "journey: welcom", "R213", 4, 'did you mean "welcome"?'),
        ("topic: promo", "journey: welcome", "S104", 10, ""),
    ],
)
def test_a_slip_is_one_problem_at_its_line(shop, old, new, code, line, label):
    found = said(read(shop, WHOLE.replace(old, new)))
    assert found == ([(code, line, label)] if code else [])


def test_without_an_order_in_data_yaml_the_way_out_is_told(tmp_path):
    root = tmp_path / "shop"
    copy_starter("empty", root)
    (root / "campaigns").mkdir()
    (root / "campaigns" / "x.yaml").write_text("campaign: x\nproducts: {family: a}\nsend: email/hello\n", "utf-8")
    found = [one for one in load(root, {}).problems if one.file == "campaigns/x.yaml" and one.code == "S113"]
    assert "buying:" in found[0].helps[0]
