"""What the estimators and the looks at an A/A test add to the table; each is measured in its own module."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmarks.choice import estimates, peeking

SHORT, FULL = range(10, 14), range(10, 35)


def figures(*, full: bool) -> dict[str, Any]:
    """Return the false alarms and the power of 60 looks, and how near each estimator comes to the truth."""
    runs = peeking.RUNS if full else peeking.RUNS // 6
    return {
        "peeking": [asdict(peeking.peek(*row, runs=runs)) for row in peeking.ROWS],
        "estimates": [asdict(row) for row in estimates.rows(FULL if full else SHORT)],
    }


def lines(found: dict[str, Any]) -> list[str]:
    """Return the figures as rows of text."""
    head = f"\n{'looks: truth':<20}{'holdout':>9}{'z':>8}{'any day':>9}{'planned':>9}"
    looks = [
        f"{one['treated']:.0%} and {one['control']:.0%}".ljust(20)
        + f"{one['holdout']:>9.0%}{one['z']:>8.1%}{one['any_day']:>9.1%}{one['planned']:>9.1%}"
        for one in found["peeking"]
    ]
    begun = f"\n{'estimate of':<16}{'by':<14}{'rmse':>8}{'cover':>8}{'answered':>10}{'effective':>11}"
    near = [
        f"{one['target']:<16}{one['estimator']:<14}{one['rmse']:>8.4f}{one['coverage']:>8.0%}"
        f"{one['answered']:>10.0%}{one['effective']:>11,.0f}"
        for one in found["estimates"]
    ]
    return [head, *looks, begun, *near]
