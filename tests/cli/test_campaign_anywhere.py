"""A campaign on PostgreSQL, with an `only` that SQL cannot say: try, plan, run, report."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.cli import main
from engine.store.connect import open_store, writing
from engine.store.tables import addresses, contacts, events
from engine.store.value_tables import products as catalogue

sys.path.insert(0, str(Path(__file__).parents[1] / "audience"))

NOW, LATER = "2027-01-15T12:00:00Z", "2027-02-01T12:00:00Z"
THEN = datetime(2027, 1, 15, tzinfo=UTC)
CAMPAIGN = """campaign: shoes
products: {family: f0}
weeks: 2027-W02
send: email/welcome_hello
volume: 20%
only: contact.country < "E" and days_since(order_placed) < 400
holdout: 20%
topic: promo
"""


@pytest.fixture
def root(tmp_path: Path, postgresql, monkeypatch) -> Path:
    """Make a shop of the people of little_shop in PostgreSQL; half of them live in FR, the others in DE."""
    address = postgresql.lend()
    folder = tmp_path / "shop"
    assert main(["init", str(folder), "--from", "shop", "-q"]) == 0
    monkeypatch.setenv("DATABASE_URL", address)
    data = folder / "data.yaml"
    text = data.read_text("utf-8").replace(
        "{order_id: text, total: number}", "{order_id: text, total: number, items: list}"
    )
    more = "" if "buying:" in text else "\nbuying: {event: order_placed, value: total, items: items}\n"
    data.write_text(text + more, "utf-8")
    (folder / "campaigns").mkdir()
    (folder / "campaigns" / "shoes.yaml").write_text(CAMPAIGN, "utf-8")
    store = open_store(address)
    with writing(store) as conn:
        _fill(conn)
    store.dispose()
    yield folder
    postgresql.take_back(address)


def _fill(conn: sa.Connection) -> None:
    from little_shop import rows  # noqa: PLC0415

    ids, products, lines, _ = rows()
    skus, about = list(products), {"created_at": THEN, "updated_at": THEN, "consents": "promo"}
    conn.execute(contacts.insert(), [
        {"id": one, "attributes": {"country": "FR" if n % 2 else "DE"}, **about} for n, one in enumerate(ids)
    ])  # fmt: skip
    conn.execute(addresses.insert(), [
        {"contact_id": one, "channel": "email", "address": f"{one}@x.example", "added_at": THEN} for one in ids
    ])  # fmt: skip
    conn.execute(catalogue.insert(), [{"sku": sku, "attributes": one, "updated_at": THEN} for sku, one in products.items()])  # fmt: skip
    bought = zip(lines.who, lines.minute.tolist(), lines.money.tolist(), lines.what, strict=True)
    conn.execute(events.insert(), [
        {"id": f"o{n}", "contact_id": ids[who], "name": "order_placed", "at": datetime.fromtimestamp(60 * at, UTC),
         "received_at": THEN, "source": "test", "fresh": False, "starts": False,
         "data": {"order_id": f"o{n}", "total": money, "items": [{"sku": skus[what], "price": money}]}}
        for n, (who, at, money, what) in enumerate(bought)
    ])  # fmt: skip


def test_a_campaign_on_postgresql_chooses_by_what_sql_cannot_say(root, sojourn):
    def ask(*words: str, now: str = NOW):
        said = sojourn("-C", root, "--now", now, "campaign", *words, "--json")
        assert said.code == 0, said.err
        return said.json["data"]

    told = ask("try", "shoes")
    assert told["reached"] == 200, "texts are compared in Python: DE, not FR"
    assert {one["value"]: one["audience"] for one in told["groups"]}.get("DE", 1.0) == 1.0
    assert ask("plan", "--keep")["weeks"] == ["2027-W02"]
    done = ask("run", "shoes", "--yes")
    assert 0 < done["entered"] == done["people"] - done["held"]
    report = ask("report", "shoes", now=LATER)
    assert (report["over"], report["people"]) == (True, done["people"])
