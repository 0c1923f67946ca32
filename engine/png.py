"""An SVG picture as PNG, painted by resvg (the extra `draw`).

Rules
- A picture whose words are missing is none: where no font can be found, that is said and nothing is written.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from engine.errors import ConfigError

ZOOM = 2.0
PROBE = '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24"><text y="20" font-family="{}">{}</text></svg>'
FONT = "Helvetica,Arial,Liberation Sans,DejaVu Sans,sans-serif"


def png(svg: str, zoom: float = ZOOM) -> bytes:
    """Return the picture `zoom` times as large as the SVG; ConfigError without resvg or without any font."""
    painter = _painter()
    if not _writes():
        raise ConfigError("no font was found to write with: install one (Debian: fonts-dejavu), or draw -o FILE.svg")
    return bytes(painter.svg_to_bytes(svg_string=svg, zoom=zoom))


def _painter() -> Any:
    try:
        return import_module("resvg_py")
    except ModuleNotFoundError:
        says = "a PNG needs resvg: pip install 'sojourn[draw]'; or draw -o FILE.svg, which every browser shows"
        raise ConfigError(says) from None


@cache
def _writes() -> bool:
    """Return whether letters leave a trace."""
    painted = [bytes(_painter().svg_to_bytes(svg_string=PROBE.format(FONT, word))) for word in ("", "M")]
    return painted[0] != painted[1]
