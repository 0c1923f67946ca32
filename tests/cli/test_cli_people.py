from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest


def rejected(shop: Path, name: str = "p.rejected.csv") -> list[dict[str, str]]:
    with (shop / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_columns_are_guessed_and_rejects_say_line_and_reason(sojourn, shop):
    (shop / "p.csv").write_text(
        "email,Vorname,sprache,plz,consent,birthday\n"
        "lena@shop.example,Lena,de,1,promo;onboarding,31.12.1990\n"
        "nonsense,Tom,de,1,,\n"
        "LENA@shop.example,Lena,de,1,,\n"
        "amy@shop.example,Amy,xx,1,,\n"
        "bob@shop.example,Bob,en,1,gossip,\n"
        "cy@shop.example,Cy\n"
        ",Nobody,en,1,,\n",
        "utf-8",
    )
    said = sojourn("contact", "import", "p.csv")
    assert said.code == 0
    assert "Vorname → first_name (guess)" in said.err
    assert "plz → (ignored)" in said.err
    assert "new 1 · rejected 6" in said.out
    lines = {row["line"]: row["reason"] for row in rejected(shop)}
    assert set(lines) == {"3", "4", "5", "6", "7", "8"}
    assert "not an e-mail address" in lines["3"]
    assert "further up" in lines["4"]
    assert "one of en, fr, de" in lines["5"]
    assert 'no topic "gossip"' in lines["6"]
    person = sojourn("contact", "show", "lena@shop.example", "--json").json["data"]
    assert person["attributes"] | {"first_name": "Lena", "birthday": "1990-12-31"} == person["attributes"]
    assert person["consents"] == ["onboarding", "promo"]


def test_importing_the_same_file_again_changes_nothing(sojourn, people):
    assert "unchanged 2" in sojourn("contact", "import", "people.csv").out


def test_a_dry_run_counts_and_changes_nothing(sojourn, shop):
    (shop / "p.csv").write_text("email\na@x.example\nwrong\n")
    said = sojourn("contact", "import", "p.csv", "--dry-run")
    assert "would be: new 1 · rejected 1" in said.out
    assert not (shop / "p.rejected.csv").exists()
    assert sojourn("contact", "show", "a@x.example").code == 4


def test_formulas_are_harmless_in_the_reject_file(sojourn, shop):
    (shop / "p.csv").write_text("email,first_name\n=cmd|'/c calc'!A0,+1+1\n")
    sojourn("contact", "import", "p.csv")
    row = rejected(shop)[0]
    assert row["email"].startswith("'=")
    assert row["first_name"] == "'+1+1"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_files_of_spreadsheets_are_read_whatever_their_letters(sojourn, shop, encoding):
    (shop / "p.csv").write_bytes("email;first_name;country\r\nzoe@x.example;Zoë;FR\r\n".encode(encoding))
    said = sojourn("contact", "import", "p.csv")
    assert "new 1" in said.out
    assert "separator ;" in said.err
    assert sojourn("contact", "show", "zoe@x.example", "--json").json["data"]["attributes"]["first_name"] == "Zoë"


def test_map_and_id_say_what_columns_are(sojourn, shop):
    (shop / "p.csv").write_text("nr,contact mail,rank\n77,a@x.example,gold\n")
    words = ["contact", "import", "p.csv", "--id", "nr", "--map", "contact mail=email,rank=tier", "--consent", "promo"]
    assert "new 1" in sojourn(*words).out
    person = sojourn("contact", "show", "77", "--json").json["data"]
    assert person["attributes"]["tier"] == "gold"
    assert person["addresses"] == [{"channel": "email", "address": "a@x.example", "suppressed": None}]
    assert person["consents"] == ["promo"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["none.csv"], "there is no file"),
        (["p.csv", "--map", "rank=teir"], 'did you mean "tier"?'),
        (["p.csv", "--map", "rnk=tier"], 'did you mean "rank"?'),
        (["p.csv", "--consent", "prom"], 'no topic "prom"'),
        (["p.csv"], "no column is an id or an email"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_the_way_out(sojourn, shop, words, says):
    (shop / "p.csv").write_text("nr,rank\n77,gold\n")
    said = sojourn("contact", "import", *words)
    assert said.code == 2
    assert says in said.err


def test_a_workbook_and_a_binary_file_are_told_apart_from_csv(sojourn, shop):
    (shop / "p.csv").write_bytes(b"PK\x03\x04 a workbook")
    assert "save it as CSV" in sojourn("contact", "import", "p.csv").err
    (shop / "p.csv").write_bytes(b"email\n\x00\x01\x02")
    assert "no text file" in sojourn("contact", "import", "p.csv").err


def test_a_quote_that_is_not_closed_is_told_and_its_lines_are_kept(sojourn, shop):
    (shop / "p.csv").write_text('email,first_name\na@x.example,A\n"b@x.example,B\nc@x.example,C\n')
    assert "new 1 · rejected 1" in sojourn("contact", "import", "p.csv").out
    row = rejected(shop)[0]
    assert "is a quote not closed?" in row["reason"]
    assert "c@x.example" in row["email"]


def test_a_push_subscription_becomes_an_address(sojourn, shop):
    subscription = {"endpoint": "https://push.example/x", "keys": {"p256dh": "k", "auth": "a"}}
    with (shop / "p.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [["email", "push"], ["a@x.example", json.dumps(subscription)], ["b@x.example", '{"endpoint": "http://x"}']]
        )
    assert "new 1 · rejected 1" in sojourn("contact", "import", "p.csv").out
    reach = sojourn("contact", "show", "a@x.example", "--json").json["data"]["addresses"]
    assert json.loads(next(one["address"] for one in reach if one["channel"] == "push")) == subscription


def test_a_suppressed_address_is_known_again_after_an_import(sojourn, people):
    assert sojourn("contact", "suppress", "new@shop.example").code == 0
    (people / "p.csv").write_text("email\nNew@shop.example\n")
    sojourn("contact", "import", "p.csv")
    reach = sojourn("contact", "show", "new@shop.example", "--json").json["data"]["addresses"]
    assert reach[0]["suppressed"] == "manual"
    assert sojourn("contact", "suppress", "x@y.example", "--channel", "fax").code == 2


def test_an_event_is_checked_typed_and_recorded_once(sojourn, people):
    said = sojourn(
        "event", "send", "cart_abandoned", "--contact", "lena@shop.example", "value=64.9", "--id", "e1", "--json"
    )
    assert said.json["data"]["data"] == {"value": 64.9}
    assert said.json["data"]["starts"] == ["cart_recovery"]
    again = sojourn("event", "send", "cart_abandoned", "--contact", "lena@shop.example", "value=64.9", "--id", "e1")
    assert "known already" in again.out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["signd_up", "--contact", "lena@shop.example"], 2, 'did you mean "signed_up"?'),
        (["signed_up", "--contact", "nobody"], 4, 'no contact "nobody"'),
        (["cart_abandoned", "--contact", "lena@shop.example", "value=much"], 2, "no number"),
        (["cart_abandoned", "--contact", "lena@shop.example", "valu=1"], 2, 'did you mean "value"?'),
        (["signed_up", "--contact", "lena@shop.example", "--at", "soon"], 2, "cannot read the time"),
        (["signed_up", "--contact", "lena@shop.example", "--at", "2999-01-01"], 2, "in the future"),
        (["signed_up"], 2, "--contact"),
    ],
)
def test_a_wrong_event_is_refused(sojourn, people, words, code, says):
    said = sojourn("event", "send", *words)
    assert said.code == code
    assert says in said.err


