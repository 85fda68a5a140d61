"""Forward index: the words of documents, as numbers.

``ForwardIndex`` reads each text once. It is written in segments, each with its own words, beside
the segments of the document store. The next generation links the segments whose documents are all
unchanged, and reads the documents that it needs from segments instead of from their texts. The
index holds the documents of all audiences; ``partition_writer`` selects what one audience may see.
Build time only.
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.languages import ENGLISH, base_language
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
from kb.search.index.array_file import Arrays, load_arrays, save_arrays
from kb.search.index.document_store import DocumentStore, Segment, segment_file
from kb.search.index.spill import Spill
from kb.search.kernels.chunk_lists import ChunkLists
from kb.search.kernels.layout import Loops
from kb.search.kernels.ranges import positions_of
from kb.search.scoring.whole_headings import heading_hashes

WordNumbers = NDArray[np.int32]  # [occurrences], of words of the forward index
TextEnds = NDArray[np.int64]  # [texts + 1], where the words of each text end; the first is 0
Rows = NDArray[np.int64]  # [documents], in a document store, ascending

#: Files of this kind stand beside the segments of the document store.
WORDS_FILE = "words"
_MAX_BARE = 100_000  # chunks without punctuation whose words are kept, some 20 MB
#: ASCII characters that are never part of a word at its ends.
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~"


class _ChunkReader:
    """The word numbers of chunks of text without white space.

    Most chunks differ from others only by the punctuation around them.
    """

    def __init__(self, analyzer: Analyzer, surfaces: dict[str, int]) -> None:
        self._stem, self._surfaces = analyzer.stem, surfaces
        self._bare: dict[str, tuple[int, ...]] = {}

    def __call__(self, chunk: str) -> tuple[int, ...]:
        bare = chunk.strip(_PUNCTUATION) if chunk.isascii() else chunk
        if bare != chunk and QUOTED_CODE.search(chunk):
            return self._read(chunk)
        numbers = self._bare.get(bare)
        if numbers is None:
            numbers = self._read(bare)
            if len(self._bare) >= _MAX_BARE:
                self._bare.clear()
            self._bare[bare] = numbers
        return numbers

    def _read(self, chunk: str) -> tuple[int, ...]:
        surfaces, stem = self._surfaces, self._stem
        words = [chunk.lower()[:MAX_TOKEN]] if _is_plain(chunk) else index_words(chunk)
        return tuple([surfaces.setdefault(word, len(surfaces)) for word in words if stem(word)])


def _is_plain(chunk: str) -> bool:
    """Whether ``index_words`` gives nothing but the chunk in lower case."""
    if not (len(chunk) > 1 and chunk.isascii() and chunk.isalnum()):
        return False
    rest = chunk[1:]
    return rest == rest.lower() or (chunk.isalpha() and chunk.isupper())


@dataclass(frozen=True, slots=True)
class SortedWords:
    """Words sorted by their UTF-8 bytes, with the way from their old numbers to the new ones."""

    texts: list[str]
    order: NDArray[np.int64]  # [words], the old number of each
    number: NDArray[np.int32]  # [old numbers], the new number of each; -1 for words left out

    @classmethod
    def sort(cls, texts: list[str]) -> Self:
        """All of ``texts``, which are in the order of their old numbers."""
        # UTF-8 sorts as its characters do.
        order = sorted(range(len(texts)), key=texts.__getitem__)
        return cls._of([texts[i] for i in order], np.array(order, dtype=np.int64), len(texts))

    def select(self, chosen: NDArray[Any]) -> Self:
        """Only the ``chosen`` words (old numbers, or a mask over them), renumbered."""
        used = np.zeros(self.number.size, dtype=bool)
        used[chosen] = True
        kept = used[self.order]
        texts = list(compress(self.texts, kept.tolist()))
        return self._of(texts, self.order[kept], self.number.size)

    @classmethod
    def _of(cls, texts: list[str], order: NDArray[np.int64], old_size: int) -> Self:
        number = np.full(old_size, -1, dtype=np.int32)
        number[order] = np.arange(order.size)
        return cls(texts, order, number)


class ForwardIndex:
    """The words of some documents, as numbers, in order of adding."""

    def __init__(self, *, spill: Spill | None = None) -> None:
        """``spill`` holds words that are too many for memory."""
        self.spill = spill or Spill()
        self.meanings: PassageMeanings | None = None  # of all passages, once they are found
        self._meanings: list[PassageMeanings] = []  # as they are read
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
        self.passage_doc, self.passage_ends = array("i"), array("q", [0])
        self.text_hashes = array("Q")  # of what is read of each passage for its meaning
        self._stems: dict[str, int] = {}
        self._stem_of = array("i")
        self._texts: list[str] = []
        self._words: SortedWords | None = None
        self._sorted_stems: SortedWords | None = None
        self._chunk_lists: dict[str, ChunkLists] = {}  # by language
        self._loops: Loops | None = None
        self._analyzer = functools.cache(Analyzer)  # each remembers the stems of its words

    def add(self, document: Document, row: int, passages: Sequence[SectionPassage]) -> None:
        """Add one document; ``passages`` are those of the document store, in its order."""
        number = len(self.documents)

        texts_of_passages = list(passage_texts(document, passages))
        texts = [title_text(document)]
        for each in texts_of_passages:
            texts += ("\n".join(each.headings), each.body, each.code)
        words, pointers = self._lists(base_language(document.language)).read(texts)
        ends = pointers.tolist()
        self.title_words.write(words[: ends[1]])
        self.title_ends.append(len(self.title_words))

        for place, (passage, each) in enumerate(zip(passages, texts_of_passages, strict=True)):
            start, heading_end, body_end, end = ends[1 + 3 * place : 5 + 3 * place]
            self.body_words.write(words[start:body_end])
            self.body_ends.append(len(self.body_words))
            self.heading_lengths.append(heading_end - start)
            for heading in each.headings:
                self.heading_hashes.extend(heading_hashes(heading))
            self.heading_hash_ends.append(len(self.heading_hashes))

            self.code_words.write(words[body_end:end])
            self.code_ends.append(len(self.code_words))
            self.passage_doc.append(number)
            self.text_hashes.append(text_hash(passage_text(document.title, passage)))

        self.passage_ends.append(len(self.passage_doc))
        self.documents.append(DocumentFacts.of(document, row, passages))

    def use(self, loops: Loops) -> None:
        """Read the words of the next documents with compiled ``loops``."""
        self._loops = loops
        for lists in self._chunk_lists.values():
            lists.use(loops)

    def _lists(self, language: str) -> ChunkLists:
        lists = self._chunk_lists.get(language)
        if lists is None:
            lists = ChunkLists(_ChunkReader(self._analyzer(language), self.surfaces))
            self._chunk_lists[language] = lists
            if self._loops is not None:
                lists.use(self._loops)
        return lists

    def texts(self) -> list[str]:
        """All words by their numbers."""
        if len(self._texts) != len(self.surfaces):
            self._texts = list(self.surfaces)
        return self._texts

    def words(self) -> SortedWords:
        """All words, including those of documents that an audience may not see: reduce them before
        anyone sees them.
        """
        if self._words is None or self._words.number.size != len(self.surfaces):
            self._words = SortedWords.sort(self.texts())
        return self._words

    def stems(self) -> tuple[SortedWords, NDArray[np.int32]]:
        """The English stems of the words, and the old number of each word's stem."""
        new_words = list(islice(self.surfaces, len(self._stem_of), None))
        numbers, stem = self._stems, stem_or_word(self._analyzer(ENGLISH))
        self._stem_of.extend([numbers.setdefault(stem(word), len(numbers)) for word in new_words])
        if self._sorted_stems is None or self._sorted_stems.number.size != len(numbers):
            self._sorted_stems = SortedWords.sort(list(numbers))
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

    @classmethod
    def read(
        cls, store: DocumentStore, rows: Rows | None = None, spill: Spill | None = None
    ) -> Self:
        """The documents at these ``rows`` (ascending) of a store, or all of them."""
        index = cls(spill=spill)
        for segment in store.segments:
            numbers = np.arange(segment.size)
            if rows is not None:
                low, high = rows.searchsorted((segment.first_row, segment.end_row)).tolist()
                numbers = rows[low:high] - segment.first_row
            if numbers.size:
                index.read_segment(store.folder, segment, numbers, segment.first_row + numbers)
        if index._meanings:
            index.meanings = PassageMeanings.joined(index._meanings)
        return index

    def read_segment(
        self, folder: Path, segment: Segment, numbers: NDArray[np.int64], rows: Rows
    ) -> None:
        """Append the documents with these ``numbers`` (ascending) in a segment."""
        saved = load_arrays(folder / segment_file(segment.name, WORDS_FILE))
        firsts, numbers = saved["firsts"], segment.in_file(numbers)
        passages = positions_of(firsts[numbers], firsts[numbers + 1])
        counts = firsts[numbers + 1] - firsts[numbers]
        fields = (
            (self.title_words, self.title_ends, saved["title_words"], saved["title_ends"], numbers),
            (self.body_words, self.body_ends, saved["body_words"], saved["body_ends"], passages),
            (self.code_words, self.code_ends, saved["code_words"], saved["code_ends"], passages),
        )
        number_of = self._numbers_of(saved, fields)
        for target, ends, words, ends_then, texts in fields:
            starts, stops = ends_then[texts], ends_then[texts + 1]
            _append_ends(ends, stops - starts)
            target.append(number_of[words[positions_of(starts, stops)]])

        self.heading_lengths.frombytes(saved["heading_lengths"][passages].tobytes())
        hash_ends = saved["heading_hash_ends"]
        hashes = saved["heading_hashes"][positions_of(hash_ends[passages], hash_ends[passages + 1])]
        _append_ends(self.heading_hash_ends, hash_ends[passages + 1] - hash_ends[passages])
        self.heading_hashes.frombytes(hashes.tobytes())
        self.text_hashes.frombytes(saved["text_hashes"][passages].tobytes())

        size = len(self.documents)
        owners = np.repeat(np.arange(size, size + numbers.size, dtype=np.int32), counts)
        self.passage_doc.frombytes(owners.tobytes())
        _append_ends(self.passage_ends, counts)
        self.documents.read_segment(saved, numbers, rows)

        meanings = PassageMeanings.in_file(folder, segment)
        if meanings is not None:
            self._meanings.append(meanings.take(passages))

    def _numbers_of(self, saved: Arrays, fields: Iterable[tuple[Any, ...]]) -> WordNumbers:
        """For each word of a segment, its number here; -1 if no text in ``fields`` has it."""
        texts = _decoded(saved["surfaces"])
        used = np.zeros(len(texts), dtype=bool)
        for _, _, words, ends, numbers in fields:
            used[words[positions_of(ends[numbers], ends[numbers + 1])]] = True
        number_of = np.full(len(texts), -1, dtype=np.int32)
        places, surfaces = np.flatnonzero(used), self.surfaces
        number_of[places] = [
            surfaces.setdefault(texts[place], len(surfaces)) for place in places.tolist()
        ]
        return number_of

    def firsts(self) -> NDArray[np.int64]:
        """Where the passages of each document begin, and where those of the last document end."""
        return np.frombuffer(self.passage_ends, dtype=np.int64)

    def save_segment(self, path: Path, low: int, high: int) -> None:
        """Write the documents with numbers from ``low`` up to ``high``, and only their words."""
        ends = self.firsts()
        first, end = ends[[low, high]].tolist()
        fields = {
            "title": (self.title_words, self.title_ends, low, high),
            "body": (self.body_words, self.body_ends, first, end),
            "code": (self.code_words, self.code_ends, first, end),
        }
        occurrences, arrays = {}, {}
        for name, (words, text_ends, start, stop) in fields.items():
            bounds = np.frombuffer(text_ends, dtype=np.int64)[start : stop + 1]
            occurrences[name] = words.array()[bounds[0] : bounds[-1]]
            arrays[f"{name}_ends"] = bounds - bounds[0]

        used = np.zeros(len(self.surfaces), dtype=bool)
        for text_words in occurrences.values():
            used[text_words] = True
        numbers = np.flatnonzero(used)
        small = np.zeros(used.size, dtype=np.min_scalar_type(max(0, numbers.size - 1)))
        small[numbers] = np.arange(numbers.size)
        arrays |= {f"{name}_words": small[text_words] for name, text_words in occurrences.items()}

        texts = self.texts()
        bounds = np.frombuffer(self.heading_hash_ends, dtype=np.int64)[first : end + 1]
        hashes = np.frombuffer(self.heading_hashes, dtype=np.uint64)
        save_arrays(
            path,
            {
                "surfaces": _encoded(map(texts.__getitem__, numbers.tolist())),
                **self.documents.arrays(low, high),
                **arrays,
                "firsts": ends[low : high + 1] - first,
                "heading_lengths": as_int32(self.heading_lengths)[first:end],
                "heading_hashes": hashes[bounds[0] : bounds[-1]],
                "heading_hash_ends": bounds - bounds[0],
                "text_hashes": np.frombuffer(self.text_hashes, dtype=np.uint64)[first:end],
            },
        )


def stem_or_word(analyzer: Analyzer) -> Callable[[str], str]:
    """A stop word of one language is a word of another, and stays as it is."""
    return lambda word: analyzer.stem(word) or word


def as_int32(numbers: array[int]) -> NDArray[np.int32]:
    """A view of ``numbers`` (of type "i") as an array."""
    return np.frombuffer(numbers, dtype=np.int32) if len(numbers) else np.zeros(0, dtype=np.int32)


def _append_ends(ends: array[int], lengths: NDArray[np.int64]) -> None:
    """Appends the ends of texts with these ``lengths``, which follow the texts in ``ends``."""
    ends.frombytes((np.cumsum(lengths) + ends[-1]).astype(np.int64).tobytes())


def _encoded(words: Iterable[str]) -> NDArray[np.uint8]:
    """Words, none of which has a line break, as bytes."""
    return np.frombuffer("\n".join(words).encode("utf-8", "surrogatepass"), dtype=np.uint8)


def _decoded(words: NDArray[np.uint8]) -> list[str]:
    text = bytes(words).decode("utf-8", "surrogatepass")
    return text.split("\n") if text else []
