"""What a deploy would change for whom, before anything happens: the files beside what is deployed, and real people.

Rules
- A plan reads and never writes; a deploy makes the same plan again in its own transaction and does what it says.
- Every count is of real runs and contacts, as they stand now: nothing is estimated but how many a new journey finds.
- A constant number of statements for each changed journey, however many people are in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine import effects
from engine.effects import Effect, Ground
from engine.errors import NotFound
from engine.filling import Filling, planned
from engine.filling import Ground as Field
from engine.retiming import retimed
from engine.store import deploying
from engine.store.deploying import Displaced, Stand, Version, Way
from engine.versions import data_source, data_version, known, on_disk, read_kept, try_kept, version_of, with_data
from journeys import EXIT, Journey
from journeys.check_deploy import removed_state
from journeys.difference import Difference, differences
from journeys.problem import Problem
from journeys.project import Definitions, Project


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked: which journeys ("*" patterns too; none = all), one of them at an older version, who goes where."""

    names: tuple[str, ...] = ()
    back: tuple[str, int] | None = None  # a journey and the number of the version that shall be live again
    moves: Mapping[str, str] = field(default_factory=dict)  # old state -> new one, for people who would have no place
    retime: bool = False

    def wants(self, name: str) -> bool:
        return not self.names or any(fnmatchcase(name, pattern) for pattern in self.names)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference and what it means for people."""

    difference: Difference
    file: str
    effect: Effect


@dataclass(frozen=True, slots=True)
class JourneyPlan:
    """What becomes of one journey. `kind`: changed, new, gone, broken, unchanged; `old` and `new` are numbers."""

    name: str
    kind: str
    version: Version | None = None  # what will be live
    old: int = 0
    new: int = 0
    inside: int = 0
    changes: tuple[Change, ...] = ()
    ways: tuple[tuple[Way, int], ...] = ()  # who goes where, of states that are gone
    returns: tuple[Displaced, ...] = ()  # who goes back where a later version took them from
    dues: Mapping[str, datetime] = field(default_factory=dict)  # run -> when it acts after --retime
    now: int = 0  # of those: runs that would act at once
    says: str = ""
    problems: tuple[Problem, ...] = ()
    rechecked: bool = False  # when it looks for people has changed


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it. `data` are the changes of data.yaml, which holds for every journey; `data_version` "" = unchanged."""

    journeys: tuple[JourneyPlan, ...] = ()
    data: tuple[Difference, ...] = ()
    data_version: str = ""
    data_source: str = ""
    problems: tuple[Problem, ...] = ()
    segments: tuple[Filling, ...] = ()  # those that data.yaml makes new, edits or drops, and who enters and leaves

    @property
    def wanted(self) -> tuple[JourneyPlan, ...]:
        """Return the journeys that a deploy would change."""
        return tuple(one for one in self.journeys if one.kind in ("changed", "new", "gone"))

    @property
    def any(self) -> bool:
        return bool(self.wanted or self.data_version)

    @property
    def blocked(self) -> tuple[Problem, ...]:
        """Return what keeps it from happening."""
        return self.problems + tuple(problem for one in self.journeys for problem in one.problems)


def plan(conn: sa.Connection, files: Definitions, wish: Wish, now: datetime) -> Plan:
    """Return what deploying would change. NotFound for a name that neither the files nor the store know."""
    live = deploying.live(conn)
    broken = _broken(files, live)
    _known({*files.journeys, *live, *broken}, wish)
    project, data = _data(conn, files, wish)
    places = deploying.inside(conn)
    made = []
    for name in sorted({*files.journeys, *live, *broken}):
        if wish.wants(name) and (wish.back is None or wish.back[0] == name):
            look = _Look(conn, files, project, now, broken)
            made.append(_journey(look, (name, live.get(name)), places.get(name, {}), wish))
    found = Plan(tuple(made), *data)
    if not found.data_version:
        return found
    moving = planned(conn, Field(project.data, ZoneInfo(project.timezone), now))
    return replace(found, problems=_unreadable(conn, found, project), segments=tuple(moving))


