"""A journey in numbers: its people, messages, refusals and decisions.

Rules
- Delivery is counted in messages, by the time they were handed over (those that were not: queued). What people did
  is counted in people, once per message, within 7 days of the message.
- Every number of a period is about the runs that entered, and the messages and decisions made, in that period; so
  entered = inside + parked + waiting + left by each reason, always.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from engine.store.rows import counted
from engine.store.tables import decisions, deliveries, enrollments, events, moves, refusals

ANSWERS_COUNT = timedelta(days=7)
BOUNCES_COUNT = timedelta(hours=72)
FEEDBACK = ("clicked", "machine_click", "opened", "unsubscribed", "complained", "bounced", "replied")

n = enrollments.c
d = deliveries.c
r = refusals.c
c = decisions.c
e = events.c


@dataclass(frozen=True, slots=True)
class Period:
    """[since, until); None = open."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, at: sa.ColumnElement[datetime]) -> list[sa.ColumnElement[bool]]:
        """Return the conditions that `at` lies in the period."""
        return ([at >= self.since] if self.since else []) + ([at < self.until] if self.until else [])


@dataclass(frozen=True, slots=True)
class MessageNumbers:
    """One message. `statuses` counts messages by delivery status; the rest are people, except `clicks`."""

    message: str
    channel: str
    statuses: Mapping[str, int]
    clickers: int = 0
    clicks: int = 0  # human clicks, all of them
    machine_clickers: int = 0
    openers: int = 0
    unsubscribed: int = 0
    complained: int = 0
    bounced: int = 0  # after they had been handed over
    replied: int = 0

    @property
    def sent(self) -> int:
        """Return how many messages were handed over."""
        return self.statuses.get("sent", 0)

    @property
    def delivered(self) -> int:
        """Return how many were handed over and did not come back."""
        return self.sent - self.bounced


@dataclass(frozen=True, slots=True)
class RuleNumbers:
    """A rule of the gate. `held` and `skipped` count messages, `contacts` the people they were for."""

    rule: str
    held: int
    skipped: int
    contacts: int


@dataclass(frozen=True, slots=True)
class ArmNumbers:
    """One arm of one decision point in one group. All counts are decisions; `reward` is the sum over closed ones."""

    state: str
    arm: str
    group: str
    decisions: int
    open: int  # also those whose message is on its way
    closed: int
    void: int
    reward: float

    @property
    def mean(self) -> float | None:
        """Return the mean reward of a closed decision."""
        return self.reward / self.closed if self.closed else None


@dataclass(frozen=True, slots=True)
class JourneyNumbers:
    """A journey in a period. Runs, except `contacts` (people) and what the parts say themselves."""

    journey: str
    entered: int
    contacts: int
    waiting: int  # for their turn to enter
    inside: Mapping[str, int]  # by state
    parked: int
    left: Mapping[str, int]  # by reason
    visits: Mapping[str, int]  # by state: how often it was moved to
    messages: tuple[MessageNumbers, ...]
    rules: tuple[RuleNumbers, ...]
    arms: tuple[ArmNumbers, ...]

    @property
    def unsubscribed(self) -> int:
        """Return people who unsubscribed, counted once per message."""
        return sum(message.unsubscribed for message in self.messages)


def journey_numbers(conn: sa.Connection, journey: str, period: Period | None = None) -> JourneyNumbers:
    """Return everything that is counted about a journey, in seven statements."""
    period = period or Period()
    entered = [n.journey == journey, *period.holds(n.entered_at)]
    by_status: defaultdict[str, dict[str, int]] = defaultdict(dict)
    place = sa.case((n.status == "left", sa.func.coalesce(n.reason, "")), else_=n.state)
    query = sa.select(n.status, place, sa.func.count()).where(*entered).group_by(n.status, place)
    for status, where, count in conn.execute(query):
        by_status[status][where] = count
    return JourneyNumbers(
        journey=journey,
        entered=sum(sum(places.values()) for places in by_status.values()),
        contacts=conn.execute(sa.select(sa.func.count(n.contact_id.distinct())).where(*entered)).scalar_one(),
        waiting=sum(by_status["queued"].values()),
        inside=counted(by_status["active"].items()),
        parked=sum(by_status["parked"].values()),
        left=counted(by_status["left"].items()),
        visits=_visits(conn, entered),
        messages=_messages(conn, journey, period),
        rules=_rules(conn, journey, period),
        arms=_arms(conn, journey, period),
    )


