"""Paths that people can read: each script of tests/paths next to what it must lead to."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from channels.captured import CapturedChannel
from engine.app import Options, build
from engine.cli import main
from engine.clock import SimulatedClock
from engine.pacing import Pacing
from engine.path import Frame, flat, items, tree
from engine.rehearsal import Script, invented, rehearse, somebody
from engine.simulate import Virtual, run_events
from engine.store.connect import reading, upgrade, writing
from engine.store.history import timeline
from engine.store.intake import NewEvent, add_contacts
from engine.tokens import create_secret
from journeys.load import load
from journeys.starters import copy_starter

PATHS = Path(__file__).parent.parent / "paths"
SCRIPTS = sorted(PATHS.glob("*.yaml"))
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    root = tmp_path_factory.mktemp("shop")
    copy_starter("shop", root)
    create_secret(root)
    return root


def told(script, root, capsys, *flags):
    """Return what the command line prints for a script."""
    said = yaml.safe_load(script.read_text(encoding="utf-8"))
    name = said.get("simulate") or said["journey"]["journey"]
    file = root / "journeys" / f"{name}.yaml"
    if "journey" in said:
        file.write_text(yaml.safe_dump(said["journey"], sort_keys=False), encoding="utf-8")
    argv = ["-C", str(root), "simulate", name, "--from", str(said["from"]), *flags]
    argv += [word for event in said.get("events", []) for word in ("--event", event)]
    for key, value in said.get("contact", {}).items():
        argv += ["--set", f"contact.{key}={str(value).lower() if isinstance(value, bool) else value}"]
    for state, arm in said.get("force", {}).items():
        argv += ["--force", f"{state}={arm}"]
    code = main(argv)
    printed = capsys.readouterr()
    if "journey" in said:
        file.unlink()
    assert (code, printed.err) == (0, "")
    return printed.out


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_leads_to_the_path_beside_it(script, shop, capsys):
    found = told(script, shop, capsys)
    beside = script.with_suffix(".txt")
    if os.environ.get("WRITE_PATHS"):
        beside.write_text(found, encoding="utf-8")
    assert found == beside.read_text(encoding="utf-8")


def test_a_path_can_be_told_in_ascii(shop, capsys):
    found = told(PATHS / "a_buyer_hears_nothing_more.yaml", shop, capsys, "--ascii")
    assert found.isascii()
    assert "@ push/cart_nudge" in found


def lived(root, tmp_path, events):
    """Let somebody live on a real store, and return the rows with a frame to read them by."""
    definitions = load(root, {})
    project = definitions.project
    journey = definitions.journeys["cart_recovery"]
    who = somebody(journey, project.name, project.holdout)
    url = f"sqlite:///{tmp_path / 'real.db'}"
    upgrade(url)
    clock = SimulatedClock(START)
    captured = {name: CapturedChannel(name) for name in project.channels}
    engine = build(definitions, Options(url=url, clock=clock, channels=captured, durability="normal"))
    engine.post.pacing = Pacing()
    with writing(engine.store) as conn:
        add_contacts(conn, [invented(project, who, {})], START, lambda *said: ":".join(said))
    said = [NewEvent(id_, who, name, START + after, data) for id_, name, after, data in events]
    run_events(Virtual(engine, clock, captured), said, START + timedelta(days=10))
    with reading(engine.store) as conn:
        entries = timeline(conn, who)
    engine.close()
    script = Script("cart_recovery", who, START, START + timedelta(days=10), said)
    return definitions, script, entries, Frame(definitions.journeys, UTC)


CART = ("a", "cart_abandoned", timedelta(0), {"cart_id": "A", "value": 60, "items_count": 1})


def test_what_would_happen_and_what_did_are_the_same_lines(shop, tmp_path):
    definitions, script, entries, frame = lived(shop, tmp_path, [CART])
    would = rehearse(definitions, script)
    assert tree(items(entries, frame), UTC) == tree(items(would.entries, frame), UTC)
    assert len(entries) > 8


def test_a_flat_path_tells_what_reached_the_person_and_no_draws(shop, tmp_path):
    order = ("b", "order_placed", timedelta(hours=30), {"order_id": "O", "total": 60})
    *_, entries, frame = lived(shop, tmp_path, [CART, order])
    signs = {line.split()[4] for line in flat(items(entries, frame), UTC)}
    assert {"●", "▶", "★", "■"} <= signs
    assert not signs & {"◆", "◇", "?"}


def test_a_state_that_is_gone_is_told_without_what_it_waited_for(shop, tmp_path):
    *_, entries, _ = lived(shop, tmp_path, [CART])
    lines = tree(items(entries, Frame({}, UTC)), UTC)
    assert any("▶ enter" in line for line in lines)
    assert any("◆ recover" in line for line in lines)


def test_the_event_that_starts_a_run_comes_before_the_run(shop, tmp_path):
    *_, entries, frame = lived(shop, tmp_path, [CART])
    first, second, *_ = items(entries, frame)
    assert (first.sign, second.sign) == ("●", "▶")
