"""What `--since` says: an instant, or how long ago."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from engine.cli.flags import WrongUse

if TYPE_CHECKING:
    from engine.cli.session import Session


def since_of(session: Session, said: str) -> datetime | None:
    """Return the instant of "2026-03-01" (this machine's midnight) or "30d"; None when nothing is said."""
    from journeys import parse_span

    if not said:
        return None
    span = parse_span(said)
    if span is not None:
        return session.now() - span
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise WrongUse(f'cannot read --since "{said}"; write 2026-03-01, or 30d') from None
    return (at if at.tzinfo else at.astimezone()).astimezone(UTC)
