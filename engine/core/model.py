"""The values the core speaks in. Frozen, comparable, free of I/O; instants (`_at`) are aware UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any, Literal, Protocol

from journeys import Expression, Journey
from journeys.frozen import quick

# A delivery in one of these has used its cap slot; the others have not (language.md 1.4, gate 6).
COUNTED = frozenset({"queued", "claimed", "sending", "sent", "deferred", "unknown"})

Group = Literal["learner", "holdout", "global"]
Phase = Literal["ready", "waiting", "holding"]
DecisionGroup = Literal["learner", "baseline", "random", "holdout", "global"]


@dataclass(frozen=True, slots=True)
class Contact:
    """A person. `addresses` maps a channel to the address to use; `consents` holds topics ("promo") less
    channel opt-outs ("-push" or "promo-push"); `suppressed` names channels whose address must not be used.
    """

    id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    zone: tzinfo | None = None  # resolved from timezone, then country; None = the journey's or project's
    addresses: Mapping[str, str] = field(default_factory=dict)
    consents: frozenset[str] = frozenset()
    suppressed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. `received_at` is when we heard of it; `fresh` until a committed walk has seen it."""

    id: str
    name: str
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)
    fresh: bool = True
    starts: bool = True  # False: older on arrival than late.skip_after, starts no journey


@dataclass(frozen=True, slots=True)
class Past:
    """A delivery of the last weeks, as caps and the duplicate rule see it. `at` = when it was queued."""

    key: str
    message: str
    channel: str
    topic: str
    at: datetime
    counted: bool = True  # False: transactional and not counted


@quick
@dataclass(frozen=True, slots=True)
class Enrollment:
    """A contact in a journey.

    `due_at` is the instant at which the state acts (None: only an event can move it). `state_at` is the
    instant at which the state's transition became true. `cause` is the id of the event that moved it here
    at `state_at`, so that one event moves it at most once. `held_since` is when the gate first held it.
    """

    id: str
    contact_id: str
    journey: str
    version: str
    state: str
    entered_at: datetime
    state_at: datetime
    due_at: datetime | None
    trigger: str  # id of the event that started the run
    group: Group = "learner"
    status: Literal["queued", "active", "left", "parked"] = "active"  # queued: waits for `enter.limit`
    phase: Phase = "ready"
    steps: int = 0  # states entered so far; makes the send key
    visits: Mapping[str, int] = field(default_factory=dict)  # only of states on a cycle
    cause: str = ""
    held_since: datetime | None = None
    entry: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None  # why it left
    left_at: datetime | None = None
    goal_at: datetime | None = None
    drawn: str = ""  # the arm of a decision whose message leaves later in the day; "" = none waits

    @property
    def key(self) -> str:
        """Return the send key of the current state visit."""
        return f"{self.id}:{self.steps}"


@quick
@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a walk may look at: one contact with everything that concerns it.

    `events` are oldest first by (at, id): the fresh ones, and the history that conditions need.
    `recent` are the deliveries of the longest cap window, oldest first.
    `scores` (estimated reward per arm id) and `features` (as logged) are laid in by the shell, by
    "<enrollment id>.<state>" of a decision point that this walk may reach. `lately` says when each event that is a
    sign of life last happened; `hours` counts the person's signs by hour of the day, UTC (empty: none, or not asked).
    """

    contact: Contact
    enrollments: tuple[Enrollment, ...] = ()
    events: tuple[Event, ...] = ()
    recent: tuple[Past, ...] = ()
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    features: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)  # "journey.state" -> arm, for keep: contact
    ended: Mapping[str, tuple[int, datetime]] = field(default_factory=dict)
    # ended: journey -> (runs so far, end of the last run), of runs that are over
    lately: Mapping[str, datetime] = field(default_factory=dict)
    hours: tuple[int, ...] = ()
    traits: Mapping[str, Any] = field(default_factory=dict)  # "value" and "interests", where some condition asks


class Policy(Protocol):
    """Turns the arms' scores into probabilities over the eligible ones; the core draws."""

    @property
    def version(self) -> str: ...
    def pmf(self, scores: Mapping[str, float], eligible: Sequence[str]) -> tuple[float, ...]:
        """Return one probability per eligible arm; each > 0, they sum to 1."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What holds for one tick. `policies` by "journey.state"; a missing one means uniform."""

    now: datetime
    zone: tzinfo  # for contacts without one
    seed: str
    holdout: float = 0.0  # the project's global holdout
    policies: Mapping[str, Policy] = field(default_factory=dict)
    decided: Mapping[str, int] = field(default_factory=dict)  # decisions so far, for warm-up
    stopped: frozenset[tuple[str, str]] = frozenset()  # ("journey.state", arm id) taken out for everyone
    warming: frozenset[tuple[str, str]] = frozenset()  # ("journey.state", arm id) with too few decisions so far
    hours: tuple[float, ...] = ()  # everyone's signs of life by local hour, as shares; empty: too few to say
    segments: Mapping[str, Expression] = field(default_factory=dict)
    forced: Mapping[str, str] = field(default_factory=dict)  # "journey.state" -> arm (simulate --force, tests)
    paused: frozenset[str] = frozenset()  # where no clock runs: "journey", "journey.state", "" = everywhere


