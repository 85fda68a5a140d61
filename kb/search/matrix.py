"""Which documents fit these words best, among those an audience may see?

The ranking engine: a weighted term-document matrix kept as packed arrays (see ``postings``), answered with numpy.
``Matrix`` understands the words of a query (completion, typos), lets ``lexical`` and the letters of titles find
candidates, and looks at those more closely. A snapshot: nothing here changes after opening. Mixing of kinds and
boosts is ``ranking``'s business.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search import semantic, weights
from kb.search.analysis import Analyzer, fold, hyphenated, identifiers, words
from kb.search.arrays import Arrays
from kb.search.beginnings import Beginnings, complete
from kb.search.kernels import Kernels, Scratch, gather, kernels
from kb.search.letters import Letters
from kb.search.lexical import Lexical, Meaning, Pool
from kb.search.ranking import fresh
from kb.search.semantic import Semantic
from kb.search.solved import Votes
from kb.search.spelling import Speller
from kb.search.topics import Topics
from kb.search.vocabulary import Vocabulary

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
MOST_WORDS = 48  # distinct words of a query that rank; a pasted error message has fewer
MOST_TIMES = 12  # a word counts as often as it was said, up to this, so that no sum outgrows 32 bits (see ``lexical``)
_REMEMBERED = 20_000  # words that were read before; what a stranger types takes at most some megabytes
_UNREAD = Meaning("", (), ())
_GAIN = 4096  # a gain of 1: passages are scored in whole numbers
_PASSAGE_STEP = (weights.PASSAGE_K1 + 1) / weights.STEPS / _GAIN


@dataclass(frozen=True, slots=True)
class Understood:
    """A whole query: its meanings, and the words nobody knows."""

    text: str
    meanings: tuple[Meaning, ...]
    unknown: tuple[str, ...] = ()

    @property
    def stems(self) -> frozenset[int]:
        return frozenset(stem for meaning in self.meanings for stem in meaning.stems)


@dataclass(frozen=True, slots=True)
class Gains:
    """What each stem in a passage is worth to a query: its idf times its share in the query's words, in 1/4,096.

    ``gains`` begins with a zero, for all other stems; then follow those of ``stems``.
    """

    stems: Ints
    gains: Ints


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
        self.letters = Letters(arrays, self._run)
        self.topics = Topics(arrays, self._run) if "topic_lengths" in arrays else None
        self.semantic = Semantic(arrays, self._run) if "semantic_lengths" in arrays and semantic.available() else None
        self.votes = Votes(arrays, self.analyzer) if "solved_links" in arrays else None
        self.kind_ranges = self.lexical.kind_ranges
        self._newest = int(arrays["day"].max(initial=0))
        self.names: dict[str, list[str]] = json.loads(bytes(arrays["names"]))
        self._versions = frozenset(self.names["version"])
        self._marks = Scratch(stems=max(1, len(self.stems)))
        self._read: dict[tuple[str, bool], Meaning | None] = {}

    def use(self, run: Kernels) -> None:
        """Run the loops by ``run`` from now on (for comparing them)."""
        self._run = run
        for part in (self.lexical, self.letters, self.topics, self.semantic):
            if part is not None:
                part.use(run)

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
            meaning = self._known(word, open_ended=False)
            if meaning:
                # A word that was said several times counts as often: long questions repeat what they are about.
                again = times > 1 and not meaning.corrected
                meanings.append(replace(meaning, shares=(float(min(times, MOST_TIMES)),)) if again else meaning)
            elif not hyphenated(word):
                unknown.append(word)
        if last:
            meaning = self._known(last, open_ended=True)
            meanings.append(meaning) if meaning else unknown.append(last)
        return Understood(text, tuple(meanings), tuple(unknown))

    def _known(self, word: str, *, open_ended: bool) -> Meaning | None:
        """What ``word`` means; the words that were typed lately are remembered."""
        key = (word, open_ended)
        found = self._read.get(key, _UNREAD)
        if found is _UNREAD:
            if len(self._read) >= _REMEMBERED:
                self._read.clear()
            found = self._read[key] = self._beginning(word) if open_ended else self._whole(word)
        return found

    def _whole(self, word: str) -> Meaning | None:
        stem = self.stems.find(self.analyzer.stem(word))
        return Meaning(word, (stem,), (1.0,)) if stem >= 0 else self._corrected(word)

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

    def best(self, scores: Floats, allowed: npt.NDArray[np.bool_] | None = None) -> Ints:
        """The best documents of each kind that have any score, ascending; ties broken by document id."""
        return self.lexical.best(scores, allowed)

    def pool(self, query: Understood) -> Pool:
        """The documents of ``best``, found without scoring more than must be, and what they score."""
        return self.lexical.pool(query.meanings)

    # --- a closer look at candidates -----------------------------------------------------------------------------

    def gains(self, query: Understood) -> Gains:
        found: dict[int, float] = {}
        for meaning in query.meanings:
            # Of an open last word no stem is worth more than all its completions together.
            together = self._together(meaning) if meaning.united else None
            for stem, share in zip(meaning.stems, meaning.shares, strict=True):
                gain = (float(self.lexical.idfs[stem]) if together is None else together) * share
                if gain > found.get(stem, 0.0):
                    found[stem] = gain
        gains = np.zeros(len(found) + 1, dtype=np.int32)
        gains[1:] = np.rint(np.fromiter(found.values(), dtype=np.float64, count=len(found)) * _GAIN)
        return Gains(np.fromiter(found, dtype=np.int64, count=len(found)), gains)

    def passages(self, gains: Gains, documents: Ints) -> Floats:
        """The BM25 score of each document's best passage (every document has one at least)."""
        of = self._a["doc_passages"]
        best, _ = self._best_of(gains, of[documents], of[documents + 1])
        return np.asarray(best * _PASSAGE_STEP, dtype=np.float32)

    def shown(self, gains: Gains, documents: Ints) -> Ints:
        """Which passage of each document to show, of those that may be."""
        firsts, (low, high) = self._a["doc_passages"][documents], self.showable(documents)
        _, at = self._best_of(gains, firsts + low, firsts + high)
        return np.asarray(low + at)

    def showable(self, documents: Ints) -> tuple[Ints, Ints]:
        """From which to below which passage of each document may be shown: of a topic with an accepted answer, the
        answer's."""
        count = self._a["doc_passages"][documents + 1] - self._a["doc_passages"][documents]
        answer = self._a["answer"][documents]
        low = np.minimum(answer[:, 0], count - 1)
        return low, np.maximum(np.minimum(answer[:, 1], count), low + 1)

    def _best_of(self, gains: Gains, firsts: Ints, lasts: Ints) -> tuple[Ints, Ints]:
        best, at, a = np.zeros(firsts.size, dtype=np.int64), np.zeros(firsts.size, dtype=np.int64), self._a
        if firsts.size:
            marks = self._marks["stems"]
            marks[gains.stems] = np.arange(1, gains.gains.size)
            self._run.rows_best(
                firsts, lasts, a["passage_pointers"], a["passage_stems"], a["passage_codes"], marks, gains.stems,
                gains.gains, best, at,
            )  # fmt: skip
            marks[gains.stems] = 0
        return best, at

    def topic_scores(self, query: Understood, documents: Ints) -> Floats:
        """The cosine between the topics of the query and of each document's nearest passage."""
        if self.topics is None:
            return np.zeros(documents.size, dtype=np.float32)
        return self.topics.scores(query.meanings, documents)

    def _together(self, meaning: Meaning) -> float:
        """The idf of all completions of a word together."""
        return self.lexical.idf(min(sum(int(self._a["df"][stem]) for stem in meaning.stems), self.size))

    def ideal(self, query: Understood) -> float:
        """The sum of the idfs of all the query's words, unknown ones counting as the rarest."""
        known = 0.0
        for m in query.meanings:
            if m.united:
                known += self._together(m)
            else:
                known += max(float(self.lexical.idfs[s]) for s in m.stems) * max(m.shares)
        return known + self.lexical.idf(0) * len(query.unknown)

    def coverage(self, query: Understood, documents: Ints) -> Floats:
        """The idf-weighted share of the query's words (unknown ones included) that each document has."""
        held = np.zeros(documents.size, dtype=np.float32)
        whole = self.lexical.idf(0) * len(query.unknown)
        for meaning in query.meanings:
            idf = self.lexical.idf(max(int(self._a["df"][stem]) for stem in meaning.stems))
            whole += idf
            held += np.float32(idf * (0.8 if meaning.corrected else 1.0)) * self.lexical.holds(meaning, documents)
        return held / np.float32(whole) if whole else held

    def signals(self, query: Understood, documents: Ints, language: str) -> dict[str, Floats]:
        """What speaks for or against each document besides likeness, 0 to 1 by name (see ``weights.NUDGES``)."""
        exact = identifiers(query.text)
        named = tuple(m for m in query.meanings if m.word in exact and not m.corrected) if exact else ()
        given = {}
        if named:
            given["exact"] = self.coverage(Understood("", named), documents)
        about = self._versions & {*query.unknown, *(m.word for m in query.meanings)} if self._versions else ()
        if about:
            masks = [self.having("version", version)[documents] for version in about]
            given["version"] = np.logical_or.reduce(masks).astype(np.float32)
        if language:
            given |= self._foreign(documents, language.lower())
        days = self._a["day"]
        if self._newest:
            given["fresh"] = fresh(days[documents], self._newest)
        return given

    def _foreign(self, documents: Ints, language: str) -> dict[str, Floats]:
        """Which documents are in another language than the reader's, where there are any in the reader's."""
        main = language.split("-")[0]
        spoken = [name for name in self.names.get("language", ()) if name.split("-")[0] == main]
        if not spoken or len(spoken) == len(self.names["language"]):
            return {}
        told = np.diff(self._a["language_pointers"])[documents] > 0  # a short text may not tell its language
        theirs = np.zeros(documents.size, dtype=bool)
        for name in spoken:
            theirs |= self.having("language", name)[documents]
        return {"language": (told & ~theirs).astype(np.float32)}

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
        tf = np.bincount(
            place, weights=weights.frequency(self._a["passage_codes"][at], weights.PASSAGE_K1), minlength=stems.size
        )
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
