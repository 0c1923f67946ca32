"""Who a person is, who says so, and what was refused. Part of the one metadata in tables.py.

Rules
- An identity belongs to one contact at a time. Whoever changes people locks identities first, in their order, then
  alarms, then contacts.
- What a source said last is kept, also where another source is believed: attributes come from `profile_values`.
"""

from __future__ import annotations

import sqlalchemy as sa

from engine.store.columns import Instant, Json, Key, Word
from engine.store.sealed import SealedJson
from engine.store.tables import metadata

identities = sa.Table(
    "identities", metadata,
    sa.Column("kind", Word, primary_key=True),  # user, anonymous, hubspot, salesforce
    sa.Column("value", sa.String(200), primary_key=True),
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("source", Word, nullable=False),
    sa.Column("at", Instant, nullable=False),
)  # fmt: skip
sa.Index("identities_of_contact", identities.c.contact_id)

merges = sa.Table(
    "merges", metadata,  # two contacts that were found to be one; `gone` is no contact any more
    sa.Column("id", Key, primary_key=True),
    sa.Column("contact_id", sa.String(200), nullable=False),  # who is left
    sa.Column("gone", sa.String(200), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("why", Word, nullable=False),  # identify, alias, hand
    sa.Column("source", Word, nullable=False),
    sa.Column("before", SealedJson("merge"), nullable=False),  # who is gone, as they were, and what they gave
    sa.Column("undone_at", Instant),
)  # fmt: skip
sa.Index("merges_of_contact", merges.c.contact_id)
sa.Index("merges_of_gone", merges.c.gone)

moved = sa.Table(
    "moved", metadata,  # rows that changed hands in a merge: what an undo goes by; kept as long as it can be undone
    sa.Column("merge_id", Key, primary_key=True),
    sa.Column("belonging", Word, primary_key=True),  # a table
    sa.Column("key", sa.String(200), primary_key=True),  # of its row
    sqlite_with_rowid=False,
)  # fmt: skip

proposals = sa.Table(
    "proposals", metadata,  # two known contacts that may be one: somebody has to say so
    sa.Column("contact_id", sa.String(200), primary_key=True),
    sa.Column("other", sa.String(200), primary_key=True),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("source", Word, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("settled", Word),  # merged, apart; None: open
    sa.Column("settled_at", Instant),
)  # fmt: skip
sa.Index("proposals_of_other", proposals.c.other)

profile_values = sa.Table(
    "profile_values", metadata,  # what each source said last about an attribute
    sa.Column("contact_id", sa.String(200), primary_key=True),
    sa.Column("attribute", Word, primary_key=True),
    sa.Column("source", Word, primary_key=True),
    sa.Column("value", SealedJson("value")),
    sa.Column("at", Instant, nullable=False),
)  # fmt: skip

companies = sa.Table(
    "companies", metadata,
    sa.Column("id", sa.String(200), primary_key=True),
    sa.Column("attributes", Json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
)  # fmt: skip

memberships = sa.Table(
    "memberships", metadata,  # who belongs to a company; the newest is the one that a contact's attributes show
    sa.Column("contact_id", sa.String(200), primary_key=True),
    sa.Column("company_id", sa.String(200), primary_key=True),
    sa.Column("at", Instant, nullable=False),
)  # fmt: skip
sa.Index("memberships_of_company", memberships.c.company_id)

problems = sa.Table(
    "problems", metadata,  # what was refused on its way in, and why; the oldest are dropped
    sa.Column("id", Key, primary_key=True),  # of source and item: sending the same again adds none
    sa.Column("at", Instant, nullable=False),
    sa.Column("source", Word, nullable=False),
    sa.Column("message_id", sa.String(200), nullable=False),
    sa.Column("contact_id", sa.String(200)),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("item", SealedJson("problem"), nullable=False),  # its first 2,000 characters
)  # fmt: skip
sa.Index("problems_at", problems.c.at)

cursors = sa.Table(
    "cursors", metadata,  # how far an import from elsewhere has come
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("value", Json, nullable=False),
    sa.Column("at", Instant, nullable=False),
)  # fmt: skip
