"""How many examples a property is tried on: few by default, `SOJOURN_EXAMPLES=20` tries twenty times as many.

By default they are the same ones every time, so that a change is blamed for what it did; with the variable, even with 1,
they are new ones.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

MORE = int(os.environ.get("SOJOURN_EXAMPLES", "1"))


def examples(few: int) -> int:
    """Return how many they are this time."""
    return few * MORE


def ready() -> None:
    """Let every property be tried on so many, and no test fail because a machine is busy."""
    settings.register_profile(
        "suite",
        max_examples=examples(50),
        deadline=None,
        derandomize="SOJOURN_EXAMPLES" not in os.environ,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("suite")
