"""Interests, value, scores, and the products that people buy. Part of the one metadata in tables.py."""

from __future__ import annotations