def test_events_of_a_csv_file_count_once_and_old_ones_start_nothing(sojourn, people):
    (people / "e.csv").write_text(
        "contact,name,at,total\n"
        "lena@shop.example,order_placed,2025-01-01 10:00,12.5\n"
        "tom@shop.example,signed_up,,\n"
        "ghost,signed_up,,\n"
        "tom@shop.example,order_placed,2025-01-02,lots\n"
    )
    said = sojourn("event", "import", "e.csv", "--json").json["data"]
    assert (said["accepted"], said["late"], said["rejected"]) == (2, 1, 2)
    assert {row["line"] for row in rejected(people, "e.rejected.csv")} == {"4", "5"}
    again = sojourn("event", "import", "e.csv", "--json").json["data"]
    assert (again["accepted"], again["duplicates"]) == (0, 2)


def test_old_events_start_journeys_when_asked(sojourn, people):
    (people / "e.csv").write_text("contact,name,at\ntom@shop.example,signed_up,2025-01-01\n")
    assert sojourn("event", "import", "e.csv", "--start", "--json").json["data"]["late"] == 0


def test_events_of_a_jsonl_file_are_taken_line_by_line(sojourn, people):
    items = [
        '{"contact": "lena@shop.example", "event": "signed_up", "id": "a", "properties": {"source": "web"}}',
        "{not json",
        "[1]",
        '{"userId": "tom@shop.example", "event": "signed_up", "messageId": "b"}',
    ]
    (people / "e.jsonl").write_text("\n".join(items))
    assert "accepted 2 · rejected 2" in sojourn("event", "import", "e.jsonl").out
