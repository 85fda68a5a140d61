"""Partition analyzer: words to the stems that one partition knows them by.

A word that its documents have stands for the stem that it got when the index was built, in
whichever language. Another one is tried in each of the partition's languages: so no language needs
to be guessed from a few typed words, and nothing is learnt from what the asker may not see.
"""

from __future__ import annotations

from kb.search.analysis.languages import STOP_WORDS
from kb.search.analysis.tokenizer import Analyzer
from kb.search.index.array_file import Arrays
from kb.search.index.doc_values import languages_of
from kb.search.index.term_dictionary import TermDictionary


def partition_analyzer(arrays: Arrays) -> Analyzer:
    """Words of the languages of a partition's documents to its stems."""
    return Analyzer(stem=_PartitionStems(arrays).stem)


class _PartitionStems:
    def __init__(self, arrays: Arrays) -> None:
        languages = languages_of(arrays)
        self._stop_words = frozenset().union(*(STOP_WORDS.get(name, ()) for name in languages))
        self._analyzers = [Analyzer(name) for name in languages]
        self._surfaces = TermDictionary(arrays, "surface")
        self._surface_stem = arrays["surface_stem"]
        self._stems = TermDictionary(arrays, "stem")

    def stem(self, word: str) -> str:
        if word in self._stop_words:
            return ""
        surface = self._surfaces.find(word)
        if surface >= 0:
            return self._stems.word(int(self._surface_stem[surface]))
        stems = [analyzer.stem(word) for analyzer in self._analyzers]
        return next((stem for stem in stems if self._stems.find(stem) >= 0), stems[0])
