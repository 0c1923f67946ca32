"""The journey that a campaign's people enter: one message, then out; an ordinary file that may be changed."""

from __future__ import annotations

from journeys.campaign import Campaign
from journeys.project import Data
from journeys.span import show_span


def journey_text(one: Campaign, data: Data) -> str:
    """Return the file of the journey; the campaign itself holds people out, so the journey holds out nobody."""
    return f"""journey: {one.journey}
title: {_quoted(one.title)}
note: made by `sojourn campaign run {one.id}`; yours to change
enter: {{manual: true}}
reenter: always
topic: {one.topic}
holdout: 0%  # lint: ignore[W904]
goal: {_goal(one, data)}
states:
  send: {{send: {one.send}}}
"""


def _goal(one: Campaign, data: Data) -> str:
    if one.goal is None:
        event = data.buying.event if data.buying else "order_placed"
        return f"{{event: {event}, within: {show_span(one.within)}}}"
    events = ", ".join(one.goal.events)
    parts = [f"event: [{events}]" if len(one.goal.events) > 1 else f"event: {events}"]
    parts += [f"if: '{one.goal.guard.source}'"] if one.goal.guard else []
    parts += [f"value: '{one.goal.value.source}'"] if one.goal.value else []
    return "{" + ", ".join([*parts, f"within: {show_span(one.within)}"]) + "}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
