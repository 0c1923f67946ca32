"""Who bought what and when, as arrays: what targeting and recommendations are computed from.

Rules
- People are sorted by id and products by how many people bought them, most first: positions are stable in a version.
- Lines (one product of one order) and visits stand person by person, each in the order of time.
- Times are whole minutes since 1970 UTC, money is in the project's currency. Nobody without consent is in here.
- Nothing is ever changed: a night makes a new version, and an audience names the one it was drawn from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.audience.ease import ease
from engine.audience.words import Texts, texts_of

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

DAY = 24 * 60  # minutes
WINDOW = 14 * DAY
BACK = 3 * WINDOW
"""How far back lessons begin. Two of the three windows alone forecast the last one: that is how errors are known."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Something that people did, as it was read: `who` and `what` are places in lists, in no order."""

    who: Ints
    minute: Ints
    money: Floats
    what: Ints | None = None  # None: a visit


@dataclass(frozen=True)
class Arrays:
    """One version. `start[n]:start[n + 1]` are the lines of person n, `seen` the same for visits."""

    version: str
    minute: int  # everything in it happened before
    ids: npt.NDArray[np.bytes_]  # of people, sorted, UTF-8
    skus: tuple[str, ...]
    families: tuple[str, ...]  # of each product, "" = not said
    departments: tuple[str, ...]
    words: Texts  # what the products are called
    start: Longs
    item: Ints
    when: Ints
    money: Floats
    first: Flags  # the first time that this person bought this product
    seen: Longs
    visit: Ints
    spent: Floats  # by visit; 0 when nothing was bought
    ease: Floats  # products x products, of the most bought ones: who has i tends to j
    before: Floats  # the same as it was BACK ago, for lessons that must not know what came after them

    @property
    def people(self) -> int:
        return len(self.ids)

    @property
    def lines(self) -> int:
        return len(self.item)

    @cached_property
    def who(self) -> Ints:
        """Return the person of each line."""
        return np.repeat(np.arange(self.people, dtype=np.int32), np.diff(self.start))

    @cached_property
    def visitor(self) -> Ints:
        """Return the person of each visit."""
        return np.repeat(np.arange(self.people, dtype=np.int32), np.diff(self.seen))

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Return the position of each product."""
        return {sku: n for n, sku in enumerate(self.skus)}

    def find(self, ids: Sequence[str]) -> Ints:
        """Return the position of each person, -1 for those who are not here."""
        wanted = _bytes(ids)
        if not self.people or not len(wanted):
            return np.full(len(wanted), -1, np.int32)
        at = np.minimum(np.searchsorted(self.ids, wanted), self.people - 1)
        return np.where(self.ids[at] == wanted, at, -1).astype(np.int32)

    def id(self, n: int) -> str:
        return bytes(self.ids[n]).decode()


def assemble(
    ids: Sequence[str], products: Mapping[str, Mapping[str, Any]], lines: Rows, visits: Rows, minute: int
) -> dict[str, Any]:
    """Return the fields of Arrays but `version`, `ease` and `before`: everybody sorted, products by their buyers.

    `products` is every sku with its attributes, in the order that `lines.what` counts in.
    """
    names = _bytes(ids)
    order = np.argsort(names, kind="stable")
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    skus = list(products)
    by_line = _in_order(rank[lines.who], lines.minute)
    by_visit = _in_order(rank[visits.who], visits.minute)
    what = lines.what[by_line] if lines.what is not None else np.empty(0, np.int32)
    start = _starts(rank[lines.who], len(ids))
    first = _first(start, what, len(skus))
    popular = np.argsort(-np.bincount(what[first], minlength=len(skus)), kind="stable")
    place = np.empty(len(skus), np.int32)
    place[popular] = np.arange(len(skus), dtype=np.int32)
    kept = [(skus[n], products[skus[n]]) for n in popular]
    return {
        "minute": minute, "ids": names[order], "skus": tuple(sku for sku, _ in kept),
        "families": tuple(str(one.get("family") or "") for _, one in kept),
        "departments": tuple(str(one.get("department") or "") for _, one in kept),
        "words": texts_of([str(one.get("name") or "") for _, one in kept]),
        "start": start, "item": place[what], "when": lines.minute[by_line], "money": lines.money[by_line],
        "first": first,
        "seen": _starts(rank[visits.who], len(ids)), "visit": visits.minute[by_visit], "spent": visits.money[by_visit],
    }  # fmt: skip


def _bytes(ids: Sequence[str]) -> npt.NDArray[np.bytes_]:
    """Return ids as UTF-8; the plain ones, which most are, at once."""
    if not ids:
        return np.empty(0, "S1")
    try:
        return np.array(ids, dtype=bytes)
    except UnicodeEncodeError:
        return np.array([one.encode() for one in ids], dtype=bytes)


def _in_order(who: Ints, minute: Ints) -> Longs:
    """Return the order by person, then by time."""
    return np.argsort(who.astype(np.int64) << 32 | minute.astype(np.int64), kind="stable")


def _first(start: Longs, item: Ints, products: int) -> Flags:
    """Return which lines are the first of their person and product; lines stand in the order of time."""
    key = np.repeat(np.arange(len(start) - 1, dtype=np.int64), np.diff(start)) * max(products, 1) + item
    order = np.argsort(key, kind="stable")
    ahead = np.ones(len(key), np.bool_)
    ahead[1:] = np.diff(key[order]) != 0
    found = np.empty(len(key), np.bool_)
    found[order] = ahead
    return found


def with_affinities(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with `ease` and `before`, worked out from their lines."""
    start, item, when = fields["start"], fields["item"], fields["when"]
    old = when < fields["minute"] - BACK
    who = np.repeat(np.arange(len(start) - 1, dtype=np.int32), np.diff(start))
    before = ease(_starts(who[old], len(start) - 1), item[old], len(fields["skus"]))
    return {**fields, "before": before, "ease": ease(start, item, len(fields["skus"]))}


def _starts(who: Ints, people: int) -> Longs:
    return np.concatenate(([0], np.cumsum(np.bincount(who, minlength=people)))).astype(np.int64)
