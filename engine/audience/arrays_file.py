"""Arrays in a file of their own: one per version, mapped into memory, refused when it is not ours or not whole.

Rules
- The head is signed with the project's secret and holds the SHA-256 of every array: a file of another project, one
  that was cut, and one that somebody changed are refused with the way out.
- A file is written beside its place and renamed: whoever reads sees all of it or the one before.
- The version is the digest of what is in it: the same orders give the same version.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engine.audience.arrays import Arrays
from engine.audience.words import Texts
from engine.errors import ConfigError

MAGIC: Final = b"sojourn arrays 1\n"
KEPT: Final = 2
_ALIGN: Final = 64
_DIGITS: Final = 64
_LISTS: Final = ("skus", "families", "departments", "vocabulary")
_NEW: Final = "begin anew: sojourn campaign refresh"


def save(fields: Mapping[str, Any], folder: Path, key: bytes) -> Arrays:
    """Write a version, drop all but the newest KEPT, and return it as it was written."""
    arrays, lists = _parts(fields)
    offset = 0
    table: dict[str, list[Any]] = {}
    for name, one in arrays.items():
        offset = -(-offset // _ALIGN) * _ALIGN
        digest = hashlib.sha256(one.data if one.size else b"").hexdigest()
        table[name] = [one.dtype.str, list(one.shape), offset, digest]
        offset += one.nbytes
    head = {"minute": fields["minute"], "lists": lists, "arrays": table}
    version = hashlib.sha256(json.dumps(head, sort_keys=True).encode()).hexdigest()[:12]
    said = json.dumps(head | {"version": version}, sort_keys=True).encode() + b"\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"arrays-{version}.bin"
    half = path.with_suffix(".part")
    with half.open("wb") as stream:
        stream.write(MAGIC + _signed(said, key) + b"\n" + said)
        stream.write(b"\0" * (-stream.tell() % _ALIGN))
        start = stream.tell()
        for name, one in arrays.items():
            stream.seek(start + table[name][2])
            stream.write(one.data if one.size else b"")
    half.replace(path)
    _tidy(folder, path)
    return load(path, (key,))


def load(path: Path, keys: Sequence[bytes]) -> Arrays:
    """Return the arrays of a file, mapped; ConfigError when it is not one of ours, cut or changed."""
    with path.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            raise ConfigError(f"{path} holds no arrays; {_NEW}")
        mark = stream.read(_DIGITS + 1)[:-1]
        said = stream.readline()
        start = -(-stream.tell() // _ALIGN) * _ALIGN
    if not any(hmac.compare_digest(mark, _signed(said, key)) for key in keys):
        raise ConfigError(f"{path} was not written with this project's secret, or was changed; {_NEW}")
    head = json.loads(said)
    arrays = {name: _mapped(path, start, one) for name, one in head["arrays"].items()}
    return _whole(head, arrays)


def newest(folder: Path) -> Path | None:
    """Return the newest file of arrays, None when there is none."""
    found = sorted(folder.glob("arrays-*.bin"), key=lambda path: path.stat().st_mtime_ns)
    return found[-1] if found else None


def forget(folder: Path) -> int:
    """Remove every version, because somebody is to be forgotten; return how many. The next use makes one anew."""
    found = list(folder.glob("arrays-*.bin"))
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _parts(fields: Mapping[str, Any]) -> tuple[dict[str, npt.NDArray[Any]], dict[str, list[str]]]:
    words: Texts = fields["words"]
    arrays = {name: np.ascontiguousarray(one) for name, one in fields.items() if isinstance(one, np.ndarray)}
    for name in ("rarity", "start", "word", "weight"):
        arrays[f"words_{name}"] = np.ascontiguousarray(getattr(words, name))
    lists = {name: list(fields[name]) for name in ("skus", "families", "departments")}
    return arrays, lists | {"vocabulary": list(words.vocabulary)}


def _mapped(path: Path, start: int, about: Sequence[Any]) -> npt.NDArray[Any]:
    kind, shape, offset, digest = about
    if 0 in shape:
        return np.empty(shape, kind)
    try:
        found = np.memmap(path, np.dtype(kind), "r", start + offset, tuple(shape))
    except ValueError:
        raise ConfigError(f"{path} was cut; {_NEW}") from None
    if hashlib.sha256(found.data).hexdigest() != digest:
        raise ConfigError(f"{path} was changed or damaged; {_NEW}")
    return np.asarray(found)


def _whole(head: Mapping[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Arrays:
    lists: dict[str, Any] = {name: tuple(head["lists"][name]) for name in _LISTS}
    texts = Texts(
        lists.pop("vocabulary"), *(arrays.pop(f"words_{name}") for name in ("rarity", "start", "word", "weight"))
    )
    fields: dict[str, Any] = {**lists, **arrays}
    return Arrays(version=head["version"], minute=head["minute"], words=texts, **fields)


def _signed(said: bytes, key: bytes) -> bytes:
    return hmac.new(key, said, hashlib.sha256).hexdigest().encode()


def _tidy(folder: Path, kept: Path) -> None:
    found = sorted(folder.glob("arrays-*.bin"), key=lambda path: (path == kept, path.stat().st_mtime_ns))
    for path in found[:-KEPT]:
        path.unlink(missing_ok=True)
