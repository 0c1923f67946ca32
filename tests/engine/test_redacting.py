"""A log says what happened, and not to whom."""

from __future__ import annotations

import pytest

from engine.redacting import redacted

SAID = (
    ("contact ana.m+x@shop.example is parked", "contact ***@shop.example is parked"),
    ("postgresql://sojourn:s3cr:et@db/x does not answer", "postgresql://sojourn:***@db/x does not answer"),
    ("refused: {'password': 'hunter2', 'port': 25}", "refused: {'password': '***', 'port': 25}"),
    ("Authorization: Bearer abc.def.ghi", "Authorization: ***"),
    ("call +49 (30) 1234-5678 failed", "call *** failed"),
    (
        "2026-03-01 09:30:00 sent 12345678 in 1.25 s, 550 5.1.1",
        "2026-03-01 09:30:00 sent 12345678 in 1.25 s, 550 5.1.1",
    ),
)


@pytest.mark.parametrize(("line", "shown"), SAID)
def test_names_and_secrets_are_masked_and_the_rest_stays(line: str, shown: str) -> None:
    assert redacted(line) == shown
