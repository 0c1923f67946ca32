"""The demo's project: the shop starter with larger control groups, and the plain A/B/n test it had before.

Rules
- What the reader finds in journeys/ is what ran in the live days, to the letter.
- The history ran from files too (the same ones with their decisions at random), so that the store can show them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.tokens import SECRET_FILE
from journeys.load import load
from journeys.project import Definitions
from journeys.starters import copy_starter

STARTER = "shop"
HOLDOUT, BASELINE = "20%", "25%"  # of those who are not held out: 20 % of all
CART, WINBACK = "journeys/cart_recovery.yaml", "journeys/winback.yaml"
A_DAY = 400  # who may enter winback
LIVE = (
    ("sojourn.yaml", r"^project: .*$", "project: {name}"),
    (
        "sojourn.yaml",
        r"^(  policy: thompson.*)$",
        r"\g<1>\n  challenger: none                  # a demo compares no models: it would take longer",
    ),
    (CART, r"^holdout: .*$", f"holdout: {HOLDOUT}                      # larger than usual: a demo has few people"),
    (CART, r"(baseline: \{arm: email/cart_social, share: )[^}]*\}", rf"\g<1>{BASELINE}}}"),
)
PLAIN = (
    ("sojourn.yaml", r"policy: thompson", "policy: random"),
    (CART, r"^ +baseline: .*\n", ""),
    (CART, r"^holdout: .*\n", ""),
    ("journeys/welcome.yaml", r"^holdout: .*\n", ""),
    (WINBACK, r"^ +baseline: .*\n", ""),
    (WINBACK, r"^holdout: .*\n", ""),
)
NO_SETTINGS: Mapping[str, str] = {}
"""The demo asks no environment variable: it never sends and never leaves its folder."""


def write(folder: Path, seed: int) -> Definitions:
    """Write the project into `folder` and return what it says."""
    copy_starter(STARTER, folder)
    for name, pattern, text in LIVE:
        _edit(folder / name, pattern, text.format(name=f"acme-demo-{seed}") if "{name}" in text else text)
    secret = folder / SECRET_FILE
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text(blake2b(f"sojourn demo {seed}".encode(), digest_size=24).hexdigest() + "\n", encoding="ascii")
    secret.chmod(0o600)
    return load(folder, NO_SETTINGS)


@contextmanager
def as_plain_test(folder: Path, parts: int = 1) -> Iterator[Definitions]:
    """Give the same project with every decision at random and nobody held out; for one of so many parts of them."""
    with TemporaryDirectory() as temporary:
        root = Path(temporary) / "project"
        shutil.copytree(folder, root)
        for name, pattern, text in PLAIN:
            _edit(root / name, pattern, text)
        _edit(root / WINBACK, rf"limit: {A_DAY}/day", f"limit: {A_DAY // parts}/day")
        yield load(root, NO_SETTINGS)


def _edit(path: Path, pattern: str, text: str) -> None:
    before = path.read_text(encoding="utf-8")
    after, count = re.subn(pattern, text, before, flags=re.MULTILINE)
    if not count:
        raise AssertionError(f"{path.name} no longer has {pattern!r}: the demo was made for another starter")
    path.write_text(after, encoding="utf-8")
