"""Drills 26 and 27: the bytes of mails, and names that try to be headers, by the judgement of the standard library."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator

from channels.channel import Envelope
from channels.mime import AddressRefused, Mail, address, letterhead
from channels.smtp import SmtpChannel
from channels.smtp_line import SmtpSettings
from engine.drill.drill import Ask, Found
from engine.drill.ground import START
from engine.drill.sink import MailSink

NAMES = (
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
    "지우",
    "ณัฐ",
    "O'Neil, Jr.",
)
HOSTILE = (
    "evil@x.test,", "a\r\nBcc: evil@x.test", "a\nBcc: b@c.test", "a\rb", "a\x0bb\x0cc", "a\x85b\u2028c\u2029d", '"',
    '\\"', "a <b@c.test>", "a, b", "=?utf-8?b?QQ==?=", "(comment)", ";", ":", "<", ">", "\x00", "\ud800", " ", "",
    "\t", ".", "@", "a@b.c <d@e.f>, g@h.i", "\u202e\u200b", "undisclosed-recipients:;", "\r\n\r\nbody", "x" * 3000,
)  # fmt: skip
HEADERS = {
    "from", "to", "subject", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post", "mime-version",
    "content-type",
}  # fmt: skip
LINE = 998


def wire(ask: Ask) -> Found:
    """Drill 26: mails with names of many scripts and tokens of any length, as they come over the wire."""
    count, chance = ask.some(1000, 50), ask.chance
    head, urls = letterhead("Acme, Ünited <hello@drill.test>"), dict[str, str]()
    envelopes = []
    for n in range(count):
        key = f"{n:016x}:1"
        urls[key] = f"https://go.test/u/{'k' * chance.randint(1, 300)}{n}"
        name = chance.choice(NAMES)
        mail = Mail(key, f"p{n}@drill.test", f"{name} {chance.choice(NAMES) * 9}", f"Hi {name}\n.dot\n",
                    f"<p>{name}</p>\n" * 9, START, to_name=name, unsubscribe_url=urls[key])  # fmt: skip
        envelopes.append(Envelope(key, mail.to, head.pack(mail), sender=head.address))
    sink = _sent(envelopes)
    wrong = [f"{len(sink.mails)} mails of {count}"] if len(sink.mails) != count else []
    by_reader = {one.to: one for one in envelopes}
    for _, to, content in sink.mails:
        envelope = by_reader[to[0]]
        wrong += list(_odd(content, to, urls[envelope.key]))
    return Found(f"{count:,} mails, {len(NAMES)} scripts, tokens of 1-300 letters", wrong=tuple(wrong[:10]))


def _sent(envelopes: list[Envelope]) -> MailSink:
    """Send mails to a sink; return it with what came."""
    sink = MailSink(keep=True)
    channel = SmtpChannel(SmtpSettings(host="127.0.0.1", port=sink.port, starttls="off"))
    list(channel.send(envelopes, frozenset))
    channel.close()
    sink.close()
    return sink


def _odd(content: bytes, to: list[str], url: str) -> Iterator[str]:
    """Say what is wrong with a mail as it came."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    if len(to) != 1:
        yield f"{len(to)} recipients"
    if b"\r" in content.replace(b"\r\n", b"") or b"\n" in content.replace(b"\r\n", b""):
        yield "a line that does not end with CRLF"
    if max(map(len, content.split(b"\r\n"))) > LINE:
        yield f"a line of more than {LINE} bytes"
    raw = next((line for line in content.split(b"\r\n") if line.lower().startswith(b"list-unsubscribe:")), b"")
    if f"<{url}>".encode() not in raw:
        yield f"List-Unsubscribe does not say {url}: {raw[:200]!r}"
    if message["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click":
        yield "no one-click header"
    if not message["Subject"] or message.get_body(("html",)) is None or message.get_body(("plain",)) is None:
        yield "a part is missing"


def injection(ask: Ask) -> Found:
    """Drill 27: hostile names, subjects and addresses: one recipient, the expected headers, no Bcc."""
    count, chance = ask.some(10_000, 300), ask.chance
    head, refused, wrong = letterhead("Acme <hello@drill.test>"), 0, list[str]()
    for n in range(count):
        name, subject, to = (chance.choice(HOSTILE) + chance.choice((*HOSTILE, *NAMES)) for _ in range(3))
        mail = Mail(f"{n:x}:1", to if n % 3 == 0 else "p@drill.test", subject, subject, f"<p>{name}</p>", START,
                    to_name=name, unsubscribe_url="https://go.test/u/k")  # fmt: skip
        try:
            content = head.pack(mail)
            address(mail.to)
        except (AddressRefused, ValueError):
            refused += 1
            continue
        wrong += list(_foreign(content))
    return Found(f"{count:,} hostile names, subjects and addresses, {refused:,} refused", wrong=tuple(wrong[:10]),
                 figures={"refused": refused})  # fmt: skip


def _foreign(content: bytes) -> Iterator[str]:
    message = email.message_from_bytes(content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", policy=email.policy.default)
    names = [name.lower() for name in message.keys()]  # noqa: SIM118 - a header may be there twice
    if set(names) - HEADERS or len(names) != len(set(names)):
        yield f"headers {names}"
    if len(message["To"].addresses) != 1:
        yield f"to {message['To']!r}"
