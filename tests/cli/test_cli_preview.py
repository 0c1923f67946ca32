"""A message is looked at before anybody gets it."""

from __future__ import annotations

import asyncio
import socket
from email import message_from_bytes
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from tests.cli.conftest import Run


def test_a_preview_says_what_a_reader_would_see_and_writes_the_page(shop: Path, sojourn: Run) -> None:
    said = sojourn("preview", "email/cart_social", "--set", "contact.first_name=Ada", "--set", "entry.value=12.5")
    assert said.code == 0
    assert "Ada, your basket is waiting" in said.out
    assert "€12.50" in said.out
    page = (shop / ".sojourn" / "preview" / "email-cart_social.html").read_text()
    assert page.count("<iframe") == 4  # desktop, phone, dark, forced dark
    assert "Plain text" in page
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_a_preview_for_a_contact_takes_their_values_and_their_newest_event(people: Path, sojourn: Run) -> None:
    assert (
        sojourn("event", "send", "cart_abandoned", "--contact", "lena@shop.example", "value=77", "items_count=3").code
        == 0
    )
    found = sojourn("--json", "preview", "email/cart_social", "--contact", "lena@shop.example").json["data"]["messages"]
    [one] = found
    assert one["subject"] == "Lena, your basket is waiting"
    assert one["preheader"].startswith("3 items, €77.00")


def test_a_preview_shows_real_products_and_the_block_of_a_segment(people: Path, sojourn: Run) -> None:
    file = people / "templates" / "email" / "cart_social.mjml"
    block = """<mj-section><mj-column><mj-text>{% if in_segment(lapsed_90d) %}come back{% else %}go on{% endif %}
      {% for p in recommend(3) %}{{ p.name }}, {% endfor %}</mj-text></mj-column></mj-section><mj-section"""
    file.write_text(file.read_text().replace("<mj-section", block, 1))
    (people / "p.csv").write_text("sku,name,stock\nA1,Rain jacket,4\nA2,Day pack,0\n")
    assert sojourn("product", "import", "p.csv").code == 0

    def page(*more: str) -> str:
        assert sojourn("preview", "email/cart_social", "-o", "page.html", *more).code == 0
        return (people / "page.html").read_text()

    known, invented = page("--contact", "lena@shop.example"), page("--segment", "lapsed_90d")
    assert ("Rain jacket" in known, "Day pack" in known, "go on" in known) == (True, False, True)
    assert ("Product 3" in invented, "come back" in invented) == (True, True)
    wrong = sojourn("preview", "email/cart_social", "--segment", "lapsed")
    assert (wrong.code, "did you mean lapsed_90d?" in wrong.err) == (4, True)


def test_a_language_falls_back_step_by_step(shop: Path, sojourn: Run) -> None:
    plain = shop / "templates" / "email" / "welcome_hello.mjml"
    (plain.parent / "welcome_hello.de.mjml").write_text(
        plain.read_text().replace("Welcome to Acme", "Willkommen bei Acme")
    )
    for locale, taken, subject in (("de-AT", "de", "Willkommen"), ("fr", "", "Welcome"), ("de", "de", "Willkommen")):
        [one] = sojourn("--json", "preview", "email/welcome_hello", "--locale", locale).json["data"]["messages"]
        assert (one["variant"], one["subject"].split()[0]) == (taken, subject)


def test_a_broken_template_is_shown_where_it_is_broken(shop: Path, sojourn: Run) -> None:
    file = shop / "templates" / "email" / "welcome_hello.mjml"
    text = file.read_text()
    line = text[: text.index("<mj-button")].count("\n") + 1
    file.write_text(text.replace("<mj-button", "<mj-buton"))
    said = sojourn("preview", "email/welcome_hello")
    assert said.code == 1
    assert f"templates/email/welcome_hello.mjml:{line}:" in said.out + said.err
    assert "error[T702]" in said.out + said.err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["email/cart_socal"], 4, "did you mean email/cart_social?"),
        ([], 2, "name one message"),
        (["--all", "email/cart_social"], 2, "name one message"),
        (["email/cart_social", "--set", "contact.teir=gold"], 2, 'a contact has no attribute "teir"'),
        (["email/cart_social", "--set", "tier=gold"], 2, "write contact.NAME=VALUE"),
        (["email/cart_social", "--contact", "nobody"], 4, 'no contact "nobody"'),
        (["push/cart_nudge", "--to", "me@x.test"], 2, "--to sends mails only"),
        (["email/cart_social", "--to", "me@x.test"], 3, "add --yes"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(
    shop: Path, sojourn: Run, words: list[str], code: int, says: str
) -> None:
    said = sojourn("preview", *words)
    assert (said.code, says in said.err) == (code, True), said
    assert len(said.err.strip().splitlines()) == 1


def test_all_messages_are_rendered_for_awkward_readers_and_listed_ones(shop: Path, sojourn: Run) -> None:
    readers = shop / "readers.csv"
    readers.write_text("first_name,locale\nÅsa,fr\n,de\n")
    found = sojourn("--json", "preview", "--all", "--people", readers, "-n", "0")
    assert found.code == 0
    assert found.json["data"]["failed"] == []
    count = len(found.json["data"]["messages"])
    assert found.json["data"]["rendered"] >= 7 * count


def test_a_message_that_breaks_for_one_reader_names_the_reader_and_the_line(shop: Path, sojourn: Run) -> None:
    file = shop / "templates" / "email" / "welcome_hello.mjml"
    file.write_text(
        file.read_text().replace("{{ contact.first_name", "{{ 1 + contact.orders_365d }}{{ contact.first_name", 1)
    )
    data = sojourn("--json", "preview", "--all", "-n", "0").json["data"]
    assert {(one["message"], one["reader"]) for one in data["failed"]} == {("email/welcome_hello", "nobody's data")}
    said = sojourn("preview", "--all", "-n", "0")
    assert said.code == 1
    assert "email/welcome_hello for nobody's data: welcome_hello.mjml:" in said.out


class Inbox:
    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
        await asyncio.sleep(0)
        self.mails.append(envelope.content)
        return "250 ok"


def test_a_test_mail_goes_out_once_marked_and_untracked(
    shop: Path, sojourn: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(inbox, hostname="127.0.0.1", port=port)
    server.start()
    for name, value in {"SOJOURN_EMAIL": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port)}.items():
        monkeypatch.setenv(name, value)
    try:
        said = sojourn("--yes", "preview", "email/welcome_hello", "--to", "me@shop.example")
    finally:
        server.stop()
    assert (said.code, "sent to me@shop.example" in said.err) == (0, True), said
    [raw] = inbox.mails
    mail = message_from_bytes(raw)
    assert str(mail["Subject"]).startswith("[Test] ")
    assert "List-Unsubscribe" not in mail
    assert b"/c/" not in raw
