"""Who a person is, who says so, and which events were refused. Part of the one metadata in tables.py."""

from __future__ import annotations
