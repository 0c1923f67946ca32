"""The real shops as arrays: Online Retail with families by the words of its products."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.people.line import NoData, folder
from engine.audience.arrays import Arrays, Rows, assemble, with_affinities

PLAIN = frozenset(  # words that say nothing of what a thing is
    re.findall(
        r"\w+",
        """set of and the in with for pack small large red blue pink white black green ivory cream silver gold antique
    vintage retro retrospot design assorted colour colours metal wooden wood glass paper mini jumbo christmas heart
    hearts flower piece polkadot spotty stripe rose round asstd col""",
    )
)
LEAST = 5  # products that make a family


@lru_cache(maxsize=1)
def retail(data: Path) -> tuple[dict[str, Any], Rows, Rows, list[str]]:
    """Return products, lines, visits (orders) and people of Online Retail, returns and anonymous orders left out."""
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise NoData("needs duckdb: pip install 'sojourn[lake]'") from None
    file = folder(data, "online_retail") / "online_retail.parquet"
    asked = f"""select CustomerID::varchar AS who, epoch(InvoiceDate)::bigint // 60 AS at,
        substr(StockCode, 1, 5) AS sku, Quantity * UnitPrice AS money, InvoiceNo AS bill, Description AS said
        from '{file}' where CustomerID is not null and
        Quantity > 0 and UnitPrice > 0 and regexp_matches(StockCode, '^[0-9]{{5}}')"""
    found = duckdb.sql(asked).fetchnumpy()
    ids, who = np.unique(found["who"].astype(str), return_inverse=True)
    skus, what = np.unique(found["sku"].astype(str), return_inverse=True)
    bills, place, bill = np.unique(found["bill"].astype(str), return_index=True, return_inverse=True)
    minute = found["at"].astype(np.int32)
    lines = Rows(who.astype(np.int32), minute, found["money"].astype(np.float32), what.astype(np.int32))
    spent = np.bincount(bill, found["money"], minlength=len(bills)).astype(np.float32)
    visits = Rows(who[place].astype(np.int32), minute[place], spent)
    return _named(skus, found["sku"], found["said"]), lines, visits, [str(one) for one in ids]


def _named(skus: Any, codes: Any, said: Any) -> dict[str, Any]:
    names: dict[str, Counter[str]] = {}
    for code, name in zip(codes, said, strict=True):
        if name:
            names.setdefault(code, Counter())[name] += 1
    name = {code: str(names[code].most_common(1)[0][0]) if code in names else "" for code in map(str, skus)}
    words = {
        code: [one for one in re.findall(r"[a-z]{3,}", said.lower()) if one not in PLAIN] for code, said in name.items()
    }
    counts = Counter(word for some in words.values() for word in set(some))
    best = {code: max(some, key=lambda word: (counts[word], word)) if some else "" for code, some in words.items()}
    return {
        code: {"name": name[code], "family": best[code] if counts[best[code]] >= LEAST else "other"} for code in words
    }


def before(data: Path, minute: int) -> Arrays:
    """Return the arrays as they would have been made at `minute`."""
    products, lines, visits, ids = retail(data)
    then, seen = lines.minute < minute, visits.minute < minute
    cut = Rows(lines.who[then], lines.minute[then], lines.money[then], np.asarray(lines.what)[then])
    known = Rows(visits.who[seen], visits.minute[seen], visits.money[seen])
    fields = assemble(ids, products, cut, known, minute)
    return Arrays(version=f"at {minute}", **with_affinities(fields))


def end(data: Path) -> int:
    """Return the minute after the last order."""
    return int(retail(data)[1].minute.max()) + 1
