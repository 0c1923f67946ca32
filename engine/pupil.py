"""One model that learns at one decision point: taken up from its newest version, taught, published as the next.

Rules
- A pupil is what its lessons made it: the model is the fold of the passes (base, through], in their order, and a pupil
  that is behind reads what it missed from the log before anything else.
- What decides may be a copy that knows open decisions, too; what learns on never does.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.errors import LearnerError
from engine.learner.delays import Curves, curves_of
from engine.learner.lessons import Lesson, Open, serving, teach
from engine.learner.models import KINDS, Model, load_model, new_model, settings_for
from engine.learner.schema import FIXED, schema_of
from engine.store import lessons as log
from engine.store.lessons import Pass
from engine.store.policies import PointRow, PolicyRow, Role
from journeys import Choose

LOG = logging.getLogger("sojourn")

DELAYS_KEPT = timedelta(days=1)
MANY = 500  # outcomes: a day's more change their curve little

LONGEST = 20_000
"""Most passes that a pupil without a past begins with: what it missed is read while the store waits."""


@dataclass(slots=True)
class Pupil:
    """`number` is its newest version, `through` the last pass it was taught; `base` says how it began."""

    point: str
    kind: str
    choose: Choose
    number: int = 0
    through: int = 0
    base: Mapping[str, Any] = field(default_factory=dict)
    curves: Curves = field(default_factory=lambda: Curves(0.0))
    curves_at: float = 0.0  # seconds since 1970
    _row: PolicyRow | None = None
    _model: Model | None = None
    _serving: Model | None = None

    def __post_init__(self) -> None:
        self.curves = Curves(self.choose.reward.within.total_seconds())

    def take_up(self, row: PolicyRow) -> None:
        """Go on from this version; its bytes are read when they are needed."""
        self.number, self.through, self.base = row.number, row.through, dict(row.base or {})
        state = dict(row.curves or {})
        self.curves = curves_of(state, self.choose.reward.within.total_seconds())
        self.curves_at = float(state.get("at") or 0.0)
        self._row, self._model, self._serving = row, None, None

    def go_on(self, model: Model, base: Mapping[str, Any], of: Pupil) -> None:
        """Go on as this model, made anew with this base, in the place of `of`."""
        self._model, self.base, self.through = model, dict(base), int(base["through"])
        self.number, self.curves, self.curves_at = of.number, of.curves, of.curves_at

    def become(self, model: Model) -> None:
        """Be this model, which the same lessons made."""
        self._model, self._serving = model, None

    def stale(self, now: datetime) -> bool:
        """Return whether it is time to measure again how long outcomes take."""
        kept = DELAYS_KEPT if self.curves.seen.get("", 0) >= MANY else timedelta(hours=1)
        return now.timestamp() - self.curves_at >= kept.total_seconds()

    @property
    def new(self) -> bool:
        """Return whether nothing was ever published."""
        return self.number == 0

    @property
    def version(self) -> str:
        return f"{self.kind}@{self.number}"

    @property
    def model(self) -> Model:
        """Return what learns; LearnerError when its bytes cannot be read."""
        if self._model is None:
            self._model = self._loaded(None if self._row is None else self._row.model)
        return self._model

    @property
    def decides(self) -> Model:
        """Return what decides; LearnerError when its bytes cannot be read."""
        if self._serving is None:
            kept = None if self._row is None else self._row.serving
            self._serving = self.model if kept is None else self._loaded(kept)
        return self._serving

    def _loaded(self, raw: bytes | None) -> Model:
        settings = settings_for(self.choose)
        return load_model(self.kind, raw, settings) if raw is not None else begun(self.kind, settings, self.base)

    def renew(self) -> None:
        """Forget what cannot be read and begin again; the lessons are all there."""
        self._row, self._model, self._serving = None, None, None
        self.through = int(self.base.get("from", 1)) - 1
        self.base = {key: value for key, value in self.base.items() if key == "from"}

    def teach(self, lessons: Sequence[Lesson], number: int) -> int:
        """Teach one pass; return how many of its lessons the model was due."""
        self.through = number
        try:
            return teach(self.model, lessons)
        except LearnerError as error:
            LOG.warning("%s was not taught: %s", self.point, error)
            return 0

    def catch_up(self, conn: sa.Connection, through: int) -> int:
        """Learn the passes that were missed up to `through`; return how many lessons that were."""
        if self.through >= through:
            return 0
        if self.new and through - self.through > LONGEST:
            self.through = through - LONGEST
        if self.new and "from" not in self.base:
            self.base = {**self.base, "from": self.through + 1}
        missed = log.read(conn, self.point, self.through, through)
        learned = sum(self.teach(some, one.number) for one, some in recalled(conn, missed))
        self.through = through
        return learned

    def ponder(self, open_decisions: Sequence[Open]) -> None:
        """Make the copy that decides until the next lesson."""
        try:
            self._serving = serving(self.model, open_decisions, self.curves)
        except LearnerError as error:
            LOG.warning("%s decides by what is closed alone: %s", self.point, error)
            self._serving = self.model

    def published(self, number: int, now: datetime, role: Role) -> PolicyRow:
        """Return the next version; this pupil goes on from it."""
        model, decides = self.model, self.decides
        self.number = number
        raw = model.dumps()
        copy = None if decides is model else decides.dumps()
        curves = {**self.curves.state(), "at": self.curves_at}
        settings: dict[str, Any] = dict(model.settings)
        return PolicyRow(
            self.point, number, self.kind, raw, model.weight_hash(), settings, model.learned, now, copy, self.through,
            dict(self.base), curves, role,
        )  # fmt: skip


def incumbent(choose: Choose, row: PointRow | None) -> str:
    """Return the kind of policy that decides: as the file says, or what was promoted since it last changed."""
    said = choose.explore.policy
    return row.serves if row is not None and row.serves and row.written == said else said


def kinds(choose: Choose, row: PointRow | None) -> tuple[str, ...]:
    """Return the kinds of model that learn at a point: the incumbent first, then the challenger."""
    first, other = incumbent(choose, row), str(choose.explore.challenger)
    if other == first:  # it was promoted: the one it came from learns on in its shadow
        other = choose.explore.policy
    return tuple(kind for kind in dict.fromkeys((first, other)) if kind in KINDS)


def begun(kind: str, settings: Mapping[str, Any], base: Mapping[str, Any]) -> Model:
    """Return a model that has learned nothing, with the schema that its base was fitted with."""
    state = base.get("schema")
    return new_model(kind, settings, schema_of(state) if state else FIXED)


def recalled(conn: sa.Connection, passes: Sequence[Pass]) -> Iterable[tuple[Pass, list[Lesson]]]:
    """Yield each pass with its lessons as they were taught; the features are read from the decisions at once."""
    keys = {told.key for one in passes for told in one.told}
    known = log.contexts(conn, keys) if keys else {}
    for one in passes:
        yield (
            one,
            [
                Lesson(known[t.key][0], t.arm, t.reward, t.before, known[t.key][1], t.stage)
                for t in one.told
                if t.key in known
            ],
        )
