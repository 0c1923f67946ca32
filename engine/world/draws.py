"""Chance as a hash: for one thing, or for an array of people at once. Asking twice gives the same answer."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_STEP = np.array([0x9E3779B97F4A7C15], np.uint64)
_MIX1, _MIX2 = np.array([0xBF58476D1CE4E5B9], np.uint64), np.array([0x94D049BB133111EB], np.uint64)
_SCALE = 2.0**-53


def chance(seed: int, *where: object) -> float:
    """Return a number in [0, 1) for one thing."""
    digest = blake2b("\x1f".join(map(str, (seed, *where))).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * _SCALE


def chances(seed: int, thing: str, who: Ints, when: int = 0) -> Floats:
    """Return one number in [0, 1) per person for a thing (and a day or a round)."""
    salt = blake2b(f"{seed}\x1f{thing}\x1f{when}".encode(), digest_size=8).digest()
    start = np.array([int.from_bytes(salt, "big")], np.uint64)
    mixed = _mixed(start + (who.astype(np.uint64) + np.uint64(1)) * _STEP)
    return np.asarray((mixed >> np.uint64(11)) * _SCALE, np.float64)


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = (x ^ (x >> np.uint64(30))) * _MIX1
    x = (x ^ (x >> np.uint64(27))) * _MIX2
    return x ^ (x >> np.uint64(31))


def normals(seed: int, thing: str, who: Ints, when: int = 0) -> Floats:
    """Return one standard normal number per person (Box and Muller)."""
    radius = np.sqrt(-2 * np.log1p(-chances(seed, thing + ":r", who, when)))
    return np.asarray(radius * np.cos(2 * np.pi * chances(seed, thing + ":a", who, when)), np.float64)


def picked(u: Floats, weights: Floats) -> Ints:
    """Return for each u the index of a weighted choice."""
    return np.searchsorted(np.cumsum(weights / weights.sum())[:-1], u, side="right").astype(np.int64)
