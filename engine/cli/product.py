"""`sojourn product import|list`: what is sold, from a CSV file, and what is known about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.reading import Unreadable, value_of
from engine.cli.session import Session
from engine.cli.sheet import Rejects, Row, open_sheet
from engine.cli.text import columns, counted, parts, printable, short

if TYPE_CHECKING:
    import sqlalchemy as sa

BATCH = 1000
SKU = "sku"
NUMBERS = ("price", "stock")
NAMED = ("name", "family", "department", *NUMBERS, "url", "image")
GUESSES = {
    "id": SKU, "product_id": SKU, "product": SKU, "item": SKU, "item_id": SKU, "stockcode": SKU, "stock_code": SKU,
    "artikelnummer": SKU, "title": "name", "description": "name", "category": "family",
    "product_type": "family", "unit_price": "price", "unitprice": "price", "preis": "price", "quantity": "stock",
    "inventory": "stock", "availability": "stock", "link": "url", "image_url": "image", "image_link": "image",
}  # fmt: skip


def import_products(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV; the first line names the columns.")],
    *,
    mapped: Annotated[
        list[str] | None, typer.Option("--map", metavar="COL=NAME", help="What a column is; COL= ignores it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check everything, change nothing.")] = False,
) -> Answer:
    """Add and update products. A column `sku` is needed; other columns are kept under their names."""
    session: Session = ctx.obj
    project = session.project()
    sheet = open_sheet(file.expanduser())
    targets = targets_of(sheet.header, mapped or ())
    counts: Counter[str] = Counter()
    with (
        Rejects(sheet.path, sheet.header, written=not dry_run) as rejects,
        session.bar("products", max(1, sheet.lines - 1)) as bar,
        session.store(project) as store,
    ):
        rows, seen = iter(sheet), set[str]()
        while batch := list(islice(rows, BATCH)):
            found = dict(_read(batch, targets, rejects, seen))
            counts += _put(store, found, session, dry_run=dry_run)
            bar.advance(len(batch))
    said = parts([*counts.items(), ("rejected", rejects.count)]) or "no rows"
    lines = [("  would be: " if dry_run else "  ") + said, *(f"    {sample}" for sample in rejects.samples)]
    data = {**{key: counts[key] for key in ("new", "updated", "unchanged")}, "rejected": rejects.count,
            "reasons": rejects.reasons, "dry_run": dry_run,
            "columns": dict(zip(sheet.header, targets, strict=True))}  # fmt: skip
    return Answer(data, lines)


def targets_of(header: Sequence[str], mapped: Iterable[str]) -> list[str]:
    """Return what each column is ("" = ignored); WrongUse when none is the sku or --map names what is not there."""
    pairs = [one.partition("=")[::2] for many in mapped for one in many.split(",")]
    wishes = {name.strip(): target.strip() for name, target in pairs}
    if unknown := sorted(wishes.keys() - set(header)):
        raise WrongUse(f'the file has no column "{unknown[0]}": {", ".join(header)}')
    words = [wishes.get(name, "_".join(name.lower().replace("-", " ").split())) for name in header]
    taken = {*words}
    targets: list[str] = []
    for name, word in zip(header, words, strict=True):
        guess = GUESSES.get(word, word) if name not in wishes else word
        target = guess if guess == word or guess not in taken else word
        targets.append("" if target in targets else target)
    if SKU not in targets:
        raise WrongUse(f"no column is the sku among {', '.join(header)}; say which: --map COLUMN=sku")
    return targets


def _read(
    rows: Iterable[Row], targets: Sequence[str], rejects: Rejects, seen: set[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in rows:
        cells = {target: cell.strip() for target, cell in zip(targets, row.cells, strict=False) if target}
        sku = cells.pop(SKU, "")
        if row.wrong:
            rejects.add(row, "cells", row.wrong)
        elif not sku or len(sku) > 200 or not sku.isprintable():
            rejects.add(row, "bad sku", "a sku has 1 to 200 printable characters")
        elif sku in seen:
            rejects.add(row, "duplicate", f"{sku} stands further up in this file")
        else:
            try:
                found = {name: _value(name, cell) for name, cell in cells.items() if cell}
            except Unreadable as error:
                rejects.add(row, "bad value", str(error))
                continue
            seen.add(sku)
            yield sku, found


def _value(name: str, cell: str) -> Any:
    if name not in NUMBERS:
        return cell[:4000]
    try:
        return value_of(cell, "number")
    except Unreadable as error:
        raise Unreadable(f"{name}: {error}") from None


def _put(store: sa.Engine, found: Mapping[str, Mapping[str, Any]], session: Session, *, dry_run: bool) -> Counter[str]:
    from engine.store.connect import reading, writing
    from engine.store.products import put_products

    with (reading if dry_run else writing)(store) as conn:
        new, updated, unchanged = put_products(conn, found, session.now())
    return Counter(new=new, updated=updated, unchanged=unchanged)


def list_products(
    ctx: typer.Context,
    family: Annotated[str | None, typer.Option(metavar="NAME", help="Only this family.")] = None,
    most: Annotated[int, typer.Option("-n", min=1, help="How many to show.")] = 50,
) -> Answer:
    """List what is sold, by sku."""
    from engine.store.connect import reading
    from engine.store.products import every_product

    session: Session = ctx.obj
    with session.store(session.project()) as store, reading(store) as conn:
        found = [(sku, one) for sku, one in every_product(conn) if family is None or one.get("family") == family]
    if not found:
        way = "there is no product of this family" if family else "no products yet; begin with: "
        return Answer({"products": [], "count": 0}, [way if family else f"{way}sojourn product import products.csv"])
    shown = found[:most]
    rows = [("sku", "name", "family", "price", "stock")]
    rows += [(sku, *(printable(short(str(one.get(key, "")), 40)) for key in rows[0][1:])) for sku, one in shown]  # type: ignore[misc]
    families = len({one.get("family") for _, one in found if one.get("family")})
    more = f"; {len(found) - len(shown):,} more: -n {len(found)}" if len(found) > len(shown) else ""
    lines = [*columns(rows, right=(3, 4)), f"{counted(len(found), 'product')} in {families:,} families{more}"]
    return Answer({"products": [{"sku": sku, **one} for sku, one in shown], "count": len(found)}, lines)
