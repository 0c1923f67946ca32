"""A shop that knows what its people look at: a project on disk and an engine on a clock that jumps."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from engine.app import Options, build, read
from engine.clock import SimulatedClock
from engine.engine import Engine
from engine.store.connect import create, open_store, writing
from journeys.project import Definitions

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PROJECT = """\
project: counter
timezone: UTC
store: "sqlite://"
secret: a-secret-for-the-counter
channels: {email: {provider: captured, from: a@b.test}}
topics: {promo: {title: Promo}}
"""
DATA = """\
contact:
  email: text
  age: number
  income: number private
  religion: text sensitive
events:
  viewed: {sku: text, family: text}
  clicked: {family: text}
  bought: {items: list, total: number}
buying: {event: bought, value: total, items: items}
visits: [viewed]
interests:
  topic: family
  weights: {viewed: 1, clicked: 2, bought: 8}
  half_life: 90d
"""


def memory() -> sa.Engine:
    """Return an empty store in memory: for what no database can change."""
    store = open_store("sqlite://")
    with writing(store) as conn:
        create(conn)
    return store


def defined(folder: Path, data: str = DATA) -> Definitions:
    """Return what the files of a project say, which are written into `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / "sojourn.yaml").write_text(PROJECT)
    (folder / "data.yaml").write_text(data)
    (folder / "journeys").mkdir(exist_ok=True)
    return read(folder, {})


def shop(folder: Path, store: sa.Engine, data: str = DATA) -> Engine:
    """Return an engine for a project in `folder` whose people are in `store`."""
    return build(defined(folder, data), Options(clock=SimulatedClock(START), channels={}, store=store))
