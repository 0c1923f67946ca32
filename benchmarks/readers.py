"""The invented people of the reference journey: the same ones for every system and every run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

NAMES = ("Ana", "Björn", "Chloé", "Dmitri", "Elif", "Femi", "Giulia", "Hiro", "Inés", "Jürgen", "Karin", "Łukasz")
CITIES = ("Paris", "Köln", "Lyon", "Porto", "Gdańsk", "Oslo", "Turin", "Cork", "Ghent", "Brno")
TIERS = ("basic", "basic", "basic", "silver", "gold")
LIKES = ("jazz", "folk", "hip hop", "film music", "chamber music", "techno", "rock & roll")


class Person(NamedTuple):
    id: str
    email: str
    first_name: str
    city: str
    tier: str
    score: int
    orders: int
    points: int
    favourite: str
    voucher: str


def people(count: int) -> Iterator[Person]:
    """Yield the first `count` people; four in five have a score of 20 or more."""
    for n in range(count):
        mixed = (n * 2654435761) & 0xFFFFFFFF
        yield Person(
            id=f"p{n:07d}",
            email=f"p{n:07d}@reader{n % 37}.example",
            first_name=NAMES[mixed % len(NAMES)],
            city=CITIES[mixed // 7 % len(CITIES)],
            tier=TIERS[mixed // 11 % len(TIERS)],
            score=n * 37 % 100,
            orders=mixed // 13 % 9,
            points=mixed // 17 % 5000,
            favourite=LIKES[mixed // 19 % len(LIKES)],
            voucher=f"V{mixed:08X}",
        )
