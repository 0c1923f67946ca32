"""What a report is made of: counts and shares as plain numbers, so that a store, a simulation or a test can fill it in.

Nothing here is computed; rates, intervals and words are made from these counts when a page or a text is written.
Days count from 1. Money is in the project's currency. Groups are in the order learner, baseline, holdout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from engine.outliers.measured import Outliers
from engine.report.intervals import Span


@dataclass(frozen=True, slots=True)
class GroupCount:
    """Contacts of one group. `contacts` entered at least the goal's window ago, `goals` of them reached the goal."""

    name: str
    contacts: int
    goals: int
    share: float = 0.0  # planned share of all contacts; 0 = not known
    entered: int = 0  # everybody who entered, also those whose window is still open


@dataclass(frozen=True, slots=True)
class DailyCount:
    """What one group did day by day: new entries and the goals among them (not cumulated)."""

    group: str
    entries: tuple[int, ...]
    goals: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message, by the time it was sent. People are counted once per message."""

    message: str
    channel: str
    sent: int
    delivered: int
    human_clickers: int = 0
    machine_clickers: int = 0
    goals: int = 0  # goal events credited to it (attributed, not incremental)
    unsubscribed: int = 0
    complained: int = 0
    attributed: float = 0.0  # money of those goals


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One arm in the learner group: decisions whose window is over, and those with a goal in it."""

    arm: str
    decisions: int
    goals: int


@dataclass(frozen=True, slots=True)
class ArmDay:
    """Mean chance (or share of draws) of each arm on one day; `warmup` while draws are still uniform."""

    day: int
    decisions: int
    shares: Mapping[str, float]
    warmup: bool = False


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A kind of people and what they got; `best` is only known in a simulation."""

    label: str
    decisions: int
    shares: Mapping[str, float]
    best: str | None = None


@dataclass(frozen=True, slots=True)
class StateCount:
    """A state of the journey: visits in the period, people in it now, people who left the journey from it."""

    name: str
    kind: str  # wait, branch, choose, split, send, exit
    entered: int
    inside: int = 0


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """A rule of the send gate, and what became of the messages it met."""

    rule: str
    waited: int = 0
    switched: int = 0
    skipped: int = 0

    @property
    def hits(self) -> int:
        return self.waited + self.switched + self.skipped


@dataclass(frozen=True, slots=True)
class DoseCount:
    """Messages sent to people who had this many in the 7 days before, and how many led to leaving or complaint."""

    before: int
    messages: int
    left: int


@dataclass(frozen=True, slots=True)
class MoneyRow:
    """What one group spent per contact, within the goal's window: the mean, and with the largest 0.5 % cut off."""

    group: str
    contacts: int
    mean: float
    winsorised: float


@dataclass(frozen=True, slots=True)
class MoneyGap:
    """The learner less a control, per contact: `value` with its intervals, adjusted by what people spent before."""

    control: str
    value: float
    now: Span
    any_day: Span
    winsorised: Span  # without the adjustment
    raw: Span  # without either
    explained: float  # share of the variance that the time before explains


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something to try, in words with numbers; `yaml` is a line for the journey file, where there is one."""

    kind: str  # branch, drop, vary, small, cap
    says: str
    yaml: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """What only a simulation knows: the truth about its invented people, per decision of the learner group."""

    served_right: float  # share of outliers who got the arm that is best for them
    outliers_now: float  # expected goal rate of outliers as served
    outliers_single: float  # had they got the single best arm
    others_now: float
    others_single: float


@dataclass(frozen=True, slots=True)
class Meta:
    """Where the numbers come from."""

    project: str
    journey: str
    goal: str  # "order_placed within 72h"
    since: datetime
    until: datetime
    made_at: datetime
    version: str = ""
    program: str = ""
    currency: str = "€"
    goal_noun: str = "order"  # singular; the page adds the plural s
    goal_verb: str = "order"  # "16.4 % order"
    filters: tuple[str, ...] = ()
    running: bool = True
    planned: int | None = None  # contacts the experiment was made for
    invented: bool = False
    seed: int | None = None
    single_best: str = ""  # the arm of the baseline


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything one report says."""

    meta: Meta
    groups: tuple[GroupCount, ...]
    outliers: tuple[GroupCount, ...] = ()  # the same groups, only people whom another arm serves better, as measured
    others: tuple[GroupCount, ...] = ()
    daily: tuple[DailyCount, ...] = ()
    messages: tuple[MessageRow, ...] = ()
    arms: tuple[ArmRow, ...] = ()
    arm_days: tuple[ArmDay, ...] = ()
    heat: tuple[HeatRow, ...] = ()
    states: tuple[StateCount, ...] = ()
    reasons: tuple[ReasonCount, ...] = ()
    pressure: tuple[int, ...] = ()  # person-weeks with 0, 1, 2 ... messages; the last one is "or more"
    doses: tuple[DoseCount, ...] = ()
    notes: tuple[str, ...] = ()
    messaged: int = 0  # people who were handed at least one message
    unsubscribed: int = 0
    complained: int = 0
    entries: int = 0
    world: World | None = None
    suggestions: tuple[Suggestion, ...] = ()
    money: tuple[MoneyRow, ...] = ()
    money_gaps: tuple[MoneyGap, ...] = ()
    measured: Outliers | None = None  # who the outliers are, as far as the log can tell
