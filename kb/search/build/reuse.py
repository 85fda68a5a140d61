"""Reuse: which parts of another partition are valid for the one that is built.

The other is that of the previous generation, or of an audience that sees less. The same words under
other numbers, the same documents under other numbers, and how many documents have each word now,
computed from how many had it then: so a large partition that differs little is not built from
scratch. It uses only what one audience could see before and can see now. Build time only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kb.search.build.forward_index import ForwardIndex, SortedWords
from kb.search.index.edits import AT, END, TO
from kb.search.index.previous import CarriedOver, PreviousPartition
from kb.search.index.term_dictionary import TermDictionary
from kb.search.kernels.ranges import distinct_numbers, positions_of


@dataclass(frozen=True, slots=True)
class Reuse:
    """What documents have in common with a previous partition."""

    previous: PreviousPartition
    vacant: int  # numbers that no document has, of then and of now
    places: NDArray[np.int64]  # [numbers now], which number each had then, or -1
    words: NDArray[np.int64]  # [words then], the number of each in the forward index now, or -1
    df: NDArray[np.int64]  # [words of the forward index], how many documents hold each now

    def carried_over(
        self, surfaces: SortedWords, stems: SortedWords, stem_of: NDArray[np.int32], languages: str
    ) -> CarriedOver:
        """``stem_of`` is the number that each word's stem has in ``stems``, or -1; ``languages``
        are those of the documents.
        """
        arrays, words = self.previous.arrays, self.words
        languages_then = bytes(arrays.get("languages", np.zeros(0, np.uint8))).decode()
        same_stems = "," not in languages and languages == languages_then
        if same_stems:
            # Through the words, no text is compared.
            numbers = np.full(len(TermDictionary(arrays, "stem")), -1, dtype=np.int32)
            remaining = words >= 0
            numbers[arrays["surface_stem"][remaining]] = stem_of[words[remaining]]
        else:
            number_of = {stem: number for number, stem in enumerate(stems.texts)}
            stems_then = TermDictionary(arrays, "stem").words()
            of_text = (number_of.get(stem, -1) for stem in stems_then)
            numbers = np.fromiter(of_text, dtype=np.int32, count=len(stems_then))
        surfaces_now = np.where(words >= 0, surfaces.number[words], np.int32(-1))
        return CarriedOver(
            arrays, self.places, surfaces_now, numbers, same_stems=same_stems, vacant=self.vacant
        )


def find_reuse(
    forward_index: ForwardIndex, documents: NDArray[np.int64], previous: PreviousPartition | None
) -> Reuse | None:
    """What ``documents`` share with ``previous``; ``forward_index`` has all documents, and -1 is a
    vacant number.
    """
    if previous is None:
        return None

    numbers_then = np.where(documents < 0, -1, previous.numbers[documents])
    words, df_then = _words_then(forward_index, previous)

    # Document frequencies: those of then, less the documents that are gone or changed, plus those
    # that are new or changed.
    df = np.zeros(len(forward_index.surfaces), dtype=np.int64)
    remaining = words >= 0
    df[words[remaining]] = df_then[remaining]
    rows_then = previous.arrays["row"].astype(np.int64)
    gone = rows_then >= 0
    gone[numbers_then[numbers_then >= 0]] = False
    if previous.store is not None and gone.any():
        index_then = ForwardIndex.read(previous.store, np.sort(rows_then[gone]))
        places = [forward_index.surfaces.get(word, -1) for word in index_then.surfaces]
        numbers = np.array(places, dtype=np.int64)
        df_gone = document_frequencies(index_then, np.arange(len(index_then.documents)))
        df[numbers[numbers >= 0]] -= df_gone[numbers >= 0]
    df += document_frequencies(forward_index, documents[(numbers_then < 0) & (documents >= 0)])

    # Edits stand beside the arrays, in which nothing of those documents holds.
    places_then = np.where(previous.is_edited(numbers_then), -1, numbers_then)
    words = words[: previous.arrays["surface_df"].size]
    # In the file, a document has passages; since then, it may be gone with an edit.
    vacant = np.count_nonzero(np.diff(previous.arrays["doc_passages"]) == 0)
    vacant += np.count_nonzero(documents < 0)
    return Reuse(previous, int(vacant), places_then, words, df)


def _words_then(
    forward_index: ForwardIndex, previous: PreviousPartition
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The number that each word of then has in the forward index now, or -1; and in how many
    documents each was then.
    """
    arrays, edits = previous.arrays, previous.edits
    words, df = TermDictionary(arrays, "surface").words(), arrays["surface_df"]
    if "edited" in edits:
        words += TermDictionary(edits, "added_surface").words()
        df = np.concatenate((df, edits[END + "surface_df"]))
        df[edits[AT + "surface_df"]] = edits[TO + "surface_df"]
    numbers = np.array([forward_index.surfaces.get(word, -1) for word in words], dtype=np.int64)
    return numbers, df


def document_frequencies(index: ForwardIndex, documents: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each word of a forward index, how many of ``documents`` contain it."""
    words = len(index.surfaces)
    occurrences = distinct_numbers(np.concatenate(list(_occurrences(index, documents))))
    return np.bincount(occurrences % max(1, words), minlength=words)


def document_words(index: ForwardIndex, document: int) -> list[str]:
    """The different words of a document."""
    # Of a single document, which is at position 0, they are the numbers of the words.
    numbers = distinct_numbers(np.concatenate(list(_occurrences(index, np.array([document])))))
    texts = index.texts()
    return [texts[number] for number in numbers.tolist()]


def _occurrences(index: ForwardIndex, documents: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The words of each field of some documents.

    Each is one number: the position of its document times the number of all words, plus the word.
    """
    firsts, words = index.firsts(), len(index.surfaces)
    starts, stops = firsts[documents], firsts[documents + 1]
    for occurrences, text_ends, low, high in (
        (index.title_words, index.title_ends, documents, documents + 1),
        (index.body_words, index.body_ends, starts, stops),
        (index.code_words, index.code_ends, starts, stops),
    ):
        ends = np.frombuffer(text_ends, dtype=np.int64)
        owners = np.repeat(np.arange(documents.size), ends[high] - ends[low])
        yield owners * words + occurrences.array()[positions_of(ends[low], ends[high])]
