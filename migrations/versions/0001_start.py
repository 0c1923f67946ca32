"""Start: everything that the first release keeps, as it was then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001_start"
down_revision = None
branch_labels = None
depends_on = None

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
Key = sa.String(80)
Word = sa.String(64)

metadata = sa.MetaData()

contacts = sa.Table(
    "contacts", metadata,
    sa.Column("id", sa.String(200), primary_key=True),
    sa.Column("attributes", Json, nullable=False),
    sa.Column("consents", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
)  # fmt: skip

addresses = sa.Table(
    "addresses", metadata,
    sa.Column("contact_id", sa.String(200), primary_key=True),
    sa.Column("channel", Word, primary_key=True),
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("suppressed", Word),
    sa.Column("added_at", sa.BigInteger, nullable=False),
)  # fmt: skip
sa.Index("addresses_by_address", addresses.c.channel, addresses.c.address)

suppressions = sa.Table(
    "suppressions", metadata,
    sa.Column("digest", Key, primary_key=True),
    sa.Column("channel", Word, primary_key=True),
    sa.Column("reason", Word, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)  # fmt: skip

consents = sa.Table(
    "consents", metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("topic", Word, nullable=False),
    sa.Column("channel", Word, nullable=False),
    sa.Column("granted", sa.Boolean, nullable=False),
    sa.Column("source", sa.String(200), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)  # fmt: skip
sa.Index("consents_of_contact", consents.c.contact_id)

events = sa.Table(
    "events", metadata,
    sa.Column("id", sa.String(200), primary_key=True),
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Column("source", Word, nullable=False),
    sa.Column("fresh", sa.Boolean, nullable=False),
    sa.Column("starts", sa.Boolean, nullable=False),
)  # fmt: skip
sa.Index("events_of_contact", events.c.contact_id, events.c.name, events.c.at)
sa.Index(
    "events_fresh",
    events.c.contact_id,
    events.c.fresh,
    sqlite_where=sa.text("fresh = 1"),
    postgresql_where=events.c.fresh,
)

alarms = sa.Table(
    "alarms", metadata,
    sa.Column("contact_id", sa.String(200), primary_key=True),
    sa.Column("due_at", sa.BigInteger, nullable=False),
)  # fmt: skip
sa.Index("alarms_due", alarms.c.due_at, alarms.c.contact_id)

enrollments = sa.Table(
    "enrollments", metadata,
    sa.Column("id", Key, primary_key=True),
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("journey", Word, nullable=False),
    sa.Column("version", Word, nullable=False),
    sa.Column("state", sa.String(130), nullable=False),
    sa.Column("group", Word, nullable=False),
    sa.Column("status", Word, nullable=False),
    sa.Column("phase", Word, nullable=False),
    sa.Column("entered_at", sa.BigInteger, nullable=False),
    sa.Column("state_at", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger),
    sa.Column("held_since", sa.BigInteger),
    sa.Column("left_at", sa.BigInteger),
    sa.Column("goal_at", sa.BigInteger),
    sa.Column("reason", sa.Text),
    sa.Column("trigger", sa.String(200), nullable=False),
    sa.Column("cause", sa.String(200), nullable=False),
    sa.Column("steps", sa.Integer, nullable=False),
    sa.Column("visits", Json, nullable=False),
    sa.Column("entry", Json, nullable=False),
    sa.Column("values", Json, nullable=False),
)  # fmt: skip
sa.Index("enrollments_of_contact", enrollments.c.contact_id, enrollments.c.status, enrollments.c.journey)
sa.Index("enrollments_in_journey", enrollments.c.journey, enrollments.c.status, enrollments.c.state)
sa.Index("enrollments_entered", enrollments.c.journey, enrollments.c.entered_at)
sa.Index(
    "enrollments_queued", enrollments.c.journey, enrollments.c.entered_at, enrollments.c.id,
    sqlite_where=sa.text("status = 'queued'"), postgresql_where=sa.text("status = 'queued'"),
)  # fmt: skip

moves = sa.Table(
    "moves", metadata,
    sa.Column("enrollment_id", Key, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("source", sa.String(130), nullable=False),
    sa.Column("target", sa.String(130), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip

refusals = sa.Table(
    "refusals", metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("key", Key, nullable=False),
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("journey", Word, nullable=False),
    sa.Column("state", sa.String(130), nullable=False),
    sa.Column("message", sa.String(200), nullable=False),
    sa.Column("rule", Word, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("until", sa.BigInteger),
)  # fmt: skip
sa.Index("refusals_of_contact", refusals.c.contact_id, refusals.c.at)

decisions = sa.Table(
    "decisions", metadata,
    sa.Column("key", Key, primary_key=True),
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("journey", Word, nullable=False),
    sa.Column("version", Word, nullable=False),
    sa.Column("state", sa.String(130), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("group", Word, nullable=False),
    sa.Column("arms", Json, nullable=False),
    sa.Column("chances", Json, nullable=False),
    sa.Column("arm", sa.String(200), nullable=False),
    sa.Column("propensity", sa.Float, nullable=False),
    sa.Column("u", sa.Float, nullable=False),
    sa.Column("policy", sa.String(80), nullable=False),
    sa.Column("features", sa.Text, nullable=False),
    sa.Column("cost", sa.Float, nullable=False),
    sa.Column("starts_at", sa.BigInteger, nullable=False),
    sa.Column("closes_at", sa.BigInteger, nullable=False),
    sa.Column("status", Word, nullable=False),
    sa.Column("touched", sa.Boolean, nullable=False),
    sa.Column("reward", sa.Float),
    sa.Column("learned", sa.Float),
)  # fmt: skip
sa.Index("decisions_of_contact", decisions.c.contact_id, decisions.c.status)
sa.Index(
    "decisions_touched", decisions.c.key, sqlite_where=sa.text("touched = 1"), postgresql_where=decisions.c.touched
)
sa.Index("decisions_closing", decisions.c.status, decisions.c.closes_at)
sa.Index("decisions_at_point", decisions.c.journey, decisions.c.state, decisions.c.at)

deliveries = sa.Table(
    "deliveries", metadata,
    sa.Column("key", Key, primary_key=True),
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("journey", Word, nullable=False),
    sa.Column("state", sa.String(130), nullable=False),
    sa.Column("message", sa.String(200), nullable=False),
    sa.Column("channel", Word, nullable=False),
    sa.Column("topic", Word, nullable=False),
    sa.Column("transactional", sa.Boolean, nullable=False),
    sa.Column("counted", sa.Boolean, nullable=False),
    sa.Column("decided", sa.Boolean, nullable=False),
    sa.Column("request", Json, nullable=False),
    sa.Column("status", Word, nullable=False),
    sa.Column("kind", Word, nullable=False, server_default=""),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Column("queued_at", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger, nullable=False),
    sa.Column("next_at", sa.BigInteger),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("owner", sa.String(80)),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("lease_until", sa.BigInteger),
    sa.Column("sent_at", sa.BigInteger),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("address", sa.Text),
    sa.Column("provider_id", sa.Text),
    sa.Column("template", sa.String(40)),
    sa.Column("links", Json),
)  # fmt: skip
sa.Index("deliveries_of_contact", deliveries.c.contact_id, deliveries.c.queued_at)
sa.Index(
    "deliveries_due", deliveries.c.channel, deliveries.c.transactional, deliveries.c.next_at, deliveries.c.key,
    sqlite_where=deliveries.c.next_at.is_not(None), postgresql_where=deliveries.c.next_at.is_not(None),
)  # fmt: skip
sa.Index(
    "deliveries_leased", deliveries.c.lease_until,
    sqlite_where=deliveries.c.lease_until.is_not(None), postgresql_where=deliveries.c.lease_until.is_not(None),
)  # fmt: skip
sa.Index(
    "deliveries_expiring", deliveries.c.expires_at,
    sqlite_where=sa.and_(deliveries.c.next_at.is_not(None), deliveries.c.expires_at.is_not(None)),
    postgresql_where=sa.and_(deliveries.c.next_at.is_not(None), deliveries.c.expires_at.is_not(None)),
)  # fmt: skip
sa.Index("deliveries_by_message", deliveries.c.message, deliveries.c.sent_at)

templates = sa.Table(
    "templates", metadata,
    sa.Column("version", sa.String(40), primary_key=True),
    sa.Column("message", sa.String(200), nullable=False),
    sa.Column("links", Json, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)  # fmt: skip

policies = sa.Table(
    "policies", metadata,
    sa.Column("point", sa.String(200), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("kind", Word, nullable=False),
    sa.Column("model", sa.LargeBinary, nullable=False),
    sa.Column("digest", Key, nullable=False),
    sa.Column("settings", Json, nullable=False),
    sa.Column("learned", sa.Integer, nullable=False),
    sa.Column("made_at", sa.BigInteger, nullable=False),
)  # fmt: skip

deployments = sa.Table(
    "deployments", metadata,
    sa.Column("journey", Word, primary_key=True),
    sa.Column("version", Word, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("live", sa.Boolean, nullable=False),
)  # fmt: skip

schedules = sa.Table(
    "schedules", metadata,
    sa.Column("journey", Word, primary_key=True),
    sa.Column("next_at", sa.BigInteger, nullable=False),
)  # fmt: skip

audit = sa.Table(
    "audit", metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("what", Word, nullable=False),
    sa.Column("detail", Json, nullable=False),
)  # fmt: skip


def upgrade() -> None:
    metadata.create_all(op.get_bind(), checkfirst=False)


def downgrade() -> None:
    metadata.drop_all(op.get_bind(), checkfirst=False)
