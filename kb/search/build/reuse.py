"""Reuse: which parts of another partition are valid for the one that is built.

The other is that of the previous generation, or of an audience that sees less. The same words under
other numbers, the same documents under other numbers, and how many documents have each word now,
computed from how many had it then: so a large partition that differs little is not built from
scratch. It uses only what one audience could see before and can see now. Build time only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kb.search.build.forward_index import (
    ForwardIndex,
    SortedWords,
    TextEnds,
    WordNumbers,
    word_blocks,
)
from kb.search.index.array_file import Arrays
from kb.search.index.edits import AT, END, TO
from kb.search.index.previous import CarriedOver, PreviousPartition
from kb.search.index.spill import BLOCK_SIZE, blocks
from kb.search.index.term_dictionary import TermDictionary
from kb.search.kernels.ranges import positions_of


@dataclass(frozen=True, slots=True)
class Reuse:
    """What documents have in common with a previous partition."""

    previous: PreviousPartition
    places: NDArray[np.int64]  # [documents], the number each had then, or -1
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
        return CarriedOver(arrays, self.places, surfaces_now, numbers, same_stems=same_stems)


def find_reuse(
    forward_index: ForwardIndex, documents: NDArray[np.int64], previous: PreviousPartition | None
) -> Reuse | None:
    """What ``documents`` of ``forward_index`` have in common with ``previous``; None when that
    cannot be known.
    """
    if previous is None:
        return None

    numbers_then = previous.numbers[documents]
    texts_now = _texts_of(forward_index)
    saved = previous.forward_index
    texts_then = texts_now if saved is None else _texts_of_saved(saved)
    rows_then = previous.arrays["row"].astype(np.int64)

    df = np.zeros(len(forward_index.surfaces), dtype=np.int64)
    words, df_then = _words_then(forward_index, previous, texts_then, rows_then)
    if words.size != df_then.size:
        return None  # the partition was built in another way

    # Document frequencies: those of then, less the documents that are gone or changed, plus those
    # that are new or changed.
    remaining = words >= 0
    df[words[remaining]] = df_then[remaining]
    gone = np.ones(rows_then.size, dtype=bool)
    gone[numbers_then[numbers_then >= 0]] = False
    df -= texts_then.document_frequencies(rows_then[gone], df.size)
    df += texts_now.document_frequencies(documents[numbers_then < 0], df.size)

    # Edits stand beside the arrays, in which nothing of those documents holds.
    places = np.where(previous.is_edited(numbers_then), -1, numbers_then)
    return Reuse(previous, places, words[: previous.arrays["surface_df"].size], df)


def _words_then(
    forward_index: ForwardIndex,
    previous: PreviousPartition,
    texts_then: _Texts,
    rows_then: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The number that each word of then has in the forward index now, or -1; and in how many
    documents each was then.
    """
    arrays, edits = previous.arrays, previous.edits
    if "edited" not in edits:
        used = np.zeros(len(forward_index.surfaces), dtype=bool)
        texts_then.mark_words(rows_then, used)
        order = forward_index.words().order
        return order[used[order]], arrays["surface_df"]

    words = TermDictionary(arrays, "surface").words()
    words += TermDictionary(edits, "added_surface").words()
    numbers = np.array([forward_index.surfaces.get(word, -1) for word in words], dtype=np.int64)
    df = np.concatenate((arrays["surface_df"], edits[END + "surface_df"]))
    df[edits[AT + "surface_df"]] = edits[TO + "surface_df"]
    return numbers, df


@dataclass(frozen=True, slots=True)
class _Texts:
    """The words of documents, and where those of each title, body and code end."""

    title_words: WordNumbers
    title_ends: TextEnds
    body_words: WordNumbers
    body_ends: TextEnds  # of each document, not of each passage
    code_words: WordNumbers
    code_ends: TextEnds  # of each document too

    def fields(self) -> tuple[tuple[WordNumbers, TextEnds], ...]:
        return (
            (self.title_words, self.title_ends),
            (self.body_words, self.body_ends),
            (self.code_words, self.code_ends),
        )

    def mark_words(self, rows: NDArray[np.int64], used: NDArray[np.bool_]) -> None:
        """Set ``used`` for the words of some documents."""
        is_every_document = rows.size == self.title_ends.size - 1
        for words, ends in self.fields():
            if is_every_document:
                for block in word_blocks(words):
                    used[block] = True
                continue

            lengths = np.concatenate(([0], np.cumsum(ends[rows + 1] - ends[rows])))
            for low, high in blocks(lengths, BLOCK_SIZE):
                used[words[positions_of(ends[rows[low:high]], ends[rows[low:high] + 1])]] = True

    def document_frequencies(self, rows: NDArray[np.int64], words: int) -> NDArray[np.int64]:
        """In how many of ``rows`` each of so many words is."""
        numbers, owners = [], []
        for occurrences, ends in self.fields():
            starts, stops = ends[rows], ends[rows + 1]
            numbers.append(occurrences[positions_of(starts, stops)])
            owners.append(np.repeat(np.arange(rows.size), stops - starts))

        distinct = np.unique(np.concatenate(owners) * words + np.concatenate(numbers))
        return np.bincount(distinct % max(1, words), minlength=words)


def saved_words(saved: Arrays, rows: Iterable[int]) -> Iterator[list[str]]:
    """The different words of each document at one of ``rows`` of a saved forward index."""
    texts, letters = _texts_of_saved(saved), saved["surfaces"]
    breaks = np.concatenate(([-1], np.flatnonzero(letters == ord("\n")), [letters.size]))
    for row in rows:
        numbers = np.unique(
            np.concatenate([words[ends[row] : ends[row + 1]] for words, ends in texts.fields()])
        )
        bounds = zip(breaks[numbers].tolist(), breaks[numbers + 1].tolist(), strict=True)
        yield [
            bytes(letters[start + 1 : end]).decode("utf-8", "surrogatepass")
            for start, end in bounds
        ]


def _texts_of_saved(saved: Arrays) -> _Texts:
    return _Texts(
        saved["title_words"],
        saved["title_ends"],
        saved["body_words"],
        saved["body_ends"][saved["firsts"]],
        saved["code_words"],
        saved["code_ends"][saved["firsts"]],
    )


def _texts_of(forward_index: ForwardIndex) -> _Texts:
    firsts = forward_index.firsts()
    body_ends = np.frombuffer(forward_index.body_ends, dtype=np.int64)
    return _Texts(
        forward_index.title_words.array(),
        np.frombuffer(forward_index.title_ends, dtype=np.int64),
        forward_index.body_words.array(),
        body_ends[firsts],
        forward_index.code_words.array(),
        np.frombuffer(forward_index.code_ends, dtype=np.int64)[firsts],
    )
