"""Contexts as columns of small numbers: every token has a code, lines with equally many tokens go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.learner.schema import Schema

MOST, MOST_LINES = 20_000, 200_000  # tokens and lines that are remembered


@dataclass(frozen=True, slots=True)
class Alike:
    """Lines with equally many tokens: their numbers, codes [lines, tokens], values (None: all are 1)."""

    rows: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32] | None


class Words:
    """A vocabulary that grows; it begins anew when it is too large."""

    def __init__(self, schema: Schema) -> None:
        self.tokens: list[str] = []
        self._schema = schema
        self._code: dict[str, int] = {}
        self._lines: dict[str, bytes] = {}
        self._values: dict[str, bytes] = {}  # of lines with a value that is not 1

    def grouped(self, lines: Sequence[str]) -> list[Alike]:
        """Return the lines by their number of tokens, and whether all their values are 1."""
        if len(self.tokens) > MOST or len(self._lines) > MOST_LINES:
            self.tokens, self._code, self._lines, self._values = [], {}, {}, {}
        known = self._lines
        read = [known.get(line) or self._read(line) for line in lines]
        if len(set(map(len, read))) == 1 and not self._values:
            return [_alike(np.arange(len(lines)), read, None)]
        rows: dict[tuple[int, bool], list[int]] = {}
        for at, line in enumerate(lines):
            rows.setdefault((len(read[at]), line in self._values), []).append(at)
        return [self._group(lines, read, some, plain=not valued) for (_, valued), some in rows.items()]

    def _group(self, lines: Sequence[str], read: Sequence[bytes], rows: list[int], *, plain: bool) -> Alike:
        values = None if plain else [self._values[lines[at]] for at in rows]
        return _alike(np.array(rows), [read[at] for at in rows], values)

    def _read(self, line: str) -> bytes:
        codes, tokens = [], self._schema.read(line)
        for token, _ in tokens:
            code = self._code.get(token)
            if code is None:
                code = self._code[token] = len(self.tokens)
                self.tokens.append(token)
            codes.append(code)
        if any(value != 1.0 for _, value in tokens):
            self._values[line] = np.array([value for _, value in tokens], np.float32).tobytes()
        found = self._lines[line] = np.array(codes, np.int32).tobytes()
        return found


def _alike(rows: npt.NDArray[np.int64], codes: Sequence[bytes], values: Sequence[bytes] | None) -> Alike:
    shape = len(codes), len(codes[0]) // 4
    found = np.frombuffer(b"".join(codes), np.int32).reshape(shape)
    valued = None if values is None else np.frombuffer(b"".join(values), np.float32).reshape(shape)
    return Alike(rows, found, valued)
