"""Signatures of webhooks as Standard Webhooks says (standardwebhooks.com, specification 1.0).

`webhook-id` is the message's key, the same at every try; `webhook-timestamp` seconds since 1970; `webhook-signature`
a list of `v1,BASE64` of HMAC-SHA256 over `id.timestamp.body`. Two secrets sign while one is taken over by the other.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256

PREFIX = "whsec_"
TOLERANCE = 300.0  # seconds
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


def secret_of(text: str) -> bytes:
    """Return the bytes of a secret: `whsec_` and base64, 24 to 64 of them; ValueError otherwise."""
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a webhook secret is whsec_ and base64; make one: openssl rand -base64 32") from None
    if not 24 <= len(secret) <= 64:
        raise ValueError(f"a webhook secret has 24 to 64 bytes, this one {len(secret)}")
    return secret


def signed(secrets: Sequence[bytes], key: str, at: float, body: bytes) -> dict[str, str]:
    """Return the three headers."""
    stamp = str(int(at))
    signatures = " ".join(f"v1,{_mac(secret, key, stamp, body)}" for secret in secrets)
    return {ID: key, TIMESTAMP: stamp, SIGNATURE: signatures}


def verified(secrets: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Return whether one of the secrets made one of the signatures, not long ago."""
    key, stamp, said = (headers.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE))
    if not key or not stamp.isdecimal() or len(stamp) > 12 or abs(now - int(stamp)) > TOLERANCE:
        return False
    given = [one.removeprefix("v1,").encode() for one in said.split() if one.startswith("v1,")]
    wanted = [_mac(secret, key, stamp, body).encode() for secret in secrets]
    return any(hmac.compare_digest(one, other) for one in given for other in wanted)


def _mac(secret: bytes, key: str, stamp: str, body: bytes) -> str:
    return base64.b64encode(hmac.digest(secret, b".".join((key.encode(), stamp.encode(), body)), sha256)).decode()
