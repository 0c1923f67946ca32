"""Groups of people that hold together: k-means, how stable it is, another way beside it, and maps. Needs [ml].

Rules
- k is the largest number of groups that survives redrawing the people: the 5th percentile of the adjusted Rand index
  between the groups of all and the groups of a redraw, judged on the same people, is HOLDS or more. Silhouettes are
  flat and choose nothing.
- Numbers are log1p'd and brought to mean 0 and spread 1; the extreme half percent is drawn in, or it becomes a group.
- Everything is drawn from one seed: the same people give the same groups with the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.audience.extra import taken_up

WHAT = "segment discover"
HOLDS = 0.75
MOST_GROUPS = 8
SAMPLE = 6000
"""People among whom k is chosen: more cost time and change nothing."""
SCREEN, REDRAWS = 20, 100
TREE_SAMPLE = 2000
"""People of the hierarchy, the map and t-SNE: all three compare everybody with everybody."""
EDGE = 0.005

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Steady:
    """How k groups survive redraws: 5th percentile and mean of the adjusted Rand index, and how many of them agree."""

    k: int
    low: float
    mean: float
    agree: int
    redraws: int
    smallest: float  # share of the people in the smallest group

    @property
    def holds(self) -> bool:
        return self.low >= HOLDS


def scaled(raw: Floats) -> Floats:
    """Return [people, features] on logarithms, without extremes, with mean 0 and spread 1."""
    logs = np.sign(raw) * np.log1p(np.abs(raw))
    low, high = np.quantile(logs, (EDGE, 1 - EDGE), axis=0)
    logs = np.clip(logs, low, high)
    spread = logs.std(axis=0)
    return np.asarray((logs - logs.mean(axis=0)) / np.where(spread > 1e-9, spread, 1.0))


def some(count: int, most: int, seed: int) -> Ints:
    """Return the positions of at most `most` people, in order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def choose(points: Floats, seed: int, k: int | None = None) -> tuple[int, tuple[Steady, ...]]:
    """Return the number of groups (1: none hold) and what was tried; `k`: how many, whatever holds."""
    sample = points[some(len(points), SAMPLE, seed)]
    if k is not None:
        return k, (steady(sample, k, REDRAWS, seed),)
    tried = {n: steady(sample, n, SCREEN, seed) for n in range(2, _most(len(sample)) + 1)}
    found = 1
    for n in sorted(tried, reverse=True):
        if not tried[n].holds:
            continue
        tried[n] = steady(sample, n, REDRAWS, seed)
        if tried[n].holds:
            found = n
            break
    return found, tuple(tried[n] for n in sorted(tried))


