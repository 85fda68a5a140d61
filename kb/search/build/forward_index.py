"""Forward index: the words of every document, as numbers.

``ForwardIndex`` reads each text once; what did not change is carried over from the previous
generation without being read again. It holds the documents of all audiences: what one of them may
see is cut out by ``partition_writer``. Build time only.
"""

from __future__ import annotations

import functools
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress, islice, pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.languages import ANALYSIS, ENGLISH, base_language
from kb.search.analysis.passages import SectionPassage, passage_texts, title_text
from kb.search.analysis.tokenizer import (
    MAX_TOKEN,
    QUOTED_CODE,
    Analyzer,
    index_words,
)
from kb.search.build.document_facts import DocumentFacts, DocumentTable
from kb.search.build.passage_meanings import PassageMeanings, passage_text, text_hash
from kb.search.documents import Document
from kb.search.index.array_file import Arrays, save_arrays
from kb.search.index.spill import BLOCK_SIZE, Spill, SpilledArray
from kb.search.kernels.ranges import positions_of
from kb.search.scoring.whole_headings import heading_hashes

WordNumbers = NDArray[np.int32]  # [occurrences], of words of the forward index
TextEnds = NDArray[np.int64]  # [texts + 1], where the words of each text end; the first is 0
Rows = NDArray[np.int64]  # [documents], ascending

FORWARD_INDEX_FILE = "words.arrays"
_MAX_CACHED_CHUNK = 64  # characters
_MAX_CHUNKS = 400_000  # some 60 MB
#: ASCII characters that are never part of a word at its ends.
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~"


class _ChunkWords(dict[str, tuple[int, ...]]):
    """The word numbers of each chunk of text without white space, computed once.

    Texts repeat themselves: nineteen chunks of twenty were seen before, so reading a text becomes a
    walk through a dictionary. Long chunks (scripts without spaces, binary noise) come once and are
    not cached.
    """

    def __init__(self, analyzer: Analyzer, surfaces: dict[str, int]) -> None:
        self._stem, self._surfaces = analyzer.stem, surfaces

    def __missing__(self, chunk: str) -> tuple[int, ...]:
        bare = chunk.strip(_PUNCTUATION) if chunk.isascii() else chunk
        is_bare = bare == chunk or QUOTED_CODE.search(chunk)
        numbers = self._read(chunk) if is_bare else self[bare]
        if len(chunk) <= _MAX_CACHED_CHUNK:
            if len(self) >= _MAX_CHUNKS:
                self.clear()
            self[chunk] = numbers
        return numbers

    def _read(self, chunk: str) -> tuple[int, ...]:
        surfaces, stem = self._surfaces, self._stem
        # ``index_words`` would return a lower-case ASCII word unchanged.
        is_plain = len(chunk) > 1 and chunk.isascii() and chunk.isalpha() and chunk.islower()
        words = [chunk[:MAX_TOKEN]] if is_plain else index_words(chunk)
        return tuple(surfaces.setdefault(word, len(surfaces)) for word in words if stem(word))


@dataclass(frozen=True, slots=True)
class SortedWords:
    """Words sorted by their UTF-8 bytes, with the way from their old numbers to the new ones."""

    texts: list[str]
    order: NDArray[np.int64]  # [words], the old number of each
    number: NDArray[np.int32]  # [old numbers], the new number of each; -1 for words left out

    @classmethod
    def sort(cls, texts: list[str], carried_over: int = 0) -> Self:
        """All of ``texts``, which are in the order of their old numbers; the first of them, that
        were carried over, are sorted.
        """
        # UTF-8 sorts as its characters do.
        added = sorted(range(carried_over, len(texts)), key=texts.__getitem__)
        places = [bisect_left(texts, texts[number], 0, carried_over) for number in added]
        order = np.insert(np.arange(carried_over), np.array(places, dtype=np.int64), added)
        return cls._of([texts[i] for i in order.tolist()], order, old_size=len(texts))

    def select(self, chosen: NDArray[Any]) -> Self:
        """Only the ``chosen`` words (old numbers, or a mask over them), renumbered."""
        used = np.zeros(self.number.size, dtype=bool)
        used[chosen] = True
        kept = used[self.order]
        texts = list(compress(self.texts, kept.tolist()))
        return self._of(texts, self.order[kept], old_size=self.number.size)

    @classmethod
    def _of(cls, texts: list[str], order: NDArray[np.int64], *, old_size: int) -> Self:
        number = np.full(old_size, -1, dtype=np.int32)
        number[order] = np.arange(order.size)
        return cls(texts, order, number)


