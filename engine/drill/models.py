"""Drill 22: stored models that are damaged, foreign or crafted: every one is refused, and nobody stops."""

from __future__ import annotations

import random
from collections.abc import Callable

from engine.drill.drill import Ask, Found
from engine.errors import LearnerError
from engine.learner.models import Example, Model, load_model, new_model

ARMS = {f"a{n}": f"m=a{n} ch=email" for n in range(4)}
LINES = ("tier=gold value:3", "tier=tin", "")
KINDS = ("thompson", "vw", "beta")
INJECTED = b"--cb_explore_adf -f stolen.model --initial_regressor /etc/passwd"


def damage(ask: Ask) -> Found:
    """Drill 22: header flips, body flips, cuts, garbage, zeroed and doubled blocks, wrong settings, options."""
    each = ask.some(50, 5)
    chance, wrong = ask.chance, list[str]()
    tried = refused = 0
    for kind in KINDS:
        raw = _taught(kind, chance).dumps()
        if _refused(kind, raw):
            wrong.append(f"{kind}: a whole model is refused")
        for name, harm in HARMS.items():
            for _ in range(each):
                bad = harm(raw, chance)
                if bad == raw:
                    continue
                tried += 1
                refused += (no := _refused(kind, bad))
                if not no:
                    wrong.append(f"{kind}: {name} was loaded")
            ask.tell(f"{kind}: {name}")
        tried += 1
        refused += _refused(kind, raw, {"scale": 7.5})
    files = sorted(path.name for path in ask.folder.iterdir())
    if files:
        wrong.append(f"files were written: {files}")
    if refused != tried:
        wrong.append(f"{tried - refused} of {tried} were not refused")
    return Found(f"{refused:,} of {tried:,} mutations refused, {len(KINDS)} kinds of model", wrong=tuple(wrong[:10]),
                 figures={"mutations": tried, "refused": refused})  # fmt: skip


def _taught(kind: str, chance: random.Random) -> Model:
    model = new_model(kind)
    arms = list(ARMS.values())
    model.learn([
        Example(chance.choice(LINES), chance.choice(arms), float(chance.random() < 0.3), 0.25) for _ in range(200)
    ])  # fmt: skip
    return model


def _refused(kind: str, raw: bytes, settings: dict[str, float] | None = None) -> bool:
    try:
        load_model(kind, raw, settings)
    except LearnerError:
        return True
    return False


def _flip(raw: bytes, chance: random.Random, first: int, last: int) -> bytes:
    at = chance.randrange(first, max(first + 1, min(last, len(raw))))
    return raw[:at] + bytes([raw[at] ^ (1 << chance.randrange(8))]) + raw[at + 1 :]


def _doubled(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw) - 8)
    return raw[:at] + raw[at : at + 64] + raw[at:]


def _zeroed(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw) - 8)
    size = min(64, len(raw) - at)
    return raw[:at] + bytes(size) + raw[at + size :]


HARMS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "a flip in the head": lambda raw, chance: _flip(raw, chance, 0, 60),
    "a flip in the body": lambda raw, chance: _flip(raw, chance, 60, len(raw)),
    "cut off": lambda raw, chance: raw[: chance.randrange(len(raw))],
    "garbage": lambda raw, chance: chance.randbytes(len(raw)),
    "a zeroed block": _zeroed,
    "a doubled block": _doubled,
    "injected options": lambda raw, _: raw[:40] + INJECTED + raw[40:],
}
