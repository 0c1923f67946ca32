"""The 38 mistakes of the manual, each set into a file of its own at its line: printed byte for byte, by the whole path.

Nothing else is said of the file: one slip makes one message.

Where the manual's own text could not stand, `changed` beside the specimen says why.
"""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from kit_copy import KIT
from settings import BELOW, TOP

from engine.proofs import proofs
from journeys.check_deploy import removed_state
from journeys.facts import Facts, Point, Seen
from journeys.load import load
from journeys.project import Definitions
from journeys.show import show

SPECIMENS = json.loads((Path(__file__).parent / "specimens.json").read_text(encoding="utf-8"))
STORE = Facts(
    contacts=5000,
    events={"order_placed": Seen(timedelta(minutes=3), 1204)},
    without={"first_name": 0.31},
    points={("welcome", "nudge"): Point(410, 0.08)},
)


def set_into(specimen: dict, root: Path) -> Path:
    """Write the specimen's file into a copy of the kit at `root`, the fragment at its line."""
    shutil.copytree(KIT, root)
    shutil.copy(root / "templates/email/cart_plain.mjml", root / "templates/email/thanks.mjml")
    for path in (root / "journeys").glob("*.yaml") if specimen["file"].startswith("journeys/") else ():
        path.unlink()
    top = TOP.get(specimen["n"], "")
    blank = "\n" * (specimen["first_line"] - 1 - top.count("\n"))
    path = root / specimen["file"]
    path.write_text(top + blank + specimen["fragment"] + "\n" + BELOW.get(specimen["n"], ""), encoding="utf-8")
    return path


def printed(definitions: Definitions, root: Path, file: str) -> list[str]:
    """Return all that lint says about `file`."""
    found = [*definitions.problems, *proofs(definitions, STORE)]
    texts = {one.file: (root / one.file).read_text(encoding="utf-8") for one in found}
    return [show(one, texts[one.file]) for one in found if one.file == file]


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda one: f"{one['n']:02}-{one['code']}")
def test_the_mistake_is_printed_as_in_the_manual(specimen, tmp_path):
    path = set_into(specimen, tmp_path / "shop")
    definitions = load(tmp_path / "shop", {}, lambda _: STORE)
    if specimen["code"] == "D801":
        assert not [p for p in definitions.problems if p.severity == "error"]
        gone = removed_state(definitions.journeys["cart_recovery"], "last_call", 68)
        said = [show(gone, path.read_text(encoding="utf-8"))]
    else:
        said = printed(definitions, tmp_path / "shop", specimen["file"])
    assert said == [specimen["expected"]]
