"""Interests, value, scores, and the products that people buy. Part of the one metadata in tables.py."""

from __future__ import annotations

import sqlalchemy as sa

from engine.store.columns import Instant, Json, Key
from engine.store.tables import metadata

products = sa.Table(
    "products", metadata,
    sa.Column("sku", sa.String(200), primary_key=True),
    sa.Column("attributes", Json, nullable=False),  # name, family, department, price, stock, url, image, and their own
    sa.Column("updated_at", Instant, nullable=False),
)  # fmt: skip

traits = sa.Table(
    "traits", metadata,  # what was worked out about a person; nobody without consent for profiling has a row
    sa.Column("contact_id", sa.String(200), primary_key=True),
    sa.Column("value", Json, nullable=False, server_default="{}"),  # alive, orders_next, worth, rfm, tier, lead ...
    sa.Column("interests", Json, nullable=False, server_default="{}"),  # topic -> [score, microseconds it is of]
    sa.Column("at", Instant, nullable=False),
)  # fmt: skip

fits = sa.Table(
    "fits", metadata,  # what was learned about all people together: of no single one of them
    sa.Column("name", Key, primary_key=True),  # value, lead:<event>, interests
    sa.Column("at", Instant, nullable=False),
    sa.Column("content", Json, nullable=False),
)  # fmt: skip
