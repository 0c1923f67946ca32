"""What recommending costs a message: choosing its products, and printing them."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.people.line import Line, NoData, Result
from benchmarks.people.retail import before, end, retail
from channels.asking import CONTENT, Showing
from channels.templates import load_template
from engine.audience.arrays import DAY
from engine.audience.recommend import Bought, Shelf
from engine.content import cards
from engine.shelves import Stock
from journeys.project import Buying

PEOPLE = 1000
WISH = Showing(3)
MAIL = """<!--
subject: "For you"
-->
<p>{% for p in recommend(3) %}<a href="{{ p.url }}">{{ p.name }}, {{ p.price | money }}</a>{% endfor %}</p>
"""


def cost(data: Path | None) -> Result:
    """Choose three products for people of the shop, with some shown lately, and print them."""
    if data is None:
        raise NoData("needs online_retail/ (--data DIR or SOJOURN_DATA)")
    retail(data)
    arrays = before(data, end(data) - 28 * DAY)
    products: dict[str, dict[str, Any]] = {
        sku: {"name": sku, "price": 3.5, "url": f"https://shop.test/{sku}"} for sku in arrays.skus
    }
    stock = Stock(Shelf(arrays, products), products, {}, Buying(""), ())
    hidden = set(arrays.skus[:9])
    chosen, printed = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mail.html"
        path.write_text(MAIL, encoding="utf-8")
        template = load_template([path])
        for n in np.linspace(0, arrays.people - 1, PEOPLE).astype(int):
            own = slice(arrays.start[n], arrays.start[n + 1])
            bought = Bought(arrays.item[own], (arrays.minute - arrays.when[own].astype(np.float64)) / DAY)
            began = time.thread_time()
            shown = cards(stock, stock.best(bought, WISH, hidden), stock.blank)
            between = time.thread_time()
            template.render({"contact": {}, "currency": "EUR", CONTENT: {"recommend": {WISH.key: shown}}}, str)
            chosen.append(between - began)
            printed.append(time.thread_time() - between)
    whole = np.percentile(np.add(chosen, printed), 95) * 1e3
    parts = f"chosen {np.median(chosen) * 1e3:.2f}, printed {np.median(printed) * 1e3:.2f} ms (median)"
    return Result(f"{whole:.2f} ms p95; {parts}", "", bool(whole < 1))


LINES = (Line("G15 recommend(3) in a message", "< 1 ms p95", cost),)
