"""The commands around intake, on a real project: problems, merges, history, Parquet."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.cli import main
from engine.intake.calls import Sent, read_call
from engine.intake.taking import Terms, take
from engine.store.connect import open_store, writing
from journeys.load import load_project

DATA = """\
contact: {email: text, first_name: text, age: number demographic, city: text geographic, company: text firm}
events:
  product_viewed: {sku: text, price: number}
  order_placed: {total: number}
sources: {crm: 1, web: 3}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands") / "shop"
    assert main(["init", str(folder), "--from", "empty", "-q"]) == 0
    (folder / "data.yaml").write_text(DATA, "utf-8")
    assert main(["-C", str(folder), "db", "upgrade", "--yes", "-q"]) == 0
    return folder


def say(root: Path, *items: dict, source: str = "web") -> None:
    project, _ = load_project(root, {})
    store = open_store(project.store)
    now = datetime.now(UTC)
    terms = Terms.of(project, lambda channel, to: f"{channel}{to}")
    with writing(store) as conn:
        take(conn, [read_call(item, project.data, Sent(source, now)) for item in items], terms, now)
    store.dispose()


def answer(root: Path, capsys, *words: str) -> dict:
    capsys.readouterr()
    code = main(["-C", str(root), *words, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code == 0, found
    return found["data"]


def test_problems_are_counted_by_their_reason(root, capsys):
    say(root, *({"type": "track", "userId": "x", "event": "Basket Opened", "messageId": f"p{n}"} for n in range(3)))
    found = answer(root, capsys, "event", "problems")
    assert [(one["count"], one["source"]) for one in found["reasons"]] == [(3, "web")]
    assert {one["message_id"] for one in found["problems"]} == {"p0", "p1", "p2"}
    assert answer(root, capsys, "event", "problems", "--source", "shop")["problems"] == []
    assert main(["-C", str(root), "event", "problems", "--since", "7d"]) == 0
    out = capsys.readouterr().out
    assert '3 x  web  no event called "basket_opened" in data.yaml; add it under `events`' in out
    assert main(["-C", str(root), "event", "problems", "--since", "soon"]) == 2


def test_merges_are_listed_taken_back_and_made_by_hand(root, capsys):
    say(root, {"type": "track", "anonymousId": "b1", "event": "product_viewed", "messageId": "1"})
    say(root, {"type": "identify", "anonymousId": "b1", "userId": "ana", "messageId": "2"})
    say(root, {"type": "identify", "anonymousId": "b1", "userId": "ben", "messageId": "3"})
    (merge,) = answer(root, capsys, "contact", "merges", "ana")["merges"]
    assert (merge["gone"], merge["contact_id"], merge["why"]) == ("anon:b1", "ana", "identify")
    assert answer(root, capsys, "contact", "show", "b1")["id"] == "ana", "found by what the browser was called"
    assert answer(root, capsys, "contact", "unmerge", merge["id"])["again"] == "anon:b1"
    (proposed,) = answer(root, capsys, "contact", "merges", "--proposed")["proposals"]
    assert {proposed["contact_id"], proposed["other"]} == {"ana", "ben"}
    assert answer(root, capsys, "contact", "merge", "ana", "ben", "--apart")["settled"]
    assert answer(root, capsys, "contact", "merges", "--proposed")["proposals"] == []
    assert answer(root, capsys, "contact", "merge", "ana", "ben")["gone"] == "ben"
    assert main(["-C", str(root), "contact", "show", "ben"]) == 0


def test_a_profile_says_who_said_what_and_what_was_before(root, capsys):
    say(root, {"type": "identify", "userId": "eva", "messageId": "e1", "traits": {"city": "Rome", "age": 30}})
    say(root, {"type": "identify", "userId": "eva", "messageId": "e2", "traits": {"city": "Oslo"}}, source="crm")
    say(root, {"type": "identify", "userId": "eva", "messageId": "e3", "traits": {"city": "Bonn"}})
    say(root, {"type": "group", "userId": "eva", "groupId": "acme", "messageId": "e4"})
    found = answer(root, capsys, "contact", "show", "eva")
    assert found["attributes"] == {"age": 30, "city": "Oslo", "company": "acme"}
    said = {(one["source"], one["value"]): one["believed"] for one in found["said"] if one["attribute"] == "city"}
    assert said == {("web", "Bonn"): False, ("crm", "Oslo"): True}
    assert [(one["before"], one["after"]) for one in found["history"] if one["attribute"] == "city"] == [
        (None, "Rome"), ("Rome", "Oslo")
    ]  # fmt: skip
    assert main(["-C", str(root), "contact", "show", "eva", "--history"]) == 0
    out = capsys.readouterr().out
    assert "Rome → Oslo" in out
    assert "web says Bonn" in out
    assert "  geographic\n" in out


def test_people_and_events_come_from_parquet_and_wrong_rows_are_named(root, tmp_path, capsys):
    duckdb = pytest.importorskip("duckdb", reason="Parquet was NOT tested: pip install duckdb")
    people, visits = tmp_path / "people.parquet", tmp_path / "visits.parquet"
    rows = "(VALUES ('pia@x.test', 41, 'Rome'), ('nobody', 42, NULL), ('kim@x.test', NULL, 'Oslo')) t(email, age, city)"
    duckdb.sql(f"COPY (SELECT * FROM {rows}) TO '{people}'")  # noqa: S608
    found = answer(root, capsys, "contact", "import", str(people), "--source", "crm")
    assert (found["new"], found["rejected"], found["reasons"]) == (2, 1, {"bad address": 1})
    assert "nobody" in (tmp_path / "people.rejected.csv").read_text("utf-8")
    shown = answer(root, capsys, "contact", "show", "pia@x.test")
    assert (shown["attributes"]["age"], shown["said"][0]["source"]) == (41, "crm")
    rows = "(VALUES ('pia@x.test', 'order_placed', TIMESTAMPTZ '2026-01-02 10:00:00+01', 12.5), ('pia@x.test', 'no_such', NULL, 1)) t(contact, name, \"at\", total)"
    duckdb.sql(f"COPY (SELECT * FROM {rows}) TO '{visits}'")  # noqa: S608
    found = answer(root, capsys, "event", "import", str(visits))
    assert (found["accepted"], found["rejected"]) == (1, 1)
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    assert main(["-C", str(root), "contact", "import", str(tmp_path / "bad.parquet")]) == 2
    assert "cannot be read as Parquet" in capsys.readouterr().err


def test_a_key_may_name_its_source(root, tmp_path):
    text = (root / "sojourn.yaml").read_text("utf-8")
    (root / "sojourn.yaml").write_text(text.replace("\nweb:\n", "\nweb:\n  keys: {shop: k1, web: k2}\n"), "utf-8")
    project, problems = load_project(root, {})
    (root / "sojourn.yaml").write_text(text, "utf-8")
    assert not [one for one in problems if one.severity == "error"], problems
    assert project is not None
    assert (project.keys, project.key_sources) == (("k1", "k2"), {"k1": "shop", "k2": "web"})
