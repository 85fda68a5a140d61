"""Title text: the letters of all titles, to find those that continue a half-typed text.

The last words of a half-typed title, in the order in which they were typed and including common
words, are the most informative: "how do i res" continues in a title with "how do i reset". There is
no index over the letters: only candidates are compared. Typos are the business of ``title_ngrams``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.tokenizer import TypedText, written_words
from kb.search.array_types import Documents, Pointers, Scores
from kb.search.index.array_file import Arrays
from kb.search.index.edits import EditedDocuments
from kb.search.index.previous import CarriedOver
from kb.search.kernels.layout import Loops

_LONGEST = 200  # letters of a title, and of what was typed, that are compared
_MOST_WORDS = 12  # of a tail


def pack_title_text(titles: Sequence[str], then: CarriedOver | None = None) -> Arrays:
    """The words of all titles in UTF-8, and where each title begins and the last one ends.

    ``then`` is what holds of the last generation's partition.
    """
    if then is None:
        written = [_written(title) for title in titles]
    else:
        text, begins = then.arrays["title_letters"].tobytes(), then.arrays["title_begins"].tolist()
        written = [
            text[begins[row] : begins[row + 1]] if row >= 0 else _written(titles[number])
            for number, row in enumerate(then.places.tolist())
        ]
    return {
        "title_letters": np.frombuffer(b"".join(written), dtype=np.uint8),
        "title_begins": np.array(list(accumulate(map(len, written), initial=0)), dtype=np.int64),
    }


def _written(title: str) -> bytes:
    """The words of a title, each between spaces: two spaces stand only between titles."""
    return f" {' '.join(written_words(title))[:_LONGEST]} ".encode("utf-8", "surrogatepass")


def tails(typed: TypedText) -> list[tuple[bytes, float]]:
    """The last word of a text, the last two, and so on, and how much of the text each is.

    The last word stays open while a letter is the last that was typed.

    >>> from kb.search.analysis.tokenizer import read_typed
    >>> [(tail, round(share, 1)) for tail, share in tails(read_typed("reset my pa"))]
    [(b' pa', 0.2), (b' my pa', 0.5), (b' reset my pa', 1.0)]
    """
    is_long = len(typed.text) > _LONGEST
    words = written_words(typed.text[:_LONGEST]) if is_long else typed.written
    length = len(" ".join(words))
    end = "" if typed.text[-1:].isalnum() else " "
    endings = accumulate(reversed(words[-_MOST_WORDS:]), lambda tail, word: f"{word} {tail}")
    return [
        (f" {tail}{end}".encode("utf-8", "surrogatepass"), len(tail) / length) for tail in endings
    ]


class TitleText:
    """The text of all titles of one partition."""

    def __init__(self, arrays: Arrays, loops: Loops) -> None:
        self._letters: NDArray[np.uint8] = arrays["title_letters"]
        self._pointers: Pointers = arrays["title_begins"]
        self._loops = loops
        self._edited: EditedDocuments | None = None
        if "edited_title_letters" in arrays:  # else nothing is edited, or no title
            self._edited = EditedDocuments.of(arrays)
            self._edited_letters: NDArray[np.uint8] = arrays["edited_title_letters"]
            self._edited_pointers: Pointers = arrays["edited_title_begins"]

    def shares(self, text: TypedText, documents: Documents) -> Scores:
        """How much of the end of ``text`` the title of each document holds in one piece, 0 to 1."""
        typed_tails = tails(text)
        if not typed_tails:
            return np.zeros(documents.size, dtype=np.float32)
        # All tails are ends of the longest one.
        typed = np.frombuffer(typed_tails[-1][0], dtype=np.uint8)
        lengths = np.array([len(tail) for tail, _ in typed_tails], dtype=np.int64)
        shares = np.array([0.0, *(share for _, share in typed_tails)], dtype=np.float32)
        counts = self._loops.matching_tails(
            self._letters, self._pointers, documents, typed, lengths
        )
        edited = self._edited.among(documents) if self._edited else None
        if edited is not None:
            counts[edited.positions] = self._loops.matching_tails(
                self._edited_letters, self._edited_pointers, edited.documents, typed, lengths
            )
        return shares[counts]
