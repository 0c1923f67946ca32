"""`sojourn config schema`: what editors are given."""

from __future__ import annotations

import json

import pytest


def test_init_writes_the_schemas_and_every_journey_names_its_own(shop):
    made = json.loads((shop / ".sojourn" / "journey.schema.json").read_text("utf-8"))
    assert "signed_up" in json.dumps(made["properties"]["goal"])
    assert (shop / ".sojourn" / "fragment.schema.json").is_file()
    for path in (shop / "journeys").glob("*.yaml"):
        line = path.read_text("utf-8").split("\n")[0]
        named = line.removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / named).resolve() == shop / ".sojourn" / "journey.schema.json"


def test_lint_brings_the_schema_up_to_date_and_makes_none(sojourn, shop):
    path = shop / ".sojourn" / "journey.schema.json"
    data = shop / "data.yaml"
    data.write_text(data.read_text("utf-8").replace("  app_opened: ", "  page_read: {}\n  app_opened: "), "utf-8")
    assert "page_read" not in path.read_text("utf-8")
    assert sojourn("lint").code == 0
    assert "page_read" in path.read_text("utf-8")
    before = path.stat().st_mtime_ns
    sojourn("lint")
    assert path.stat().st_mtime_ns == before
    path.unlink()
    sojourn("lint")
    assert not path.exists()


@pytest.mark.parametrize("fix", ["--fix", "--diff"])
def test_repairing_leaves_no_trace_of_the_copy_in_the_schema(sojourn, shop, fix):
    path = shop / ".sojourn" / "journey.schema.json"
    before = path.read_text("utf-8")
    assert sojourn("lint", fix).code == 0
    assert path.read_text("utf-8") == before


def test_it_is_written_where_it_is_asked_for_or_printed(sojourn, shop, tmp_path):
    (shop / ".sojourn" / "journey.schema.json").unlink()
    said = sojourn("config", "schema")
    assert "wrote .sojourn/journey.schema.json" in said.out
    assert "# yaml-language-server: $schema=" in said.out
    assert sojourn("config", "schema", "-o", tmp_path / "deep" / "s.json").code == 0
    kept = (tmp_path / "deep" / "s.json").read_text("utf-8")
    assert kept == (shop / ".sojourn" / "journey.schema.json").read_text("utf-8")
    assert sojourn("config", "schema", "-o", "-").out == kept
    assert sojourn("config", "schema", "--json").json["data"]["files"][0] == ".sojourn/journey.schema.json"


def test_settings_that_cannot_be_read_are_told(sojourn, shop):
    (shop / "sojourn.yaml").write_text("project: [\n", "utf-8")
    said = sojourn("config", "schema")
    assert said.code == 1
    assert "sojourn.yaml:" in said.err
