"""Interests, value, scores, and the products that people buy. Part of the one metadata in tables.py."""

from __future__ import annotations

import sqlalchemy as sa

from engine.store.columns import Instant, Json
from engine.store.tables import metadata

products = sa.Table(
    "products", metadata,
    sa.Column("sku", sa.String(200), primary_key=True),
    sa.Column("attributes", Json, nullable=False),  # name, family, department, price, stock, url, image, and their own
    sa.Column("updated_at", Instant, nullable=False),
)  # fmt: skip
