"""Real data: Hillstrom's e-mail test and in-vehicle coupons replayed, bank marketing as a choice among labels.

Rules
- Replay: the log's own arms were drawn at random. A player is asked about everybody, and told of those to whom the
  log gave what the player drew (Li et al. 2011). What its chances are worth is the doubly robust mean over everybody.
- Numbers stay numbers; the schema is fitted on the first SCHEMA_ROWS lines, as the nightly refit would.
- Supervised to bandit: the arms are the labels, a right one earns 1, the others are never seen.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.choice.drive import Player, Told
from benchmarks.choice.worlds import Flags, Floats, Ints
from engine.learner import batch

SCHEMA_ROWS = 1000
FILES = {
    "hillstrom": "hillstrom/hillstrom.csv.gz",
    "coupons": "invehicle_coupon/in-vehicle-coupon-recommendation.csv.gz",
    "bank": "bank_marketing/bank-additional-full.csv.gz",
}


@dataclass(frozen=True)
class Log:
    """Contacts with what they got and did; `drawn` is how often each arm was drawn."""

    name: str
    lines: list[str]
    arms: dict[str, str]
    arm: Ints
    reward: Floats
    drawn: Floats

    def shuffled(self, seed: int) -> Log:
        order = np.random.default_rng(seed).permutation(len(self.lines))
        lines = [self.lines[at] for at in order]
        return Log(self.name, lines, self.arms, self.arm[order], self.reward[order], self.drawn)

    @property
    def means(self) -> Floats:
        """Return what each arm earned on average."""
        total = np.bincount(self.arm, self.reward, len(self.arms))
        return np.asarray(total / np.bincount(self.arm, minlength=len(self.arms)), np.float64)


def hillstrom(data: Path) -> Log:
    """Return 64,000 customers, three arms (two mails and none), reward: a visit."""
    rows = _rows(data / FILES["hillstrom"], ",")
    lines = [_line(row, ("mens", "womens", "zip_code", "newbie", "channel"), ("recency", "history")) for row in rows]
    segments = ["Mens E-Mail", "Womens E-Mail", "No E-Mail"]
    arms = {"mens": "m=mens ch=email", "womens": "m=womens ch=email", "nothing": "m=nothing"}
    arm = np.array([segments.index(row["segment"]) for row in rows])
    return Log("hillstrom", lines, arms, arm, np.array([float(row["visit"]) for row in rows]), np.full(3, 1 / 3))


def coupons(data: Path) -> Log:
    """Return 12,684 answers, five kinds of coupon, reward: accepted; features of the person alone."""
    rows = _rows(data / FILES["coupons"], ",")
    about = ("gender", "age", "maritalStatus", "has_children", "education", "occupation", "income", "Bar",
             "CoffeeHouse", "CarryAway", "RestaurantLessThan20", "Restaurant20To50")  # fmt: skip
    kinds = sorted({row["couponType"] for row in rows})
    arm = np.array([kinds.index(row["couponType"]) for row in rows])
    arms = {f"k{at}": f"m=k{at} ch=coupon" for at in range(len(kinds))}
    drawn = np.bincount(arm) / len(arm)
    lines = [_line(row, about, ()) for row in rows]
    return Log("coupons", lines, arms, arm, np.array([float(row["Y"]) for row in rows]), drawn)


def bank(data: Path, label: str, most: int = 20_000) -> Log:
    """Return contacts of a bank; the arm that earns is the one with the number of their label."""
    rows = _rows(data / FILES["bank"], ";")
    numbers = ("age", "campaign", "pdays", "previous", "emp.var.rate", "cons.price.idx", "cons.conf.idx", "euribor3m")
    words = ("job", "marital", "education", "default", "housing", "loan", "contact", "month", "day_of_week", "poutcome")
    about = tuple(word for word in words if word != label)
    labels = sorted({row[label] for row in rows})
    arms = {f"l{at}": f"m=l{at} ch=label" for at in range(len(labels))}
    arm = np.array([labels.index(row[label]) for row in rows])
    order = np.random.default_rng(0).permutation(len(rows))[:most]
    lines = [_line(rows[at], about, numbers) for at in order]
    return Log(f"bank {label}", lines, arms, arm[order], np.ones(len(order)), np.ones(len(labels)))


@dataclass(frozen=True, slots=True)
class Value:
    """What a player's chances were worth a contact: over all, and over the second half."""

    whole: float
    second: float


def replayed(log: Log, player: Player, seed: int, size: int = 400) -> Value:
    """Ask about everybody, tell of those whose logged arm was drawn; value by doubly robust means."""
    u, n = np.random.default_rng((seed, 3)).random(len(log.lines)), len(log.lines)
    given = np.zeros((n, len(log.arms)))
    for start in range(0, n, size):
        rows = np.arange(start, min(start + size, n))
        given[rows] = _asked(player, [log.lines[at] for at in rows], len(log.arms))
        met = rows[batch.drawn(given[rows], u[rows]) == log.arm[rows]]
        if len(met):
            player.learn(Told([log.lines[at] for at in met], log.arm[met], log.reward[met], given[met, log.arm[met]]))
    means, at = log.means, np.arange(n)
    worth = given @ means + given[at, log.arm] / log.drawn[log.arm] * (log.reward - means[log.arm])
    return Value(float(worth.mean()), float(worth[n // 2 :].mean()))


def labelled(log: Log, player: Player, seed: int, size: int = 100) -> Value:
    """Choose a label for everybody; only the chosen one is seen to be right or wrong."""
    u, n = np.random.default_rng((seed, 3)).random(len(log.lines)), len(log.lines)
    worth = np.zeros(n)
    for start in range(0, n, size):
        rows = np.arange(start, min(start + size, n))
        lines = [log.lines[at] for at in rows]
        given = _asked(player, lines, len(log.arms))
        worth[rows] = given[np.arange(len(rows)), log.arm[rows]]
        arms = batch.drawn(given, u[rows])
        rewards = np.asarray(arms == log.arm[rows], np.float64)
        player.learn(Told(lines, arms, rewards, given[np.arange(len(rows)), arms]))
    return Value(float(worth.mean()), float(worth[n // 2 :].mean()))


def _asked(player: Player, lines: Sequence[str], arms: int) -> Floats:
    everything: Flags = np.ones((len(lines), arms), dtype=bool)
    return player.chances(lines, everything)


def _rows(path: Path, between: str) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=between))


def _line(row: dict[str, str], words: Sequence[str], numbers: Sequence[str]) -> str:
    said = [f"{word}={''.join(c if c.isalnum() else '_' for c in row[word]) or '~none'}" for word in words]
    return " ".join([*said, *(f"{number}:{float(row[number]):.9g}" for number in numbers)])
