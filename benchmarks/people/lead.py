"""Lead scores: the lean logistic regression beside a forest and boosting, on the same people in the same run.

Online Shoppers has one row a session and no times: five folds, without PageValues, which is worked out from the sale.
CDNOW has times: as the night does it, learned from one window of 28 days and judged on the next.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import StratifiedKFold

from benchmarks.people.line import Line, Result, folder
from benchmarks.people.value import master
from engine.audience import lead
from engine.audience.lead import area
from engine.audience.logistic import fit
from engine.audience.value import Floats

PAGES = ("Administrative", "Informational", "ProductRelated")
NUMBERS = (*PAGES, *(f"{name}_Duration" for name in PAGES), "BounceRates", "ExitRates", "SpecialDay")
DAY = 86_400_000_000
SEED = 5

Model = Callable[[Floats, np.ndarray, Floats], Floats]


def _lean(rows: Floats, came: np.ndarray, asked: Floats) -> Floats:
    found = fit(rows.astype(np.float32), came, np.ones(len(rows), dtype=np.float32))
    return found.chances(asked.astype(np.float32))


def _forest(rows: Floats, came: np.ndarray, asked: Floats) -> Floats:
    model = RandomForestClassifier(120, min_samples_leaf=5, random_state=SEED).fit(rows, came)
    return np.asarray(model.predict_proba(asked)[:, 1])


def _boosting(rows: Floats, came: np.ndarray, asked: Floats) -> Floats:
    model = HistGradientBoostingClassifier(max_iter=150, learning_rate=0.05, random_state=SEED).fit(rows, came)
    return np.asarray(model.predict_proba(asked)[:, 1])


MODELS: dict[str, Model] = {"lean logistic": _lean, "forest": _forest, "boosting": _boosting}


@lru_cache(maxsize=1)
def sessions(where: Path) -> tuple[Floats, Floats, np.ndarray]:
    """Return pages, seconds and rates (log), all figures without PageValues, and who bought."""
    file = where / "online_shoppers_intention.csv.gz"
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(file.read_bytes()).decode("utf-8"))))
    numbers = np.array([[float(row[name]) for name in NUMBERS] for row in rows])
    returning = np.array([[row["VisitorType"] == "Returning_Visitor", row["Weekend"] in ("1", "TRUE")] for row in rows])
    months = sorted({row["Month"] for row in rows})
    month = np.array([[row["Month"] == name for name in months] for row in rows])
    everything = np.column_stack([np.log1p(np.maximum(numbers, 0)), returning, month]).astype(np.float64)
    came = np.array([row["Revenue"] in ("1", "TRUE") for row in rows])
    return np.log1p(np.maximum(numbers, 0)), everything, came


def _folds(rows: Floats, came: np.ndarray, model: Model) -> float:
    """Return the mean AUC of five folds."""
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    return float(np.mean([area(model(rows[a], came[a], rows[b]), came[b])[0] for a, b in folds.split(rows, came)]))


def shoppers(data: Path | None) -> Result:
    numbers, _, came = sessions(folder(data, "online_shoppers"))
    return _against({name: _folds(numbers, came, model) for name, model in MODELS.items()}, 0.69)


def shoppers_everything(data: Path | None) -> Result:
    _, everything, came = sessions(folder(data, "online_shoppers"))
    found = {name: _folds(everything, came, model) for name, model in MODELS.items()}
    return _against(found, max(found.values()) - 0.04)


def cdnow(_: Path | None) -> Result:
    """Foretell who orders in 28 days, from two windows before: the night's own code."""
    end = date(1998, 6, 30).toordinal()
    older, newer = (_window(end - back) for back in (56, 28))
    found = lead.trained("order_placed", older, newer)
    rows, came = newer[0].rows.astype(np.float64), newer[1]
    ranks = {
        "forest": _forest(older[0].rows.astype(np.float64), older[1], rows),
        "boosting": _boosting(older[0].rows.astype(np.float64), older[1], rows),
        "last seen alone": -rows[:, -1],
        "orders alone": rows[:, 2],
    }
    aucs = {"lean logistic": found.auc[0]} | {name: area(rank, came)[0] for name, rank in ranks.items()}
    return _against(aucs, max(aucs.values()) - 0.02)


def _window(cut: int) -> tuple[lead.Asked, np.ndarray]:
    """Return everybody as they were on a day, and who ordered in the 28 days after."""
    rows, came = [], {}
    for who, days in sorted(master().items()):
        before = [day for day in days if day < cut]
        if before:
            counts = sum(day >= cut - 28 for day in before), sum(day >= cut - 84 for day in before), len(before)
            rows.append((who, "order_placed", counts, min(before) * DAY, max(before) * DAY))
            came[who] = any(cut <= day < cut + 28 for day in days)
    people = lead.asked(rows, ["order_placed"], cut * DAY, {"order_placed": 8.0})
    return people, np.array([came[id_] for id_ in people.ids])


def _against(aucs: dict[str, float], least: float) -> Result:
    ours = aucs["lean logistic"]
    others = ", ".join(f"{name} {auc:.3f}" for name, auc in aucs.items() if name != "lean logistic")
    return Result(f"AUC {ours:.3f}", others, ours >= least, aucs)


LINES = (
    Line("G16 lead, Online Shoppers, pages and seconds", "AUC >= .69", shoppers),
    Line("G16 lead, Online Shoppers, every figure", "within .04 of the best", shoppers_everything),
    Line("G16 lead, CDNOW, the next 28 days", "within .02 of the best", cdnow),
)