def _known(every: Iterable[str], wish: Wish) -> None:
    for name in wish.names:
        if not any(fnmatchcase(one, name) for one in every):
            raise NotFound(f'no journey called "{name}" in the files or deployed; there is: {", ".join(sorted(every))}')


def _broken(files: Definitions, live: Iterable[str]) -> dict[str, tuple[Problem, ...]]:
    """Return what is wrong with journeys that have a file and cannot be read, by name: its errors, or all."""
    errors = [problem for problem in files.problems if problem.severity == "error"]
    found: dict[str, tuple[Problem, ...]] = {}
    for problem in errors:
        name = problem.file.removeprefix("journeys/").removesuffix(".yaml")
        if problem.file == f"journeys/{name}.yaml":
            found[name] = (*found.get(name, ()), problem)
    for name in live:
        if name not in found and on_disk(files, name):
            found[name] = tuple(errors)
    return {name: problems for name, problems in found.items() if name not in files.journeys}


def _data(
    conn: sa.Connection, files: Definitions, wish: Wish
) -> tuple[Project, tuple[tuple[Difference, ...], str, str]]:
    """Return the project to read journeys with, and what changes about data.yaml: nothing when going back."""
    kept, project = deploying.dictionary(conn), known(files)
    if kept is None or kept.version == data_version(files):
        return project, ((), "", "")
    if wish.back is not None:
        return with_data(project, kept.source), ((), "", "")
    source = data_source(files)
    return project, (tuple(differences(kept.source, source)), data_version(files), source)


def _unreadable(conn: sa.Connection, found: Plan, project: Project) -> tuple[Problem, ...]:
    """Return errors of deployed journeys that stay as they are and cannot live with the new data.yaml."""
    changing = {one.name for one in found.wanted}
    problems: list[Problem] = []
    for name, version in deploying.live(conn).items():
        if name not in changing:
            problems += try_kept(version, project)[1]
    return tuple(problem for problem in problems if problem.severity == "error")


@dataclass(frozen=True, slots=True)
class _Look:
    conn: sa.Connection
    files: Definitions
    project: Project
    now: datetime
    broken: Mapping[str, tuple[Problem, ...]]


def _journey(look: _Look, which: tuple[str, Version | None], places: Mapping[str, int], wish: Wish) -> JourneyPlan:
    name, old = which
    count = sum(places.values())
    if wish.back is not None:
        return _changed(look, (old, _older(look.conn, wish.back)), wish)
    if name not in look.files.journeys:
        problems = look.broken.get(name, ())
        if problems:
            return JourneyPlan(name, "broken", old=old.number if old else 0, inside=count, problems=problems)
        return _gone(name, old, count)
    if old is None:
        return _new(look, name, count)
    if old.version == look.files.journeys[name].version:
        return JourneyPlan(name, "unchanged", old=old.number, new=old.number, inside=count)
    return _changed(look, (old, version_of(look.files, name)), wish)


def _older(conn: sa.Connection, back: tuple[str, int]) -> Version:
    name, number = back
    every = deploying.versions(conn, deploying.d.journey == name)
    for one in every:
        if one.number == number:
            return one
    there = ", ".join(f"{name}@{one.number}" for one in every) or "none"
    raise NotFound(f"no version {number} of {name}; there is: {there}")


def _gone(name: str, old: Version | None, count: int) -> JourneyPlan:
    found = JourneyPlan(name, "gone", old=old.number if old else 0, inside=count)
    if not count:
        return found
    people = f"{count:,} contacts are" if count != 1 else "1 contact is"
    says = f"the file of {name} is gone, but {people} still inside"
    ways = (
        "put it back; to let nobody new in, write `enter: {manual: true}` and deploy",
        "to let everybody out, map its states: `moved: {a_state: exit}`",
    )
    return replace(found, problems=(Problem("D801", "error", f"journeys/{name}.yaml", 1, 1, 2, says, helps=ways),))


