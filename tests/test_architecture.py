"""The house rules that a machine can see: imports point inwards, rooms stay small, the core has no clock."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("journeys", "engine", "channels", "migrations")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
CORE = [path for path in FILES if path.is_relative_to(ROOT / "engine" / "core")]
VALUES = {  # what a door answers is a value that everybody may know; points that are reached are said everywhere
    "channels.channel", "channels.errors", "channels.failpoints",
}  # fmt: skip

# room -> what it may import of ours; the first prefix that fits decides
MAY = {
    "journeys": ("journeys",),
    "channels": ("channels",),
    "engine.core": ("engine.core", "journeys"),
    "engine.store": (
        "engine.store",
        "engine.core",
        "engine.errors",
        "engine.audience.identity",
        "journeys",
        "migrations",
        *VALUES,
    ),
    "engine.learner": ("engine.learner", "engine.core", "engine.errors", "journeys"),
    "engine.world": ("engine.world",),
}


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names if f"{node.module}.{name.name}" in MAY)


def ours(name: str) -> bool:
    return name.partition(".")[0] in ROOMS


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


@pytest.mark.parametrize("room", MAY)
def test_imports_point_inwards(room: str) -> None:
    wrong = [
        f"{module(path)} imports {name}"
        for path in FILES
        if within(module(path), room)
        for name in imports(path)
        if ours(name) and not any(within(name, allowed) for allowed in MAY[room])
    ]
    assert wrong == []


def test_the_core_imports_the_standard_library_and_journeys_alone_and_never_asks_for_time_or_chance() -> None:
    forbidden = {"random", "time", "secrets", "os", "socket", "logging", "sqlalchemy", "numpy", "uuid"}
    wrong = [
        f"{module(path)}: {name}" for path in CORE for name in imports(path) if name.partition(".")[0] in forbidden
    ]
    calls = [
        f"{module(path)}:{node.lineno}"
        for path in CORE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in ("now", "utcnow", "today")
        and isinstance(node.value, ast.Name)
        if node.value.id in ("datetime", "date")
    ]
    assert wrong + calls == []


def test_no_function_is_longer_than_fifty_lines() -> None:
    long = [
        f"{module(path)}.{node.name} has {node.end_lineno - node.lineno + 1} lines"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= 50
    ]
    assert long == []


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    long = [module(path) for path in FILES if len(path.read_text(encoding="utf-8").splitlines()) > 400]
    assert long == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        module(path)
        for path in FILES
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []
