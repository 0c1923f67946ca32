"""A served project as the world meets it: a process, HTTP, SMTP, a click that moves, a goodbye that holds, SIGTERM."""

from __future__ import annotations

import email
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.policy import default
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from mailroom import Inbox, free_port

from engine.clock import SystemClock
from engine.store.connect import create, open_store, reading, writing
from engine.store.conserving import conservation
from engine.store.intake import NewContact, add_contacts
from engine.store.tables import decisions, deliveries, refusals

PROJECT = """\
project: served
timezone: UTC
store: "sqlite:///served.db"
secret: a-secret-for-the-served
web: {base_url: "http://127.0.0.1:WEB", bind: "127.0.0.1:WEB", keys: [a-write-key]}
channels: {email: {provider: smtp, host: 127.0.0.1, port: SMTP, starttls: "off", from: Shop <shop@a.test>}}
topics: {promo: {title: Offers}}
quiet_hours: {from: "FROM", to: "TO"}
tracking: {clicks: true, bot_filter: basic}
"""
DATA = "contact: {email: text}\nevents: {signed_up: {}, asked: {}}\n"
HELLO = """\
journey: hello
topic: promo
enter: {event: signed_up}
states:
  pick: {choose: {arms: [email/a, email/b], reward: {within: 1h, score: {clicked: 1}}}}
  answer: {wait_for: {event: clicked, within: 1h}, else: exit}
  thanks: {after: 1s, send: email/thanks}
"""
NEWS = "journey: news\ntopic: promo\nenter: {event: asked}\nstates:\n  news: {send: email/news}\n"
MAIL = (
    "<!--\nsubject: NAME\n-->\n<a href='https://shop.example/NAME'>look</a> <a href='{{ unsubscribe_url }}'>leave</a>\n"
)
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@pytest.fixture
def inbox():
    box, port = Inbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


def project(folder: Path, smtp: int, web: int) -> None:
    (folder / "templates" / "email").mkdir(parents=True)
    (folder / "journeys").mkdir()
    for name in ("a", "b", "thanks", "news"):
        (folder / "templates" / "email" / f"{name}.html").write_text(MAIL.replace("NAME", name))
    far = datetime.now(UTC) + timedelta(hours=12)  # the one quiet minute is half a day away
    places = {"SMTP": smtp, "WEB": web, "FROM": f"{far:%H:%M}", "TO": f"{far + timedelta(minutes=1):%H:%M}"}
    text = PROJECT
    for name, value in places.items():
        text = text.replace(name, str(value))
    (folder / "sojourn.yaml").write_text(text)
    (folder / "data.yaml").write_text(DATA)
    (folder / "journeys" / "hello.yaml").write_text(HELLO)
    (folder / "journeys" / "news.yaml").write_text(NEWS)
    store = open_store(f"sqlite:///{folder / 'served.db'}")
    people = [NewContact(who, {}, {"email": f"{who}@a.test"}, frozenset({"promo"})) for who in ("ana", "ben")]
    with writing(store) as conn:
        create(conn)
        add_contacts(conn, people, SystemClock().now(), lambda _, address: address)
    store.dispose()


@pytest.fixture
def served(tmp_path, inbox):
    """The process, its address, and the mails that arrive."""
    box, port = inbox
    web = free_port()
    project(tmp_path, port, web)
    run = "import sys; from engine.cli import main; sys.exit(main())"
    words = ["-C", str(tmp_path), "serve", "--every", "0.2s"]
    root = Path(__file__).parents[2]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", run, *words], cwd=root, stdout=log, stderr=log)
        try:
            yield process, f"http://127.0.0.1:{web}", box, tmp_path
        finally:
            process.kill()
            process.wait()


def until(look: Callable[[], bool]) -> None:
    """Return as soon as it is so; a busy machine may take a minute."""
    deadline = time.monotonic() + 60
    while not look():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_a_click_moves_a_goodbye_holds_and_everything_adds_up(served):
    process, url, box, folder = served

    def there() -> bool:
        try:
            return httpx.get(url).status_code > 0
        except httpx.TransportError:
            return False

    def mails() -> dict[tuple[str, str], email.message.EmailMessage]:
        found = [email.message_from_bytes(content, policy=default) for content in box.messages]
        return {(str(mail["To"]), "hello" if mail["Subject"] in "ab" else str(mail["Subject"])): mail for mail in found}

    def tell(name: str, who: str) -> int:
        key = {"authorization": "Bearer a-write-key"}
        return httpx.post(f"{url}/v1/events", json={"event": name, "contact": who}, headers=key).status_code

    until(there)
    assert [tell("signed_up", who) for who in ("ana", "ben")] == [202, 202]
    ana, ben = ("ana@a.test", "hello"), ("ben@a.test", "hello")
    until(lambda: {ana, ben} <= mails().keys())
    [link] = set(re.findall(r"http://[\d.:]+/c/[\w-]+", mails()[ana].get_body(("html",)).get_content()))
    goodbye = mails()[ben]["List-Unsubscribe"].strip("<>")
    assert httpx.get(link, headers=BROWSER).is_redirect
    assert httpx.post(goodbye, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert [tell("asked", who) for who in ("ben", "ana")] == [202, 202]
    until(lambda: {("ana@a.test", "news"), ("ana@a.test", "thanks")} <= mails().keys())
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0, (folder / "log").read_text()
    assert (folder / "log").read_text().splitlines()[-1].endswith("sent 4, nothing in doubt")
    assert sorted(mails()) == [ana, ("ana@a.test", "news"), ("ana@a.test", "thanks"), ben]
    with reading(store := open_store(f"sqlite:///{folder / 'served.db'}")) as conn:
        assert conn.execute(sa.select(refusals.c.contact_id, refusals.c.rule)).all() == [("ben", "no_consent")]
        assert conservation(conn).exact
        assert conn.execute(sa.select(sa.func.count()).select_from(deliveries)).scalar_one() == len(box.messages) == 4
        assert conn.execute(sa.select(sa.func.count()).select_from(decisions)).scalar_one() == 2
    store.dispose()