def _visits(conn: sa.Connection, entered: Sequence[sa.ColumnElement[bool]]) -> dict[str, int]:
    query = sa.select(moves.c.target, sa.func.count()).join_from(enrollments, moves, moves.c.enrollment_id == n.id)
    return counted((row[0], row[1]) for row in conn.execute(query.where(*entered).group_by(moves.c.target)))


def _messages(conn: sa.Connection, journey: str, period: Period) -> tuple[MessageNumbers, ...]:
    made_at = sa.func.coalesce(d.sent_at, d.queued_at)
    mine = [d.journey == journey, *period.holds(made_at)]
    statuses: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    counts = sa.select(d.message, d.channel, d.status, sa.func.count())
    for message, channel, status, count in conn.execute(counts.where(*mine).group_by(d.message, d.channel, d.status)):
        statuses[message, channel][status] = count
    heard = _heard(conn, mine)
    return tuple(
        _message_numbers(message, channel, found, heard) for (message, channel), found in sorted(statuses.items())
    )


def _heard(conn: sa.Connection, mine: Sequence[sa.ColumnElement[bool]]) -> dict[tuple[str, str], tuple[int, int]]:
    """Return by (message, event name) the people who did it soon enough after the message, and how often."""
    micro = timedelta(microseconds=1)
    within = sa.case((e.name == "bounced", BOUNCES_COUNT // micro), else_=ANSWERS_COUNT // micro)
    soon = sa.type_coerce(e.at, sa.BigInteger) <= sa.type_coerce(d.sent_at, sa.BigInteger) + within
    query = (
        sa.select(d.message, e.name, sa.func.count(e.contact_id.distinct()), sa.func.count())
        .join_from(deliveries, events, e.contact_id == d.contact_id)
        .where(*mine, d.status == "sent", e.name.in_(FEEDBACK), e.data["key"].as_string() == d.key, soon)
        .group_by(d.message, e.name)
    )
    return {(message, name): (people, times) for message, name, people, times in conn.execute(query)}


def _message_numbers(
    message: str, channel: str, statuses: Mapping[str, int], heard: Mapping[tuple[str, str], tuple[int, int]]
) -> MessageNumbers:
    clickers, machines, openers, unsubscribed, complained, bounced, replied = (
        heard.get((message, name), (0, 0))[0] for name in FEEDBACK
    )
    clicks = heard.get((message, "clicked"), (0, 0))[1]
    return MessageNumbers(
        message, channel, counted(statuses.items()), clickers, clicks, machines, openers, unsubscribed, complained,
        bounced, replied,
    )  # fmt: skip


def _rules(conn: sa.Connection, journey: str, period: Period) -> tuple[RuleNumbers, ...]:
    """Count each message once per rule: one that was held three times waited once."""
    held = sa.func.count(sa.case((r.until.is_not(None), r.key)).distinct())
    skipped = sa.func.count(sa.case((r.until.is_(None), r.key)).distinct())
    query = sa.select(r.rule, held, skipped, sa.func.count(r.contact_id.distinct())).group_by(r.rule).order_by(r.rule)
    return tuple(RuleNumbers(*row) for row in conn.execute(query.where(r.journey == journey, *period.holds(r.at))))


def _arms(conn: sa.Connection, journey: str, period: Period) -> tuple[ArmNumbers, ...]:
    group = (c.state, c.arm, c.group, c.status)
    query = sa.select(*group, sa.func.count(), sa.func.coalesce(sa.func.sum(c.reward), 0.0)).group_by(*group)
    tally: defaultdict[tuple[str, str, str], dict[str, tuple[int, float]]] = defaultdict(dict)
    for state, arm, who, status, count, reward in conn.execute(query.where(c.journey == journey, *period.holds(c.at))):
        tally[state, arm, who][status] = (count, reward)
    return tuple(_arm_numbers(at, found) for at, found in sorted(tally.items()))


def _arm_numbers(at: tuple[str, str, str], found: Mapping[str, tuple[int, float]]) -> ArmNumbers:
    counts = {status: count for status, (count, _) in found.items()}
    still_open = counts.get("open", 0) + counts.get("pending", 0)
    reward = found.get("closed", (0, 0.0))[1]
    closed, void = counts.get("closed", 0), counts.get("void", 0)
    return ArmNumbers(*at, sum(counts.values()), still_open, closed, void, reward)
