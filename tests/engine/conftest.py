"""A live journey to change, once per database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lives import Life


@pytest.fixture
def life(tmp_path: Path, database: str) -> Iterator[Life]:
    made = Life(tmp_path / "project", database)
    yield made
    made.store.dispose()
