"""The tables, as SQLAlchemy Core metadata; the one description that migrations are checked against.

Rules
- Instants are microseconds since 1970 UTC in a BIGINT: the same bytes and the same order on SQLite and PostgreSQL.
- The queue is data: `alarms` says when a contact is due, `deliveries.next_at` when a message is.
- A row that records what happened (moves, refusals, decisions, events) is never rewritten to say something else.
"""

from __future__ import annotations

import sqlalchemy as sa

from engine.store.columns import EPOCH, HELD, Instant, Json, Key, Word, from_micros, to_micros
from engine.store.sealed import Attributes, Sealed, SealedJson

__all__ = ["EPOCH", "HELD", "Instant", "Json", "Key", "Word", "from_micros", "to_micros"]

metadata = sa.MetaData()

contacts = sa.Table(
    "contacts", metadata,
    sa.Column("id", sa.String(200), primary_key=True),
    sa.Column("attributes", Attributes, nullable=False),
    sa.Column("consents", sa.Text, nullable=False, server_default=""),  # words of model.Contact.consents
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
)  # fmt: skip

addresses = sa.Table(
    "addresses", metadata,
    sa.Column("contact_id", sa.String(200), primary_key=True),
    sa.Column("channel", Word, primary_key=True),
    sa.Column("address", Sealed("address"), primary_key=True),  # a mailbox, or a push subscription as JSON
    sa.Column("suppressed", Word),  # why it must not be used: hard, complaint, gone
    sa.Column("added_at", Instant, nullable=False),
    sa.Column("suppressed_at", Instant),
)  # fmt: skip
# the address first: a planner without statistics would take a channel's whole index for a short way to one person
sa.Index("addresses_by_address", addresses.c.address, addresses.c.channel)

suppressions = sa.Table(
    "suppressions", metadata,
    sa.Column("digest", Key, primary_key=True),  # keyed hash of the normalised address: outlives the contact
    sa.Column("channel", Word, primary_key=True),
    sa.Column("reason", Word, nullable=False),
    sa.Column("at", Instant, nullable=False),
)  # fmt: skip

consents = sa.Table(
    "consents", metadata,  # the ledger; contacts.consents is its sum, written in the same transaction
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("topic", Word, nullable=False),  # "" = every topic
    sa.Column("channel", Word, nullable=False),  # "" = every channel
    sa.Column("granted", sa.Boolean, nullable=False),
    sa.Column("source", sa.String(200), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("state", Word, nullable=False, server_default=""),  # pending, granted, withdrawn; "" = as `granted` says
    sa.Column("text", Key),  # sha256 of the words that were agreed to
    sa.Column("ip", Sealed("ip")),
    sa.Column("proof", sa.String(200)),  # how we know: the confirmation, the message whose link it was, what was said
)  # fmt: skip
sa.Index("consents_of_contact", consents.c.contact_id)

HARM = sa.text("name IN ('unsubscribed', 'complained', 'bounced')")
events = sa.Table(
    "events", metadata,
    sa.Column("id", sa.String(200), primary_key=True),
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("name", sa.String(80), nullable=False),  # a word, or "enter:<journey>"
    sa.Column("at", Instant, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Column("source", Word, nullable=False),
    sa.Column("fresh", sa.Boolean, nullable=False),  # until a committed walk has seen it
    sa.Column("starts", sa.Boolean, nullable=False),
    sa.Column("walked_at", Instant),  # of the walk that saw it
)  # fmt: skip
sa.Index("events_of_contact", events.c.contact_id, events.c.name, events.c.at)
# "fresh = 1" because that is how a condition on the column reads on SQLite, which compares texts to use the index
# and both columns, else SQLite may take events_of_contact for as good and read all that somebody ever did
sa.Index(
    "events_fresh", events.c.contact_id, events.c.fresh,
    sqlite_where=sa.text("fresh = 1"), postgresql_where=events.c.fresh,
)  # fmt: skip

sa.Index(  # few, and asked for by name alone: which message drove whom away
    "events_harm", events.c.name, sqlite_where=HARM, postgresql_where=HARM
)

alarms = sa.Table(
    "alarms", metadata,
    sa.Column("contact_id", sa.String(200), primary_key=True),
    sa.Column("due_at", Instant, nullable=False),
)  # fmt: skip
sa.Index("alarms_due", alarms.c.due_at, alarms.c.contact_id)  # the order of a claim, so that it reads no more

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
    sa.Column("entered_at", Instant, nullable=False),  # while queued: when it arrived
    sa.Column("state_at", Instant, nullable=False),
    sa.Column("due_at", Instant),
    sa.Column("held_since", Instant),
    sa.Column("left_at", Instant),
    sa.Column("goal_at", Instant),
    sa.Column("reason", sa.Text),
    sa.Column("trigger", sa.String(200), nullable=False),
    sa.Column("cause", sa.String(200), nullable=False),
    sa.Column("steps", sa.Integer, nullable=False),
    sa.Column("visits", Json, nullable=False),
    sa.Column("entry", Json, nullable=False),
    sa.Column("values", Json, nullable=False),
    sa.Column("drawn", sa.String(200), nullable=False, server_default=""),  # the arm that leaves later in the day
)  # fmt: skip
sa.Index("enrollments_of_contact", enrollments.c.contact_id, enrollments.c.status, enrollments.c.journey)
sa.Index("enrollments_in_journey", enrollments.c.journey, enrollments.c.status, enrollments.c.state)
sa.Index("enrollments_entered", enrollments.c.journey, enrollments.c.entered_at)  # how many today: `enter.limit`
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
    sa.Column("at", Instant, nullable=False),
    sa.Column("walked_at", Instant),  # of the walk that made it; `at` is when it became true
    sqlite_with_rowid=False,
)  # fmt: skip

