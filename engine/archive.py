"""What held at an instant that is over: the versions that were live, what was paused, and the policy that drew.

Rules
- A version is built from what was deployed; what sojourn.yaml says (caps, quiet hours) holds as it is now.
- A policy whose bytes are kept computes its chances again, and must come to what was logged (Witness); of an older
  one the logged chances stand in, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine.core.model import Moment, Snapshot
from engine.core.policy import Fixed, Uniform
from engine.errors import LearnerError
from engine.laying import Layer
from engine.learner.models import KINDS, Model, load_model, settings_for
from engine.needs import signs_in
from engine.replaying import Frame, Then
from engine.store.deploying import Version, versions
from engine.store.replaying import Kept, Noted, noted, policies_of
from engine.store.rows import DecisionRow
from engine.store.tables import deployments
from engine.versions import try_kept, with_data
from engine.witness import Witness
from journeys import Choose, Journey
from journeys.project import Definitions, Project

WARM = 10**9
EQUAL = Uniform().version


@dataclass(slots=True)
class Archive:
    """Answers what held at an instant, for one project and what its store has noted."""

    definitions: Definitions
    project: Project
    versions: Mapping[tuple[str, str], Version]
    noted: Noted
    kept: Kept
    _built: dict[tuple[str, str, str], Journey | None] = field(default_factory=dict)
    _models: dict[tuple[str, int, str], Model | None] = field(default_factory=dict)

    def __call__(self, at: datetime, drawn: Sequence[DecisionRow]) -> Then:
        project = self._project(at)
        journeys, notes = self._live(at, project)
        layer, forced, stood_in = self._serving(journeys, drawn)
        shared = {
            "forced": forced,
            "decided": {row.decision.point: WARM for row in drawn if row.decision.policy != EQUAL},
            "paused": self.noted.paused(at),
            "hours": self.noted.hours(at),
        }

        def laid(snapshot: Snapshot, moment: Moment) -> Snapshot:
            return layer.laid([snapshot], moment)[0]

        said = (*notes, *stood_in)
        return Then(journeys, dict(layer.policies), laid, said, shared, project.data.segments, signs_in(project))

    def _project(self, at: datetime) -> Project:
        """Return the project with data.yaml as it was deployed then."""
        known = self.noted.data(at)
        return self.project if known is None else with_data(self.project, known)

    def _live(self, at: datetime, project: Project) -> tuple[dict[str, Journey], list[str]]:
        """Return the journeys as they were live at an instant."""
        newest: dict[str, str] = {}
        for since, name, version in self.noted.deployed:
            if since <= at or name not in newest:
                newest[name] = version
        journeys, notes = {}, []
        for name, version in newest.items():
            journey = self._journey(name, version, project)
            if journey is None:
                journey = self.definitions.journeys.get(name)
                notes.append(f"{name}: version {version} cannot be built any more, today's stands in")
            if journey is not None:
                journeys[name] = journey
        return journeys, notes

    def _journey(self, name: str, version: str, project: Project) -> Journey | None:
        """Return a version of a journey, None when what it was made of is gone."""
        known = self.definitions.journeys.get(name)
        if known is not None and known.version == version and project is self.project:
            return known
        key = (name, version, str(id(project.data)))
        if key not in self._built:
            self._built[key] = self._stored(name, version, project)
        return self._built[key]

    def _stored(self, name: str, version: str, project: Project) -> Journey | None:
        kept = self.versions.get((name, version))
        if kept is None or not kept.source:
            known = self.definitions.journeys.get(name)
            return known if known is not None and known.version == version else None
        return try_kept(kept, project)[0]

    def _serving(
        self, journeys: Mapping[str, Journey], drawn: Iterable[DecisionRow]
    ) -> tuple[Layer, dict[str, str], list[str]]:
        """Return what drew these decisions, the arms that were forced, and what had to stand in."""
        layer, notes = Layer(journeys), []
        forced: dict[str, str] = {}
        for row in drawn:
            d, choose = row.decision, choose_at(journeys, row.decision.point)
            if d.policy == "forced":
                forced[d.point] = d.arm
            elif choose is not None and choose.explore.policy == "fixed":
                layer.policies[d.point] = Fixed("fixed", choose.explore.shares or {})
            elif choose is not None and choose.explore.policy == "random":
                layer.policies[d.point] = Uniform()
            elif choose is not None and "@" in d.policy:
                model = self._model(d.point, d.policy, choose)
                drew = model.policy(d.policy) if model is not None else None
                witness = Witness(d.policy, drew, dict(zip(d.arms, d.chances, strict=True)), choose.explore)
                if model is None:
                    layer.policies[d.point] = witness
                    notes.append(f"{d.policy} of {d.point} is no longer kept: its chances are taken from the log")
                else:
                    layer.serve(d.point, model, witness)
        return layer, forced, notes

    def _model(self, point: str, policy: str, choose: Choose) -> Model | None:
        number = policy.rpartition("@")[2]
        if not number.isdigit() or (point, int(number)) not in self.kept:
            return None
        kind, raw = self.kept[point, int(number)]
        key = (point, int(number), str(sorted(settings_for(choose).items())))
        if key not in self._models:
            try:
                self._models[key] = load_model(kind, raw, settings_for(choose)) if kind in KINDS else None
            except LearnerError:
                self._models[key] = None
        return self._models[key]


def version_then(conn: sa.Connection, definitions: Definitions, name: str, version: str) -> Journey | None:
    """Return a version of a journey as it was deployed; today's where it can no longer be had."""
    today = definitions.journeys.get(name)
    if today is not None and today.version == version:
        return today
    kept = next((one for one in versions(conn, deployments.c.journey == name) if one.version == version), None)
    found = try_kept(kept, definitions.project)[0] if kept is not None and definitions.project is not None else None
    return found or today


def choose_at(journeys: Mapping[str, Journey], point: str) -> Choose | None:
    """Return the decision of "journey.state", None where there is none."""
    journey, _, state = point.partition(".")
    found = journeys[journey].states.get(state) if journey in journeys else None
    return found.action if found is not None and isinstance(found.action, Choose) else None


def frame(conn: sa.Connection, definitions: Definitions, points: Iterable[str], seed: str | None = None) -> Frame:
    """Return everything that replay needs beside the logs of contacts."""
    project = definitions.project
    if project is None:
        raise AssertionError("who replays has read a project")
    known = {(one.journey, one.version): one for one in versions(conn)}
    archive = Archive(definitions, project, known, noted(conn), policies_of(conn, points))
    return Frame(seed or project.name, ZoneInfo(project.timezone), project.holdout, archive)
