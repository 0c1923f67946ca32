"""What a person may ask for, what the operator may ask of the record, and keys: on the command line."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest


@pytest.fixture
def people(shop: Path, sojourn) -> Path:
    file = shop / "people.csv"
    file.write_text("id,email,first_name\nc1,lena@mail.example,Lena\nc2,mo@mail.example,Mo\nc3,kim@mail.example,Kim\n")
    assert sojourn("contact", "import", file, "--consent", "promo").code == 0
    return shop


def test_somebody_is_exported_erased_kept_out_and_let_in_again(people: Path, sojourn) -> None:
    said = sojourn("contact", "export", "lena@mail.example", "-o", people / "lena.json")
    assert said.code == 0, said.err
    found = json.loads((people / "lena.json").read_text())
    assert found["contact"] == "c1"
    assert found["tables"]["addresses"][0]["address"] == "lena@mail.example"
    assert stat.S_IMODE((people / "lena.json").stat().st_mode) == 0o600
    assert sojourn("contact", "erase", "c1", "--no-input").code == 3
    (people / "gone.txt").write_text("LENA@mail.example\n# a remark\nc2\nnobody@mail.example\n")
    said = sojourn("contact", "erase", "--file", people / "gone.txt", "--yes")
    assert said.code == 0, said.err
    assert "2 people erased" in said.out
    assert "not here: 1 name, such as nobody@mail.example" in said.out
    (people / "lena.json").unlink()
    (people / "gone.txt").unlink()
    (people / "people.csv").rename(people / "people.old")
    for file in people.glob("*.db*"):
        assert b"lena@" not in file.read_bytes()
    again = sojourn("contact", "import", people / "people.old", "--dry-run")
    assert "2 left out: they asked to be forgotten" in again.out
    assert sojourn("contact", "readmit", "lena@mail.example").code == 0
    assert sojourn("contact", "readmit", "never@mail.example").code == 4
    deeds = sojourn("audit", "--json").json["data"]["rows"]
    assert [row["what"] for row in deeds if row["what"] != "deployed"] == ["exported", "erased", "readmitted"]
    assert all("@" in row["who"] and "lena" not in repr(row) for row in deeds)
    proved = sojourn("audit", "--verify", "--json").json["data"]
    assert (proved["whole"], proved["rows"]) == (True, len(deeds))
    assert sojourn("audit", "--verify", "--head", proved["head"]).code == 0
    assert sojourn("audit", "--verify", "--head", "0" * 64).code == 1
    assert sojourn("audit", "--since", "never").code == 2


def test_a_store_is_sealed_rotated_and_opened_from_the_command_line(
    people: Path, sojourn, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (sojourn("keys", "add").out.splitlines()[0] for _ in range(2))
    assert sojourn("keys", "rotate").code == 2
    with (people / "sojourn.yaml").open("a") as file:
        file.write('encryption: {keys: "${SOJOURN_KEYS}"}\n')
    monkeypatch.setenv("SOJOURN_KEYS", old)
    assert sojourn("keys", "status", "--json").json["data"]["rotate"] is True
    assert sojourn("keys", "rotate").code == 0
    monkeypatch.setenv("SOJOURN_KEYS", f"{new},{old}")
    assert "lena@mail.example" in sojourn("contact", "show", "lena@mail.example").out
    assert sojourn("contact", "suppress", "LENA@mail.example").code == 0
    assert sojourn("keys", "rotate").code == 0
    monkeypatch.setenv("SOJOURN_KEYS", new)
    assert "suppressed: manual" in sojourn("contact", "show", "lena@mail.example").out
    shown = sojourn("config", "show")
    assert new not in shown.out
    monkeypatch.setenv("SOJOURN_KEYS", old)
    refused = sojourn("contact", "show", "c1")
    assert (refused.code, "sealed with the key" in refused.err) == (2, True)
    monkeypatch.setenv("SOJOURN_KEYS", new)
    assert sojourn("keys", "rotate", "--open", "--yes").code == 0
    monkeypatch.setenv("SOJOURN_KEYS", "")
    assert "lena@mail.example" in sojourn("contact", "show", "c1").out