class ForwardIndex:
    """The words of all documents, as numbers, in order of adding."""

    def __init__(self, *, spill: Spill | None = None) -> None:
        """``spill`` holds words that are too many for memory."""
        self.spill = spill or Spill()
        self.meanings: PassageMeanings | None = None  # of all passages, once they are found
        self.documents = DocumentTable()
        self.surfaces: dict[str, int] = {}
        self.title_words, self.title_ends = self.spill.array(np.int32), array("q", [0])
        self.body_words, self.body_ends = self.spill.array(np.int32), array("q", [0])
        #: Of each passage, how many of its words are its heading; they come first.
        self.heading_lengths = array("i")
        # Of the code samples of each passage all but the comments, which are part of its body.
        self.code_words, self.code_ends = self.spill.array(np.int32), array("q", [0])
        #: The hashes of these headings, and where those of each passage end.
        self.heading_hashes, self.heading_hash_ends = array("Q"), array("q", [0])
        self.passage_doc = array("i")
        self.text_hashes = array("Q")  # of what is read of each passage for its meaning
        self._stems: dict[str, int] = {}
        self._stem_of = array("i")
        self._words: SortedWords | None = None
        self._sorted_stems: SortedWords | None = None
        self._carried_over = 0, 0  # words and stems, which were sorted
        self._chunk_words: dict[str, _ChunkWords] = {}  # by language
        self._analyzer = functools.cache(Analyzer)  # each remembers the stems of its words

    def add(self, document: Document, row: int, passages: Sequence[SectionPassage]) -> None:
        """Add one document; ``passages`` are those of the document store, in its order."""
        number, first = len(self.documents), len(self.passage_doc)

        read = self._reader(base_language(document.language))
        self.title_words.extend(read(title_text(document)))
        self.title_ends.append(len(self.title_words))

        for passage, texts in zip(passages, passage_texts(document, passages), strict=True):
            self.body_words.extend(read("\n".join(texts.headings)))
            self.heading_lengths.append(len(self.body_words) - self.body_ends[-1])
            for heading in texts.headings:
                self.heading_hashes.extend(heading_hashes(heading))
            self.heading_hash_ends.append(len(self.heading_hashes))

            self.body_words.extend(read(texts.body))
            self.body_ends.append(len(self.body_words))
            self.code_words.extend(read(texts.code))
            self.code_ends.append(len(self.code_words))
            self.passage_doc.append(number)
            self.text_hashes.append(text_hash(passage_text(document.title, passage)))

        self.documents.append(DocumentFacts.of(document, row, first, passages))

    def _reader(self, language: str) -> Callable[[str], Iterable[int]]:
        words = self._chunk_words.get(language)
        if words is None:
            words = self._chunk_words[language] = _ChunkWords(
                self._analyzer(language), self.surfaces
            )

        def read(text: str) -> Iterable[int]:
            return chain.from_iterable(map(words.__getitem__, text.split()))

        return read

    def words(self) -> SortedWords:
        """All words, including those of documents that an audience may not see: reduce them before
        anyone sees them.
        """
        if self._words is None or self._words.number.size != len(self.surfaces):
            self._words = SortedWords.sort(list(self.surfaces), self._carried_over[0])
        return self._words

    def stems(self) -> tuple[SortedWords, NDArray[np.int32]]:
        """The English stems of the words, and the old number of each word's stem."""
        new_words = list(islice(self.surfaces, len(self._stem_of), None))
        numbers, stem = self._stems, stem_or_word(self._analyzer(ENGLISH))
        self._stem_of.extend([numbers.setdefault(stem(word), len(numbers)) for word in new_words])
        if self._sorted_stems is None or self._sorted_stems.number.size != len(numbers):
            self._sorted_stems = SortedWords.sort(list(numbers), self._carried_over[1])
        return self._sorted_stems, as_int32(self._stem_of)

    def stems_in(
        self, languages: Sequence[str], language_of: NDArray[np.int64]
    ) -> tuple[SortedWords, NDArray[np.int32]]:
        """The same, where each word has the language of ``languages`` that ``language_of`` says."""
        stems = [stem_or_word(self._analyzer(language)) for language in languages]
        numbers: dict[str, int] = {}
        stem_of = [
            numbers.setdefault(stems[language](word), len(numbers))
            for word, language in zip(self.surfaces, language_of.tolist(), strict=True)
        ]
        return SortedWords.sort(list(numbers)), np.array(stem_of, dtype=np.int32)

    def carry_over(
        self,
        saved: Arrays,
        rows: Rows,
        passages_of: Callable[[Iterable[int]], Sequence[SectionPassage]],
    ) -> None:
        """Take over the documents that stood at ``rows`` when ``saved`` was written; before any
        ``add``.

        They get the rows 0, 1, 2 ... here, and their passages follow each other. ``passages_of``
        gives passages by the numbers that they had, for an index that did not keep their hashes.
        """
        self.surfaces.update(zip(_decoded(saved["surfaces"]), range(1 << 31), strict=False))
        self._stems.update(zip(_decoded(saved["stems"]), range(1 << 31), strict=False))
        self._stem_of.frombytes(saved["stem_of"].tobytes())
        self._carried_over = len(self.surfaces), len(self._stems)

        firsts, counts = (np.array(v, dtype=np.int64) for v in passage_ranges(saved, rows))
        passages = positions_of(firsts, firsts + counts)
        _copy_texts(
            self.title_words, self.title_ends, saved["title_words"], saved["title_ends"], rows
        )
        _copy_texts(
            self.body_words, self.body_ends, saved["body_words"], saved["body_ends"], passages
        )
        # An index of an earlier version does not say which words are headings.
        lengths = saved.get("heading_lengths")
        lengths = np.zeros(passages.size, np.int32) if lengths is None else lengths[passages]
        self.heading_lengths.frombytes(lengths.tobytes())
        _copy_texts(
            self.code_words, self.code_ends, saved["code_words"], saved["code_ends"], passages
        )
        ends = saved.get("heading_hash_ends", np.zeros(saved["body_ends"].size, np.int64))
        starts, stops = ends[passages], ends[passages + 1]
        if "heading_hashes" in saved:
            kept = saved["heading_hashes"][positions_of(starts, stops)]
            self.heading_hashes.frombytes(kept.tobytes())
        self.heading_hash_ends.frombytes(np.cumsum(stops - starts).astype(np.int64).tobytes())
        documents = np.repeat(np.arange(rows.size, dtype=np.int32), counts)
        self.passage_doc.frombytes(documents.tobytes())

        new_firsts = (np.cumsum(counts) - counts).tolist()
        self.documents.carry_over(saved, rows.tolist(), new_firsts)
        if "text_hashes" in saved:
            self.text_hashes.frombytes(saved["text_hashes"][passages].tobytes())
        else:
            for facts, old in zip(self.documents, rows.tolist(), strict=True):
                numbers = range(*saved["firsts"][old : old + 2].tolist())
                texts = (passage_text(facts.title, p) for p in passages_of(numbers))
                self.text_hashes.extend(map(text_hash, texts))

    def firsts(self) -> NDArray[np.int64]:
        """The number of the first passage of each document, and of all passages."""
        return np.array([*self.documents.firsts, len(self.passage_doc)], dtype=np.int64)

    def save(self, path: Path) -> None:
        """Write what ``carry_over`` reads; words that no document has any more are left out."""
        used = np.zeros(len(self.surfaces), dtype=bool)
        for occurrences in (self.title_words, self.body_words, self.code_words):
            for block in word_blocks(occurrences.array()):
                used[block] = True

        surfaces = self.words().select(used)
        stems, stem_of = self.stems()
        stems = stems.select(stem_of[surfaces.order])

        arrays: Arrays = {
            "analysis": np.array([ANALYSIS], dtype=np.int32),
            "surfaces": _encoded(surfaces.texts),
            "stems": _encoded(stems.texts),
            "stem_of": stems.number[stem_of[surfaces.order]],
            **self.documents.arrays(),
            "title_words": self._renumbered(self.title_words, surfaces.number),
            "title_ends": np.frombuffer(self.title_ends, dtype=np.int64),
            "body_words": self._renumbered(self.body_words, surfaces.number),
            "body_ends": np.frombuffer(self.body_ends, dtype=np.int64),
            "heading_lengths": as_int32(self.heading_lengths),
            "code_words": self._renumbered(self.code_words, surfaces.number),
            "code_ends": np.frombuffer(self.code_ends, dtype=np.int64),
            "heading_hashes": np.frombuffer(self.heading_hashes, dtype=np.uint64),
            "heading_hash_ends": np.frombuffer(self.heading_hash_ends, dtype=np.int64),
            "firsts": self.firsts(),
            "text_hashes": np.frombuffer(self.text_hashes, dtype=np.uint64),
        }
        if self.meanings is not None:
            arrays |= self.meanings.arrays()
        save_arrays(path, arrays)

    def _renumbered(self, occurrences: SpilledArray, number: WordNumbers) -> WordNumbers:
        renumbered = self.spill.array(np.int32)
        for block in word_blocks(occurrences.array()):
            renumbered.append(number[block])
        return renumbered.array()


