"""What a stored model travels in: a digest and its settings, both checked before any library sees a byte.

A library that loads a model file believes what the file says, options included; so bytes that we did not write,
or that changed on the way, are refused here.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import LearnerError

MAGIC = b"sojourn model 1\n"
_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Envelope:
    """A model at rest. `state` is what the learner itself keeps beside the library's bytes."""

    kind: str
    settings: Mapping[str, Any]
    state: Mapping[str, Any]
    body: bytes

    def dumps(self) -> bytes:
        about = {"kind": self.kind, "settings": dict(self.settings), "state": dict(self.state)}
        rest = json.dumps(about, sort_keys=True, allow_nan=False).encode() + b"\n" + self.body
        return MAGIC + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def opened(raw: bytes, kind: str, settings: Mapping[str, Any]) -> Envelope:
    """Return what is inside; LearnerError unless it is whole and was made with these settings."""
    start = len(MAGIC) + _DIGITS + 1
    if not raw.startswith(MAGIC) or len(raw) < start:
        raise LearnerError("this is no stored model: start a new one from the log of decisions")
    if raw[len(MAGIC) : start] != hashlib.sha256(raw[start:]).hexdigest().encode() + b"\n":
        raise LearnerError("the stored model was cut or changed: start a new one from the log of decisions")
    about, _, body = raw[start:].partition(b"\n")
    facts = json.loads(about)
    if facts["kind"] != kind:
        raise LearnerError(f"the stored model is a {facts['kind']} model, not {kind}")
    if facts["settings"] != json.loads(json.dumps(dict(settings))):
        raise LearnerError("the stored model was made with other settings: start a new one from the log of decisions")
    return Envelope(kind, settings, facts["state"], body)


def packed(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return arrays as bytes: the same arrays give the same bytes."""
    head = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    return (
        json.dumps(head).encode() + b"\n" + b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    )


def unpacked(body: bytes) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that were packed; ValueError when there is too little or too much."""
    head, _, rest = body.partition(b"\n")
    found: dict[str, npt.NDArray[Any]] = {}
    for name, kind, shape in json.loads(head):
        size = np.dtype(kind).itemsize * math.prod(shape)
        found[name] = np.frombuffer(rest[:size], np.dtype(kind)).reshape(shape).copy()
        rest = rest[size:]
    if rest:
        raise ValueError("it holds more than its arrays")
    return found
