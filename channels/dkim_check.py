"""Verifying a DKIM signature (RFC 6376): what a receiver does, to prove our own mail before it leaves.

Only what we sign is understood: relaxed/relaxed, RSA or Ed25519 with SHA-256, no l= and no x=.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from channels.dkim import relaxed_body, relaxed_header

Lookup = Callable[[str], str]
"""The TXT record under a name; "" when there is none."""

_SIGNATURE = re.compile(rb"(;\s*b\s*=)[^;]*")


def signed_names(line: bytes) -> list[str]:
    """Return the header names that a DKIM-Signature covers, in small letters."""
    return [name.strip().lower() for name in _tags(line.partition(b":")[2]).get("h", "").split(":")]


def fault(message: bytes, lookup: Lookup) -> str:
    """Return why the first signature of a message does not hold, "" when it does."""
    head, _, body = message.partition(b"\r\n\r\n")
    lines = re.split(rb"\r\n(?![ \t])", head)
    line = next((one for one in lines if one.lower().startswith(b"dkim-signature:")), None)
    if line is None:
        return "there is no signature"
    tags = _tags(line.partition(b":")[2])
    if tags.get("bh") != base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode():
        return "the body is not the one that was signed"
    record = _tags(lookup(f"{tags.get('s')}._domainkey.{tags.get('d')}").encode())
    if not record.get("p"):
        return "there is no public key"
    content = _content(lines, line, tags["h"])
    try:
        _verify(tags.get("a", ""), base64.b64decode(record["p"]), content, base64.b64decode(tags.get("b", "")))
    except (InvalidSignature, ValueError):
        return "the headers are not those that were signed"
    return ""


def _content(lines: list[bytes], signature: bytes, names: str) -> bytes:
    """Return what was signed: each name takes the last line of that name that is left (section 5.4.2)."""
    left = [(one.partition(b":")[0].strip().lower(), one) for one in lines if one is not signature]
    chosen = []
    for name in names.split(":"):
        place = next((n for n in range(len(left) - 1, -1, -1) if left[n][0] == name.strip().lower().encode()), None)
        if place is not None:
            chosen.append(relaxed_header(left.pop(place)[1]) + b"\r\n")
    return b"".join(chosen) + relaxed_header(_SIGNATURE.sub(rb"\1", signature))


def _verify(algorithm: str, key: bytes, content: bytes, signature: bytes) -> None:
    if algorithm == "ed25519-sha256":
        Ed25519PublicKey.from_public_bytes(key).verify(signature, hashlib.sha256(content).digest())
        return
    public = serialization.load_der_public_key(key)
    if not isinstance(public, RSAPublicKey) or algorithm != "rsa-sha256":
        raise ValueError("not a key of this kind")
    public.verify(signature, content, PKCS1v15(), hashes.SHA256())


def _tags(text: bytes) -> dict[str, str]:
    """Return a tag list (section 3.2) without the blanks that fold it."""
    found = {}
    for one in text.decode("ascii", "replace").split(";"):
        name, equals, value = one.partition("=")
        if equals:
            found[name.strip()] = re.sub(r"\s+", "", value)
    return found