def can_be_carried_over(saved: Arrays) -> bool:
    """Whether texts are still read as they were when ``saved`` was written."""
    return "analysis" in saved and int(saved["analysis"][0]) == ANALYSIS


def stem_or_word(analyzer: Analyzer) -> Callable[[str], str]:
    """A stop word of one language is a word of another, and stays as it is."""
    return lambda word: analyzer.stem(word) or word


def passage_ranges(saved: Arrays, rows: Rows | Sequence[int]) -> tuple[list[int], list[int]]:
    """For each of ``rows``, as they were when ``saved`` was written: the number of its first
    passage, and how many passages it had.
    """
    old_rows = np.asarray(rows, dtype=np.int64)
    firsts = saved["firsts"]
    return firsts[old_rows].tolist(), (firsts[old_rows + 1] - firsts[old_rows]).tolist()


def word_blocks(words: WordNumbers) -> Iterator[WordNumbers]:
    """All of ``words``, as many at a time as are worked on at once."""
    for low in range(0, words.size, BLOCK_SIZE):
        yield words[low : low + BLOCK_SIZE]


def as_int32(numbers: array[int]) -> NDArray[np.int32]:
    """A view of ``numbers`` (of type "i") as an array."""
    return np.frombuffer(numbers, dtype=np.int32) if len(numbers) else np.zeros(0, dtype=np.int32)


def _copy_texts(
    target: SpilledArray,
    ends: array[int],
    words: WordNumbers,
    old_ends: TextEnds,
    texts: NDArray[np.int64],
) -> None:
    """Append the words of ``texts`` (ascending), which are ranges of ``words``, and their ends."""
    starts, stops = old_ends[texts], old_ends[texts + 1]
    ends.frombytes((np.cumsum(stops - starts) + len(target)).astype(np.int64).tobytes())

    # Texts that follow each other are copied in one go.
    gaps = np.flatnonzero(starts[1:] != stops[:-1]) + 1
    for low, high in pairwise([0, *gaps.tolist(), texts.size]):
        if high > low:
            target.append(words[starts[low] : stops[high - 1]])


def _encoded(words: Iterable[str]) -> NDArray[np.uint8]:
    """Words, none of which has a line break, as bytes."""
    return np.frombuffer("\n".join(words).encode("utf-8", "surrogatepass"), dtype=np.uint8)


def _decoded(words: NDArray[np.uint8]) -> list[str]:
    text = bytes(words).decode("utf-8", "surrogatepass")
    return text.split("\n") if text else []
