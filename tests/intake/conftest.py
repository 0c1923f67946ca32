"""A shop that takes in what tracking clients say, on both databases."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from tracked import Shop


@pytest.fixture
def shop(store: sa.Engine) -> Shop:
    return Shop(store)
