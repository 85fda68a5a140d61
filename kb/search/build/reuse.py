"""Which part of the last generation's partition still holds?

The same words under other numbers, the same documents at other places, and how many documents have
each word now, reckoned from how many had it then: so that a partition of many documents, of which
few changed, is not made from nothing. From what one audience saw and sees, and from nothing else.
Build time only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kb.search.build.forward_index import ForwardIndex, Ints, Ranked, pieces
from kb.search.index.array_file import Arrays
from kb.search.index.previous import CarriedOver, PreviousPartition
from kb.search.index.spill import BLOCK, blocks
from kb.search.kernels.dispatch import places


@dataclass(frozen=True, slots=True)
class Reuse:
    """``df`` has for each word of the corpus how many documents hold it now; ``numbers`` are the
    words' numbers in the corpus, in the order of the last partition's vocabulary."""

    before: PreviousPartition
    places: Ints
    numbers: Ints
    df: Ints

    def then(self, surfaces: Ranked, stems: Ranked) -> CarriedOver:
        of_corpus = np.unique(self.before.forward_index["stem_of"][self.numbers])
        return CarriedOver(
            self.before.arrays, self.places, surfaces.number[self.numbers], stems.number[of_corpus]
        )


def find_reuse(corpus: ForwardIndex, order: Ints, before: PreviousPartition | None) -> Reuse | None:
    """What the documents ``order`` of ``corpus`` have in common with ``before``; None where that is
    not known.
    """
    if before is None:
        return None
    was = np.array(
        [before.numbers.get(corpus.documents[i].id, -1) for i in order.tolist()], dtype=np.int64
    )
    then, rows = _saved(before.forward_index), before.arrays["row"].astype(np.int64)
    used = np.zeros(len(corpus.surfaces), dtype=bool)
    then.mark(rows, used)
    numbers = np.flatnonzero(used)
    if numbers.size != before.arrays["surface_df"].size:
        return None  # it was made in another way
    df = np.zeros(used.size, dtype=np.int64)
    df[numbers] = before.arrays["surface_df"]
    gone = np.ones(rows.size, dtype=bool)
    gone[was[was >= 0]] = False
    df -= then.df(rows[gone], df.size)
    df += _now(corpus).df(order[was < 0], df.size)
    return Reuse(before, was, numbers, df)


@dataclass(frozen=True, slots=True)
class _Texts:
    """The words of documents, and where those of each title and of each body end."""

    title_words: Ints
    title_ends: Ints
    body_words: Ints
    body_ends: Ints  # of each document, not of each passage

    def mark(self, rows: Ints, used: Ints) -> None:
        """Set ``used`` for the words of some documents."""
        every = rows.size == self.title_ends.size - 1
        for words, ends in ((self.title_words, self.title_ends), (self.body_words, self.body_ends)):
            if every:
                for some in pieces(words):
                    used[some] = True
                continue
            lengths = np.concatenate(([0], np.cumsum(ends[rows + 1] - ends[rows])))
            for low, high in blocks(lengths, BLOCK):
                used[words[places(ends[rows[low:high]], ends[rows[low:high] + 1])]] = True

    def df(self, rows: Ints, words: int) -> Ints:
        """In how many of ``rows`` each of so many words is."""
        sides = ((self.title_words, self.title_ends), (self.body_words, self.body_ends))
        found = np.concatenate(
            [numbers[places(ends[rows], ends[rows + 1])] for numbers, ends in sides]
        )
        owner = np.concatenate(
            [np.repeat(np.arange(rows.size), ends[rows + 1] - ends[rows]) for _, ends in sides]
        )
        return np.bincount(np.unique(owner * words + found) % max(1, words), minlength=words)


def _saved(words: Arrays) -> _Texts:
    return _Texts(
        words["title_words"],
        words["title_ends"],
        words["body_words"],
        words["body_ends"][words["firsts"]],
    )


def _now(corpus: ForwardIndex) -> _Texts:
    firsts = np.array(
        [*(facts.first for facts in corpus.documents), len(corpus.passage_doc)], dtype=np.int64
    )
    title_ends, body_ends = (
        np.frombuffer(ends, dtype=np.int64) for ends in (corpus.title_ends, corpus.body_ends)
    )
    return _Texts(
        corpus.title_words.array(), title_ends, corpus.body_words.array(), body_ends[firsts]
    )
