"""`repeat`: what a message loses by having been sent lately, and how fast that fades."""

from __future__ import annotations

from datetime import timedelta

from journeys.fields import Fields
from journeys.forms_choose import REPEAT
from journeys.journey import Repeat
from journeys.node import Node
from journeys.page import Page


def read_repeat(page: Page, node: Node | None, usual: Repeat) -> Repeat:
    """Return the penalty of a repeated message: `{penalty: 30%, half_life: 15d}`."""
    if node is None:
        return usual
    fields = Fields(page, node, REPEAT.names, "repeat")
    life = fields.span("half_life", usual.half_life)
    if life <= timedelta(0):
        page.add("S112", fields.values["half_life"], "`half_life` is longer than nothing", label="15d is usual")
        life = usual.half_life
    return Repeat(fields.share("penalty", usual.penalty), life)
