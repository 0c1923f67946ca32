"""Mail as its bytes: made-up mails that are hard to write, and what is wrong with one (drills 26 and 27).

The judge of a header is the standard library's parser, never our own code that wrote it.
"""

from __future__ import annotations

import email
import email.policy
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage

from channels.dkim import Signer, generate, record, sign, signer
from channels.dkim_check import fault, signed_names
from channels.mime import Mail, letterhead

NAMES = (
    "Ana Lima", "Zoë Brontë", "Łukasz Żółć", "Иван Иванов", "Γιώργος Παππάς", "שרה לוי", "محمد علي", "अनिता शर्मा",
    "王小明", "さくら 山田", "김지민", "สมชาย ใจดี", "Նարեկ", "ნინო", "አበበ", "👩‍👩‍👧 Familie",
)  # fmt: skip
HOSTILE = (
    "a\r\nBcc: eve@evil.test", "a\nTo: eve@evil.test", "eve@evil.test,", '"', "\\", "<eve@evil.test>", "a, b; c:",
    "=?utf-8?q?=0D=0ABcc:_eve@evil.test?=", "a\x0bb\x0cc", "a\x85b\u2028c\u2029d", "x" * 400, "(a)", "\x00", " ",
    "undisclosed-recipients:;", "\u202eEvil", "a\r\n\r\n<script>", "a\tb", "\ud800",
)  # fmt: skip
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_ONCE = {
    "From", "To", "Subject", "Date", "Message-ID", "Reply-To", "List-Id", "Feedback-ID", "List-Unsubscribe",
    "List-Unsubscribe-Post", "MIME-Version", "Content-Type", "DKIM-Signature",
}  # fmt: skip
_ALL_SIGNED = frozenset(name.lower() for name in _ONCE - {"DKIM-Signature"})
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sample:
    """A mail with what it must say."""

    raw: bytes
    to: str
    unsubscribe: tuple[str, ...]
    subject: str


@dataclass(frozen=True, slots=True)
class Proof:
    """Keys to sign with; `faults` looks up their public halves."""

    signers: tuple[Signer, ...]

    @classmethod
    def new(cls, kinds: Sequence[str] = ("rsa", "ed25519")) -> Proof:
        return cls(tuple(signer("shop.test", f"{kind}1", generate(kind)) for kind in kinds))

    def mails(self, seed: int, count: int, *, hostile: bool = False) -> Iterator[Sample]:
        """Yield mails: names in many scripts, tokens of 1 to 300 characters, bodies of any kind; `hostile`: attacks."""
        draw = random.Random(seed)  # noqa: S311 - it makes examples, no secrets
        for n in range(count):
            yield self._mail(draw, n, HOSTILE if hostile else NAMES)

    def _mail(self, draw: random.Random, n: int, words: Sequence[str]) -> Sample:
        token = "".join(draw.choices(_LETTERS, k=1 + n % 300))
        name, subject = draw.choice(words), " ".join(draw.choices(words, k=draw.randint(1, 8)))
        to = f"reader.{n}@mail.test"
        urls = (f"https://go.shop.test/u/{token}", f"mailto:u+{token[:45].lower()}@bounces.shop.test")
        head = letterhead(
            f"{draw.choice(words)} <hello@shop.test>",
            reply_to="help@shop.test",
            headers={"List-Id": "<news.shop.test>", "Feedback-ID": "welcome:email/hello:news:shop.test"},
        )
        text = "\n".join(draw.choices([*words, "", " . ", ".", "\t x  ", "y" * 1200], k=draw.randint(1, 30)))
        mail = Mail(f"r{n}:1", to, subject, text, f"<p>{text}</p>" if n % 3 else "", AT, name, urls[0],
                    urls[1].removeprefix("mailto:"))  # fmt: skip
        return Sample(sign(head.pack(mail), self.signers[n % len(self.signers) :][:1]), to, urls, subject)

    def faults(self, sample: Sample) -> list[str]:
        """Return what is wrong with the bytes of a mail, nothing when they are right."""
        return [*_line_faults(sample.raw), *_header_faults(sample), *self._signature_faults(sample.raw)]

    def _signature_faults(self, raw: bytes) -> Iterator[str]:
        records = dict(record(one) for one in self.signers)
        if found := fault(raw, lambda name: records.get(name, "")):
            yield f"DKIM: {found}"
        names = signed_names(raw.partition(b"\r\n\r\n")[0].split(b"\r\nFrom:")[0])
        if missing := sorted(_ALL_SIGNED.difference(names)):
            yield f"DKIM: h= lacks {', '.join(missing)}"
        if names.count("from") != 2:
            yield "DKIM: From is not signed against a second one"


def _line_faults(raw: bytes) -> Iterator[str]:
    bare = raw.replace(b"\r\n", b"")
    if b"\r" in bare or b"\n" in bare:
        yield "a line ends otherwise than with CR LF"
    if max(map(len, raw.split(b"\r\n"))) > 998:
        yield "a line is longer than 998 bytes"
    if not raw.partition(b"\r\n\r\n")[0].isascii():
        yield "a header is not ASCII"


def _header_faults(sample: Sample) -> Iterator[str]:
    message = email.message_from_bytes(sample.raw, policy=email.policy.default)
    if not isinstance(message, EmailMessage) or message.defects:
        yield "the standard library finds defects"
        return
    if sorted(name for name in message if name != "Content-Transfer-Encoding") != sorted(_ONCE):
        yield f"its headers are {', '.join(message.keys())}"
    if [one.addr_spec for one in message["To"].addresses] != [sample.to]:
        yield f"To has other recipients: {message['To']}"
    raw = re.search(rb"\r\nList-Unsubscribe: ([^\r\n]*)\r\n(?![ \t])", sample.raw)
    if raw is None or raw[1].decode() != ", ".join(f"<{url}>" for url in sample.unsubscribe):
        yield "List-Unsubscribe does not read as the addresses that were written"
    if b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" not in sample.raw:
        yield "List-Unsubscribe-Post is missing"
