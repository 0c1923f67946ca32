"""What a report cannot tell, in sentences, from its own numbers."""

from __future__ import annotations

from engine.report.findings import Findings
from engine.report.headline import answers, would_have_come_anyway
from engine.report.wording import about, count, points


def cannot_tell(f: Findings) -> tuple[str, ...]:
    """Return the honest limits of these findings; there is always one."""
    return tuple(_open_questions(f) + _unfinished(f) + _always(f) + list(f.notes))


def _open_questions(f: Findings) -> list[str]:
    lines = []
    for a in answers(f):
        asked = a.question if not a.part else f"Does personalising pay {a.question.lstrip('… ')}?"
        if a.verdict.needed and a.verdict.worth:
            smaller = min(a.treated.contacts, a.control.contacts)
            lines.append(
                f"{asked} The groups are too small: a difference of {points(a.verdict.worth).lstrip('+')} "
                f"would need about {about(a.verdict.needed)} contacts per group, the smaller one has {count(smaller)}."
            )
        elif a.verdict.word == "too early":
            lines.append(f"{asked} It is too early: windows are still open, or there are fewer than 30 goals.")
    return lines


def _unfinished(f: Findings) -> list[str]:
    waiting = sum(max(0, g.entered - g.contacts) for g in f.groups)
    if not waiting:
        return []
    return [
        f"{count(waiting)} contacts entered too recently for their goal window to be over; they are not counted yet."
    ]


def _always(f: Findings) -> list[str]:
    lines = []
    anyway = would_have_come_anyway(f)
    if any(r.goals for r in f.messages):
        share = "how many of the" if anyway is None else f"by the holdout, about {round(10 * anyway)} in 10 of the"
        unknown = " is not known yet" if anyway is None else ""
        lines.append(f"Attributed is not incremental: {share} attributed goals would have come anyway{unknown}.")
    if f.arms:
        lines.append("The means per message do not compare messages: each was given to different kinds of people.")
    if f.meta.invented:
        lines.append("Nothing here is about real people: how people react was written into the simulation beforehand.")
    else:
        lines.append("The numbers hold for these people in this period; another season may answer differently.")
    return lines
