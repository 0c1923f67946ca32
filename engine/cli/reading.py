"""Text that people typed or exported -> values: the same reading as of what comes in from elsewhere."""

from __future__ import annotations

from engine.reading import LONGEST, NO, YES, Unreadable, instant_of, subscription_of, value_of

__all__ = ["LONGEST", "NO", "YES", "Unreadable", "instant_of", "subscription_of", "value_of"]
