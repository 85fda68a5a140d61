"""Which documents fit these words best, among those an audience may see?

The ranking engine: a weighted term-document matrix kept as packed arrays (see ``postings``), answered with numpy.
``Matrix`` understands the words of a query (completion, typos), lets ``lexical`` and the letters of titles find
candidates, and looks at those more closely. A snapshot: nothing here changes after opening. Mixing of kinds and
boosts is ``ranking``'s business.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search import weights
from kb.search.analysis import Analyzer, fold, hyphenated, identifiers, words
from kb.search.arrays import Arrays
from kb.search.beginnings import Beginnings, complete
from kb.search.kernels import Kernels, gather, kernels
from kb.search.letters import grams
from kb.search.lexical import Candidates, Lexical, Meaning, top
from kb.search.ranking import fresh
from kb.search.solved import Votes
from kb.search.spelling import Speller
from kb.search.topics import Topics
from kb.search.vocabulary import Vocabulary

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
MOST_WORDS = 48  # distinct words of a query that rank; a pasted error message has fewer


@dataclass(frozen=True, slots=True)
class Understood:
    """A whole query: its meanings, and the words nobody knows."""

    text: str
    meanings: tuple[Meaning, ...]
    unknown: tuple[str, ...] = ()

    @property
    def stems(self) -> frozenset[int]:
        return frozenset(stem for meaning in self.meanings for stem in meaning.stems)


class Matrix:
    """One audience's partition, open for reading."""

    def __init__(self, arrays: Arrays) -> None:
        self._a = arrays
        self.size = int(arrays["kind"].size)
        self.surfaces = Vocabulary(arrays, "surface")
        self.stems = Vocabulary(arrays, "stem")
        self.speller = Speller(arrays, self.surfaces)
        self.analyzer = Analyzer()
        self._run = kernels()
        self.lexical = Lexical(arrays)
        self.beginnings = Beginnings(arrays)
        self.topics = Topics(arrays) if "topic_lengths" in arrays else None
        self.votes = Votes(arrays, self.analyzer) if "solved_links" in arrays else None
        self.kind_ranges = self.lexical.kind_ranges
        self._newest = int(arrays["day"].max(initial=0))
        self.names: dict[str, list[str]] = json.loads(bytes(arrays["names"]))

    def use(self, run: Kernels) -> None:
        """Run the loops by ``run`` from now on (for comparing them)."""
        self._run = run
        self.lexical.use(run)

    # --- understanding -------------------------------------------------------------------------------------------

    def understand(self, text: str, *, open_ended: bool) -> Understood:
        """Read ``text`` as words; with ``open_ended`` its last word may be the beginning of longer ones."""
        found = Counter(words(text, asked=True))
        last = _last_word(text) if open_ended or len(text.strip()) == 1 else ""
        meanings, unknown = [], []
        for word, times in islice(found.items(), MOST_WORDS):
            if word == last:
                continue
            if not self.analyzer.stem(word):
                continue
            meaning = self._whole(word, times)
            if meaning:
                meanings.append(meaning)
            elif not hyphenated(word):
                unknown.append(word)
        if last:
            meaning = self._beginning(last)
            meanings.append(meaning) if meaning else unknown.append(last)
        return Understood(text, tuple(meanings), tuple(unknown))

    def _whole(self, word: str, times: int) -> Meaning | None:
        """A word that was said several times counts as often: long questions repeat what they are about."""
        stem = self.stems.find(self.analyzer.stem(word))
        return Meaning(word, (stem,), (float(times),)) if stem >= 0 else self._corrected(word)

    def _beginning(self, word: str) -> Meaning | None:
        """The most frequent words that begin with ``word``, as one word whose frequencies are summed."""
        ready = self.beginnings.find(word)
        if ready is not None:
            return ready
        low, high = self.surfaces.range(word)
        if low == high:
            return self._corrected(word)
        stems = complete(low, high, self._a["surface_df"], self._a["surface_stem"])
        return Meaning(word, tuple(stems.tolist()), (1.0,) * stems.size, united=True)

    def _corrected(self, word: str) -> Meaning | None:
        found = self.speller.corrections(word)
        if not found:
            return None
        stems = tuple(int(self._a["surface_stem"][number]) for number, _ in found)
        return Meaning(word, stems, tuple(share for _, share in found), corrected=self.surfaces.word(found[0][0]))

    # --- the lexical lane ----------------------------------------------------------------------------------------

    def score(self, query: Understood) -> Floats:
        """BM25F of every document, dense."""
        return self.lexical.score(query.meanings)

    def best(self, scores: Floats, allowed: npt.NDArray[np.bool_] | None = None) -> Candidates:
        """The best documents of each kind, ties broken by document id; ``matched`` is all with any score."""
        return self.lexical.best(scores, allowed)

    def candidates(self, query: Understood) -> Ints:
        """The documents of ``best``, found without scoring every document."""
        return self.lexical.candidates(query.meanings)

    def score_of(self, query: Understood, documents: Ints) -> Floats:
        """BM25F of some documents: what ``score`` has at their places."""
        return self.lexical.score_of(query.meanings, documents)

    # --- the character lane --------------------------------------------------------------------------------------

    def letters(self, text: str) -> dict[str, Any] | None:
        """The query as a unit vector over title n-grams; None when no n-gram is known."""
        vocabulary = self._a["gram_hashes"]
        hashed, counts = np.unique(np.array(grams(text[:300]), dtype=np.uint32), return_counts=True)
        at = vocabulary.searchsorted(hashed)
        known = at < vocabulary.size
        known[known] = vocabulary[at[known]] == hashed[known]
        if not known.any():
            return None
        unseen = np.log(1 + self.size) + 1  # idf of an n-gram no title has: it still lengthens the vector
        weight = counts * np.where(known, self._a["gram_idf"][np.minimum(at, vocabulary.size - 1)], unseen)
        unit = (weight / np.sqrt((weight**2).sum())).astype(np.float32)
        return {"pieces": at[known], "weights": unit[known]}

    def letter_candidates(self, vector: dict[str, Any], allowed: npt.NDArray[np.bool_] | None = None) -> Ints:
        """Documents whose titles look most like the query, from the heaviest postings of its n-grams."""
        pointers = self._a["gram_pointers"]
        ranges = [(int(pointers[p]), int(pointers[p + 1])) for p in vector["pieces"].tolist()]
        docs = np.concatenate([self._a["gram_docs"][a:b] for a, b in ranges])
        counts = np.array([b - a for a, b in ranges])
        parts = np.concatenate([self._a["gram_weights"][a:b] for a, b in ranges]) * np.repeat(vector["weights"], counts)
        order = np.argsort(docs, kind="stable")  # radix sort: the quickest way to bring equal ones together
        docs = docs[order]
        starts = np.flatnonzero(np.diff(docs, prepend=-1))
        distinct, summed = docs[starts], np.add.reduceat(parts[order], starts)
        if allowed is not None:
            keep = allowed[distinct]
            distinct, summed = distinct[keep], summed[keep]
        return top(distinct, summed, weights.LETTER_CANDIDATES)

    # --- a closer look at candidates -----------------------------------------------------------------------------

    def letter_scores(self, vector: dict[str, Any] | None, documents: Ints) -> Floats:
        """The cosine between the query and each document's title, by n-grams."""
        if vector is None or not documents.size:
            return np.zeros(documents.size, dtype=np.float32)
        query = np.zeros(self._a["gram_hashes"].size, dtype=np.float32)
        query[vector["pieces"]] = vector["weights"] * self._a["gram_idf"][vector["pieces"]]
        summed = np.zeros(documents.size, dtype=np.float32)
        a = self._a
        self._run.rows_sum(a["title_pointers"], a["title_grams"], query, a["title_counts"], documents, summed)
        return np.asarray(summed / a["title_lengths"][documents], dtype=np.float32)

    def passages(self, gains: Floats, documents: Ints) -> Floats:
        """The BM25 score of each document's best passage (every document has one at least)."""
        if not documents.size:
            return np.zeros(0, dtype=np.float32)
        scores, a = np.zeros(documents.size, dtype=np.float32), self._a
        self._run.rows_best(
            a["doc_passages"], a["passage_pointers"], a["passage_stems"], gains, weights.PASSAGE_IMPACT,
            a["passage_codes"], documents, scores,
        )  # fmt: skip
        return scores

    def topic_scores(self, query: Understood, documents: Ints) -> Floats:
        """The cosine between the topics of the query and of each document's nearest passage."""
        direction = self.topics.direction(query.meanings) if self.topics else None
        if self.topics is None or direction is None or not documents.size:
            return np.zeros(documents.size, dtype=np.float32)
        passages, owner = gather(self._a["doc_passages"], documents)
        return self.topics.cosines(direction, passages, np.flatnonzero(np.diff(owner, prepend=-1)))

    def best_passage(self, gains: Floats, document: int) -> int:
        """Which passage of ``document`` to show; of a topic with an accepted answer, one of the answer's."""
        first, end = self._a["doc_passages"][document : document + 2].tolist()
        low, high = self._a["answer"][document].tolist()
        scores = self._passage_scores(gains, np.arange(first + low, min(end, first + high)))
        return low + int(scores.argmax()) if scores.size else 0

    def _passage_scores(self, gains: Floats, passages: Ints) -> Floats:
        at, of = gather(self._a["passage_pointers"], passages)
        parts = gains[self._a["passage_stems"][at]] * weights.PASSAGE_IMPACT[self._a["passage_codes"][at]]
        return np.bincount(of, weights=parts, minlength=passages.size).astype(np.float32)

    def gains(self, query: Understood) -> Floats:
        """What each stem in a passage is worth to ``query``: its idf times its share in the query's words."""
        gain = np.zeros(max(1, len(self.stems)), dtype=np.float32)
        for meaning in query.meanings:
            stems = list(meaning.stems)
            shares = np.array(meaning.shares, dtype=np.float32)
            gain[stems] = np.maximum(gain[stems], self._idf(meaning) * shares)
        return gain

    def _idf(self, meaning: Meaning) -> Floats:
        """The idf of each stem; of an open last word none is worth more than all its completions together."""
        stems = list(meaning.stems)
        if not meaning.united:
            return self.lexical.idfs[stems]
        together = self.lexical.idf(min(int(self._a["df"][stems].sum()), self.size))
        return np.full(len(stems), together, dtype=np.float32)

    def ideal(self, query: Understood) -> float:
        """The sum of the idfs of all the query's words, unknown ones counting as the rarest."""
        known = sum(float((self._idf(m) * max(m.shares)).max()) for m in query.meanings)
        return known + self.lexical.idf(0) * len(query.unknown)

    def coverage(self, query: Understood, documents: Ints) -> Floats:
        """The idf-weighted share of the query's words (unknown ones included) that each document has."""
        held = np.zeros(documents.size, dtype=np.float32)
        rarest = self.lexical.idf(0)
        whole = rarest * len(query.unknown)
        for meaning in query.meanings:
            df = max(int(self._a["df"][stem]) for stem in meaning.stems)
            weight = self.lexical.idf(df) * (0.8 if meaning.corrected else 1.0)
            whole += self.lexical.idf(df)
            has = np.zeros(documents.size, dtype=bool)
            for stem in meaning.stems:
                has |= self.lexical.holds(stem, documents)
            held += np.float32(weight) * has
        return held / np.float32(whole) if whole else held

    def signals(self, query: Understood, documents: Ints, language: str) -> dict[str, Floats]:
        """What speaks for each document besides likeness, 0 to 1 by name (see ``weights.NUDGES``)."""
        exact = identifiers(query.text)
        named = tuple(m for m in query.meanings if m.word in exact and not m.corrected) if exact else ()
        given = {}
        if named:
            given["exact"] = self.coverage(Understood("", named), documents)
        for version in set(self.names["version"]) & {*query.unknown, *(m.word for m in query.meanings)}:
            given["version"] = self.having("version", version)[documents].astype(np.float32)
        if language:
            given["language"] = self.having("language", language.lower())[documents].astype(np.float32)
        days = self._a["day"]
        if self._newest:
            given["fresh"] = fresh(days[documents], self._newest)
        return given

    # --- columns -------------------------------------------------------------------------------------------------

    def column(self, name: str) -> Ints:
        """One number a document: kind, day, solved, row, first, key."""
        return self._a[name]

    def having(self, column: str, value: str) -> npt.NDArray[np.bool_]:
        """Which documents have ``value`` in ``column`` (product, version, tag, language)."""
        mask = np.zeros(self.size, dtype=bool)
        if value in self.names.get(column, ()):  # an index of an earlier release has no languages
            places = np.flatnonzero(self._a[f"{column}_codes"] == self.names[column].index(value))
            mask[self._a[f"{column}_pointers"].searchsorted(places, "right") - 1] = True
        return mask

    def count(self, column: str, documents: Ints) -> dict[str, int]:
        """How many of ``documents`` have each value of ``column``, most first."""
        if not self.names[column]:
            return {}
        at, _ = gather(self._a[f"{column}_pointers"], documents)
        counts = np.bincount(self._a[f"{column}_codes"][at], minlength=len(self.names[column])).tolist()
        pairs = [(name, n) for name, n in zip(self.names[column], counts, strict=True) if n]
        return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))

    def related(self, document: int, most: int = 24) -> Understood:
        """A document's own weightiest words, as a query for others like it."""
        passages = np.arange(*self._a["doc_passages"][document : document + 2].tolist())
        at, _ = gather(self._a["passage_pointers"], passages)
        stems, place = np.unique(self._a["passage_stems"][at], return_inverse=True)
        tf = np.bincount(place, weights=weights.TF[self._a["passage_codes"][at]], minlength=stems.size)
        value = np.log1p(tf) * weights.idf(self._a["df"][stems], self.size)
        top = np.argsort(-value, kind="stable")[:most]
        share = value[top] / max(float(value[top].max(initial=0.0)), 1e-9)
        meanings = (Meaning("", (int(s),), (float(w),)) for s, w in zip(stems[top], share, strict=True))
        return Understood("", tuple(meanings))


def _last_word(text: str) -> str:
    """The word that typing has not ended yet: the last one, when nothing follows it; a lone character begins one."""
    if len(text.strip()) == 1:
        return fold(text.strip()) if text.strip().isalnum() else ""
    found = words(text[-80:].split()[-1]) if text and not text[-1].isspace() and text.split() else []
    return found[-1] if found and (text[-1].isalnum() or text[-1] in "_") else ""
