"""Chance as a function: a hash of who and where, in [0, 1). Any draw can be derived again."""

from __future__ import annotations

from hashlib import blake2b

_SCALE = 2.0**-53


def draw(seed: str, *where: str) -> float:
    """Return a number in [0, 1) that depends on the arguments alone."""
    digest = blake2b("\x1f".join((seed, *where)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * _SCALE


def name(*parts: str) -> str:
    """Return 16 hex digits that name the parts: ids that repeat when the same thing happens again."""
    return blake2b("\x1f".join(parts).encode(), digest_size=8).hexdigest()
