"""Campaigns: whom each one chose and why, and who is reserved for which week. Part of the one metadata in tables.py."""

from __future__ import annotations

import sqlalchemy as sa

from engine.store.columns import Instant, Json, Key, Word
from engine.store.tables import metadata

campaign_runs = sa.Table(
    "campaign_runs", metadata,  # one for each time a campaign went out; nothing in it is about a single person
    sa.Column("id", Key, primary_key=True),
    sa.Column("campaign", Word, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("journey", Word, nullable=False),
    sa.Column("arrays", Key, nullable=False),  # with the weights and the seed it can be drawn again
    sa.Column("weights", Key, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("forecast", sa.Float, nullable=False),  # buyers
    sa.Column("low", sa.Float, nullable=False),
    sa.Column("high", sa.Float, nullable=False),
    sa.Column("about", Json, nullable=False),  # products, volume, the last complete window, costs
)  # fmt: skip
sa.Index("campaign_runs_of", campaign_runs.c.campaign, campaign_runs.c.at)

audiences = sa.Table(
    "audiences", metadata,  # who was chosen; no row of it decides what is sent, the gate does
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("run", Key, nullable=False),
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("p", sa.Float, nullable=False),  # chance to buy, as forecast
    sa.Column("group", Word, nullable=False),  # model, random
    sa.Column("held", sa.Boolean, nullable=False),  # hears nothing, so that it can be measured
    sa.Column("rfm", sa.Float, nullable=False),  # what the rule would have gone by
    sa.Column("reasons", Json, nullable=False),  # three: [what, what it adds to the log-odds, its value]
)  # fmt: skip
sa.Index("audiences_of_run", audiences.c.run)
sa.Index("audiences_of_contact", audiences.c.contact_id)

reservations = sa.Table(
    "reservations", metadata,  # places that the plan gave away; the gate still decides when it is time
    sa.Column("campaign", Word, primary_key=True),
    sa.Column("contact_id", sa.String(200), primary_key=True),
    sa.Column("week", sa.String(10), nullable=False),  # its Monday
    sa.Column("p", sa.Float, nullable=False),
    sa.Column("at", Instant, nullable=False),
)  # fmt: skip
sa.Index("reservations_of_contact", reservations.c.contact_id)
