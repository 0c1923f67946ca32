"""`sojourn value`: a shop hears what its customers are worth, how sure that is, and why somebody is about to come."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from engine.store.connect import open_store, writing
from engine.store.intake import NewContact, NewEvent, add_contacts, record

NOW = "2026-03-02T12:00:00Z"


@pytest.fixture
def bought(shop):
    """The shop with 240 customers: a third of them comes and buys often."""
    now, rng, news = datetime.fromisoformat(NOW), np.random.default_rng(4), []
    for n in range(240):
        keen = n % 3 == 0
        for what, ago in (
            ("app_opened", rng.uniform(1, 170, 12 if keen else 2)),
            ("order_placed", rng.uniform(1, 200, 1 + rng.poisson(6 if keen else 0.6))),
        ):
            total = {"total": round(float(rng.gamma(6, 8)), 2)}
            news += [
                NewEvent(f"{what}{n}.{k}", f"c{n}", what, now - timedelta(days=d), total) for k, d in enumerate(ago)
            ]
    store = open_store(f"sqlite:///{next(shop.rglob('*.db'))}")
    with writing(store) as conn:
        add_contacts(conn, [NewContact(f"c{n}") for n in range(240)], now, lambda _, address: address)
        record(conn, news, now)
    store.dispose()
    return shop


def test_before_the_first_night_it_says_what_to_do(shop, sojourn):
    data = shop / "data.yaml"
    whole = data.read_text("utf-8")
    data.write_text(whole.partition("\nbuying:")[0] + "\n", "utf-8")
    assert "buying: {event:" in sojourn("value", "show").out
    data.write_text(whole, "utf-8")
    assert "sojourn value fit" in sojourn("value", "show").out
    assert sojourn("value", "fit").code == 0
    assert "cannot tell yet" in sojourn("value", "table").out
    assert sojourn("value", "fit", "--goal", "order_place").err.strip().endswith("did you mean order_placed?")


def test_after_it_customers_have_tiers_a_forecast_that_was_checked_and_reasons(bought, sojourn):
    assert "240 rows written" in sojourn("value", "fit", "--now", NOW).out
    said = sojourn("value", "show", "--now", NOW)
    assert "high" in said.out
    assert "of two people it picks the one who comes" in said.out
    one = sojourn("value", "show", "c0", "--now", NOW, "--json").json["data"]
    assert one["value"]["tier"] == "high"
    assert "still buys" in sojourn("value", "show", "c0", "--now", NOW).out
    table = sojourn("value", "table", "--now", NOW, "--json").json["data"]["table"]
    assert table["error"] < table["error_of_the_mean"]
    assert sum(row["people"] for row in table["rows"]) == table["customers"]
    why = sojourn("value", "lead", "c0", "--now", NOW, "--json").json["data"]
    assert why["lead"] == one["value"]["lead"]
    assert len(why["reasons"]) == 3
    other = sojourn("value", "lead", "--goal", "app_opened", "--now", NOW)
    assert "lead to app_opened" in other.out
