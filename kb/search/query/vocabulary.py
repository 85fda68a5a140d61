"""Vocabulary: the words that the documents of one partition have, and the stems they stand for.

A word that its documents have stands for the stem that it got when the index was built, in
whichever language. Any other word is tried in each of the partition's languages: no language has to
be guessed from a few typed words, and nothing is learnt from documents that the asker may not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.languages import STOP_WORDS
from kb.search.analysis.tokenizer import Analyzer, index_words
from kb.search.index.array_file import Arrays
from kb.search.index.doc_values import languages_of
from kb.search.index.term_dictionary import TermDictionary

_MAX_CACHED_WORDS = 500_000


class Word(NamedTuple):
    """What the documents of a partition know of a word."""

    is_written: bool  # exactly so in a document
    stem: str  # "" for a stop word
    number: int  # of the stem; -1 where no document has it


class Vocabulary:
    """The words of one partition. Looks up many at once, as queries and titles have several."""

    def __init__(self, arrays: Arrays) -> None:
        languages = languages_of(arrays)
        self._stop_words = frozenset().union(*(STOP_WORDS.get(name, ()) for name in languages))
        self._analyzers = [Analyzer(name) for name in languages]
        self.surfaces = TermDictionary(arrays, "surface")
        self._surface_stem: NDArray[np.int32] = arrays["surface_stem"]
        self._stems = TermDictionary(arrays, "stem")
        self._known: dict[str, Word] = {}

    def look_up(self, words: Sequence[str]) -> list[Word]:
        """What is known of each of ``words``. They are remembered, and no longer than the tokenizer
        makes them.
        """
        known = self._known
        new = [word for word in dict.fromkeys(words) if word not in known]
        if new:
            if len(known) > _MAX_CACHED_WORDS:  # queries are made by strangers
                known = self._known = {}
                new = list(dict.fromkeys(words))
            known.update(zip(new, self.read(new), strict=True))
        return [known[word] for word in words]

    def read(self, words: Sequence[str]) -> list[Word]:
        """``look_up`` for words that are unlikely to come again; they are not remembered."""
        surfaces = zip(words, self.surfaces.find_all(words), strict=True)
        numbers = {word: int(self._surface_stem[each]) for word, each in surfaces if each >= 0}
        texts = self._stems.words_at(numbers.values())
        stems = dict(zip(numbers, zip(texts, numbers.values(), strict=True), strict=True))
        stems |= self._stems_of_others([word for word in words if word not in numbers])
        stems |= dict.fromkeys(self._stop_words.intersection(words), ("", -1))
        return [Word(word in numbers, *stems[word]) for word in words]

    def _stems_of_others(self, words: Sequence[str]) -> dict[str, tuple[str, int]]:
        """The stem of each word that no document has, by the first language whose rules make it
        one that documents have, and its number.
        """
        if not words:
            return {}
        tried = [analyzer.stems_of(words) for analyzer in self._analyzers]
        numbered = [zip(stems, self._stems.find_all(stems), strict=True) for stems in tried]
        return {
            word: next((stem for stem in by_language if stem[1] >= 0), by_language[0])
            for word, *by_language in zip(words, *numbered, strict=True)
        }

    def stem(self, word: str) -> str:
        """The stem of ``word``; "" for a stop word."""
        return self.stems_of([word])[0]

    def stems_of(self, words: Sequence[str]) -> list[str]:
        """The stem of each of ``words``; "" for a stop word."""
        return [word.stem for word in self.look_up(words)]

    def stems(self, text: str) -> list[str]:
        """The stems of the words of ``text``, stop words left out."""
        return [stem for stem in self.stems_of(index_words(text)) if stem]

    def number_of(self, stem: str) -> int:
        """The number of a stem; -1 where no document has it."""
        return self._stems.find(stem)

    def stems_at(self, numbers: Sequence[int]) -> list[str]:
        """The stems of these numbers."""
        return self._stems.words_at(numbers)
