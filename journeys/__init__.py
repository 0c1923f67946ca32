"""The language: what a journey is, how it is written, what is wrong with it. No database, no network."""

from journeys.expression import Expression, Happening, Scope
from journeys.journey import (
    EXIT,
    NOTHING,
    Action,
    Arm,
    Awaited,
    Branch,
    Call,
    CapRule,
    Choose,
    Emit,
    Enter,
    ExitWhen,
    Explore,
    Goal,
    Journey,
    JumpWhen,
    Leave,
    Limits,
    QuietHours,
    Reenter,
    Repeat,
    Reward,
    Send,
    Set,
    Split,
    State,
    WaitFor,
    Window,
)
from journeys.place import Place
from journeys.problem import Edit, Label, Problem
from journeys.span import parse_span, show_span

__all__ = [
    "EXIT", "NOTHING", "Action", "Arm", "Awaited", "Branch", "Call", "CapRule", "Choose", "Edit", "Emit", "Enter",
    "ExitWhen", "Explore", "Expression", "Goal", "Happening", "Journey", "JumpWhen", "Label", "Leave", "Limits",
    "Place", "Problem", "QuietHours", "Reenter", "Repeat", "Reward", "Scope", "Send", "Set", "Split", "State",
    "WaitFor", "Window", "parse_span", "show_span",
]  # fmt: skip
