"""docs/intake.md shows what the tests run: every line of a client's snippet stands in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import test_clients

DOC = Path(__file__).parent.parent.parent / "docs" / "intake.md"
SHOWN = re.findall(r"<!-- client: (\S+) -->\n```(?:js|html)\n(.*?)```", DOC.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize(("client", "snippet"), SHOWN, ids=[client for client, _ in SHOWN])
def test_a_snippet_that_is_shown_is_run(client, snippet):
    run = re.sub(r"\s+", " ", test_clients.NODE + test_clients.NEXT + test_clients.OWN)
    for line in snippet.replace("https://HOST", "%(host)s").splitlines():
        assert line.strip() in run, f"{client}: {line}"


def test_each_client_in_scripts_is_shown():
    assert len(SHOWN) == 4