def _new(look: _Look, name: str, count: int) -> JourneyPlan:
    journey = look.files.journeys[name]
    seen = _next_number(look.conn, name, journey.version)
    says = effects.newcomers(look.conn, journey, look.project, look.now)
    found = JourneyPlan(name, "new", version_of(look.files, name), new=seen, inside=count, says=says)
    if not count:
        return found
    lost = {state: n for state, n in deploying.inside(look.conn)[name].items() if state not in journey.states}
    return replace(found, problems=tuple(removed_state(journey, state, n) for state, n in lost.items()))


def _next_number(conn: sa.Connection, name: str, version: str) -> int:
    numbers = deploying.numbers(conn, [name])
    return numbers.get((name, version), 1 + max(numbers.values(), default=0))


def _changed(look: _Look, which: tuple[Version | None, Version], wish: Wish) -> JourneyPlan:
    old, new = which
    if old is None:
        raise NotFound(f"{new.journey} is not deployed; deploy its file")
    before = try_kept(old, look.project)[0]
    after = look.files.journeys[new.journey] if wish.back is None else read_kept(new, look.project)
    runs = deploying.stands(look.conn, new.journey)
    returns = tuple(deploying.displaced_since(look.conn, new.journey, new.number)) if wish.back else ()
    places = _after(runs, returns)
    ground = Ground(before, after, runs, (look.project.name, look.now), look.conn)
    dues = retimed(look.conn, ground.retimed, (after, look.project), look.now)
    ways, lost = _ways((before, after), Counter(places.values()), wish)
    found = [
        Change(one, file, effects.effect(one, file, replace(ground, dues=dues)))
        for file, text in (("", new.source), *sorted(new.files.items()))
        for one in differences(old.source if not file else old.files.get(file, ""), text)
    ]
    return JourneyPlan(
        new.journey, "changed" if old.version != new.version else "unchanged", new, old.number,
        _next_number(look.conn, new.journey, new.version), len(runs), tuple(found), ways, returns, dues,
        sum(at <= look.now for at in dues.values()), problems=lost,
        rechecked=before is None or before.enter.check != after.enter.check,
    )  # fmt: skip


def _after(runs: Iterable[Stand], returns: Iterable[Displaced]) -> dict[str, str]:
    """Return the state of each run once those who go back have gone: the last move of a run is undone first."""
    return {run.id: run.state for run in runs} | {one.run: one.old for one in returns}


def _ways(
    which: tuple[Journey | None, Journey], places: Mapping[str, int], wish: Wish
) -> tuple[tuple[tuple[Way, int], ...], tuple[Problem, ...]]:
    """Return where the people of states that are gone go, and D801 for those who have no place."""
    before, after = which
    mapped = dict(wish.moves) if wish.back is None else _backwards(before, after) | dict(wish.moves)
    mapped = {**after.moved, **mapped} if wish.back is None else mapped
    ways, problems = [], []
    for state, count in places.items():
        if state in after.states:
            continue
        new = mapped.get(state)
        if new is None or (new != EXIT and new not in after.states):
            problems.append(removed_state(after, state, count, before))
        else:
            ways.append((Way(state, new, _alike(before, after, (state, new))), count))
    return tuple(ways), tuple(problems)


def _backwards(before: Journey | None, after: Journey) -> dict[str, str]:
    """Return `moved` of the version that is taken back, the other way round, where it is one to one."""
    there = dict(before.moved) if before is not None else {}
    goals = list(there.values())
    return {new: old for old, new in there.items() if goals.count(new) == 1 and old in after.states}


def _alike(before: Journey | None, after: Journey, names: tuple[str, str]) -> bool:
    old, new = before.states.get(names[0]) if before else None, after.states.get(names[1])
    return old is not None and new is not None and type(old.action) is type(new.action)