waits = sa.Table(
    "waits", metadata,  # when a `wait_for` or a `call` began to wait: no other row tells
    sa.Column("enrollment_id", Key, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),  # of the state visit
    sa.Column("walked_at", Instant, nullable=False),
)  # fmt: skip

changes = sa.Table(
    "changes", metadata,  # what a person was like before: with it, any walk can be taken again
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("source", Word, nullable=False),  # import, or journey: a walk's own
    sa.Column("attributes", Attributes, nullable=False),  # those that changed, as they were; None = not there
    # rows that were dropped: [channel, address, suppressed, added_at]
    sa.Column("addresses", SealedJson("addresses"), nullable=False),
)  # fmt: skip
sa.Index("changes_of_contact", changes.c.contact_id)

refusals = sa.Table(
    "refusals", metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("key", Key, nullable=False),  # the send key that was refused or held
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("journey", Word, nullable=False),
    sa.Column("state", sa.String(130), nullable=False),
    sa.Column("message", sa.String(200), nullable=False),
    sa.Column("rule", Word, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("until", Instant),
)  # fmt: skip
sa.Index("refusals_of_contact", refusals.c.contact_id, refusals.c.at)

decisions = sa.Table(
    "decisions", metadata,
    sa.Column("key", Key, primary_key=True),
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("journey", Word, nullable=False),
    sa.Column("version", Word, nullable=False),
    sa.Column("state", sa.String(130), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("group", Word, nullable=False),
    sa.Column("arms", Json, nullable=False),
    sa.Column("chances", Json, nullable=False),
    sa.Column("arm", sa.String(200), nullable=False),
    sa.Column("propensity", sa.Float, nullable=False),
    sa.Column("u", sa.Float, nullable=False),
    sa.Column("policy", sa.String(80), nullable=False),
    sa.Column("features", sa.Text, nullable=False),
    sa.Column("cost", sa.Float, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),  # of the reward window: handed over, else decided
    sa.Column("closes_at", Instant, nullable=False),
    sa.Column("status", Word, nullable=False),  # pending (its delivery is on the way), open, closed, void
    sa.Column("touched", sa.Boolean, nullable=False),  # something changed since the learner last looked
    sa.Column("reward", sa.Float),  # known so far
    sa.Column("learned", sa.Float),  # what the learner was last told; None = nothing yet
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
    sa.Column("counted", sa.Boolean, nullable=False),  # false: transactional and caps do not count those
    sa.Column("decided", sa.Boolean, nullable=False),
    sa.Column("request", Json, nullable=False),  # from, reply_to, vars, entry, journey values; a webhook's body
    sa.Column("status", Word, nullable=False),  # the words of reliability.md 2.1
    sa.Column("kind", Word, nullable=False, server_default=""),  # Receipt.kind
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Column("queued_at", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("next_at", Instant),  # when to claim it; None while it is claimed and once it has ended
    sa.Column("expires_at", Instant),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("owner", sa.String(80)),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("lease_until", Instant),  # of claimed and sending rows; None otherwise
    sa.Column("sent_at", Instant),  # handed over; while sending or unknown: when it went out of our hands
    sa.Column("ended_at", Instant),  # when it took the end state it has, or went into doubt
    sa.Column("address", Sealed("address")),  # as it stands in `addresses`, to the letter
    sa.Column("provider_id", sa.Text),
    sa.Column("template", sa.String(40)),  # template version that was rendered
    sa.Column("links", Json),  # this person's destinations, where the template does not fix them
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
    "templates", metadata,  # link targets by template version: a click is looked up, never trusted
    sa.Column("version", sa.String(40), primary_key=True),
    sa.Column("message", sa.String(200), nullable=False),
    sa.Column("links", Json, nullable=False),  # [url or null], in the order of their numbers
    sa.Column("at", Instant, nullable=False),
)  # fmt: skip

policies = sa.Table(
    "policies", metadata,
    sa.Column("point", sa.String(200), primary_key=True),  # "journey.state"
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("kind", Word, nullable=False),
    sa.Column("model", sa.LargeBinary, nullable=False),
    sa.Column("digest", Key, nullable=False),  # sha256 of model and settings: a foreign model is refused
    sa.Column("settings", Json, nullable=False),
    sa.Column("learned", sa.Integer, nullable=False),  # decisions it has learned from
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("serving", sa.LargeBinary),  # the copy that knows open decisions too; None: the model itself serves
    sa.Column("through", sa.Integer, nullable=False, server_default="0"),  # the last lesson in it
    sa.Column("base", Json),  # how it began: its settings, the lessons of its last refit; rebuild needs no more
    sa.Column("curves", Json),  # by channel: after which time which share of what comes in has come in
    sa.Column("role", Word, nullable=False, server_default="serves"),  # serves, shadow, candidate
)  # fmt: skip

lessons = sa.Table(
    "lessons", metadata,  # the order of teaching, a row per pass: read again in this order they make the same model
    sa.Column("point", sa.String(200), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("told", Json, nullable=False),  # arms: their features; rows: [decision, reward so far, stage, arm]
    sa.Column("delays", Json),  # by channel: seconds until those that earned and closed now first did
    sqlite_with_rowid=False,
)  # fmt: skip
sa.Index("lessons_at", lessons.c.at)

points = sa.Table(
    "points", metadata,  # what was settled about a decision point beside its file
    sa.Column("point", sa.String(200), primary_key=True),
    sa.Column("refit_at", Instant),  # when its models were last fitted anew
    sa.Column("serves", Word),  # the kind of model that was promoted; None: as the file says
    sa.Column("written", Word),  # what the file said then: a file that changes its mind is obeyed
    sa.Column("pinned", sa.Integer),  # the version that serves until somebody unpins it
)  # fmt: skip

stops = sa.Table(
    "stops", metadata,  # arms taken out for everyone
    sa.Column("point", sa.String(200), primary_key=True),
    sa.Column("arm", sa.String(200), primary_key=True),
    sa.Column("stopped_at", Instant),  # None: it may be sent
    sa.Column("counts_from", Instant),  # what happened before is forgiven: somebody allowed the arm again
    sa.Column("why", sa.Text, nullable=False),
)  # fmt: skip

shadows = sa.Table(
    "shadows", metadata,  # what the challenger would have drawn from, for decisions that somebody else drew
    sa.Column("key", Key, primary_key=True),
    sa.Column("policy", sa.String(80), nullable=False),
    sa.Column("chances", Json, nullable=False),  # of decisions.arms, in their order
    sa.Column("serving", Json),  # the incumbent's, where the decision was not drawn from its own
    sqlite_with_rowid=False,
)  # fmt: skip

deployments = sa.Table(
    "deployments", metadata,
    sa.Column("journey", Word, primary_key=True),
    sa.Column("version", Word, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),  # when it was deployed first; the audit knows every time
    sa.Column("live", sa.Boolean, nullable=False),
    sa.Column("number", sa.Integer, nullable=False, server_default="0"),  # v1, v2 ... of its journey
    sa.Column("files", Json, nullable=False, server_default="{}"),  # path -> text of fragments and of `use`
)  # fmt: skip

dictionaries = sa.Table(
    "dictionaries", metadata,  # data.yaml as deployed: what journeys may name, and the segments; one for all of them
    sa.Column("version", Word, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("live", sa.Boolean, nullable=False),
)  # fmt: skip

displaced = sa.Table(
    "displaced", metadata,  # runs that a deploy took out of a state that was gone, as they stood: what undo goes by
    sa.Column("run", Key, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),  # of the version that was deployed
    sa.Column("journey", Word, nullable=False),
    sa.Column("old", sa.String(130), nullable=False),
    sa.Column("new", sa.String(130), nullable=False),
    sa.Column("steps", sa.Integer, nullable=False),
    sa.Column("status", Word, nullable=False),
    sa.Column("phase", Word, nullable=False),
    sa.Column("due_at", Instant),
    sa.Column("held_since", Instant),
    sa.Column("drawn", sa.String(200), nullable=False),
)  # fmt: skip

placed = sa.Table(
    "placed", metadata,  # runs that a deploy or a resume put elsewhere, as they stand since: no walk did it
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("run", Key, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("steps", sa.Integer, nullable=False),
    sa.Column("state", sa.String(130), nullable=False),
    sa.Column("status", Word, nullable=False),
    sa.Column("phase", Word, nullable=False),
    sa.Column("due_at", Instant),
    sa.Column("held_since", Instant),
    sa.Column("drawn", sa.String(200), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("left_at", Instant),
)  # fmt: skip
sa.Index("placed_of_run", placed.c.run)

pauses = sa.Table(
    "pauses", metadata,  # where no clock runs and nothing leaves; state "" = the whole journey, journey "" = all
    sa.Column("journey", Word, primary_key=True),
    sa.Column("state", sa.String(130), primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)  # fmt: skip

schedules = sa.Table(
    "schedules", metadata,
    sa.Column("journey", Word, primary_key=True),
    sa.Column("next_at", Instant, nullable=False),
)  # fmt: skip

audit = sa.Table(
    "audit", metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("what", Word, nullable=False),
    sa.Column("detail", Json, nullable=False),
    sa.Column("who", sa.String(200), nullable=False, server_default=""),  # who asked for it; "" = the engine itself
    sa.Column("digest", Key),  # of this row and the digest before it; None in rows older than the chain
)  # fmt: skip
