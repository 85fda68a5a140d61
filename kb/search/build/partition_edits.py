"""Partition edits: a small segment with the documents that were added, edited or removed since a
partition was last written.

``kb.search.index.edits`` reads it. The number of documents with each word is counted exactly over
both files. Average lengths, how rare letters of titles are, latent topics, the links between
threads and articles, the united prefixes, and the language in which a word was read stay as they
were when the large file was written. All of these are computed again when the two become one file:
when the segment is no longer small, or when it cannot hold a change (see ``edits_of``). Everything
here comes from what one audience can see. Build time only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.analysis.languages import base_language
from kb.search.analysis.tokenizer import Analyzer
from kb.search.array_types import Pointers
from kb.search.build.forward_index import ForwardIndex, stem_or_word
from kb.search.build.near_duplicates import pack_near_duplicates
from kb.search.build.partition_writer import PartitionTexts
from kb.search.build.reuse import document_words
from kb.search.build.splice import LengthBasis
from kb.search.build.value_columns import KIND_NUMBERS, changed_values
from kb.search.documents import DocumentKind
from kb.search.index.array_file import Arrays
from kb.search.index.doc_values import languages_of
from kb.search.index.edits import AT, END, TO, may_have_edits, pack_rows
from kb.search.index.latent_topics import pack_added_topics
from kb.search.index.previous import PreviousPartition
from kb.search.index.spill import Spill
from kb.search.index.term_dictionary import TermDictionary
from kb.search.index.title_ngrams import pack_edited_titles
from kb.search.meaning.embeddings import pack_embeddings
from kb.search.meaning.query_table import MODELS_ID
from kb.search.query.spelling import Speller, fewest_documents
from kb.search.scoring.title_text import pack_title_text

#: The share of documents that may be edited before the two become one file, and the least number.
_MOST, _FEW = 0.02, 64
#: What the large file has to say. That of an earlier version does not.
_NEEDED = frozenset(
    {"average_lengths", "heading_stems", "title_stems", "headings", "changelog", "language_codes"}
)
#: The words of the documents at some rows (ascending) of the store that is built.
ReadIndex = Callable[[NDArray[np.int64]], ForwardIndex]
EditedNumbers = NDArray[np.int64]  # of documents
FileWords = NDArray[np.int32]  # in the large file
_NO_WORDS: FileWords = np.zeros(0, dtype=np.int32)


def edits_of(read: ReadIndex, size: int, previous: PreviousPartition) -> Arrays | None:
    """The edits beside the large file of ``previous``; None if the whole partition must be written.

    It must be written if more than a fiftieth of the documents (and more than 64) were added,
    edited or removed, if there is no vacant number for a new one, or if one has become another kind
    or is in a language that none was in. ``size`` documents are visible now; ``read`` gives those
    at some rows.
    """
    arrays, store_then = previous.arrays, previous.store
    count = int(arrays["kind"].size)
    if (
        store_then is None
        or not may_have_edits(size)
        or previous.drift > max(_FEW, _MOST * count)
        or arrays.keys() < _NEEDED
    ):
        return None

    rows_now = np.flatnonzero(previous.numbers_of_all >= 0)
    rows = np.full(count, -1, dtype=np.int64)
    rows[previous.numbers_of_all[rows_now]] = rows_now
    vacant = _vacant_numbers(read(previous.added), previous)
    if vacant is None:
        return None
    rows[vacant] = previous.added

    rows_then = arrays["row"].astype(np.int64)
    is_unchanged = rows >= 0
    is_unchanged[is_unchanged] = previous.numbers[rows[is_unchanged]] >= 0
    is_fresh = ~is_unchanged & ((rows >= 0) | (rows_then >= 0))
    edited = np.flatnonzero(is_fresh | previous.is_edited(np.arange(count)))
    segment = pack_rows(rows)
    if not edited.size:  # nothing but the places in the store: documents of others were edited
        return segment

    taken = edited[rows[edited] >= 0]
    index = read(np.sort(rows[taken]))
    languages = {base_language(language) for language in index.documents.languages}
    if not languages <= {*languages_of(arrays)} or not _has_same_meanings(index, arrays):
        return None
    places = np.array(index.documents.rows, dtype=np.int64).searchsorted(rows[edited])
    documents = np.where(rows[edited] >= 0, places, -1)
    kinds = np.array([KIND_NUMBERS[DocumentKind(kind)] for kind in index.documents.kinds], np.uint8)
    if (kinds[documents[documents >= 0]] != arrays["kind"][taken]).any():
        return None  # a number is of one kind

    # What a document was that is edited, or gone, for the first time since the large file.
    first = np.flatnonzero(is_fresh & (rows_then >= 0))
    index_then = ForwardIndex.read(store_then, np.sort(rows_then[first]))
    places_then = np.array(index_then.documents.rows, dtype=np.int64).searchsorted(rows_then[first])
    words = {
        number: document_words(index_then, place)
        for number, place in zip(first.tolist(), places_then.tolist(), strict=True)
    }
    then = _words_in_file(previous, edited, words)
    segment |= _regrouped(read, previous, rows, np.flatnonzero(is_fresh))
    return segment | _pack_edits(index, edited, documents, arrays, then)


def _vacant_numbers(added: ForwardIndex, previous: PreviousPartition) -> EditedNumbers | None:
    """A number that no document has had for each of the ``added`` ones; None if there are too few.

    Of the same kind, the lowest go to the first by id.
    """
    kinds, table = previous.arrays["kind"], added.documents
    is_vacant = (previous.arrays["row"] < 0) & ~previous.is_edited(np.arange(kinds.size))
    numbers = np.empty(len(table), dtype=np.int64)
    for kind, number in KIND_NUMBERS.items():
        of_kind = [place for place in range(len(table)) if table.kinds[place] == kind]
        of_kind.sort(key=table.ids.__getitem__)
        low, high = kinds.searchsorted((number, number + 1)).tolist()
        vacant = low + np.flatnonzero(is_vacant[low:high])
        if vacant.size < len(of_kind):
            return None
        numbers[of_kind] = vacant[: len(of_kind)]
    return numbers


def _has_same_meanings(index: ForwardIndex, arrays: Arrays) -> bool:
    model = arrays.get("meaning_model")
    if not len(index.documents):
        return True
    if index.meanings is None or model is None:
        return index.meanings is None and model is None
    return np.array_equal(model, MODELS_ID)


def _regrouped(
    read: ReadIndex, previous: PreviousPartition, rows: NDArray[np.int64], fresh: EditedNumbers
) -> Arrays:
    """Which documents have left their group of near-duplicates.

    Only the groups of the large file that contain ``fresh`` documents are compared again, each
    within itself. ``rows`` are those of all documents.
    """
    arrays, edits = previous.arrays, previous.edits
    group_of = arrays["duplicate_group"].copy()
    if AT + "duplicate_group" in edits:
        group_of[edits[AT + "duplicate_group"]] = edits[TO + "duplicate_group"]
    for group in np.unique(group_of[fresh][group_of[fresh] >= 0]).tolist():
        members = np.flatnonzero((group_of == group) & (rows >= 0))
        members = members[np.argsort(rows[members])]
        index = read(rows[members])
        alike = pack_near_duplicates(index, np.arange(members.size))["duplicate_group"]
        # The largest set that is still alike remains the group; of equal ones, the first.
        sizes = np.bincount(alike[alike >= 0], minlength=1)
        group_of[members[alike != sizes.argmax()]] = -1
    group_of[rows < 0] = -1
    left = np.flatnonzero(group_of != arrays["duplicate_group"])
    return {AT + "duplicate_group": left, TO + "duplicate_group": group_of[left]}


def _words_in_file(
    previous: PreviousPartition, edited: EditedNumbers, words: Mapping[int, Sequence[str]]
) -> tuple[Pointers, FileWords]:
    """Where the words begin that each of the ``edited`` documents has in the large file, and these.

    For a document that is edited for the first time since then, they are its earlier ``words``; for
    one that was added, there are none.
    """
    edits = previous.edits
    find = functools.cache(TermDictionary(previous.arrays, "surface").find)  # most words recur
    # Sorted: the order in which a segment of the store has words depends on all of its documents.
    lists: dict[int, FileWords] = {
        number: np.array(sorted(map(find, words[number])), dtype=np.int32) for number in words
    }
    if "edited" in edits:
        bounds = edits["edited_then_pointers"].tolist()
        for number, (start, end) in zip(edits["edited"].tolist(), pairwise(bounds), strict=True):
            lists[number] = edits["edited_then"][start:end]
    then = [lists.get(number, _NO_WORDS) for number in edited.tolist()]
    ends = np.concatenate(([0], np.cumsum([each.size for each in then]))).astype(np.int64)
    return ends, np.concatenate(then)


def _pack_edits(
    index: ForwardIndex,
    edited: EditedNumbers,
    documents: EditedNumbers,
    arrays: Arrays,
    then: tuple[Pointers, FileWords],
) -> Arrays:
    """The segment of the ``edited`` numbers, ascending, which are ``documents`` of the forward
    index, or -1 if they were removed; ``then`` are their words in the large file, of which these
    are the ``arrays``.
    """
    writer = _EditsWriter(index, edited, documents, arrays)
    segment = writer.words(then) | writer.lists()
    segment |= writer.topics(segment) | writer.meanings() | writer.titles()
    numbers = edited.astype(np.int32)
    segment |= changed_values(index.documents, documents, numbers, arrays)
    return segment | {"edited": numbers}


class _EditsWriter:
    """Edited documents, counted by the words of the large file and by those that they add."""

    def __init__(
        self, index: ForwardIndex, edited: EditedNumbers, documents: EditedNumbers, arrays: Arrays
    ) -> None:
        self._index, self._arrays, self._numbers = index, arrays, edited
        self._documents = documents
        self._count = int(arrays["kind"].size)
        self._texts = PartitionTexts(index, documents, Spill())

        df = self._texts.document_frequencies()
        used = np.flatnonzero(df)
        texts = index.texts()
        surfaces, stems = TermDictionary(arrays, "surface"), TermDictionary(arrays, "stem")
        number_of = {texts[word]: surfaces.find(texts[word]) for word in used.tolist()}
        self._added_words = sorted(word for word, number in number_of.items() if number < 0)
        for place, word in enumerate(self._added_words, len(surfaces)):
            number_of[word] = place

        present = languages_of(arrays)
        analyzers = [stem_or_word(Analyzer(language)) for language in present]
        language_of_words = self._texts.language_of_words(present).tolist()
        language_of = {texts[word]: language_of_words[word] for word in used.tolist()}
        stem_of_added = [analyzers[language_of[word]](word) for word in self._added_words]
        stem_numbers = {each: stems.find(each) for each in stem_of_added}
        self._added_stems = sorted(each for each, number in stem_numbers.items() if number < 0)
        for place, each in enumerate(self._added_stems, len(stems)):
            stem_numbers[each] = place
        self._stems = len(stems) + len(self._added_stems)

        stem_of = np.concatenate(
            (arrays["surface_stem"], [stem_numbers[each] for each in stem_of_added])
        ).astype(np.int32)
        self._surface_stem = stem_of
        self._surfaces = np.array(
            [number_of[texts[word]] for word in used.tolist()], dtype=np.int64
        )
        self._counts = df[used]
        stem_of_word = np.full(len(texts), -1, dtype=np.int32)
        stem_of_word[used] = stem_of[self._surfaces]
        title, body, passage = arrays["average_lengths"].tolist()
        basis = LengthBasis(title, body, passage)
        self._postings, self._lists = self._texts.counted(basis, stem_of_word, self._stems)

    def words(self, then: tuple[Pointers, FileWords]) -> Arrays:
        """The words that were added, and in how many documents each word is now."""
        arrays, (ends, words_then) = self._arrays, then
        added, size = len(self._added_words), int(arrays["surface_df"].size)
        surface_df = np.concatenate((arrays["surface_df"], np.zeros(added, dtype=np.int32)))
        np.subtract.at(surface_df, words_then, 1)
        surface_df[self._surfaces] += self._counts.astype(np.int32)

        stems_then = self._surface_stem[words_then]
        owners = np.repeat(np.arange(ends.size - 1), np.diff(ends))
        distinct = np.unique(owners * self._stems + stems_then) % self._stems
        df = np.concatenate((arrays["df"], np.zeros(len(self._added_stems), dtype=np.int32)))
        np.subtract.at(df, distinct, 1)
        df += np.diff(self._postings[0]).astype(np.int32)

        changed = np.flatnonzero(df[: arrays["df"].size] != arrays["df"])
        idf = weights.idf(df, self._count).astype(np.float32)
        topics = {}
        if "topic_place" in arrays:
            topics = {END + "topic_place": np.full(len(self._added_stems), -1, dtype=np.int32)}
        changed_words = np.flatnonzero(surface_df[:size] != arrays["surface_df"])
        return {
            **TermDictionary.pack(self._added_words, "added_surface"),
            **TermDictionary.pack(self._added_stems, "added_stem"),
            **self._typos(surface_df),
            END + "surface_stem": self._surface_stem[size:],
            END + "surface_df": surface_df[size:],
            AT + "surface_df": changed_words,
            TO + "surface_df": surface_df[changed_words],
            END + "df": df[arrays["df"].size :],
            AT + "df": changed,
            TO + "df": df[changed],
            END + "idf": idf[arrays["df"].size :],
            AT + "idf": changed,
            TO + "idf": idf[changed],
            **topics,
            "edited_first_stem": np.array([arrays["df"].size], dtype=np.int64),
            "edited_then_pointers": ends,
            "edited_then": words_then,
        }

    def _typos(self, surface_df: NDArray[np.int32]) -> Arrays:
        """The forms of words that count as corrections now, and did not before."""
        arrays, surfaces = self._arrays, TermDictionary(self._arrays, "surface")
        fewest = fewest_documents(self._count)
        filed_then = np.zeros(surface_df.size, dtype=bool)
        filed_then[: arrays["surface_df"].size] = arrays["surface_df"] >= fewest
        numbers = np.flatnonzero((surface_df >= fewest) & ~filed_then)
        known = numbers[numbers < len(surfaces)].tolist()
        words = [surfaces.word(number) for number in known]
        words += [self._added_words[n - len(surfaces)] for n in numbers[len(known) :].tolist()]
        packed = Speller.pack(words, surface_df[numbers], self._count)
        return {
            "added_typo_hashes": packed["typo_hashes"],
            "added_typo_words": numbers[packed["typo_words"]].astype(np.int32),
        }

    def lists(self) -> Arrays:
        """Postings by stem, and stems by passage, by title and by heading."""
        pointers, docs, codes = self._postings
        stems = np.flatnonzero(np.diff(pointers))
        headings = self._texts.headings()
        return {
            "edited_stems": stems.astype(np.int32),
            "edited_pointers": np.append(pointers[stems], pointers[-1]).astype(np.int64),
            "edited_docs": docs.astype(np.int32),
            "edited_codes": codes,
            "edited_doc_passages": self._texts.doc_passages,
            **{f"edited_{name}": array for name, array in self._lists.items()},
            "edited_headings": headings["headings"],
            "edited_heading_docs": self._numbers[headings["heading_docs"]].astype(np.int32),
        }

    def topics(self, segment: Arrays) -> Arrays:
        """The directions of the passages among the topics of the large file."""
        arrays = self._arrays
        if "topic_words" not in arrays:
            return {}
        added = len(self._added_stems)
        df = np.concatenate((arrays["df"], np.zeros(added, dtype=np.int32)))
        df[segment[AT + "df"]] = segment[TO + "df"]
        df[arrays["df"].size :] = segment[END + "df"]
        packed = pack_added_topics(
            self._lists | {"df": df, "doc_passages": arrays["doc_passages"]},
            np.concatenate((arrays["topic_place"], segment[END + "topic_place"])),
            arrays["topic_words"],
        )
        return {f"edited_{name}": array for name, array in packed.items()}

    def meanings(self) -> Arrays:
        """The directions of the passages by their meaning."""
        if "meaning_model" not in self._arrays:
            return {}
        meanings, passages = self._index.meanings, self._texts.passages
        rows = self._arrays["meaning_passages"][:0]
        drafts = np.zeros(0, dtype=bool)
        if meanings is not None:  # else there are only removed documents
            rows, drafts = meanings.rows[passages], meanings.drafts[passages]
        packed = pack_embeddings(rows, drafts)
        del packed["meaning_model"]  # that of the large file
        return {f"edited_{name}": array for name, array in packed.items()}

    def titles(self) -> Arrays:
        """The titles by their n-grams, and their letters."""
        table = self._index.documents
        titles = [table[place].title if place >= 0 else "" for place in self._documents.tolist()]
        letters = pack_title_text(titles)
        return {
            **pack_edited_titles(titles, self._numbers.astype(np.int32), self._arrays, Spill()),
            **{f"edited_{name}": array for name, array in letters.items()},
        }
