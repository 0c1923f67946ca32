"""What relays, domains and mailboxes said. Part of the one metadata in tables.py."""

from __future__ import annotations
