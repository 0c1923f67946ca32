"""The night's work for targeting: orders to arrays, arrays to weights; and taking up what a night has made.

Rules
- The arrays are one file in .sojourn, the weights one row of `fits`: both name their version, and the weights name the
  arrays that taught them.
- Whoever refuses profiling is in neither. An erasure drops the file (`forget`), and it is made anew when it is needed.
- What is older than STALE is made anew before a campaign is tried; otherwise the night's is taken.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from engine.audience import arrays_file
from engine.audience.arrays import Arrays, assemble, with_affinities
from engine.audience.collect import Collector
from engine.audience.targeting import Targeting, TooLittle, from_record, taught, to_record
from engine.errors import ConfigError
from engine.store import buying
from engine.store.columns import to_micros
from engine.store.connect import reading, writing
from engine.store.orders import count_orders, orders, visit_days
from engine.store.products import every_product
from engine.store.traits import fit_of, keep_fit
from engine.tokens import load_secrets

if TYPE_CHECKING:
    from engine.engine import Engine
    from journeys.project import Project

STALE = timedelta(hours=30)
FIT = "targeting"
FOLDER = Path(".sojourn")

Say = Callable[[str, int], None]  # what is being done, and how many orders were read


def _quiet(_: str, __: int) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Night:
    """What there is to choose with: the arrays, and the weights that they taught; `why` when they taught none."""

    arrays: Arrays
    targeting: Targeting | None
    why: str = ""


def refresh(engine: Engine) -> str | None:
    """Make the arrays and the weights of this night; the nightly chore."""
    if engine.project.data.buying is None:
        return None
    if find_spec("scipy") is None:
        return "nobody is learned about: targeting needs scipy (pip install 'sojourn[ml]')"
    night = gathered(engine.store, engine.project, engine.clock.now())
    return f"{night.arrays.lines:,} lines of {night.arrays.people:,} people read; {_said(night)}"


def _said(night: Night) -> str:
    return f"targeting {night.targeting.version}" if night.targeting else night.why


def forget(root: Path) -> int:
    """Drop the arrays of a project, because somebody in them is erased; they are made anew when they are needed."""
    return arrays_file.forget(root / FOLDER)


def current(store: sa.Engine, project: Project, now: datetime, say: Say = _quiet) -> Night:
    """Return the newest arrays and their weights; they are made when they are missing, stale or not ours."""
    path = arrays_file.newest(project.root / FOLDER)
    if path is None:
        return gathered(store, project, now, say)
    arrays = arrays_file.load(path, load_secrets(project.root, project.secret))
    with reading(store) as conn:
        kept = fit_of(conn, FIT)
    fresh = 0 <= to_micros(now) // 60_000_000 - arrays.minute <= STALE // timedelta(minutes=1)
    if not fresh or kept is None or kept.get("arrays") != arrays.version:
        return gathered(store, project, now, say)
    return Night(arrays, from_record(kept) if "warm" in kept else None, kept.get("why", ""))


def gathered(store: sa.Engine, project: Project, now: datetime, say: Say = _quiet) -> Night:
    """Read all orders and make the night's arrays and weights."""
    say("learning what is bought together", 0)
    arrays = arrays_of(store, project, now, say)
    say("learning who buys", 0)
    try:
        found, why = taught(arrays), ""
    except TooLittle as little:
        found, why = None, str(little)
    record = to_record(found) if found else {"arrays": arrays.version, "why": why}
    with writing(store) as conn:
        keep_fit(conn, FIT, record, now)
    return Night(arrays, found, why)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Hold back the search for cycles: reading millions of rows makes none, and looking for them takes a quarter."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def arrays_of(store: sa.Engine, project: Project, now: datetime, say: Say = _quiet) -> Arrays:
    """Read all orders before `now` and write them as a new version."""
    how = project.data.buying
    if how is None:
        raise ConfigError("data.yaml does not say how people buy; add: buying: {event: order_placed, items: items}")
    with reading(store) as conn, _uncollected():
        taker = Collector(how, buying.refusing(conn))
        total, done = count_orders(conn, how.event), 0
        for batch in orders(conn, how.event, now):
            taker.orders(batch)
            done += len(batch)
            say(f"orders of {total:,}", done)
        for days in visit_days(conn, project.data.visits, now) if project.data.visits else ():
            taker.visits(days)
        known = dict(every_product(conn))
    products = {sku: known.get(sku, {}) for sku in taker.skus} | known
    say("learning what is bought together", done)
    lines, visits = taker.rows()
    fields = assemble(list(taker.people), products, lines, visits, to_micros(now) // 60_000_000)
    return arrays_file.save(
        with_affinities(fields), project.root / FOLDER, load_secrets(project.root, project.secret)[0]
    )
