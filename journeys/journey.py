"""What a journey is: frozen records that a YAML file compiles to, and nothing that does anything.

Rules
- A record holds what the file means after defaults, fragments, `use:` and the project's limits were merged in;
  nothing downstream asks the file again.
- Durations are `timedelta`, local times `datetime.time`, shares floats in [0, 1], conditions `Expression`.
- Targets are state names or EXIT; every target names a state that exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from typing import Any, Literal

from journeys.expectation import JourneyTest
from journeys.expression import Expression
from journeys.place import Place
from journeys.span import show_span

EXIT = "exit"
NOTHING = "nothing"

WhenCapped = Literal["wait", "skip", "switch", "exit"]


@dataclass(frozen=True, slots=True)
class CapRule:
    """At most `limit` messages per window, counted over one scope.

    `scope` is "all", "channel" or "topic"; `name` is the channel or topic ("" for all). `per` is a
    calendar unit in the contact's zone ("day", "week" from Monday, "month") or a rolling `timedelta`.
    """

    scope: Literal["all", "channel", "topic"]
    name: str
    limit: int
    per: Literal["day", "week", "month"] | timedelta
    place: Place

    def __str__(self) -> str:
        per = self.per if isinstance(self.per, str) else show_span(self.per)
        return f"{self.name or 'all'} {self.limit}/{per}"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """No message between `start` and `end` local time (over midnight when end <= start)."""

    start: time
    end: time
    days: frozenset[int]  # 0 = Monday; the day on which the quiet hours begin
    then: Literal["wait", "skip"]
    spread: timedelta
    place: Place


@dataclass(frozen=True, slots=True)
class Limits:
    """The pressure policy that holds for one journey: project limits, tightened by the journey's own."""

    caps: tuple[CapRule, ...]
    quiet: Mapping[str, QuietHours]  # by channel; "" is the default for every channel not named
    skip_after: timedelta  # a message later than this is skipped
    when_capped: WhenCapped
    max_wait: timedelta
    count_transactional: bool

    def quiet_for(self, channel: str) -> QuietHours | None:
        return self.quiet.get(channel, self.quiet.get(""))


@dataclass(frozen=True, slots=True)
class Window:
    """The local hours and weekdays at which a state may act.

    `opens` is None when only days are given; `closes` is None for an exact time ("09:00"). `best` asks
    for the contact's own best hour (engine/core/best.py); then `opens` and `closes` are None.
    """

    opens: time | None
    closes: time | None
    days: frozenset[int]  # 0 = Monday; all seven when not given
    best: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """Hand one message ("email/welcome_hello") to its channel."""

    message: str
    channel: str
    sender: str | None = None
    reply_to: str | None = None
    vars: Mapping[str, Any] = field(default_factory=dict)  # literals, or Expression for "=expr"
    ignore_quiet_hours: bool = False
    track: bool = True


@dataclass(frozen=True, slots=True)
class Arm:
    """One thing a decision may pick: a message on its channel in a part of the day, or NOTHING (channel "").

    `daypart` is "" for a message that leaves at once; else a daypart's name ("evening") or its hours
    ("18:00-20:30"), and `window` holds those hours in the contact's zone.
    """

    id: str  # the message (with its daypart: "email/cart_plain@evening") unless the file gives another
    message: str
    channel: str
    guard: Expression | None = None
    cost: Expression | None = None
    vars: Mapping[str, Any] = field(default_factory=dict)
    daypart: str = ""
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Reward:
    """What a decision earns: score by event within the window, less the arm's cost, clipped."""

    within: timedelta
    score: Mapping[str, Expression]  # event name -> expression over event.*, contact.*, entry.*
    clip: tuple[float, float] | None = None
    scale: float | None = None  # from `clip` hi or the goal's constant value; None = learnt by the learner


@dataclass(frozen=True, slots=True)
class Repeat:
    """What a message loses by having been sent lately: `penalty` of its estimate at once, half of that after
    `half_life`, and so on (the recovering arms of Yancey and Settles, KDD 2020).
    """

    penalty: float = 0.3
    half_life: timedelta = timedelta(days=15)


@dataclass(frozen=True, slots=True)
class Explore:
    policy: Literal["vw", "thompson", "beta", "random", "fixed"]
    warmup: int
    min_share: float
    half_life: timedelta | None = None
    shares: Mapping[str, float] | None = None  # for `fixed`
    new_arm_share: float = 0.1  # at least this for an arm with fewer than warmup / |arms| decisions
    repeat: Repeat = Repeat()
    challenger: Literal["vw", "thompson", "beta"] | None = None  # learns beside the policy, in its shadow


@dataclass(frozen=True, slots=True)
class Choose:
    """A contextual decision among arms."""

    arms: tuple[Arm, ...]
    reward: Reward
    context: tuple[Expression, ...]
    explore: Explore
    baseline: tuple[str, float] | None = None  # arm id, share
    random_share: float = 0.02
    stop_arm_if: Mapping[str, float] = field(default_factory=dict)
    stop_after: int = 200
    keep: Literal["fresh", "contact"] = "fresh"
    learn: bool = True
    # What the person did lately is part of the context: sign ("click", "visit", "order") -> events that are one.
    # Empty: `behaviour: false`.
    signs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Awaited:
    """One thing that ends a wait: an event (with an optional condition), or membership of a segment."""

    event: str | None
    segment: str | None
    guard: Expression | None
    then: str


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Wait for the first of several things, at most `within`; then `then` of it, else the state's `otherwise`."""

    first: tuple[Awaited, ...]
    within: timedelta