def _most(people: int) -> int:
    return max(2, min(MOST_GROUPS, people // 50))


def steady(points: Floats, k: int, redraws: int, seed: int) -> Steady:
    """Return how k groups of these people survive being redrawn with replacement."""
    mine = _means(points, k, seed).labels_
    rng = np.random.default_rng(seed + k)
    told = []
    for n in range(redraws):
        drawn = points[rng.integers(0, len(points), len(points))]
        told.append(agreement(mine, _means(drawn, k, seed + n + 1, starts=2).predict(points)))
    smallest = float(np.bincount(mine, minlength=k).min() / len(mine))
    agree = int(sum(one >= HOLDS for one in told))
    return Steady(k, float(np.quantile(told, 0.05)), float(np.mean(told)), agree, redraws, smallest)


def grouped(points: Floats, k: int, seed: int) -> Ints:
    """Return the group of each person, 0 the largest."""
    sample = points[some(len(points), 50_000, seed)]
    labels = _means(sample, k, seed).predict(points)
    order = np.argsort(-np.bincount(labels, minlength=k), kind="stable")
    place = np.empty(k, dtype=np.int64)
    place[order] = np.arange(k)
    return np.asarray(place[labels])


def _means(points: Floats, k: int, seed: int, starts: int = 8) -> Any:
    cluster = taken_up("sklearn.cluster", WHAT)
    return cluster.KMeans(k, n_init=starts, random_state=seed, algorithm="lloyd", max_iter=100).fit(points)


def agreement(one: Ints, two: Ints) -> float:
    """Return the adjusted Rand index of two groupings (Hubert and Arabie 1985): 1 the same, 0 as by chance."""
    width = int(two.max()) + 1
    table = np.bincount(one.astype(np.int64) * width + two, minlength=(int(one.max()) + 1) * width).reshape(-1, width)
    pairs, rows, columns = (_pairs(part) for part in (table, table.sum(1), table.sum(0)))
    expected = rows * columns / max(len(one) * (len(one) - 1) / 2, 1.0)
    top = (rows + columns) / 2
    return 1.0 if top == expected else float((pairs - expected) / (top - expected))


def _pairs(counts: Ints) -> float:
    whole = counts.astype(np.float64)
    return float((whole * (whole - 1) / 2).sum())


def hierarchy(points: Floats, labels: Ints, seed: int) -> float:
    """Return how far Ward's hierarchy, cut into as many groups, agrees on a sample: another story, told beside."""
    cluster = taken_up("sklearn.cluster", WHAT)
    sample = some(len(points), TREE_SAMPLE, seed)
    other = cluster.AgglomerativeClustering(int(labels.max()) + 1, linkage="ward").fit_predict(points[sample])
    return agreement(labels[sample], np.asarray(other))


@dataclass(frozen=True, slots=True)
class Flat:
    """Places of some people on paper; `axes` say in features (position, weight) what left-right and up-down mean."""

    rows: Ints
    at: Floats  # [rows, 2]
    kept: float  # share of each one's 10 nearest neighbours that are near on paper, too
    axes: tuple[tuple[tuple[int, float], ...], ...] = ()
    spread: float = 0.0  # share of all differences that the two axes show


def principal(points: Floats, seed: int) -> Flat:
    """Return the map whose two axes show the most of all differences (PCA)."""
    rows = some(len(points), TREE_SAMPLE, seed)
    values, vectors = np.linalg.eigh(np.cov(points, rowvar=False).reshape(points.shape[1], -1))
    order = np.argsort(-values)[:2]
    vectors = vectors[:, order]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(0), np.arange(vectors.shape[1])])
    at = points[rows] @ vectors
    if at.shape[1] == 1:
        at = np.column_stack([at, np.zeros(len(at))])
    axes = tuple(
        tuple((int(n), float(vector[n])) for n in np.argsort(-np.abs(vector))[:2]) for vector in vectors.T
    )  # fmt: skip
    return Flat(rows, at, _near(points[rows], at), axes, float(values[order].sum() / values.sum()))


def neighbours(points: Floats, seed: int) -> Flat:
    """Return the map that keeps who is next to whom (t-SNE, van der Maaten and Hinton 2008); distances say nothing."""
    manifold = taken_up("sklearn.manifold", WHAT)
    rows = some(len(points), TREE_SAMPLE, seed)
    wide = min(30.0, max(2.0, (len(rows) - 1) / 3))
    at = manifold.TSNE(2, perplexity=wide, init="pca", random_state=seed).fit_transform(points[rows])
    return Flat(rows, np.asarray(at, np.float64), _near(points[rows], at))


def _near(points: Floats, at: Floats, nearest: int = 10) -> float:
    """Return the share of nearest neighbours that stay so, on some of them."""
    look = slice(0, 500)
    true, drawn = (_nearest(part, part[look], nearest) for part in (points, np.asarray(at, np.float64)))
    kept = [len(np.intersect1d(one, two)) for one, two in zip(true, drawn, strict=True)]
    return float(np.mean(kept) / nearest) if kept else 0.0


def _nearest(points: Floats, asked: Floats, nearest: int) -> Ints:
    far = ((asked[:, None, :] - points[None, :, :]) ** 2).sum(2)
    far[np.arange(len(asked)), np.arange(len(asked))] = np.inf
    return np.argpartition(far, min(nearest, far.shape[1] - 1), axis=1)[:, :nearest]
