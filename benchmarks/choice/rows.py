"""The rows of the table: which player plays where, and one task at a time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.choice import drive, logs, rivals, worlds
from benchmarks.choice.drive import Player
from engine.learner.models import new_model
from engine.learner.schema import fitted

OURS = ("thompson", "vw")
SIMPLE = ("beta", "A/B then winner")
OTHERS = (*rivals.STOCK, "mabwiser LinTS")


@dataclass(frozen=True, slots=True)
class Task:
    """One player in one place with one seed; `place` is a world, or a log with the folder it lies in."""

    place: str
    player: str
    seed: int
    data: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A world or a log: seeds of the short and of the full run, who plays beside ours."""

    name: str
    short: int
    full: int
    beside: tuple[str, ...] = ()


WORLDS: dict[str, Callable[[int], worlds.World]] = {
    "lin": worlds.lin,
    "pair": worlds.pair,
    "lin, delay": worlds.lin_delayed,
    "pair, delay": worlds.pair_delayed,
    "new arm": worlds.new_arm,
    "eligibility": worlds.three_quarters,
    "flip": worlds.flip,
    "busy": worlds.busy,
}
PLACES = (
    Place("lin", 3, 10, (*SIMPLE, *OTHERS, "oracle")),
    Place("pair", 3, 10, (*SIMPLE, *OTHERS, "oracle")),
    Place("lin, delay", 1, 4),
    Place("pair, delay", 1, 4, ("beta",)),
    Place("new arm", 2, 5, ("beta",)),
    Place("eligibility", 1, 5, ("beta",)),
    Place("flip", 1, 5, ("beta",)),
    Place("busy", 1, 5, ("beta", "A/B then winner")),
)
LOGS = (
    Place("hillstrom", 3, 20, (*SIMPLE, "VW squarecb", "even")),
    Place("coupons", 3, 20, (*SIMPLE, "VW squarecb", "even")),
    Place("bank education", 1, 3, ("VW squarecb",)),
    Place("bank job", 1, 3, ("VW squarecb",)),
    Place("bank y", 1, 3, ("VW squarecb",)),
)
SLOW = ("mabwiser LinTS", *rivals.STOCK)
FIRST_SEED = 10


def tasks(*, full: bool, data: str, first: int = FIRST_SEED) -> list[Task]:
    """Return everything that is to be played, in the order of the table; slow rivals with one seed in the short run."""
    found = []
    for place in (*PLACES, *(LOGS if data else ())):
        for player in (*OURS, *place.beside):
            if player == "mabwiser LinTS" and not rivals.mabwiser_there():
                continue
            count = place.full if full else 1 if player in SLOW else place.short
            count = min(count, 3) if player in SLOW else count
            where = data if place in LOGS else ""
            found += [Task(place.name, player, first + at, where) for at in range(count)]
    return found


def done(task: Task) -> dict[str, Any]:
    """Play one task and return its figures."""
    began = time.process_time()
    figures = _log(task) if task.data else _world(task)
    return {"place": task.place, "player": task.player, "seed": task.seed, **figures,
            "cpu_s": round(time.process_time() - began, 2)}  # fmt: skip


def _world(task: Task) -> dict[str, Any]:
    world = WORLDS[task.place](task.seed)
    return asdict(drive.play(world, _player(task.player, world), task.seed))


def _player(name: str, world: worlds.World) -> Player:
    if name in ("thompson", "vw", "beta"):
        return drive.product(name, world)
    if name in rivals.STOCK:
        return rivals.StockVw(rivals.STOCK[name], world.arms)
    if name == "mabwiser LinTS":
        return rivals.mabwiser(world)
    if name == "oracle":
        return rivals.Oracle(world.best)
    return rivals.AbThenWinner(len(world.lines), world.means.shape[1])


def _log(task: Task) -> dict[str, Any]:
    name, _, label = task.place.partition(" ")
    data = Path(task.data)
    whole = {"hillstrom": logs.hillstrom, "coupons": logs.coupons}[name](data) if not label else logs.bank(data, label)
    log = whole.shuffled(task.seed)
    play = logs.labelled if label else logs.replayed
    return asdict(play(log, _reader(task.player, log), task.seed))


def _reader(name: str, log: logs.Log) -> Player:
    if name in ("thompson", "vw", "beta"):
        schema = fitted(log.lines[: logs.SCHEMA_ROWS])
        return drive.Product(new_model(name, {"scale": 1.0}, schema), log.arms)
    if name == "A/B then winner":
        return rivals.AbThenWinner(len(log.lines), len(log.arms))
    return rivals.Even() if name == "even" else rivals.StockVw(rivals.STOCK[name], log.arms)


def summed(place: str, player: str, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one row of the table: what the runs of one player in one place have in common."""
    row: dict[str, Any] = {"place": place, "player": player, "seeds": [run["seed"] for run in runs]}
    if "regret" in runs[0]:
        found = [run["found_at"] for run in runs]
        late = sorted(at if at is not None else 10**9 for at in found)
        middle = statistics.median(late)
        row |= {
            "found": sum(at is not None for at in found),
            "median_t90": None if middle >= 10**9 else round(middle),
            "regret": round(statistics.fmean(run["regret"] for run in runs), 1),
            "worst_regret": round(max(run["regret"] for run in runs), 1),
            "last": round(statistics.fmean(run["last"] for run in runs), 3),
            "worst_last": round(min(run["last"] for run in runs), 3),
        }
    else:
        row |= {name: round(statistics.fmean(run[name] for run in runs), 4) for name in ("whole", "second")}
        row["worst"] = round(min(run["whole"] for run in runs), 4)
    return row | {"cpu_s": round(statistics.fmean(run["cpu_s"] for run in runs), 1)}
