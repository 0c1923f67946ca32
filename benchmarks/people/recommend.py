"""G15: three products to show, beside what is popular, habit alone and EASE alone; Online Retail and the MS store."""

from __future__ import annotations

import csv
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.people.line import Line, NoData, Result, folder
from benchmarks.people.retail import before, end, retail
from engine.audience.arrays import DAY, Arrays, Rows, assemble
from engine.audience.ease import ease
from engine.audience.recommend import Bought, Shelf, Wish

AHEAD = 28 * DAY


DATES = 3


@lru_cache(maxsize=1)
def played(data: Path) -> dict[str, float]:
    """Return hit@3 of every way, for all products and for those new to the person; coverage; CPU milliseconds.

    The mean of the last three times of 28 days.
    """
    products, lines, _, ids = retail(data)
    found = []
    for back in range(1, DATES + 1):
        date = end(data) - back * AHEAD
        arrays = before(data, date)
        inside = (lines.minute >= date) & (lines.minute < date + AHEAD)
        place = np.array([arrays.place[sku] for sku in products])
        found.append(_rated(arrays, arrays.find(ids)[lines.who[inside]], place[np.asarray(lines.what)[inside]]))
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def _rated(arrays: Arrays, who: Any, what: Any) -> dict[str, float]:
    shelf = Shelf(arrays)
    hits: dict[str, list[bool]] = {}
    shown: set[str] = set()
    took = []
    popular = [arrays.skus[n] for n in shelf.popular[:500]]
    for person in np.unique(who):
        start, stop = arrays.start[person], arrays.start[person + 1]
        if person < 0 or start == stop:
            continue
        came = {arrays.skus[n] for n in what[who == person]}
        had = {arrays.skus[n] for n in arrays.item[start:stop]}
        days = (arrays.minute - arrays.when[start:stop].astype(np.float64)) / DAY
        bought = Bought(arrays.item[start:stop], days)
        began = time.thread_time()
        told = shelf.next(bought, Wish(3))
        took.append(time.thread_time() - began)
        shown |= set(told)
        habit = np.zeros(len(arrays.skus))
        np.add.at(habit, bought.items, 2.0 ** (-bought.days / 60))
        alone = arrays.ease[np.unique(bought.items)].sum(axis=0)
        ways = {"all": told, "popular": popular[:3], "habit": _top(arrays, habit), "ease": _top(arrays, alone)}
        for way, skus in ways.items():
            hits.setdefault(way, []).append(bool(came & set(skus)))
        if fresh := came - had:
            unseen = [sku for sku in popular if sku not in had][:3]
            for way, skus in {"new": shelf.next(bought, Wish(3, new=True)), "popular_new": unseen}.items():
                hits.setdefault(way, []).append(bool(fresh & set(skus)))
    rates = {way: float(np.mean(found)) for way, found in hits.items()}
    return rates | {"coverage": len(shown) / len(arrays.skus), "p95_ms": float(np.percentile(took, 95)) * 1e3,
                    "people": len(took)}  # fmt: skip


def _top(arrays: Arrays, score: Any) -> list[str]:
    return [arrays.skus[n] for n in np.argsort(-score, kind="stable")[:3]]


@lru_cache(maxsize=1)
def small(data: Path) -> dict[str, float]:
    """Return the same for the MS store."""
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise NoData("needs duckdb: pip install 'sojourn[lake]'") from None
    room = folder(data, "ms_store")
    found = duckdb.sql(f"""select "user" AS who, item AS sku, epoch("time")::bigint // 60 AS at
                           from '{room / "usage.parquet"}'""").fetchnumpy()
    with (room / "catalog.csv").open(encoding="utf-8") as stream:
        names = {row["item"]: {"name": row["name"], "family": row["category"]} for row in csv.DictReader(stream)}
    ids, who = np.unique(found["who"].astype(str), return_inverse=True)
    skus, what = np.unique(found["sku"].astype(str), return_inverse=True)
    products = {str(sku): names.get(str(sku), {}) for sku in skus}
    minute = found["at"].astype(np.int32)
    date = int(minute.max()) + 1 - AHEAD
    then = minute < date
    rows = Rows(
        who[then].astype(np.int32), minute[then], np.ones(int(then.sum()), np.float32), what[then].astype(np.int32)
    )
    fields = assemble([str(one) for one in ids], products, rows, Rows(rows.who, rows.minute, rows.money), date)
    table = ease(fields["start"], fields["item"], len(skus))
    arrays = Arrays(version="ms", ease=table, before=table, **fields)
    rank, place = arrays.find([str(one) for one in ids]), np.array([arrays.place[str(sku)] for sku in skus])
    return _rated(arrays, rank[who[~then]], place[what[~then]])


def all_products(data: Path | None) -> Result:
    one = _of(data)
    says = f"{one['all']:.3f}, {one['all'] / one['popular']:.2f}x popular"
    rivals = f"popular {one['popular']:.3f}, habit {one['habit']:.3f}, EASE {one['ease']:.3f}"
    return Result(says, rivals, one["all"] >= 0.57 and one["all"] >= 1.9 * one["popular"], one)


def new_products(data: Path | None) -> Result:
    one = _of(data)
    says = f"{one['new']:.3f}, {one['new'] / one['popular_new']:.2f}x popular"
    return Result(
        says, f"popular {one['popular_new']:.3f}", one["new"] >= 0.24 and one["new"] >= 1.4 * one["popular_new"]
    )


def cover(data: Path | None) -> Result:
    one = _of(data)
    return Result(
        f"{one['coverage']:.0%} of products; {one['p95_ms']:.2f} ms p95",
        "",
        one["coverage"] >= 0.15 and one["p95_ms"] < 1,
    )


def store(data: Path | None) -> Result:
    if data is None:
        raise NoData("needs ms_store/ (--data DIR or SOJOURN_DATA)")
    one = small(data)
    return Result(
        f"{one['all']:.3f} all, {one['new']:.3f} new", f"popular {one['popular']:.3f}, {one['popular_new']:.3f}", None
    )


def _of(data: Path | None) -> dict[str, float]:
    if data is None:
        raise NoData("needs online_retail/ (--data DIR or SOJOURN_DATA)")
    return played(data)


LINES = (
    Line("G15 recommend(3) hit in 28 days, all", ">= .57, 1.9x popular", all_products),
    Line("G15 recommend(3) hit in 28 days, new", ">= .24, 1.4x popular", new_products),
    Line("G15 recommend(3) coverage and cost", ">= 15 %, < 1 ms p95", cover),
    Line("G15 recommend(3) in the MS store", "no aim: 101 products", store),
)
