"""`python -m benchmarks.choice [--json] [--full] [--data DIR]`: the table of docs/choice.md, anew.

Seeds begin at 10; what was tuned was tuned on 100 and above.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: a task is one thread
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import functools
import json
import multiprocessing
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.choice import later, rivals, rows, speed


def main() -> None:
    given = _asked()
    say: Callable[[str], None] = _nothing if given.json else functools.partial(print, flush=True)
    began = time.perf_counter()
    data = _data(given.data, say)
    found = {"seeds_from": given.seed, "full": given.full, "rows": list(_table(given, data, say))}
    if not (given.only or given.player):
        found["speed"] = speed.figures()
        _speed(found["speed"], say)
        found |= (more := later.figures(full=given.full))
        for line in later.lines(more):
            say(line)
    found["machine"] = {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "wall_s": round(time.perf_counter() - began),
    }
    say(f"\n{found['machine']['wall_s']} s; seeds from {given.seed}; FULL=1 plays all of them" * (not given.full))
    if given.json:
        print(json.dumps(found))


def _asked() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description="the choice beside other learners, in invented worlds and on real logs")
    asked.add_argument("--json", action="store_true", help="print one JSON object at the end, nothing else")
    asked.add_argument("--full", action="store_true", help="all seeds (about an hour), not the first few")
    asked.add_argument(
        "--data", default=os.environ.get("SOJOURN_DATA", ""), help="folder with the real logs (or SOJOURN_DATA)"
    )
    asked.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="tasks beside each other")
    asked.add_argument("--only", default="", help="places whose name begins so, such as pair")
    asked.add_argument("--player", default="", help="players whose name begins so, such as thompson")
    asked.add_argument("--seed", type=int, default=rows.FIRST_SEED, help="the first seed")
    return asked.parse_args()


def _data(folder: str, say: Callable[[str], None]) -> str:
    """Return the folder with the logs; "" and a word about it when there is none."""
    if not folder:
        say("no real logs: Hillstrom, coupons and bank marketing are left out (--data DIR or SOJOURN_DATA)")
        return ""
    missing = [name for name in rows.logs.FILES.values() if not (Path(folder) / name).is_file()]
    if missing:
        raise SystemExit(
            f"{folder} holds no {missing[0]}: give the folder with hillstrom/, invehicle_coupon/ and bank_marketing/"
        )
    return folder


def _table(given: argparse.Namespace, data: str, say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Play everything and yield the rows as they are complete."""
    if not rivals.mabwiser_there():
        say("mabwiser is not installed: its rows are left out (make bench-choice installs it)")
    asked = rows.tasks(full=given.full, data=data, first=given.seed)
    asked = [task for task in asked if task.place.startswith(given.only) and task.player.startswith(given.player)]
    wanted = {
        key: sum((task.place, task.player) == key for task in asked)
        for key in dict.fromkeys((t.place, t.player) for t in asked)
    }
    say(HEAD)
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    context = multiprocessing.get_context("spawn")
    with context.Pool(max(1, given.jobs)) as pool:
        for number, run in enumerate(pool.imap(rows.done, asked), start=1):
            key = run["place"], run["player"]
            runs.setdefault(key, []).append(run)
            print(f"\r{number}/{len(asked)} {key[0]} {key[1]}".ljust(60), end="\r", file=sys.stderr, flush=True)
            if len(runs[key]) == wanted[key]:
                row = rows.summed(*key, runs[key])
                say(_line(row))
                yield row


HEAD = (
    f"{'place':<16}{'player':<18}{'seeds':>6}{'found':>7}{'t90':>8}{'regret':>8}{'worst':>7}{'last':>7}{'worst':>7}"
    f"{'CPU s':>7}"
)


def _line(row: dict[str, Any]) -> str:
    begun = f"{row['place']:<16}{row['player']:<18}{len(row['seeds']):>6}"
    if "regret" not in row:
        told = f"reward {row['whole']:.4f}, worst {row['worst']:.4f}, second half {row['second']:.4f}"
        return f"{begun}   {told}{row['cpu_s']:>8}"
    t90 = "-" if row["median_t90"] is None else f"{row['median_t90']:,}"
    return (
        f"{begun}{row['found']:>7}{t90:>8}{row['regret']:>8.0f}{row['worst_regret']:>7.0f}"
        f"{row['last']:>7.2f}{row['worst_last']:>7.2f}{row['cpu_s']:>7}"
    )


def _speed(figures: dict[str, dict[str, int]], say: Callable[[str], None]) -> None:
    say(f"\n{'per CPU second':<18}{'pmf and draw':>14}{'with log row':>14}{'learned':>12}")
    for kind, one in figures.items():
        say(f"{kind:<18}{one['decided']:>14,}{one['logged']:>14,}{one['learned']:>12,}")


def _nothing(_: str) -> None:
    """Keep quiet: --json prints once."""


if __name__ == "__main__":
    main()
