"""Drills 26 and 27: the bytes of mails, and names that try to be headers, by the judgement of the standard library."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator, Sequence
from dataclasses import replace

from channels.channel import Envelope
from channels.mime import AddressRefused, Mail, address, letterhead
from channels.smtp import SmtpChannel
from channels.smtp_line import SmtpSettings
from channels.wire_proof import NAMES as SCRIPTS
from channels.wire_proof import Proof, Sample
from engine.drill.drill import Ask, Found
from engine.drill.ground import START
from engine.drill.sink import MailSink

HOSTILE = (
    "evil@x.test,", "a\r\nBcc: evil@x.test", "a\nBcc: b@c.test", "a\rb", "a\x0bb\x0cc", "a\x85b\u2028c\u2029d", '"',
    '\\"', "a <b@c.test>", "a, b", "=?utf-8?b?QQ==?=", "(comment)", ";", ":", "<", ">", "\x00", "\ud800", " ", "",
    "\t", ".", "@", "a@b.c <d@e.f>, g@h.i", "\u202e\u200b", "undisclosed-recipients:;", "\r\n\r\nbody", "x" * 3000,
)  # fmt: skip
HEADERS = {
    "from", "to", "subject", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post", "mime-version",
    "content-type",
}  # fmt: skip


def wire(ask: Ask) -> Found:
    """Drill 26: signed mails with names of many scripts and tokens of 1 to 300 letters, as they come over the wire."""
    count, proof = ask.some(500, 25), Proof.new()
    wrong = [
        one for hostile in (False, True) for one in _odd(proof, list(proof.mails(ask.seed, count, hostile=hostile)))
    ]
    scale = f"{2 * count:,} mails, half of them attacks, tokens of 1-300 letters, DKIM with RSA and Ed25519"
    return Found(scale, wrong=tuple(wrong[:10]))


def _odd(proof: Proof, samples: Sequence[Sample]) -> Iterator[str]:
    """Send mails over the wire; yield what is wrong with their bytes as they came."""
    made = {one.to: one for one in samples}
    sink = _sent([Envelope(f"r{n}:1", one.to, one.raw, "hello@shop.test") for n, one in enumerate(samples)])
    if len(sink.mails) != len(made):
        yield f"{len(sink.mails)} mails of {len(made)}"
    for _, to, content in sink.mails:
        yield from (f"{to[0]}: {fault}" for fault in proof.faults(replace(made[to[0]], raw=content)))
        if len(to) != 1:
            yield f"{to[0]}: {len(to)} recipients"


def _sent(envelopes: list[Envelope]) -> MailSink:
    """Send mails to a sink; return it with what came."""
    sink = MailSink(keep=True)
    channel = SmtpChannel(SmtpSettings(host="127.0.0.1", port=sink.port, starttls="off"))
    list(channel.send(envelopes, frozenset))
    channel.close()
    sink.close()
    return sink


def injection(ask: Ask) -> Found:
    """Drill 27: hostile names, subjects and addresses: one recipient, the expected headers, no Bcc."""
    count, chance = ask.some(10_000, 300), ask.chance
    head, refused, wrong = letterhead("Acme <hello@drill.test>"), 0, list[str]()
    for n in range(count):
        name, subject, to = (chance.choice(HOSTILE) + chance.choice((*HOSTILE, *SCRIPTS)) for _ in range(3))
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
