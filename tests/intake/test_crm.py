"""HubSpot and Salesforce: everybody once, resumed where it stopped, later only who changed; a second import changes nothing."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from engine.cli import main
from engine.errors import ConfigError
from engine.intake.crm import Http, HubSpot
from engine.store.connect import open_store, reading
from engine.store.cursors import cursor
from engine.store.profile_tables import identities
from engine.store.tables import contacts

PEOPLE = [
    {"id": str(n), "email": f"p{n}@x.test", "firstname": f"P{n}", "city": "Rome", "at": f"2026-01-{n:02}T10:00:00.000Z"}
    for n in range(1, 8)
]  # fmt: skip


class Fake:
    """A CRM on a socket: pages of three, and now and then an answer that says to come later."""

    def __init__(self) -> None:
        self.people = [dict(one) for one in PEOPLE]
        self.asked: list[str] = []
        self.troubles: list[tuple[int, dict[str, str]]] = []
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if fake.troubles:
                    status, headers = fake.troubles.pop(0)
                    said: dict[str, Any] = {}
                else:
                    fake.asked.append(f"{self.command} {self.path}")
                    status, headers, said = 200, {}, fake.said(self.path, json.loads(body or b"{}"))
                text = json.dumps(said).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Stay quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def said(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        url = urlsplit(path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path.endswith("/search"):
            since = int(body["filterGroups"][0]["filters"][0]["value"]) / 1000
            people = [one for one in self.people if datetime.fromisoformat(one["at"]).timestamp() >= since]
            return self.hubspot(sorted(people, key=lambda one: one["at"]), int(body.get("after", 0)))
        if url.path.startswith("/crm"):
            return self.hubspot(self.people, int(asked.get("after", 0)))
        return self.salesforce(asked, url.path)

    def hubspot(self, people: list[dict[str, str]], after: int) -> dict[str, Any]:
        page = people[after : after + 3]
        found = [{"id": one["id"], "properties": {**one, "lastmodifieddate": one["at"]}} for one in page]
        more = {"paging": {"next": {"after": str(after + 3)}}} if after + 3 < len(people) else {}
        return {"results": found, **more}

    def salesforce(self, asked: dict[str, str], path: str) -> dict[str, Any]:
        if "q" in asked:
            since = asked["q"].partition("SystemModstamp >= ")[2].partition(" ")[0]
            self.found = sorted((one for one in self.people if one["at"] >= since), key=lambda one: one["at"])
        begin = 0 if "q" in asked else int(path.rpartition("-")[2])
        names = {"Id": "id", "Email": "email", "FirstName": "firstname", "MailingCity": "city", "SystemModstamp": "at"}
        page = [{name: one[key] for name, key in names.items()} for one in self.found[begin : begin + 3]]
        more = {"done": False, "nextRecordsUrl": f"/services/data/v59.0/query/01g-{begin + 3}"}
        return {"records": page, **(more if begin + 3 < len(self.found) else {"done": True})}


@pytest.fixture
def fake() -> Iterator[Fake]:
    found = Fake()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def root(tmp_path, monkeypatch, fake) -> Path:
    folder = tmp_path / "shop"
    assert main(["init", str(folder), "--from", "empty", "-q"]) == 0
    data = "contact: {email: text required, first_name: text, city: text}\nsources: {salesforce: 1, hubspot: 2}\n"
    (folder / "data.yaml").write_text(data, "utf-8")
    for name in ("HUBSPOT", "SALESFORCE"):
        monkeypatch.setenv(f"{name}_TOKEN", "t")
        monkeypatch.setenv(f"{name}_URL", fake.url)
    monkeypatch.setattr("engine.intake.crm.time.sleep", lambda _: None)
    return folder


def bring(root: Path, crm: str, capsys) -> dict[str, int]:
    capsys.readouterr()
    code = main(["-C", str(root), "contact", "import", "--from", crm, "--json"])
    out = json.loads(capsys.readouterr().out)
    assert code == 0, out
    return {name: out["data"][name] for name in ("new", "updated", "unchanged", "rejected")}


def rows(root: Path, query: Any) -> list[Any]:
    store = open_store(f"sqlite:///{next(root.glob('**/*.db'))}")
    with reading(store) as conn:
        found = [tuple(row) for row in conn.execute(query)]
    store.dispose()
    return found


@pytest.mark.parametrize("crm", ["hubspot", "salesforce"])
def test_everybody_once_then_only_who_changed(root, fake, crm, capsys):
    fake.troubles = [(429, {"Retry-After": "1"}), (500, {})]
    assert bring(root, crm, capsys) == {"new": 7, "updated": 0, "unchanged": 0, "rejected": 0}
    found = rows(root, sa.select(contacts.c.id, contacts.c.attributes).order_by(contacts.c.id))
    assert found[0] == ("p1@x.test", {"email": "p1@x.test", "first_name": "P1", "city": "Rome"})
    again = bring(root, crm, capsys)
    assert (again["new"], again["updated"], again["rejected"]) == (0, 0, 0)
    fake.people[2] |= {"city": "Oslo", "at": datetime.now(UTC).isoformat()}
    asked = len(fake.asked)
    changed = bring(root, crm, capsys)
    assert (changed["new"], changed["updated"]) == (0, 1)
    assert len(fake.asked) == asked + 1, "one page: who did not change is not read"
    assert rows(root, sa.select(sa.func.count()).select_from(identities)) == [(7,)]


def test_an_interrupted_import_goes_on_where_it_stopped(root, fake, capsys):
    page = fake.hubspot
    fake.hubspot = lambda people, after: page(people, after) if after < 6 else {"results": 7}
    code = main(["-C", str(root), "contact", "import", "--from", "hubspot", "--json"])
    assert code != 0
    fake.hubspot, fake.asked = page, []
    assert bring(root, "hubspot", capsys)["new"] == 1
    assert "after=6" in fake.asked[0]


def test_who_changed_address_is_the_same_person_and_the_trusted_source_wins(root, fake, capsys):
    bring(root, "hubspot", capsys)
    bring(root, "salesforce", capsys)
    fake.people[0] |= {"email": "new@x.test", "city": "Oslo", "at": datetime.now(UTC).isoformat()}
    done = bring(root, "hubspot", capsys)
    assert (done["new"], done["updated"]) == (0, 1)
    (person,) = rows(root, sa.select(contacts.c.attributes).where(contacts.c.id == "p1@x.test"))
    assert person[0]["city"] == "Rome", "Salesforce is believed"


def test_a_token_that_is_refused_says_so(root, fake, capsys):
    fake.troubles = [(401, {})]
    assert main(["-C", str(root), "contact", "import", "--from", "hubspot"]) == 2
    assert "refuses the token" in capsys.readouterr().err
    assert main(["-C", str(root), "contact", "import", "--from", "pipedrive"]) == 2
    assert "hubspot, salesforce" in capsys.readouterr().err


def test_a_host_that_never_answers_is_given_up_after_six_tries(fake):
    waits: list[float] = []
    fake.troubles = [(429, {"Retry-After": "7"})] * 6
    with pytest.raises(ConfigError, match="after 6 tries"):
        next(iter(HubSpot(Http(fake.url, "t", waits.append)).pages({}, datetime.now(UTC))))
    assert waits == [7.0] * 5


def test_the_cursor_stands_in_the_store(root, fake, capsys):
    bring(root, "salesforce", capsys)
    store = open_store(f"sqlite:///{next(root.glob('**/*.db'))}")
    with reading(store) as conn:
        assert cursor(conn, "salesforce") == {"since": "2026-01-07T10:00:00.000Z"}
    store.dispose()
