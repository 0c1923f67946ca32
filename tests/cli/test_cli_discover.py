"""`sojourn segment discover`: what a shop sees, and what it writes down."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from engine.store.connect import open_store, writing
from engine.store.intake import NewContact, NewEvent, add_contacts, record

NOW = "2026-03-02T12:00:00Z"


def buys(shop, people):
    now, rng = datetime.fromisoformat(NOW), np.random.default_rng(4)
    news = [
        NewEvent(f"o{n}.{k}", f"c{n}", "order_placed", now - timedelta(days=float(ago)), {"total": 30.0 + n % 9})
        for n in range(people)
        for k, ago in enumerate(rng.uniform(1, 60, 9) if n % 2 else rng.uniform(200, 300, 2))
    ]
    store = open_store(f"sqlite:///{next(shop.rglob('*.db'))}")
    with writing(store) as conn:
        add_contacts(conn, [NewContact(f"c{n}") for n in range(people)], now, lambda _, address: address)
        record(conn, news, now)
    store.dispose()


def test_groups_become_cards_a_map_and_a_segment(shop, sojourn):
    data = shop / "data.yaml"
    assert "cannot tell yet" in sojourn("segment", "discover", "--now", NOW).out
    buys(shop, 120)
    before = data.read_text("utf-8")
    said = sojourn("segment", "discover", "--now", NOW, "--k", "2", "-o", shop / "map.svg", "--write", "1=keen")
    assert said.code == 0, said.err
    assert "2 groups hold together (100 of 100 redraws agree" in said.out
    assert (shop / "map.svg").read_text("utf-8").startswith("<svg")
    after = data.read_text("utf-8")
    assert [line for line in before.splitlines() if line not in after.splitlines()] == []
    assert "  keen: any order_placed and " in after
    assert sojourn("lint").code == 0
    again = sojourn("segment", "discover", "--now", NOW, "--k", "2", "--json").json["data"]
    assert again["groups"][0]["overlaps"]["keen"] == 1.0
    assert [group["people"] for group in again["groups"]] == [60, 60]


def test_what_cannot_be_is_said_before_anything_is_read(shop, sojourn):
    assert "--k is auto" in sojourn("segment", "discover", "--k", "1").err
    assert "say where with -o" in sojourn("segment", "discover", "--tsne").err
    assert "name a .svg file" in sojourn("segment", "discover", "-o", shop / "map.png").err
    assert "name figures with --features" not in sojourn("segment", "discover").err
    assert "no event called" in sojourn("segment", "discover", "--features", "count(order_plced), contact.x").err
