"""The field reference of the documentation, made from the forms: every key, what it takes, its default, its meaning."""

from __future__ import annotations

from collections.abc import Iterator

from journeys import forms, forms_campaign, forms_choose, forms_state
from journeys.shape import Choice, Either, Form, Key, Many, Shape, Table, Whole, Word

HEAD = """# Field reference

Made by `make reference` from the tables that the program itself reads journeys with; do not edit it.
What the fields do together is in [language.md](language.md), how to begin in [authoring.md](authoring.md).
"""
KINDS = {
    "name": "a name", "text": "text", "flag": "`true` or `false`", "share": "a share", "span": "a length of time",
    "timing": "a length of time, or `=expression`", "window": "a time of day or a window", "weekdays": "days",
    "condition": "a condition", "value": "an expression", "literal": "any value", "event": "an event",
    "segment": "a segment", "topic": "a topic", "channel": "a channel", "message": "a message",
    "bare_message": "a message without its channel", "target": "a state, or `exit`", "zone": "a time zone",
    "file": "a file", "rate": "a rate", "check": "a rhythm", "schedule": "a schedule", "cap": "a cap",
    "clock": "a time of day", "fragment": "a fragment", "daypart": "a part of the day", "url": "an address",
    "moment": "a date and time", "context": "an expression", "number": "a number", "attribute": "an attribute",
    "assigned": "`contact.x` or `journey.x`", "yes": "`true`", "arm": "an arm", "day": "a date",
}  # fmt: skip
VALUES = """
## Values

Values of these kinds are written the same everywhere:

| kind | write |
|---|---|
| a name | `a_name`: a small letter, then small letters, digits, `_`; at most 63 |
| a length of time | `45m`, `2d`, `1d 12h`: units `s m h d w` |
| a time of day | `"09:00"`; a window `"09:00-11:00"` |
| days | `weekdays`, `weekends`, `any`, `[mon, thu]` |
| a share | `10%`, `0.5%` |
| a date | `2026-12-31` |
| a rate | `5/min`, `100/hour`, `400/day` |
| a cap | `3/day`, `8/week` of the contact's calendar; `3/7d` rolls |
| a message | `channel/name`, the file `templates/channel/name.*` |
| a part of the day | `now`, `morning`, `noon`, `afternoon`, `evening`, `"18:00-20:30"` |
| a condition, an expression | [expressions](language.md#expressions) |
| any value | as it stands; text that begins with `=` is an expression |
"""
PARTS = (
    forms.JOURNEY, *forms.ENTER.values(), forms.REENTER, forms.GOAL, forms.EXIT_WHEN, forms.JUMP_WHEN, forms.CAPS,
    forms.QUIET, forms.LATE, forms_state.STATE, forms_state.SEND, forms_state.WAIT_FOR, forms_state.FIRST,
    forms_state.BRANCH, forms_state.EMIT, forms_state.CALL, forms_choose.CHOOSE, forms_choose.ARM, forms_choose.REWARD,
    forms_choose.BASELINE, forms_choose.EXPLORE, forms_choose.REPEAT, forms_choose.STOP_ARM_IF, forms.TEST,
    forms.EXPECT, forms.FRAGMENT, forms.SHARED,
    forms_campaign.CAMPAIGN, forms_campaign.PRODUCTS, forms_campaign.AIM,
)  # fmt: skip


def reference() -> str:
    """Return the whole page, as Markdown."""
    index = "\n".join(f"- [{form.name}](#{_anchor(form)})" for form in PARTS)
    return f"{HEAD}\n{index}\n{VALUES}" + "".join(f"\n{part}\n" for form in PARTS for part in _part(form))


def _part(form: Form) -> Iterator[str]:
    yield f"## {form.name}"
    yield form.says
    rules = "; ".join(_rules(form))
    if rules:
        yield f"{rules[0].upper()}{rules[1:]}."
    yield "\n".join(["| key | value | default | |", "|---|---|---|---|", *(_row(key) for key in form.keys)])


def _rules(form: Form) -> Iterator[str]:
    if form.one_of:
        groups = [" with ".join(f"`{name}`" for name in group) for group in form.one_of]
        yield f"exactly one of {', '.join(groups)}"
    for group in form.at_most_one:
        yield f"at most one of {', '.join(f'`{name}`' for name in group)}"
    for key, other in form.with_:
        yield f"`{key}` only with `{other}`"


def _row(key: Key) -> str:
    default = "required" if key.required else key.default
    return f"| `{key.name}` | {_value(key.shape)} | {default} | {key.says} |"


def _value(shape: Shape) -> str:
    match shape:
        case Word():
            return KINDS[shape.kind]
        case Choice():
            return ", ".join(f"`{word}`" for word in shape.words)
        case Whole():
            return f"a whole number from {shape.low}" + (f" to {shape.high}" if shape.high is not None else "")
        case Many():
            one = _value(shape.of)
            return f"{one}, or a list" if shape.alone else f"a list: {one}"
        case Table():
            return f"a mapping: {_value(shape.keys)} → {_value(shape.values)}"
        case Either():
            return " or ".join(dict.fromkeys(_value(one) for one in shape.shapes))
        case Form():
            return f"[{shape.name}](#{_anchor(shape)})"


def _anchor(form: Form) -> str:
    return form.name.replace(" ", "-")


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201 - `make reference` puts it where it belongs
