"""Reading a CSV file of strangers: its letters, its separator, its columns; row by row, never the whole file."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self, TextIO

from engine.cli.text import counted
from engine.errors import ConfigError

MOST_ROWS: Final = 2_000_000
MOST_COLUMNS: Final = 500
LONGEST_CELL: Final = 64 * 1024
_PIECE: Final = 1 << 20
_SEPARATORS: Final = (",", ";", "\t", "|")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file; `line` is where it ends. `wrong` says why its cells do not fit the header."""

    line: int
    cells: tuple[str, ...]
    wrong: str = ""


class Titled(Protocol):
    """What has columns: a file, or what a CRM gives."""

    @property
    def path(self) -> Path: ...

    @property
    def header(self) -> tuple[str, ...]: ...


@dataclass(slots=True)
class Sheet:
    """A CSV file that was looked through once; iterating gives its rows."""

    path: Path
    encoding: str
    separator: str
    header: tuple[str, ...]
    lines: int  # of the file; a little more than its rows

    @property
    def remark(self) -> str:
        """Return what is worth saying about the file's form, "" when it is as expected."""
        said = []
        if self.encoding not in ("utf-8", "utf-8-sig"):
            said.append(f"not UTF-8, read as {self.encoding}")
        if self.separator != ",":
            said.append(f"separator {'tab' if self.separator == chr(9) else self.separator}")
        return ", ".join(said)

    def __iter__(self) -> Iterator[Row]:
        with self.path.open(encoding=self.encoding, newline="") as stream:
            reader = csv.reader(stream, delimiter=self.separator)
            try:
                next(reader)
                for count, cells in enumerate(reader, 1):
                    if count > MOST_ROWS:
                        raise ConfigError(f"{self.path} has over {MOST_ROWS:,} rows; split it")
                    if any(cells):
                        yield Row(reader.line_num, tuple(cells), self._misfit(cells))
            except csv.Error as error:
                says = f"{self.path}:{reader.line_num}: {error}; is a quote not closed? The rows before it were read"
                raise ConfigError(says) from None

    def _misfit(self, cells: list[str]) -> str:
        wide = len(self.header)
        if len(cells) == wide:
            return ""
        quote = "; is a quote not closed?" if any("\n" in cell for cell in cells) else ""
        return f"{counted(len(cells), 'cell')}, but the header has {wide}{quote}"


def open_sheet(path: Path) -> Sheet:
    """Look a file through; ConfigError says why it cannot be imported."""
    csv.field_size_limit(LONGEST_CELL)
    encoding, lines = _encoding(path)
    with path.open(encoding=encoding, newline="") as stream:
        separator = _separator(stream.readline(LONGEST_CELL))
        stream.seek(0)
        header = tuple(name.strip() for name in _first(path, stream, separator))
    twice = {name for name in header if name and header.count(name) > 1}
    if not any(header):
        raise ConfigError(f"{path} has no first line with the names of the columns")
    if len(header) > MOST_COLUMNS:
        raise ConfigError(f"{path} has {len(header)} columns; at most {MOST_COLUMNS}")
    if twice:
        raise ConfigError(f'{path} has two columns called "{min(twice)}"; rename one')
    return Sheet(path, encoding, separator, header, lines)


def _first(path: Path, stream: TextIO, separator: str) -> list[str]:
    try:
        return next(csv.reader(stream, delimiter=separator), [])
    except csv.Error as error:
        raise ConfigError(f"{path}:1: {error}") from None


def _encoding(path: Path) -> tuple[str, int]:
    """Return how the file is written, proved over its whole length, and how many lines it has."""
    if not path.exists():
        raise ConfigError(f"there is no file {path}")
    if not path.is_file():
        raise ConfigError(f"{path} is no file that can be read twice; save it as a CSV file first")
    with path.open("rb") as stream:
        start = stream.read(4)
        if start.startswith(b"PK"):
            raise ConfigError(f"{path} is a workbook or an archive; save it as CSV first")
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16", sum(piece.count(b"\n") for piece in iter(lambda: stream.read(_PIECE), b""))
        stream.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        lines, clean = 0, True
        while piece := stream.read(_PIECE):
            if b"\0" in piece:
                raise ConfigError(f"{path} is no text file")
            lines += piece.count(b"\n")
            clean = clean and _decodes(decoder, piece)
        clean = clean and _decodes(decoder, b"", final=True)
    name = "utf-8-sig" if start.startswith(codecs.BOM_UTF8) else "utf-8"
    return (name if clean else "latin-1"), lines


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True


def _separator(line: str) -> str:
    """Return what stands most often between the names of the columns."""
    bare = "".join(part for part in line.split('"')[::2])
    return max(_SEPARATORS, key=bare.count)


class Rejects:
    """Rows that were not taken, kept beside the file with line and reason; made when the first one comes."""

    def __init__(self, path: Path, header: tuple[str, ...], *, written: bool = True) -> None:
        self.path = path.with_name(f"{path.stem}.rejected.csv")
        self.reasons: dict[str, int] = {}
        self.samples: list[str] = []
        self._header, self._written = header, written
        self._stream: TextIO | None = None

    @property
    def count(self) -> int:
        return sum(self.reasons.values())

    def add(self, row: Row, kind: str, reason: str) -> None:
        """Keep one row; `kind` is what it is counted under."""
        self.reasons[kind] = self.reasons.get(kind, 0) + 1
        if len(self.samples) < 5:
            self.samples.append(f"line {row.line}: {reason}")
        if self._written:
            if self._stream is None:
                self._stream = self.path.open("w", encoding="utf-8", newline="")
                csv.writer(self._stream).writerow(["line", "reason", *map(harmless, self._header)])
            csv.writer(self._stream).writerow([row.line, harmless(reason), *map(harmless, row.cells)])

    def said(self) -> str:
        """Return "bad address 201, duplicate 14"."""
        ordered = sorted(self.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        return ", ".join(f"{kind} {count:,}" for kind, count in ordered)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._stream is not None:
            self._stream.close()


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
