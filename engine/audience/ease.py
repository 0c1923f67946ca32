"""Who has this tends to that: EASE, a linear model of products by products (Steck 2019, arXiv:1905.03375).

Five lines of linear algebra; it beats factorisations here for repeat purchases and for new products alike.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.audience.extra import taken_up

LAMBDA = 200.0
"""What keeps weights small; 200 is best on Online Retail and flat around it."""

MOST = 8000
"""Products with a column of their own, the most bought ones: memory is the square of it (256 MB)."""


def ease(start: npt.NDArray[np.int64], item: npt.NDArray[np.int32], products: int) -> npt.NDArray[np.float32]:
    """Return B [k x k], k = min(products, MOST): the affinity of a person to j is the sum of B[i, j] over what
    the person has. `start` and `item` are the lines by person; the first k products are the most bought.
    """
    k = min(products, MOST)
    if k == 0 or not len(item):
        return np.zeros((k, k), np.float32)
    return _solved(_together(start, item, k))


def _together(start: npt.NDArray[np.int64], item: npt.NDArray[np.int32], k: int) -> npt.NDArray[np.float32]:
    """Return how many people have both i and j."""
    sparse = taken_up("scipy.sparse", "who has this tends to that")
    people = np.repeat(np.arange(len(start) - 1, dtype=np.int32), np.diff(start))
    kept = item < k
    ones = np.ones(int(kept.sum()), np.float32)
    bought = sparse.csr_matrix((ones, (people[kept], item[kept])), shape=(len(start) - 1, k))
    bought.data[:] = 1  # bought twice is bought
    return np.asarray((bought.T @ bought).toarray(), np.float32)


def _solved(together: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the weights. The matrix is symmetric and positive: Cholesky takes a third of what inverting takes."""
    lapack = taken_up("scipy.linalg.lapack", "who has this tends to that")
    places = np.diag_indices(len(together))
    together[places] += LAMBDA
    half, wrong = lapack.spotrf(together, lower=1, clean=0)
    inverse, wrong_too = lapack.spotri(half, lower=1, overwrite_c=1)
    if wrong or wrong_too:
        raise ArithmeticError("who bought what with what gives no positive matrix")
    lower = np.tril(inverse, -1)
    weights = (lower + lower.T) / -np.diag(inverse)
    weights[places] = 0
    return np.asarray(weights, np.float32)
