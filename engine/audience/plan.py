"""Many campaigns over several weeks: who hears of what when. Best pair first, by what it brings over its price. Pure.

Rules
- A place in a campaign that many compete for has a price: what the last of them would bring. Pairs of a person and a
  campaign are taken by what they bring over that price, the most first; a person who has no place left, and a
  campaign that has its people, are passed over. So each place can be explained by what took it.
- A person hears at most `cap` messages a week, of a topic once a week, and of a campaign once.
- Weeks are settled last. Until then it is enough that there is room: for every set of weeks, no more campaigns that
  fit into these alone than they hold (Hall 1935).
- What is worth less than `floor` takes nobody's place: pressure costs, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_WEEKS = 6
SLICE = 1 << 18  # pairs that are looked at together
PARTS = 400  # places are given away in at least so many goes: inside of one the order is nearly kept
SAMPLE = 8_000  # people from whom prices are learned
ROUNDS = 40
NONE = -1
Values = npt.NDArray[np.float32]
Weeks = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Small = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Rules:
    """`weeks` [campaigns, weeks]: when each may go out; `volumes` and `topics` (numbers) by campaign."""

    weeks: Flags
    volumes: Counts
    topics: Counts
    cap: int
    floor: float = 0.0


@dataclass(frozen=True, slots=True)
class _Room:
    """For each campaign and set of weeks: whether it fits into these alone; and how many each set holds."""

    inside: Small  # [campaigns, sets]
    holds: npt.NDArray[np.int16]  # [sets]; those of one topic, which is heard once a week, come after all others


def plan(values: Values, rules: Rules, seed: int = 0) -> Weeks:
    """Return the week of each pair [people, campaigns], NONE where there is none; `values` 0 or less: not possible.

    At most MOST_WEEKS weeks.
    """
    if not values.size or rules.weeks.shape[1] > MOST_WEEKS:
        if values.size:
            raise ValueError(f"at most {MOST_WEEKS} weeks are planned together")
        return np.full(values.shape, NONE, np.int8)
    taken = _taken(values, rules, prices(values, rules, seed), rules.volumes)
    return settled(taken, rules)


def prices(values: Values, rules: Rules, seed: int = 0) -> Floats:
    """Return what a place in each campaign costs, learned from a sample: a price rises while more want it than fit."""
    people = np.random.default_rng(seed).permutation(len(values))[:SAMPLE]
    some = values[np.sort(people)]
    volumes = rules.volumes * (len(some) / len(values))
    found = np.zeros(len(volumes))
    best, least = found, np.inf
    for n in range(ROUNDS):
        wanted = _taken(np.where(some > found, some, 0).astype(np.float32), rules, found, None)
        demand = wanted.sum(axis=0)
        surplus = np.where(wanted, some - found, 0).sum(axis=0, dtype=np.float64)
        bound = float(surplus.sum() + found @ volumes)
        if bound < least:
            best, least = found, bound
        usual = (surplus + found * demand) / np.maximum(demand, 1)
        push = np.clip((demand - volumes) / np.maximum(volumes, 1), -1, 1)
        found = np.maximum(found + usual * push * 0.5 / (1 + n / 4), 0)
    return np.asarray(best, np.float64)


def _taken(values: Values, rules: Rules, price: Floats, volumes: Counts | None) -> Flags:
    """Return which pairs are taken, the best over its price first; `volumes` None: as many as like."""
    people, campaigns = values.shape
    room = _room(rules)
    found = np.zeros((people, campaigns), np.bool_)
    used = np.zeros((people, len(room.holds)), np.uint8)
    left = np.full(campaigns, people, np.int64) if volumes is None else volumes.astype(np.int64).copy()
    flat = values.ravel()
    worth = np.flatnonzero(flat > max(rules.floor, 0.0))
    net = flat[worth] - price.astype(np.float32)[worth % campaigns]
    order = worth[np.argsort(-net, kind="stable")]
    size = SLICE if volumes is None else min(max(len(order) // PARTS, 64), SLICE)
    for start in range(0, len(order), size):
        who, what = np.divmod(order[start : start + size], campaigns)
        while len(who):
            able = left[what] > 0
            who, what = who[able], what[able]
            first = _first(who)
            _take(who[first], what[first], (found, used, left), room)
            who, what = np.delete(who, first), np.delete(what, first)
    return found


def _first(who: Counts) -> Counts:
    """Return the place of each person's best pair among these."""
    _, first = np.unique(who, return_index=True)
    return np.sort(first)


