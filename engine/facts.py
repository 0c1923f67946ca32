"""Asking the project's store for facts, if it is there: lint is better with them and never needs them."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine.errors import StoreError
from engine.needs import looks_of
from engine.store.connect import open_store, reading, status
from engine.store.facts import Inquiry, facts
from journeys.facts import NO_FACTS, Facts
from journeys.project import Project

PATIENCE = timedelta(seconds=2)
"""How long a store that does not answer is waited for."""


def facts_of(project: Project, url: str, now: datetime) -> tuple[Facts, str]:
    """Return what the store at `url` knows, or NO_FACTS and why: it is not there, or not of this program's schema."""
    try:
        address = _hasty(url)
        schema = status(address)
        if schema.found is None:
            return NO_FACTS, "there is no store yet"
        if schema.newer or schema.pending:
            return NO_FACTS, "the store is not at this program's schema; run: sojourn db upgrade"
        store = open_store(address, patience=PATIENCE)
        try:
            with reading(store) as conn:
                return facts(conn, inquiry(project, now)), ""
        finally:
            store.dispose()
    except (StoreError, sa.exc.SQLAlchemyError, ImportError) as error:
        return NO_FACTS, str(error).partition("\n")[0]


def inquiry(project: Project, now: datetime) -> Inquiry:
    """Return what lint asks about a project."""
    data = project.data
    return Inquiry(now, data, ZoneInfo(project.timezone), looks_of(data.segments.values(), data.segments))


def _hasty(url: str) -> str:
    """Return the address with a limit on how long a server may take to answer at all."""
    address = sa.make_url(url)
    if address.drivername.startswith("postgresql") and "connect_timeout" not in address.query:
        seconds = str(PATIENCE // timedelta(seconds=1))
        return address.update_query_dict({"connect_timeout": seconds}).render_as_string(hide_password=False)
    return url
