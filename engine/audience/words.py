"""What products are called, as weighted words: how products that nobody has bought yet are like others.

tf-idf with lengths of one, so that the product of two rows is their cosine (Salton and Buckley 1988).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_WORD = re.compile(r"[^\W\d_]{2,}")
_TOO_COMMON = 0.5  # share of products; such a word says nothing


@dataclass(frozen=True, slots=True)
class Texts:
    """Rows of words: row n has the words `word[start[n]:start[n + 1]]` with these weights."""

    vocabulary: tuple[str, ...]
    rarity: npt.NDArray[np.float32]  # by word: log((1 + rows) / (1 + rows with it)) + 1
    start: npt.NDArray[np.int64]
    word: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float32]

    def like(self, text: str) -> npt.NDArray[np.float32]:
        """Return the cosine of every row with `text`, between 0 and 1."""
        place = {word: n for n, word in enumerate(self.vocabulary)}
        wanted = np.zeros(len(self.vocabulary), np.float32)
        for word in words_of(text):
            if word in place:
                wanted[place[word]] = self.rarity[place[word]]
        length = float(np.linalg.norm(wanted)) or 1.0
        rows = np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))
        found = np.bincount(rows, self.weight * wanted[self.word] / length, minlength=len(self.start) - 1)
        return found.astype(np.float32)


def words_of(text: str) -> list[str]:
    """Return the words of a name: small letters without accents, one form for singular and plural in -s."""
    plain = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in _WORD.findall(plain)]


def texts_of(names: Sequence[str]) -> Texts:
    """Return the rows of these names; a word that half of them have is left out."""
    rows = [dict.fromkeys(words_of(name)) for name in names]
    counts = Counter(word for row in rows for word in row)
    most = max(2.0, _TOO_COMMON * len(rows))
    vocabulary = tuple(sorted(word for word, count in counts.items() if count <= most))
    place = {word: n for n, word in enumerate(vocabulary)}
    rarity = np.array([np.log((1 + len(rows)) / (1 + counts[word])) + 1 for word in vocabulary], np.float32)
    known = [[place[word] for word in row if word in place] for row in rows]
    start = np.concatenate(([0], np.cumsum([len(row) for row in known]))).astype(np.int64)
    word = np.array([n for row in known for n in row], np.int32)
    weight = rarity[word] if len(word) else np.empty(0, np.float32)
    lengths = np.sqrt(np.bincount(np.repeat(np.arange(len(known)), np.diff(start)), weight**2, minlength=len(known)))
    scaled = weight / np.repeat(np.maximum(lengths, 1e-9), np.diff(start))
    return Texts(vocabulary, rarity, start, word, scaled.astype(np.float32))