def stands_still(paused: frozenset[str], enrollment: Enrollment) -> bool:
    """Return whether this enrollment is where no clock runs: only what the person does moves it."""
    journey = enrollment.journey
    return "" in paused or journey in paused or f"{journey}.{enrollment.state}" in paused


@dataclass(frozen=True, slots=True)
class Move:
    """One transition. `n` is the number of the state visit it leads to; target "exit" ends the run."""

    source: str
    target: str
    why: str
    at: datetime
    n: int


@quick
@dataclass(frozen=True, slots=True)
class Decision:
    """A draw, with everything replay needs: eligible arms, the vector drawn from, u, policy version."""

    key: str  # the send key
    point: str  # "journey.state"
    at: datetime
    group: DecisionGroup
    arms: tuple[str, ...]
    chances: tuple[float, ...]
    arm: str
    propensity: float
    u: float
    policy: str  # version, "uniform" or "forced"
    features: str
    within: timedelta
    cost: float = 0.0


@quick
@dataclass(frozen=True, slots=True)
class Send:
    """An intent to deliver one message; `shadow` for held-out people: counted nowhere, sent never."""

    key: str
    message: str
    channel: str
    topic: str
    due_at: datetime  # the state's own time, or the end of the last hold
    shadow: bool = False
    transactional: bool = False
    sender: str | None = None
    reply_to: str | None = None
    vars: Mapping[str, Any] = field(default_factory=dict)
    track: bool = True
    decided: bool = False  # there is a Decision with the same key
    counted: bool = True  # False: transactional, and caps do not count those


@dataclass(frozen=True, slots=True)
class Webhook:
    """An intent to call a URL (the `call` action)."""

    key: str
    url: str
    method: str
    json: Mapping[str, Any]
    timeout: timedelta
    retries: int
    save_as: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message may not leave: `until` is set when it is only held. `rule` is the gate's word
    (no_consent, suppressed, unreachable, late, quiet_hours, capped, duplicate, stopped, condition, daypart).
    """

    rule: str
    detail: str
    message: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one look at one enrollment led to."""

    enrollment: Enrollment
    moves: tuple[Move, ...] = ()
    sends: tuple[Send, ...] = ()
    decisions: tuple[Decision, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)  # contact attributes to write
    emitted: tuple[Event, ...] = ()
    calls: tuple[Webhook, ...] = ()
    started: bool = False  # the enrollment is new
    unsent: tuple[str, bool] | None = None
    # unsent: key of a decision whose message will not leave, and whether the gate refused it (then it teaches nothing)


@dataclass(frozen=True, slots=True)
class Reward:
    """What a decision has earned by now; `closed` when its window is over."""

    key: str
    value: float
    closed: bool
    events: tuple[str, ...] = ()  # ids of the events that count


@dataclass(frozen=True, slots=True)
class Eligible:
    """What may be drawn; `later` says when the message of an arm leaves that does not leave now."""

    arms: tuple[str, ...]
    refusals: tuple[Refusal, ...] = ()
    later: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hold:
    until: datetime
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    refusals: tuple[Refusal, ...]


Verdict = Eligible | Hold | Refuse

Journeys = Mapping[str, Journey]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A decision whose reward may have changed, with what its contact did in the window so far.

    `learned` is the reward the learner was last told (None: nothing yet); `void` when its message failed.
    """

    decision: Decision
    journey: str
    contact_id: str
    starts_at: datetime
    closes_at: datetime
    learned: float | None
    events: tuple[Event, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    entry: Mapping[str, Any] = field(default_factory=dict)
    void: bool = False
