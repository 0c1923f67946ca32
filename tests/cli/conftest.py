"""The command line as a user has it: words in, (exit code, stdout, stderr) out, in a project of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture
def sojourn(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command line."""

    def run(*words: object) -> Said:
        capsys.readouterr()
        code = main([str(word) for word in words])
        heard = capsys.readouterr()
        return Said(code, heard.out, heard.err)

    return run


def noon() -> str:
    """Return a zone in which it is about noon: no quiet hours, whenever the tests run."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


@pytest.fixture(scope="session")
def new_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project from the starter, awake at any hour, made once."""
    folder = tmp_path_factory.mktemp("new") / "shop"
    assert main(["init", str(folder), "-q"]) == 0
    settings = folder / "sojourn.yaml"
    text = settings.read_text("utf-8").replace("Europe/Paris", noon())
    settings.write_text(text.replace("holdout: 2%", "holdout: 0%"), "utf-8")
    return folder


@pytest.fixture
def shop(new_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one's own as it is after `sojourn init`, as the current folder."""
    folder = tmp_path / "shop"
    shutil.copytree(new_shop, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def people(shop: Path, sojourn: Run) -> Path:
    """The shop with two people who may be written to."""
    file = shop / "people.csv"
    file.write_text(
        "email,first_name,consent\nlena@shop.example,Lena,promo;onboarding\ntom@shop.example,Tom,onboarding\n"
    )
    assert sojourn("contact", "import", file).code == 0
    return shop
