"""What the extra [ml] brings, taken up when it is needed."""

from __future__ import annotations

import importlib
from typing import Any

from engine.errors import ConfigError


def taken_up(module: str, what: str) -> Any:
    """Return the module of scipy or scikit-learn; ConfigError that says what needs it and how it is installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(f"{what} needs {module.partition('.')[0]}: pip install 'sojourn[ml]'") from error