@dataclass(frozen=True, slots=True)
class Split:
    """Sticky random shares that add up to 1, in file order: hash(contact, journey, state)."""

    shares: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """Guarded ways, first match wins; none: the state's `otherwise`."""

    ways: tuple[tuple[Expression, str], ...]


@dataclass(frozen=True, slots=True)
class Set:
    """Write attributes: ("contact" | "journey", name, literal or Expression)."""

    values: tuple[tuple[str, str, Any], ...]


@dataclass(frozen=True, slots=True)
class Emit:
    event: str
    props: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """Call a webhook whose host is listed in sojourn.yaml; `save_as` waits for the answer, into journey.<name>."""

    url: str
    method: str = "POST"
    json: Mapping[str, Any] = field(default_factory=dict)
    timeout: timedelta = timedelta(seconds=10)
    retries: int = 5
    save_as: str | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """`exit: reason`."""

    reason: str


Action = Send | Choose | WaitFor | Split | Branch | Set | Emit | Call | Leave


@dataclass(frozen=True, slots=True)
class State:
    """One sentence: after/until -> at/days -> if -> one action -> then/else. `action` None is a pure wait."""

    name: str
    place: Place
    then: str  # resolved: a state name or EXIT
    otherwise: str  # `else`, resolved the same way
    action: Action | None = None
    title: str | None = None
    after: timedelta | Expression = timedelta(0)
    calendar_days: int | None = None  # set when `after` is whole days or weeks and there is an `at`
    until: Expression | None = None
    window: Window | None = None
    guard: Expression | None = None
    when_capped: WhenCapped = "wait"
    max_wait: timedelta = timedelta(hours=36)
    max_visits: int = 10
    vars: Mapping[str, Any] = field(default_factory=dict)  # fragment parameters, seen by expressions as params.x
    falls_off: bool = False  # `then` is EXIT only because this is the last state: the reason is "completed"
    # Where the value of a clause stands, by its dotted path in the file: "at", "then", "choose.reward.within";
    # a path that is missing was not written. Keys of `score` stand for themselves ("choose.reward.score.opened"),
    # and "choose:" is the place of the key.
    places: Mapping[str, Place] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Enter:
    """What starts a run. Segment, schedule and manual entries arrive as the internal event `enter:<journey>`."""

    events: tuple[str, ...]  # event names, or ("enter:<journey>",)
    kind: Literal["event", "segment", "schedule", "manual"]
    guard: Expression | None = None
    segment: str | None = None
    check: str | None = None  # "daily 06:00" | "hourly" | "15m"; or the schedule text for kind "schedule"
    limit: tuple[int, Literal["min", "hour", "day"]] | None = None


@dataclass(frozen=True, slots=True)
class Reenter:
    """`after` None = never; timedelta(0) = always; counted from the end of the last run."""

    after: timedelta | None = None
    while_active: Literal["ignore", "restart", "parallel"] = "ignore"
    limit: int | None = None  # most runs ever


@dataclass(frozen=True, slots=True)
class Goal:
    events: tuple[str, ...]
    guard: Expression | None
    within: timedelta
    value: Expression | None  # None = 1
    exit: bool = True


@dataclass(frozen=True, slots=True)
class ExitWhen:
    """Leave on an event, on a condition, or on an event that meets a condition."""

    events: tuple[str, ...]  # empty: the condition alone
    guard: Expression | None
    reason: str
    place: Place


@dataclass(frozen=True, slots=True)
class JumpWhen:
    events: tuple[str, ...]
    guard: Expression | None
    then: str


@dataclass(frozen=True, slots=True)
class Journey:
    """A checked journey file: everything the step needs, nothing it must look up elsewhere."""

    name: str
    version: str  # content hash, 12 hex digits
    file: str
    title: str
    topic: str
    priority: int
    transactional: bool
    timezone: str | None  # fallback for contacts without one; None = project
    vars: Mapping[str, Any]
    enter: Enter
    reenter: Reenter
    goal: Goal | None
    exits: tuple[ExitWhen, ...]
    jumps: tuple[JumpWhen, ...]
    holdout: float
    limits: Limits
    start: str
    states: Mapping[str, State]  # in file order
    moved: Mapping[str, str] = field(default_factory=dict)
    tests: tuple[JourneyTest, ...] = ()
    note: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    verdict_on: date | None = None  # fixed beforehand: the day on which the experiment is read, once
    cyclic: frozenset[str] = frozenset()  # states that can be visited more than once in a run
    # Where the top-level values stand: "journey", "reenter", "enter.event", "holdout"; missing = not written.
    places: Mapping[str, Place] = field(default_factory=dict, compare=False, repr=False)

    @property
    def choices(self) -> tuple[tuple[str, Choose], ...]:
        """Return (state name, Choose) of every decision point."""
        return tuple((s.name, s.action) for s in self.states.values() if isinstance(s.action, Choose))
