"""What people said of themselves. Part of the one metadata in tables.py."""

from __future__ import annotations
