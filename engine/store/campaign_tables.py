"""Audiences and the plan. Part of the one metadata in tables.py."""

from __future__ import annotations
