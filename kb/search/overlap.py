"""Which part of the last generation's partition still holds?

The same words under other numbers, the same documents at other places, and how many documents have each word now,
reckoned from how many had it then: so that a partition of many documents, of which few changed, is not made from
nothing. From what one audience saw and sees, and from nothing else. Build time only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kb.search.arrays import Arrays
from kb.search.corpus import Corpus, Ints, Ranked, ints
from kb.search.kernels import places


@dataclass(frozen=True, slots=True)
class Before:
    """The last generation's partition for the same audience, of which ``changed`` documents are new or different now.

    ``lost`` says that a document which that audience saw then is gone or hidden from it now; ``places`` are the numbers
    that the documents which are the same had then; ``words`` are those of all documents then (see ``Corpus.save``).
    """

    arrays: Arrays
    changed: int
    lost: bool
    places: Mapping[str, int]
    words: Arrays


@dataclass(frozen=True, slots=True)
class Then:
    """What of ``arrays`` still holds: for each document the place it had (-1: it is new or different), and for each
    word and stem of then the number it has now, -1 for none."""

    arrays: Arrays
    places: Ints
    surfaces: Ints
    stems: Ints

    def passages(self, doc_passages: Ints) -> tuple[Ints, Ints]:
        """The passages of the documents that are the same: where they are now, by ``doc_passages``, and were then."""
        now = np.flatnonzero(self.places >= 0)
        old, was = self.arrays["doc_passages"], self.places[now]
        return places(doc_passages[now], doc_passages[now + 1]), places(old[was], old[was + 1])


@dataclass(frozen=True, slots=True)
class Overlap:
    """``df`` has for each word of the corpus how many documents hold it now; ``numbers`` are the words' numbers in the
    corpus, in the order of the last partition's vocabulary."""

    before: Before
    places: Ints
    numbers: Ints
    df: Ints

    def then(self, surfaces: Ranked, stems: Ranked) -> Then:
        of_corpus = np.unique(self.before.words["stem_of"][self.numbers])
        return Then(self.before.arrays, self.places, surfaces.number[self.numbers], stems.number[of_corpus])


def overlap(corpus: Corpus, order: Ints, before: Before | None) -> Overlap | None:
    """What the documents ``order`` of ``corpus`` have in common with ``before``; None where that is not known."""
    if before is None:
        return None
    was = np.array([before.places.get(corpus.facts[i].id, -1) for i in order.tolist()], dtype=np.int64)
    then, rows = _saved(before.words), before.arrays["row"].astype(np.int64)
    used = np.zeros(len(corpus.surfaces), dtype=bool)
    for found in then.of(rows):
        used[found] = True
    numbers = np.flatnonzero(used)
    if numbers.size != before.arrays["surface_df"].size:
        return None  # it was made in another way
    df = np.zeros(used.size, dtype=np.int64)
    df[numbers] = before.arrays["surface_df"]
    gone = np.ones(rows.size, dtype=bool)
    gone[was[was >= 0]] = False
    df -= then.df(rows[gone], df.size)
    df += _now(corpus).df(order[was < 0], df.size)
    return Overlap(before, was, numbers, df)


@dataclass(frozen=True, slots=True)
class _Texts:
    """The words of documents, and where those of each title and of each body end."""

    title_words: Ints
    title_ends: Ints
    body_words: Ints
    body_ends: Ints  # of each document, not of each passage

    def of(self, rows: Ints) -> tuple[Ints, Ints]:
        """All words of the titles and of the bodies of some documents."""
        if rows.size == self.title_ends.size - 1:
            return self.title_words, self.body_words
        title, body = (places(ends[rows], ends[rows + 1]) for ends in (self.title_ends, self.body_ends))
        return self.title_words[title], self.body_words[body]

    def df(self, rows: Ints, words: int) -> Ints:
        """In how many of ``rows`` each of so many words is."""
        lengths = (ends[rows + 1] - ends[rows] for ends in (self.title_ends, self.body_ends))
        owner = np.concatenate([np.repeat(np.arange(rows.size), length) for length in lengths])
        pairs = np.unique(owner * words + np.concatenate(self.of(rows)))
        return np.bincount(pairs % max(1, words), minlength=words)


def _saved(words: Arrays) -> _Texts:
    return _Texts(words["title_words"], words["title_ends"], words["body_words"], words["body_ends"][words["firsts"]])


def _now(corpus: Corpus) -> _Texts:
    firsts = np.array([*(facts.first for facts in corpus.facts), len(corpus.passage_doc)], dtype=np.int64)
    title_ends, body_ends = (np.frombuffer(ends, dtype=np.int64) for ends in (corpus.title_ends, corpus.body_ends))
    return _Texts(ints(corpus.title_words), title_ends, ints(corpus.body_words), body_ends[firsts])
