"""What messages say that depends on more than attributes: recommendations, interests, segments. Fetched by the batch.

Rules
- Nothing is read unless a template of the batch asks for it; then a fixed number of statements reads it for everybody.
- What a message showed is not shown to the same person again for AGAIN, by whatever message. Made a second time, a
  message shows what it showed before.
- Who refuses profiling has no interests, and is shown what is popular.
- Never fewer than asked for: what was shown or bought lately comes back before a place stays empty. What has no stock
  and, with new=true, what somebody has never comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from channels.asking import NOTHING, Asks
from channels.errors import TemplateProblem
from engine.audience.interests import now_worth, share, strongest
from engine.store import showing
from engine.store.columns import to_micros
from engine.store.connect import reading
from engine.store.delivering import Delivery
from engine.store.traits import REFUSED
from journeys.person import half_life

if TYPE_CHECKING:
    import sqlalchemy as sa

    from channels.templates import Library
    from engine.shelves import Shelves, Stock
    from journeys.project import Data

AGAIN = timedelta(days=7)
"""How long what was shown is not shown again."""


@dataclass(slots=True)
class Content:
    """Tells a batch of messages what their templates ask."""

    data: Data
    shelves: Shelves

    def told(
        self, store: sa.Engine, claimed: Sequence[Delivery], library: Library, now: datetime
    ) -> Sequence[Delivery]:
        """Return the messages with what their templates ask to be told."""
        asks = {message: _asks(library, message) for message in {one.message for one in claimed}}
        if not any(one.personal for one in asks.values()):
            return claimed
        asking = [one for one in claimed if asks[one.message].personal]
        with reading(store) as conn:
            found = _Batch(self, conn, asking, asks, now).content()
        return [replace(one, content=found[one.key]) if one.key in found else one for one in claimed]


def _asks(library: Library, message: str) -> Asks:
    try:
        return library[message].asks
    except (KeyError, TemplateProblem):  # rendering says so
        return NOTHING


def remember(conn: sa.Connection, sent: Sequence[Delivery], now: datetime) -> None:
    """Note what these messages show, in the commit that notes what they are."""
    rows = [(one.key, one.contact_id, one.content["shown"]) for one in sent if one.content.get("shown")]
    showing.remember(conn, rows, now)


@dataclass(slots=True)
class _Batch:
    """Messages of one claim that ask for something."""

    of: Content
    conn: sa.Connection
    messages: Sequence[Delivery]
    asks: Mapping[str, Asks]
    now: datetime

    def content(self) -> dict[str, dict[str, Any]]:
        """Return what each message is told, by key."""
        found: dict[str, dict[str, Any]] = {one.key: {} for one in self.messages}
        for part in (self._shows, self._interests, self._segments):
            for key, said in part().items():
                found[key] |= said
        return found

    def _shows(self) -> dict[str, dict[str, Any]]:
        mine = [one for one in self.messages if self.asks[one.message].shows]
        if not mine:
            return {}
        stock = self.of.shelves.stock(self.conn, self.now)
        ids = sorted({one.contact_id for one in mine})
        seen, before = showing.lately(self.conn, ids, [one.key for one in mine], self.now - AGAIN)
        bought = stock.histories(self.conn, [one.contact_id for one in mine if REFUSED not in one.consents], self.now)
        found = {}
        for one in mine:
            answers = dict(before.get(one.key, {}))
            hidden = seen.setdefault(one.contact_id, set())
            for wish in sorted(self.asks[one.message].shows):
                if wish.key not in answers:
                    answers[wish.key] = stock.best(bought.get(one.contact_id), wish, hidden)
            hidden.update(sku for skus in answers.values() for sku in skus)
            blank = {**dict.fromkeys(self.asks[one.message].printed), **stock.blank}
            shown = {key: cards(stock, skus, blank) for key, skus in answers.items()}
            found[one.key] = {"shown": answers, "recommend": shown}
        return found

    def _interests(self) -> dict[str, dict[str, Any]]:
        mine = [one for one in self.messages if self.asks[one.message].interests and REFUSED not in one.consents]
        if not mine:
            return {}
        span, at = half_life(self.of.data), to_micros(self.now)
        known = showing.interests_of(self.conn, sorted({one.contact_id for one in mine}))
        found = {}
        for one in mine:
            scores = known.get(one.contact_id, {})
            held = now_worth(scores, at, span)
            top = strongest(scores, span, 1)
            found[one.key] = {
                "interests": {topic: share(held, topic) for topic in held}, "top": top[0] if top else None
            }  # fmt: skip
        return found

    def _segments(self) -> dict[str, dict[str, Any]]:
        mine = [one for one in self.messages if self.asks[one.message].segments]
        if not mine:
            return {}
        names = {name for one in mine for name in self.asks[one.message].segments}
        found = showing.inside(self.conn, sorted({one.contact_id for one in mine}), names)
        return {one.key: {"segments": found.get(one.contact_id, [])} for one in mine}


def cards(stock: Stock, skus: Sequence[str], blank: Mapping[str, None]) -> list[dict[str, Any]]:
    """Return products as templates see them; what one does not say is None: `blank`."""
    return [{**blank, **stock.products[sku], "sku": sku} for sku in skus if sku in stock.products]
