"""`choose`: the arms, what a decision earns, what it looks at, and how it explores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal, cast

from journeys.check_private import refuse_private
from journeys.conditions import read_condition, read_expression, read_values
from journeys.dayparts import Daypart, read_times
from journeys.expression import Expression
from journeys.fields import Fields, read_share, shaped
from journeys.forms_choose import ARM, BASELINE, CHOOSE, EXPLORE, REWARD, STOP_ARM_IF
from journeys.journey import NOTHING, Action, Arm, Choose, Explore, Reward
from journeys.node import Node
from journeys.page import near
from journeys.parse import parse
from journeys.place import Place
from journeys.project_file import POLICIES
from journeys.repeat import read_repeat
from journeys.signs import Signs, signs_for, usual_signs
from journeys.spot import Desk, Spot, known_event, read_message

CHOOSE_KEYS = CHOOSE.names
ARM_KEYS = ARM.names
REWARD_KEYS = REWARD.names
EXPLORE_KEYS = EXPLORE.names
STOP = {"unsubscribed": 0.01, "complained": 0.001, "bounced": 0.05}
SILENCE = Arm(NOTHING, NOTHING, "")


@dataclass(frozen=True, slots=True)
class _Table:
    """What the parts of one `choose` are read from."""

    spot: Spot
    desk: Desk
    fields: Fields


def read_choose(spot: Spot, node: Node, desk: Desk) -> Action | None:
    fields = Fields(spot.page, node, CHOOSE_KEYS, "choose")
    if fields.node is None or fields.node.kind != "map":
        return None
    table = _Table(spot, desk, fields)
    arms = _arms(table)
    reward = _reward(table)
    explore = _explore(table, arms)
    limits, after = _stop(table)
    baseline, usual = _baseline(table, arms), desk.project.decisions
    if not arms or reward is None:
        return None
    return Choose(
        tuple(arms),
        reward,
        _context(table),
        explore,
        baseline,
        usual["random"],
        limits,
        after,
        cast(Literal["fresh", "contact"], fields.choice("keep", CHOOSE.words("keep"), "fresh")),
        fields.flag("learn", True),
        _signs(table),
    )


def _arms(table: _Table) -> list[Arm]:
    fields, page = table.fields, table.spot.page
    if "arms" in fields:
        for key in ("messages", "channels", "nothing"):
            if key in fields:
                page.add("S104", fields.keys[key], f"`{key}` does not go with `arms`: write one or the other")
        usual = read_times(page, fields, table.desk.project)
        return _distinct(table, [arm for item in fields.items("arms") for arm in _arm(table, item, usual)])
    if not fields.needs("messages", "channels"):
        return []
    times = read_times(page, fields, table.desk.project)
    arms = [arm for item in fields.items("messages") for one in _row(table, item) for arm in _spread(one, times)]
    return _distinct(table, [*arms, SILENCE] if fields.flag("nothing", False) else arms)


def _distinct(table: _Table, arms: list[Arm]) -> list[Arm]:
    ids = [arm.id for arm in arms]
    twice = next((one for one in ids if ids.count(one) > 1), None)
    at = table.fields.node_of("arms") or table.fields.node_of("messages")
    if twice and at:
        table.spot.page.add("B505", at, f"two arms are called {twice}", helps=("give one of them an `id:`",))
    return arms


def _row(table: _Table, message: Node) -> list[Arm]:
    """Return the arms of one message: the channels for which a template exists."""
    project, page = table.desk.project, table.spot.page
    channels = [item.raw for item in table.fields.items("channels")]
    wanted = [f"{channel}/{message.raw}" for channel in channels]
    found = [name for name in wanted if name in project.messages]
    for item in table.fields.items("channels"):
        if item.raw not in project.channels:
            page.unknown("R207", item, f'no channel called "{item.raw}" in sojourn.yaml', project.channels)
    if not found and message.kind != "broken":
        known = [name.partition("/")[2] for name in project.messages if name.partition("/")[0] in channels]
        guess = near(message.raw, known)
        more: dict[str, Any] = {"label": f"did you mean {guess}?", "fix": page.meant(message, guess)} if guess else {}
        notes = (f"looked for {', '.join(f'templates/{name}.*' for name in wanted)}",)
        page.add("R203", message, f"no message {message.raw} on {' or '.join(channels)}", notes=notes, **more)
    return [Arm(name, name, name.partition("/")[0]) for name in found]


def _arm(table: _Table, node: Node, usual: Sequence[Daypart]) -> list[Arm]:
    """Return one arm for each of its times; a message without times is one arm, which leaves at once."""
    spot, project = table.spot, table.desk.project
    if node.kind == "text":
        if node.raw == NOTHING:
            return [SILENCE]
        message = read_message(spot.page, node, project)
        return _spread(Arm(message, message, message.partition("/")[0]), usual) if message else []
    fields = Fields(spot.page, node, ARM_KEYS, "an arm")
    if not fields.needs("send"):
        return []
    message = read_message(spot.page, fields.node_of("send"), project)
    guard = read_condition(spot.page, fields.node_of("if"), spot.names)
    cost = read_expression(spot.page, fields.node_of("cost"), spot.names, "number")
    values = read_values(spot.page, fields.node_of("vars"), spot.names, "vars")
    times = read_times(spot.page, fields, project) if "times" in fields else usual
    if message is None:
        return []
    return _spread(Arm(fields.name("id") or message, message, message.partition("/")[0], guard, cost, values), times)


def _spread(arm: Arm, times: Sequence[Daypart]) -> list[Arm]:
    """Return the arm once for each time; at NOW it keeps its plain name."""
    return [
        replace(arm, id=f"{arm.id}@{name}", daypart=name, window=window) if window else arm for name, window in times
    ] or [arm]


def _reward(table: _Table) -> Reward | None:
    fields, page = table.fields, table.spot.page
    if not fields.needs("reward"):
        return None
    node = cast(Node, fields.node_of("reward"))
    if node.kind == "text":
        return _goal(table, node)
    inner = Fields(page, node, REWARD_KEYS, "reward")
    if not inner.needs("within", "score"):
        return None
    within = inner.span("within", timedelta(days=1))
    score: dict[str, Expression] = dict(table.desk.project.decisions["reward"])
    for key, value in inner.pairs("score"):
        if known_event(page, key, table.spot.names.data):
            found = read_expression(page, value, table.spot.seeing((key.raw,)), "number")
            if found is not None:
                score[key.raw] = found
    clip = _clip(table, inner)
    return Reward(within, score, clip, clip[1] if clip and clip[1] > 0 else None)


def _clip(table: _Table, inner: Fields) -> tuple[float, float] | None:
    node = inner.node_of("clip")
    if node is None or not shaped(table.spot.page, node, "list", "clip"):
        return None
    ends = [item.value for item in node.items if item.kind == "number"]
    if len(ends) != 2 or len(node.items) != 2 or ends[0] >= ends[1]:
        table.spot.page.add(
            "S112", node, "`clip` is two numbers, the lower first", label="write for example [-25, 200]"
        )
        return None
    return float(ends[0]), float(ends[1])


def _goal(table: _Table, node: Node) -> Reward | None:
    """Return what `reward: goal` means: the goal's events in the goal's time, worth its value, and the penalties."""
    page, goal = table.spot.page, table.desk.goal
    if node.raw != "goal":
        page.unknown(
            "S112", node, f'`reward` is goal, or a mapping with `within` and `score`, not "{node.raw}"', ["goal"]
        )
        return None
    if goal is None:
        helps = ("add `goal: {event: order_placed, within: 14d}`, or write `reward: {within: …, score: …}`",)
        page.add("R211", node, "this journey has no goal to be rewarded", helps=helps)
        return None
    place = page.place(node)
    worth = goal.value or _one(place, table)
    score = {**table.desk.project.decisions["reward"], **dict.fromkeys(goal.events, worth)}
    return Reward(goal.within, score, None, _scale(worth.source))


def _one(place: Place, table: _Table) -> Expression:
    return cast(Expression, parse("1", place, table.spot.names)[0])


def _scale(source: str) -> float | None:
    try:
        worth = float(source)
    except ValueError:
        return None
    return worth if math.isfinite(worth) and worth > 0 else None


def _context(table: _Table) -> tuple[Expression, ...]:
    if "context" not in table.fields:
        return cast(tuple[Expression, ...], table.desk.project.decisions["context"])
    page, names = table.spot.page, table.spot.names
    found = [(node, read_expression(page, node, names)) for node in table.fields.items("context")]
    for node, said in found:
        refuse_private(page, node, said, table.desk.project.data)
    return tuple(one for _, one in found if one is not None)


def _signs(table: _Table) -> Signs:
    """Return the signs of life that belong to the context; a `true` where the project says false means the usual."""
    project, goal = table.desk.project, table.desk.goal
    usual: Signs = project.decisions["behaviour"]
    if not table.fields.flag("behaviour", bool(usual)):
        return {}
    return signs_for(usual or usual_signs(project.data), goal)


def _explore(table: _Table, arms: list[Arm]) -> Explore:
    page, usual = table.spot.page, table.desk.project.decisions
    node = table.fields.node_of("explore")
    fields = Fields(page, node, EXPLORE_KEYS, "explore")
    policy = fields.choice("policy", POLICIES, usual["policy"])
    least = fields.share("min_share", usual["min_share"])
    if arms and least * len(arms) > 1 + 1e-9:
        at = fields.node_of("min_share") or table.fields.node_of("arms") or table.fields.node_of("messages")
        most = math.floor(1000 / len(arms)) / 10
        says = f"{len(arms)} arms \u00d7 min_share {least * 100:g}% is more than 100%"
        page.add("B502", cast(Node, at), says, label=f"at most {most:g}%; 0.5% is usual")
    shares = _shares(table, fields, arms)
    if policy == "fixed" and shares is None and "shares" not in fields:
        page.add("S113", node or cast(Node, table.fields.node), "`fixed` needs `shares`: {arm: 50%, …}")
    life = fields.node_of("half_life")
    return Explore(
        cast(Literal["vw", "thompson", "beta", "random", "fixed"], policy),
        fields.whole("warmup", usual["warmup"]),
        least,
        fields.span("half_life", timedelta(0)) or None if life else None,
        shares,
        fields.share("new_arm_share", usual["new_arm_share"]),
        read_repeat(page, fields.node_of("repeat"), usual["repeat"]),
        _challenger(policy, usual.get("challenger")),
    )


def _challenger(policy: str, said: str | None) -> Literal["vw", "thompson", "beta"] | None:
    """Return who learns in the shadow of this policy: where nobody says, the other one of the two that know people."""
    rivals: dict[str, Literal["vw", "thompson", "beta"]] = {"vw": "thompson", "thompson": "vw"}
    if said is None:
        return rivals.get(policy)
    return cast(Literal["vw", "thompson", "beta"], said) if said not in ("none", policy) else None


def _shares(table: _Table, fields: Fields, arms: list[Arm]) -> dict[str, float] | None:
    node = fields.node_of("shares")
    if node is None or not shaped(table.spot.page, node, "map", "shares"):
        return None
    found: dict[str, float] = {}
    for key, value in fields.pairs("shares"):
        share = read_share(table.spot.page, value)
        if arms and key.raw not in [arm.id for arm in arms]:
            table.spot.page.unknown("B503", key, f"`shares` names no arm {key.raw}", [arm.id for arm in arms])
        elif share is not None:
            found[key.raw] = share
    if len(found) == len(node.entries) and abs(sum(found.values()) - 1) > 1e-6:
        says = f"the shares add up to {round(sum(found.values()) * 100, 4):g}%, not 100%"
        table.spot.page.add("S109", node, says)
    return found


def _baseline(table: _Table, arms: list[Arm]) -> tuple[str, float] | None:
    node = table.fields.node_of("baseline")
    if node is None:
        return None
    page = table.spot.page
    fields = Fields(page, node, BASELINE.names, "baseline")
    if not fields.needs("arm", "share"):
        return None
    arm, share = cast(Node, fields.node_of("arm")), fields.share("share", 0.0)
    ids = [one.id for one in arms]
    if arm.raw in ids:
        return arm.raw, share
    if ids:
        guess = near(arm.raw, ids)
        more: dict[str, Any] = {"label": f"did you mean {guess}?", "fix": page.meant(arm, guess)} if guess else {}
        page.add("B503", arm, "the baseline must be one of the arms", **more)
    return None


def _stop(table: _Table) -> tuple[dict[str, float], int]:
    node = table.fields.node_of("stop_arm_if")
    if node is None:
        return dict(STOP), 200
    fields = Fields(table.spot.page, node, STOP_ARM_IF.names, "stop_arm_if")
    return {name: fields.share(name, usual) for name, usual in STOP.items()}, fields.whole("after", 200, 1)
