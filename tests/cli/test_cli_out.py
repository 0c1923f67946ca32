"""Handing out on the command line: exports without addresses, audiences, roles, and a row of the audit for each."""

from __future__ import annotations

import csv
import json
from getpass import getuser
from pathlib import Path

import pytest

PEOPLE = """id,email,first_name,phone,consent
lena@mail.example,lena@mail.example,=1+1,06 12 34 56 78,promo;ads
c2,mo@mail.example,Mo,,promo
"""
MORE = """
audiences: {all_csv: {segment: customers, to: csv, calling_code: 33, every: 1h}}
"""


@pytest.fixture
def shop(shop: Path, sojourn) -> Path:
    """The shop with two customers, one of whom consents to ads."""
    data = shop / "data.yaml"
    text = data.read_text().replace("segments:\n", "segments:\n  customers: count(order_placed) >= 1\n")
    data.write_text(text.replace("  country: text\n", "  country: text\n  phone: text\n  plan: text private\n"))
    with (shop / "sojourn.yaml").open("a") as file:
        file.write(MORE)
    (shop / "people.csv").write_text(PEOPLE)
    assert sojourn("contact", "import", shop / "people.csv").code == 0
    for who in ("lena@mail.example", "c2"):
        assert sojourn("event", "send", "order_placed", "--contact", who, "total=20").code == 0
    assert sojourn("tick", "--no-send").code == 0  # the segment is filled
    return shop


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_exports_say_nothing_of_how_to_reach_somebody_and_start_no_formula(shop: Path, sojourn) -> None:
    said = sojourn("export", "people", "-o", shop / "p.csv", "--json")
    assert said.json["data"]["rows"] == 2
    text = (shop / "p.csv").read_text()
    assert "@" not in text
    assert "06 12" not in text
    mo, lena = sorted(cells(shop / "p.csv"), key=lambda row: row["first_name"], reverse=True)
    assert (mo["contact_id"], lena["first_name"]) == ("c2", "'=1+1")
    orders = sojourn("export", "outcomes").out
    assert lena["contact_id"] in orders  # the same name for her in every table
    assert "lena" not in orders
    assert sojourn("export", "people", "--addresses", "--raw", "-o", shop / "q.csv").code == 0
    assert {row["email"] for row in cells(shop / "q.csv")} == {"lena@mail.example", "mo@mail.example"}
    assert "=1+1" in {row["first_name"] for row in cells(shop / "q.csv")}
    assert (shop / "q.csv").stat().st_mode & 0o777 == 0o600
    assert sojourn("export", "people", "-o", shop / "p.parquet").code == 0
    file = shop / "p.parquet"
    duckdb = pytest.importorskip("duckdb")
    found = duckdb.read_parquet(str(file)).select("contact_id", "first_name", "orders_365d")
    assert [str(kind) for kind in found.types] == ["VARCHAR", "VARCHAR", "DOUBLE"]
    assert {row[1] for row in found.fetchall()} == {"=1+1", "Mo"}
    assert [sojourn("export", table).code for table in ("sends", "decisions")] == [0, 0]
    assert sojourn("export", "sends", "--since", "2031-01-01", "-o", shop / "s.csv", "--json").json["data"]["rows"] == 0
    for wrong in (["export", "peopel"], ["export", "sends", "--since", "x"], ["export", "sends", "-o", "a.xls"]):
        assert sojourn(*wrong).code == 2
    made = [row["detail"] for row in sojourn("audit", "--json").json["data"]["rows"] if row["what"] == "table_exported"]
    assert [(one["table"], one["addresses"]) for one in made][:3] == [
        ("people", False), ("outcomes", False), ("people", True)]  # fmt: skip
    erased = sojourn("contact", "erase", "c2", "--yes").out
    assert str(shop / "q.csv") in erased  # what was handed out is named


def test_an_audience_goes_out_by_itself_and_a_marketer_sees_no_address(
    shop: Path, sojourn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "1 added" in sojourn("audience", "push", "--all", "--dry-run").out
    assert "1 told, 0 let go" in sojourn("tick").out  # `every`
    (file,) = (shop / "audiences" / "all_csv").iterdir()
    assert len(cells(file)) == 1
    assert cells(file)[0]["phone_sha256"]
    assert "nobody came or went" in sojourn("audience", "push", "all_csv").out
    assert sojourn("audience", "list", "--json").json["data"]["audiences"][0]["known"] == 1
    assert sojourn("audience", "push", "all_cvs").code == 4
    assert sojourn("audience", "push").code == 2
    assert sojourn("experiment", "list").code == 0
    assert sojourn("experiment", "report", "x").code == 4
    weeks = sojourn("segment", "kpis", "customers", "--weeks", "2", "--json").json["data"]["weeks"]
    assert len(weeks) == 2
    assert sojourn("segment", "kpis", "customers", "--goal", "order_plcaed").code == 4
    a_marketer_sees_people_without_addresses_and_every_refusal_is_kept(shop, sojourn, monkeypatch)


def a_marketer_sees_people_without_addresses_and_every_refusal_is_kept(shop, sojourn, monkeypatch) -> None:
    full = sojourn("contact", "show", "lena@mail.example")
    assert "lena@mail.example" in full.out
    with (shop / "sojourn.yaml").open("a") as file:
        file.write(f"roles: {{{getuser()}: marketer}}\n")
    monkeypatch.setenv("SOJOURN_ROLE", "operator")  # gives nothing back
    for flags in ([], ["--json"]):
        said = sojourn("contact", "show", "lena@mail.example", "--history", *flags)
        assert (said.code, "lena" in said.out + said.err, "06 12" in said.out) == (0, False, False)
    assert json.loads(said.out)["data"]["attributes"]["phone"] == "***"
    assert "lena" not in sojourn("segment", "show", "customers").out
    assert "lena" not in sojourn("segment", "history", "lena@mail.example").out
    refused = sojourn("contact", "export", "lena@mail.example")
    assert (refused.code, refused.err.count("\n")) == (3, 1)
    assert "not for the role marketer" in refused.err
    assert sojourn("export", "people", "--addresses").code == 3
    assert sojourn("export", "people").code == 0
    assert sojourn("contact", "erase", "c2", "--yes").code == 3
    rows = sojourn("audit", "--json").json["data"]["rows"]
    assert [row["detail"]["what"] for row in rows if row["what"] == "refused"] == [
        "sojourn contact export", "addresses in an export", "sojourn contact erase"]  # fmt: skip
    monkeypatch.setenv("SOJOURN_ROLE", "boss")
    assert sojourn("segment", "list").code == 2
