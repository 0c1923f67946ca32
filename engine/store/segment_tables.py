"""Who stands in which segment, until when, and the moves. Part of the one metadata in tables.py."""

from __future__ import annotations
