"""People whose tastes are known: a quarter of them taps pushes, and only they should get one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from engine.outliers.flags import Line

ARMS = {"email/a": "m=email/a ch=email", "push/b": "m=push/b ch=push", "nothing": "m=nothing"}
START = datetime(2026, 3, 2, tzinfo=UTC)


def lines(seed: int, n: int, *, taste: float = 0.25, days: int = 28) -> list[Line]:
    """Return n decisions, oldest first, drawn evenly; `taste` is the share who like push/b (0.18 against 0.05)."""
    rng = np.random.default_rng(seed)
    found = []
    for k in range(n):
        taps = rng.random() < taste
        arm = rng.choice(list(ARMS))
        rate = {"email/a": 0.05 if taps else 0.15, "push/b": 0.18 if taps else 0.04, "nothing": 0.03}[str(arm)]
        features = f"contact.taps_push={int(taps)} entry.value:{rng.integers(10, 200)} contact.tier=t{rng.integers(3)}"
        at = START + timedelta(days=days * k / n)
        found.append(Line(f"c{k}", at, features, tuple(ARMS), str(arm), float(rng.random() < rate)))
    return found
