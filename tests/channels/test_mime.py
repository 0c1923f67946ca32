"""The joined bytes say exactly what was meant, by the judgement of the stdlib parser."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.mime import AddressRefused, Letterhead, Mail, address, letterhead, message_id

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
HEAD = letterhead("Acme, Ünited <hello@acme.test>", reply_to="help@acme.test")
HEADERS = [
    "From", "To", "Subject", "Date", "Message-ID", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post",
    "MIME-Version", "Content-Type",
]  # fmt: skip
HOSTILE = [
    "evil@x.test,", "a\r\nBcc: evil@x.test", "a\nBcc: b@c.test", "a\rb", "a\x0bb\x0cc", "a\x85b\u2028c\u2029d", '"',
    '\\"', "a <b@c.test>", "a, b", "=?utf-8?b?QQ==?=", "(comment)", ";", ":", "<", ">", "\x00", "\ud800", " ", "",
    "\t", ".", "@", "a@b.c <d@e.f>, g@h.i", "\u202e\u200b", "undisclosed-recipients:;",
]  # fmt: skip
SCRIPTS = [
    "Ana",
    "Zoë",
    "Łukasz",
    "Иван",
    "Γιώργος",
    "שרה",
    "محمد",
    "अनिता",
    "小明",
    "さくら",
    "지민",
    "สมชาย",
    "👩‍👩‍👧",
]
names = st.one_of(
    st.sampled_from(HOSTILE + SCRIPTS), st.text(max_size=300), st.lists(st.sampled_from(HOSTILE + SCRIPTS)).map("".join)
)
urls = st.text("abcXYZ019-_~./?&=%+", min_size=1, max_size=300).map(lambda path: f"https://mail.test/{path}")
bodies = st.text(st.characters(exclude_categories=("Cs",)), max_size=400)


def mail(**changes: str) -> Mail:
    values = {"key": "e1:3", "to": "ana@example.test", "subject": "Hi", "text": "Hi\n", "html": "<p>Hi</p>\n"}
    return Mail(at=AT, **{**values, "unsubscribe_url": "https://mail.test/u", **changes})


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return bytes(found.get_payload(decode=True)).decode()  # type: ignore[arg-type]


@settings(max_examples=examples(100), deadline=None)
@given(names, names, urls, bodies, bodies)
def test_a_value_changes_nothing_but_itself(name: str, subject: str, url: str, text: str, html: str) -> None:
    content = HEAD.pack(mail(to_name=name, subject=subject, unsubscribe_url=url, text=text, html=f"<p>{html}</p>"))
    message = parsed(content)
    assert message.keys() == HEADERS
    assert [(a.addr_spec) for a in message["To"].addresses] == ["ana@example.test"]
    assert message["List-Unsubscribe"] == f"<{url}>"
    assert not message.defects
    assert f"\r\nList-Unsubscribe: <{url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n".encode() in content
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert lines(part(message, "plain")) == lines(text)
    assert lines(part(message, "html")) == lines(f"<p>{html}</p>")


def lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


@settings(max_examples=examples(60), deadline=None)
@given(st.text(st.characters(exclude_categories=("C", "Z")), max_size=120))
def test_a_subject_of_any_script_reads_as_written(subject: str) -> None:
    assert parsed(HEAD.pack(mail(subject=subject)))["Subject"] == subject


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_display_name_of_any_script_reads_as_written(name: str) -> None:
    (found,) = parsed(HEAD.pack(mail(to_name=name)))["To"].addresses
    assert found.display_name == name


def test_a_senders_name_may_hold_commas_and_umlauts() -> None:
    (found,) = parsed(HEAD.pack(mail()))["From"].addresses
    assert (found.display_name, found.addr_spec) == ("Acme, Ünited", "hello@acme.test")


def test_the_message_id_is_the_same_at_every_attempt_and_another_for_another_key() -> None:
    later = HEAD.pack(Mail("e1:3", "x@y.test", "other", "t", "h", AT))
    assert parsed(later)["Message-ID"] == parsed(HEAD.pack(mail()))["Message-ID"] == message_id("e1:3", "acme.test")
    assert message_id("e1:4", "acme.test") != message_id("e1:3", "acme.test")
    assert len(message_id("e1:3", "acme.test")) == len("<>@acme.test") + 26


def test_a_domain_of_another_script_is_written_in_ascii() -> None:
    assert address("ana@bücher.example") == "ana@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "@", "a@", "@b.test", "a b@c.test", "a@b c.test", "a@b..test", "a@-b.test", "a@b.test\r\nBcc: x@y.test",
        "a\n@b.test", "a@b.test>", "<a@b.test>", "a,b@c.test", "a@b.test,c@d.test", "ü@b.test", '"a b"@c.test', ".a@b.test",
        "a.@b.test", "a..b@c.test", "a@[127.0.0.1]", "a" * 65 + "@b.test", "a@" + "b." * 130 + "test", "a@b.test\x00",
        "a@" + "b" * 64 + ".test", "a@ü\u2028.test",
    ],
)  # fmt: skip
def test_what_is_no_mailbox_is_refused(text: str) -> None:
    with pytest.raises(AddressRefused):
        HEAD.pack(mail(to=text))


@pytest.mark.parametrize(
    "url", ["javascript:x", "https://a b", "https://a>b", "https://a\r\nX: y", "https://é", "http://"]
)
def test_an_unsubscribe_address_that_would_break_the_header_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="unsubscribe"):
        HEAD.pack(mail(unsubscribe_url=url))


def test_a_header_line_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="longer"):
        HEAD.pack(mail(unsubscribe_url="https://mail.test/" + "a" * 1000))


def test_a_mailto_stands_beside_the_web_address() -> None:
    content = HEAD.pack(mail(unsubscribe_mailto="leave@acme.test"))
    assert b"\r\nList-Unsubscribe: <https://mail.test/u>, <mailto:leave@acme.test>\r\n" in content


def test_a_transactional_mail_has_no_unsubscribe_headers() -> None:
    assert b"List-Unsubscribe" not in HEAD.pack(mail(unsubscribe_url=""))


def test_a_mail_without_html_is_plain_text() -> None:
    message = parsed(HEAD.pack(mail(html="", text="Grüße\n")))
    assert message.get_content_type() == "text/plain"
    assert part(message, "plain") == "Grüße\r\n"


def test_text_mostly_outside_ascii_travels_as_base64() -> None:
    assert b"base64" in HEAD.pack(mail(text="Добрый день\n" * 20))
    assert b"base64" not in HEAD.pack(mail(text="Grüße und viel mehr Text\n" * 20))


def test_fixed_headers_and_the_idempotency_key_are_written() -> None:
    head: Letterhead = letterhead(
        "a@b.test", idempotency_header="Resend-Idempotency-Key", headers={"List-Id": "Acme\r\nX: y <acme.test>"}
    )
    message = parsed(head.pack(mail()))
    assert message["List-Id"] == "Acme X: y <acme.test>"
    assert f"<{message['Resend-Idempotency-Key']}@b.test>" == message["Message-ID"]
    with pytest.raises(ValueError, match="header name"):
        letterhead("a@b.test", headers={"X\r\nBcc": "x"})
