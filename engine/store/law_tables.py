"""Proof of consent, sealed values, the chained audit. Part of the one metadata in tables.py."""

from __future__ import annotations
