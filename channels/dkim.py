"""DKIM signatures (RFC 6376; Ed25519: RFC 8463), relaxed/relaxed, through `cryptography`.

Rules
- What is signed is decided here: From twice (nobody can add a second one), and both List-Unsubscribe headers, which
  RFC 8058 section 4 asks for and common defaults leave out.
- A key is read once; signing a message parses nothing but its header lines. No time of signing is written, so the
  same message has the same bytes at every try.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

SIGNED = (
    b"from", b"from", b"to", b"subject", b"date", b"message-id", b"reply-to", b"mime-version", b"content-type",
    b"content-transfer-encoding", b"list-id", b"list-unsubscribe", b"list-unsubscribe-post", b"feedback-id",
)  # fmt: skip
OVERSIGNED = frozenset({b"from", b"to", b"subject", b"date", b"reply-to"})  # one more of these would not verify
RSA_BITS = 2048
SMALLEST_RSA = 1024  # RFC 8301: below that nobody verifies
DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")
SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9-]{1,63})*")
_BLANKS = re.compile(rb"[ \t]+")
_MANY_BLANKS = re.compile(rb"  +")
_STRING = 250  # characters of one string of a TXT record; 255 is the limit


class KeyRefused(ValueError):
    """A key, domain or selector that cannot sign; says why and the way out."""


@dataclass(frozen=True, slots=True)
class Signer:
    """One signature's key; made by `signer`."""

    domain: str
    selector: str
    key: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    @property
    def algorithm(self) -> bytes:
        return b"ed25519-sha256" if isinstance(self.key, Ed25519PrivateKey) else b"rsa-sha256"

    def header(self, message: bytes) -> bytes:
        """Return the DKIM-Signature line(s) of a message with CRLF line ends, to be put before it."""
        head, _, body = message.partition(b"\r\n\r\n")
        names, canonical = _chosen(_fields(head + b"\r\n"))
        tags = b";\r\n\t".join((
            b"v=1; a=" + self.algorithm + b"; c=relaxed/relaxed; d=" + self.domain.encode() + b"; s="
            + self.selector.encode(),
            b"h=" + _folded(names),
            b"bh=" + base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()),
            b"b=",
        ))  # fmt: skip
        line = b"DKIM-Signature: " + tags
        signed = canonical + relaxed_header(line)
        return line + _wrapped(self._sign(signed)) + b"\r\n"

    def _sign(self, content: bytes) -> bytes:
        if isinstance(self.key, Ed25519PrivateKey):
            return self.key.sign(hashlib.sha256(content).digest())
        return self.key.sign(content, PKCS1v15(), hashes.SHA256())


def sign(message: bytes, signers: Sequence[Signer]) -> bytes:
    """Return the message with a signature of each signer before it."""
    return b"".join([*(one.header(message) for one in signers), message])


def relaxed_header(line: bytes) -> bytes:
    """One header field, without its last line end, as RFC 6376 section 3.4.2 has it signed."""
    name, _, value = line.partition(b":")
    flat = _BLANKS.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")
    return name.strip(b" \t").lower() + b":" + flat


def relaxed_body(body: bytes) -> bytes:
    """A body as RFC 6376 section 3.4.4 has it signed."""
    if b"\t" in body:
        body = body.replace(b"\t", b" ")
    if b"  " in body:
        body = _MANY_BLANKS.sub(b" ", body)
    body = body.replace(b" \r\n", b"\r\n").rstrip(b" ")
    end = len(body)
    while body[max(0, end - 2) : end] == b"\r\n":
        end -= 2
    return body[:end] + b"\r\n" if end else b""


def _fields(head: bytes) -> Mapping[bytes, list[bytes]]:
    """Return the header fields by name in small letters, each whole with its folded lines."""
    fields: dict[bytes, list[bytes]] = {}
    for line in re.split(rb"\r\n(?![ \t])", head.removesuffix(b"\r\n")):
        fields.setdefault(line.partition(b":")[0].strip().lower(), []).append(line)
    return fields


def _chosen(fields: Mapping[bytes, list[bytes]]) -> tuple[list[bytes], bytes]:
    """Return the names for h= and the canonical text of what they name: from the last of a name upwards."""
    names, canonical = [], []
    for name in dict.fromkeys(SIGNED):
        there = fields.get(name, [])
        names += [name] * (len(there) + (name in OVERSIGNED))
        canonical += [relaxed_header(line) + b"\r\n" for line in reversed(there)]
    return names, b"".join(canonical)


def _folded(names: Sequence[bytes]) -> bytes:
    lines, width = [b""], 0
    for name in names:
        if width + len(name) > 70:
            lines.append(b"")
            width = 0
        lines[-1] += name + b":"
        width += len(name) + 1
    return b"\r\n\t ".join(lines).rstrip(b":")


def _wrapped(signature: bytes) -> bytes:
    text = base64.b64encode(signature)
    return b"\r\n\t ".join(text[start : start + 72] for start in range(0, len(text), 72))


def signer(domain: str, selector: str, pem: str) -> Signer:
    """Read a private key (PEM: RSA or Ed25519); raises KeyRefused."""
    if DOMAIN.fullmatch(domain) is None:
        raise KeyRefused(f"domain: {domain!r} is not a domain; write the one behind the @ of `from`")
    if SELECTOR.fullmatch(selector) is None:
        raise KeyRefused(f"selector: {selector!r} is not a selector; write one like mail2026")
    try:
        key: Any = serialization.load_pem_private_key(pem.strip().encode() + b"\n", None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyRefused("key: this is no private key in PEM; `sojourn config dkim-key` makes one") from None
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise KeyRefused("key: DKIM knows RSA and Ed25519 keys; `sojourn config dkim-key` makes one")
    if isinstance(key, RSAPrivateKey) and key.key_size < SMALLEST_RSA:
        raise KeyRefused(f"key: {key.key_size} bits are too few for anybody to verify; 2048 are usual")
    return Signer(domain.lower(), selector, key)


def generate(kind: str = "rsa") -> str:
    """Return a new private key as PEM; `kind` rsa (2048 bits) or ed25519."""
    made = Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(65537, RSA_BITS)
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


def record(one: Signer) -> tuple[str, str]:
    """Return the name and the text of the DNS record (TXT) under which verifiers find the public half."""
    public = one.key.public_key()
    if isinstance(one.key, Ed25519PrivateKey):
        kind, raw = "ed25519", public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    else:
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        kind, raw = "rsa", public.public_bytes(serialization.Encoding.DER, spki)
    return f"{one.selector}._domainkey.{one.domain}", f"v=DKIM1; k={kind}; p={base64.b64encode(raw).decode()}"


def zone_line(one: Signer) -> str:
    """Return the record as a line of a zone file: strings of at most 255 characters."""
    name, text = record(one)
    strings = " ".join(f'"{text[start : start + _STRING]}"' for start in range(0, len(text), _STRING))
    return f"{name}. IN TXT {strings}"
