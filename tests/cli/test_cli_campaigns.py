"""A campaign from the file to the report, as its user has it; and who is never in one."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

import pytest

from engine.cli import main

sys.path.insert(0, str(Path(__file__).parents[1] / "audience"))

NOW = "2027-01-15T12:00:00Z"  # = little_shop.END, nearly: a Friday of 2027-W02
LATER = "2027-02-01T12:00:00Z"
CAMPAIGN = """campaign: shoes
products: {family: f0}
weeks: 2027-W02
send: email/welcome_hello
volume: 20%
only: contact.country != "XX"
holdout: 20%
topic: promo
"""
OTHER = CAMPAIGN.replace("campaign: shoes", "campaign: tea").replace("f0", "f1").replace("weeks: 2027-W02\n", "")


def filled(root: Path) -> None:
    """Make a shop of the people of little_shop; p000 refuses profiling, p004 never said yes to the topic."""
    from little_shop import rows  # noqa: PLC0415

    assert main(["init", str(root), "--from", "shop", "-q"]) == 0
    data = root / "data.yaml"
    text = data.read_text("utf-8").replace(
        "{order_id: text, total: number}", "{order_id: text, total: number, items: list}"
    )
    text = text.replace("country: text", "country: text demographic")
    data.write_text(
        text + ("" if "buying:" in text else "\nbuying: {event: order_placed, value: total, items: items}\n"), "utf-8"
    )
    ids, products, lines, _ = rows()
    micros = 1_800_000_000_000_000
    db = sqlite3.connect(root / "sojourn.db")
    words = {"p000": "-profiling promo", "p004": "general"}
    people = [
        (one, json.dumps({"country": "FR" if n % 2 else "DE"}), words.get(one, "promo"), micros, micros)
        for n, one in enumerate(ids)
    ]
    db.executemany(
        "INSERT INTO contacts (id, attributes, consents, created_at, updated_at) VALUES (?, ?, ?, ?, ?)", people
    )
    db.executemany(
        "INSERT INTO addresses (contact_id, channel, address, added_at) VALUES (?, 'email', ?, ?)",
        [(one, f"{one}@x.example", micros) for one in ids],
    )
    db.executemany(
        "INSERT INTO products (sku, attributes, updated_at) VALUES (?, ?, ?)",
        [(sku, json.dumps(one), micros) for sku, one in products.items()],
    )
    skus = list(products)
    orders = [
        (f"o{n}", ids[who], "order_placed", minute * 60_000_000, micros,
         json.dumps({"order_id": f"o{n}", "total": float(money), "items": [{"sku": skus[what], "quantity": 1, "price": float(money)}]}),
         "test", False, False)
        for n, (who, minute, money, what) in enumerate(zip(lines.who, lines.minute.tolist(), lines.money, lines.what, strict=True))
    ]  # fmt: skip
    db.executemany(
        "INSERT INTO events (id, contact_id, name, at, received_at, data, source, fresh, starts) VALUES (?,?,?,?,?,?,?,?,?)",
        orders,
    )
    db.commit()
    db.close()
    (root / "campaigns").mkdir()
    (root / "campaigns" / "shoes.yaml").write_text(CAMPAIGN, "utf-8")
    (root / "campaigns" / "tea.yaml").write_text(OTHER, "utf-8")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("campaigns") / "shop"
    filled(folder)
    return folder


def test_from_the_question_to_the_report(root, sojourn):
    def ask(*words: str, now: str = NOW):
        return sojourn("-C", root, "--now", now, "campaign", *words)

    told = ask("try", "shoes", "--json").json["data"]
    assert (told["people"], told["held"]) == (round(0.2 * told["reached"]), round(0.2 * told["people"]))
    assert told["reached"] == 398  # p000 refuses profiling, p004 the topic
    assert told["forecast"]["low"] < told["forecast"]["buyers"] < told["forecast"]["high"]
    assert {"model", "rfm_in_segment", "segment"} <= {one["way"] for one in told["last_window"]}
    assert set(told["overlap"]) == {"tea"}
    assert {one["value"] for one in told["groups"]} == {"FR", "DE"}
    assert all(one["reasons"] for one in told["why"])
    said = ask("try", "shoes").out
    assert "not people whom mail persuades" in said and "RFM in the segment" in said
    assert "@x.example" not in said and "p0" not in said

    planned = ask("plan", "--keep", "--json").json["data"]
    assert planned["kept"] and planned["weeks"] == ["2027-W02"]
    assert planned["value"] >= planned["calendar"] > 0
    assert "shoes" in ask("list").out and "2027-W02" in ask("show", "shoes").out

    assert ask("run", "shoes").code == 3  # needs a yes
    done = ask("run", "shoes", "--yes", "--json").json["data"]
    assert done["file"] == "journeys/campaign_shoes.yaml" and done["entered"] == done["people"] - done["held"]
    assert ask("run", "shoes", "--yes", "--json").json["data"]["entered"] == 0
    assert sojourn("-C", root, "lint", "journeys/campaign_shoes.yaml").code == 0
    db = sqlite3.connect(root / "sojourn.db")
    rows = db.execute("SELECT contact_id, held, reasons FROM audiences").fetchall()
    assert not {"p000", "p004"} & {row[0] for row in rows} and all(len(json.loads(row[2])) <= 3 for row in rows)
    entered = {row[0] for row in db.execute("SELECT contact_id FROM events WHERE name = 'enter:campaign_shoes'")}
    assert entered == {row[0] for row in rows if not row[1]}
    buyers = [row[0] for row in rows][:12]
    body = json.dumps({"total": 30, "items": [{"sku": "s01", "quantity": 1, "price": 30}]})
    at = 1_800_400_000_000_000
    db.executemany("INSERT INTO events (id, contact_id, name, at, received_at, data, source, fresh, starts) VALUES (?,?,'order_placed',?,?,?,'test',0,0)",
                   [(f"later {who}", who, at, at, body) for who in buyers])  # fmt: skip
    db.commit()
    db.close()
    report = ask("report", "shoes", "--cost", "0.02", "--json", now=LATER).json["data"]
    assert (report["over"], report["bought"], report["people"]) == (True, 12, done["people"])
    assert len(report["deciles"]) == 10
    words = ask("report", "shoes", now=LATER).out
    assert "too early" in words and "cannot tell yet" in words and "by RFM" in words


def test_what_cannot_be_asked_has_one_line_with_the_way_out(root, sojourn):
    said = sojourn("-C", root, "--now", NOW, "campaign", "try", "shoos")
    assert (said.code, said.err.count("\n")) == (4, 1) and "there are: shoes, tea" in said.err
    said = sojourn("-C", root, "--now", LATER, "campaign", "run", "shoes", "--yes")
    assert said.code == 2 and "it goes out in 2027-W02" in said.err
    assert "never went out" in sojourn("-C", root, "--now", NOW, "campaign", "report", "tea").out
    (root / "campaigns" / "bad.yaml").write_text(CAMPAIGN.replace("shoes", "bad").replace("f0", "no_such"), "utf-8")
    said = sojourn("-C", root, "--now", NOW, "campaign", "try", "bad")
    assert said.code == 4 and "sojourn product list" in said.err
    (root / "campaigns" / "bad.yaml").unlink()
