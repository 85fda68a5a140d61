"""Which titles hold what is being typed, as it was typed?

Of a half-typed title the last words say the most, in the order they were typed, the common ones
too: "how do i res" is going on in a title that has "how do i reset". Letters of titles one after
another, and no index over them: only candidates are looked at. Not for finding candidates, and not
for typos: those are ``letters``'.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search.analysis.tokenizer import written_words
from kb.search.index.array_file import Arrays
from kb.search.index.previous import CarriedOver
from kb.search.kernels.dispatch import Kernels

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
_LONGEST = 200  # letters of a title, and of what was typed, that are compared
_MOST = 12  # words that a tail may have


def pack(titles: Sequence[str], then: CarriedOver | None = None) -> Arrays:
    """The words of all titles in UTF-8, and where each title begins among them, and the last one
    ends; ``then`` is the last generation's partition."""
    if then is None:
        found = [_written(title) for title in titles]
    else:
        text, begins = then.arrays["title_letters"].tobytes(), then.arrays["title_begins"].tolist()
        pairs = zip(titles, then.places.tolist(), strict=True)
        found = [
            text[begins[at] : begins[at + 1]] if at >= 0 else _written(title) for title, at in pairs
        ]
    return {
        "title_letters": np.frombuffer(b"".join(found), dtype=np.uint8),
        "title_begins": np.array(list(accumulate(map(len, found), initial=0)), dtype=np.int64),
    }


def _written(title: str) -> bytes:
    """The words of a title, a space before, between and behind them: two spaces stand only between
    titles.
    """
    return f" {' '.join(written_words(title))[:_LONGEST]} ".encode("utf-8", "surrogatepass")


def tails(text: str) -> list[tuple[bytes, float]]:
    """The last word of ``text``, the last two, and so on, and how much of the text each is; the
    last word stays open while a letter is the last that was typed.

    >>> tails("reset my pa")
    [(b' pa', 0.2), (b' my pa', 0.5), (b' reset my pa', 1.0)]
    """
    words = list(written_words(text[:_LONGEST]))
    whole = len(" ".join(words))
    end = "" if text[-1:].isalnum() else " "
    longer = accumulate(reversed(words[-_MOST:]), lambda tail, word: f"{word} {tail}")
    return [
        (f" {tail}{end}".encode("utf-8", "surrogatepass"), len(tail) / whole) for tail in longer
    ]


class TitleText:
    """The titles of one audience's partition, as they are written."""

    def __init__(self, arrays: Arrays, run: Kernels) -> None:
        self._letters, self._begins = arrays["title_letters"], arrays["title_begins"]
        self._run = run

    def use(self, run: Kernels) -> None:
        self._run = run

    def shares(self, text: str, documents: Ints) -> Floats:
        """How much of ``text`` stands in the title of each document in one piece, from a word's
        beginning to the end of the text; 0 to 1."""
        found = tails(text)
        if not found:
            return np.zeros(documents.size, dtype=np.float32)
        typed = np.frombuffer(found[-1][0], dtype=np.uint8)  # all the others are ends of it
        lengths = np.array([len(tail) for tail, _ in found], dtype=np.int64)
        shares = np.array([0.0, *(share for _, share in found)], dtype=np.float32)
        return shares[self._run.tails(self._letters, self._begins, documents, typed, lengths)]