def _take(who: Counts, what: Counts, state: tuple[Flags, Small, Counts], room: _Room) -> None:
    found, used, left = state
    full = used[who] >= room.holds
    at = np.flatnonzero(~(full & (room.inside[what] > 0)).any(axis=1))
    at = at[_ranked(what[at], len(left)) < left[what[at]]]
    who, what = who[at], what[at]
    found[who, what] = True
    used[who] += room.inside[what]
    left -= np.bincount(what, minlength=len(left))


def _room(rules: Rules) -> _Room:
    """Return the sets of weeks as bits; those of one topic hold one message a week."""
    weeks = rules.weeks.shape[1]
    sets = np.arange(1, 1 << weeks)
    mine = rules.weeks @ (1 << np.arange(weeks))
    inside = ((mine[:, None] & ~sets) == 0) & (mine[:, None] > 0)
    size = np.array([one.bit_count() for one in map(int, sets)])
    topics = [number for number in np.unique(rules.topics) if (rules.topics == number).sum() > 1]
    apart = [inside & (rules.topics == number)[:, None] for number in topics]
    holds = np.concatenate([size * rules.cap, *[size for _ in topics]])
    closed = mine == 0  # a campaign without a week fits nowhere
    holds = np.concatenate([holds, [0]])
    whole = np.hstack([inside, *apart, closed[:, None]]).astype(np.uint8)
    return _Room(whole, holds.astype(np.int16))


def _ranked(what: Counts, campaigns: int) -> Counts:
    """Return the how-many-eth of its campaign each one is, from 0."""
    order = np.argsort(what, kind="stable")
    counts = np.bincount(what, minlength=campaigns)
    rank = np.empty(len(what), np.int64)
    rank[order] = np.arange(len(what)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank


def settled(taken: Flags, rules: Rules) -> Weeks:
    """Return the week of each pair that was taken: week by week, first what cannot wait (Jackson 1955)."""
    found = np.full(taken.shape, NONE, np.int8)
    topics = np.zeros((len(taken), int(rules.topics.max(initial=0)) + 1), np.bool_)
    last = rules.weeks.shape[1] - 1 - rules.weeks[:, ::-1].argmax(axis=1)
    urgent = np.lexsort((rules.weeks.sum(axis=1), last))
    for week in range(rules.weeks.shape[1]):
        heard = np.zeros(len(taken), np.int16)
        topics[:] = False
        for one in urgent[rules.weeks[urgent, week]]:
            now = taken[:, one] & (found[:, one] == NONE) & (heard < rules.cap) & ~topics[:, rules.topics[one]]
            found[now, one] = week
            heard += now
            topics[:, rules.topics[one]] |= now
    return found


def calendar(values: Values, rules: Rules) -> Weeks:
    """Return what the usual way gives: campaign after campaign by its first week, each taking its best people."""
    found = np.full(values.shape, NONE, np.int8)
    heard = np.zeros((len(values), rules.weeks.shape[1]), np.int16)
    told = np.zeros((int(rules.topics.max(initial=0)) + 1, *heard.shape), np.bool_)
    for one in np.argsort(rules.weeks.argmax(axis=1), kind="stable"):
        order = np.argsort(-values[:, one], kind="stable")
        order = order[values[order, one] > max(rules.floor, 0.0)]
        free = rules.weeks[one] & (heard[order] < rules.cap) & ~told[rules.topics[one], order]
        order, free = order[free.any(axis=1)], free[free.any(axis=1)]
        order, free = order[: rules.volumes[one]], free[: rules.volumes[one]]
        week = np.argmin(np.where(free, heard[order], 999), axis=1)
        found[order, one] = week
        heard[order, week] += 1
        told[rules.topics[one], order, week] = True
    return found


def total(values: Values, found: Weeks) -> float:
    """Return what a plan is expected to bring."""
    return float(values[found >= 0].sum(dtype=np.float64))
