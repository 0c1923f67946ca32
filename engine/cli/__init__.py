"""The command line: what people type, what they read, and with which number it ends.

Rules
- Data goes to stdout, all else to stderr; `--json` prints exactly one object. Nothing is asked without a terminal.
- `sojourn --help` imports no command: a command's module is imported when it is called (commands.py names them).
- Whatever goes wrong is one clear line with the way out; `-v` shows where it came from.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    from engine.cli.run import run

    return run(sys.argv[1:] if argv is None else argv)
