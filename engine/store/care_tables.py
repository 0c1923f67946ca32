"""What an operator must know of a store. Part of the one metadata in tables.py."""

from __future__ import annotations
