"""Which documents fit these words best, among those an audience may see?

The ranking engine: a weighted term-document matrix kept as packed arrays (see ``postings``),
answered with numpy. ``Partition`` understands the words of a query (completion, typos), lets
``lexical`` and the letters of titles find candidates, and looks at those more closely. A snapshot:
nothing here changes after opening. Mixing of kinds and boosts is ``ranking``'s business.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kb.search.analysis.tokenizer import (
    Analyzer,
    fold,
    identifiers,
    index_words,
    is_hyphenated_prose,
)
from kb.search.bounded_cache import BoundedCache
from kb.search.index import embeddings as semantic
from kb.search.index import latent_topics as topics
from kb.search.index.array_file import Arrays
from kb.search.index.embeddings import Embeddings
from kb.search.index.latent_topics import LatentTopics
from kb.search.index.prefix_postings import PrefixPostings, complete
from kb.search.index.resolved_tickets import ResolvedTicketVotes
from kb.search.index.term_dictionary import TermDictionary
from kb.search.index.title_ngrams import TitleNgrams, Vector
from kb.search.index.title_text import TitleText
from kb.search.kernels.dispatch import Kernels, Scratch, gather, kernels, showable
from kb.search.kernels.layout import Asked, Directions, Passages, ScratchMarks
from kb.search.query.spelling import Speller
from kb.search.scoring import weights
from kb.search.scoring.bm25 import Bm25, Candidates, QueryTerm
from kb.search.scoring.fusion import fresh

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
MOST_WORDS = 48  # distinct words of a query that rank; a pasted error message has fewer
# a word counts as often as it was said, up to this, so that no sum outgrows 32 bits (see
# ``lexical``)
MOST_TIMES = 12
_REMEMBERED = (
    20_000  # words that were read before; what a stranger types takes at most some megabytes
)
_UNREAD = QueryTerm("", (), ())
_GAIN = 4096  # a gain of 1: passages are scored in whole numbers
_PASSAGE_STEP = (weights.PASSAGE_K1 + 1) / weights.STEPS / _GAIN
_NOWHERE: Ints = np.zeros(0, dtype=np.int8)
_NO_ROWS = Directions(
    np.zeros((0, topics.DIMENSIONS), dtype=np.int8), np.zeros(0, dtype=np.float32)
)
for _array in _NO_ROWS:
    _array.flags.writeable = False  # as mapped ones are: to compiled loops that is another type


@dataclass(frozen=True, slots=True)
class ExpandedQuery:
    """A whole query: its meanings, and the words nobody knows."""

    text: str
    meanings: tuple[QueryTerm, ...]
    unknown: tuple[str, ...] = ()

    @property
    def stems(self) -> frozenset[int]:
        return frozenset(stem for meaning in self.meanings for stem in meaning.stems)


class _Worth(NamedTuple):
    """What one word asks of a passage: what each of its stems is worth there, in 1/4,096; and the
    idf of the word.
    """

    stems: Ints
    gains: Ints
    idf: float


_NO_WORTH = _Worth(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int32), 0.0)


@dataclass(frozen=True, slots=True)
class Question:
    """An understood query as numbers; ``vector`` is None when no title has any piece of it."""

    asked: Asked
    vector: Vector | None


@dataclass(frozen=True, slots=True)
class Rescored:
    """What a closer look at some documents says: raw scores by the name of their part, and the
    passage to show.
    """

    raw: dict[str, Floats]
    shown: Ints


class Partition:
    """One audience's partition, open for reading."""

    def __init__(self, arrays: Arrays) -> None:
        self._a = arrays
        self.size = int(arrays["kind"].size)
        self.surfaces = TermDictionary(arrays, "surface")
        self.stems = TermDictionary(arrays, "stem")
        self.speller = Speller(arrays, self.surfaces)
        self.analyzer = Analyzer()
        self.run = kernels()
        self.lexical = Bm25(arrays)
        self.beginnings = PrefixPostings(arrays)
        self.letters = TitleNgrams(arrays, self.run)
        self.phrases = TitleText(arrays, self.run)
        self.topics = LatentTopics(arrays) if "topic_lengths" in arrays else None
        self.semantic = (
            Embeddings(arrays, self.run)
            if "semantic_lengths" in arrays and semantic.available()
            else None
        )
        self.votes = (
            ResolvedTicketVotes(arrays, self.analyzer) if "solved_links" in arrays else None
        )
        self.kind_ranges = self.lexical.kind_ranges
        self._newest = int(arrays["day"].max(initial=0))
        self.names: dict[str, list[str]] = json.loads(bytes(arrays["names"]))
        self._versions = frozenset(self.names["version"])
        self._passages = Passages(
            arrays["doc_passages"], arrays["passage_pointers"], arrays["passage_stems"], arrays["passage_codes"],
            arrays["answer"],
        )  # fmt: skip
        self._marks = Scratch(stems=max(1, len(self.stems)), pieces=self.letters.pieces)
        self._read: BoundedCache[tuple[str, bool], QueryTerm | None] = BoundedCache(_REMEMBERED)
        self._worths: BoundedCache[QueryTerm, _Worth] = BoundedCache(_REMEMBERED // 20)

    def use(self, run: Kernels) -> None:
        """Run the loops by ``run`` from now on (for comparing them)."""
        self.run = run
        for part in (self.lexical, self.letters, self.phrases, self.semantic):
            if part is not None:
                part.use(run)

    # --- understanding
    # -------------------------------------------------------------------------------------------

    def expand(self, text: str, *, open_ended: bool) -> ExpandedQuery:
        """Read ``text`` as words; with ``open_ended`` its last word may be the beginning of longer
        ones.
        """
        found = Counter(index_words(text, asked=True))
        last = _last_word(text) if open_ended or len(text.strip()) == 1 else ""
        meanings, unknown = [], []
        for word, times in islice(found.items(), MOST_WORDS):
            if word == last:
                continue
            if not self.analyzer.stem(word):
                continue
            meaning = self._known(word, open_ended=False)
            if meaning:
                # A word that was said several times counts as often: long questions repeat what
                # they are about.
                again = times > 1 and not meaning.corrected
                meanings.append(
                    replace(meaning, shares=(float(min(times, MOST_TIMES)),)) if again else meaning
                )
            elif not is_hyphenated_prose(word):
                unknown.append(word)
        if last:
            meaning = self._known(last, open_ended=True)
            meanings.append(meaning) if meaning else unknown.append(last)
        return ExpandedQuery(text, tuple(meanings), tuple(unknown))

    def _known(self, word: str, *, open_ended: bool) -> QueryTerm | None:
        """What ``word`` means; the words that were typed lately are remembered."""
        key = (word, open_ended)
        found = self._read.get(key, _UNREAD)
        if found is _UNREAD:
            found = self._read.keep(key, self._beginning(word) if open_ended else self._whole(word))
        return found

    def _whole(self, word: str) -> QueryTerm | None:
        stem = self.stems.find(self.analyzer.stem(word))
        return QueryTerm(word, (stem,), (1.0,)) if stem >= 0 else self._corrected(word)

    def _beginning(self, word: str) -> QueryTerm | None:
        """The most frequent words that begin with ``word``, as one word whose frequencies are
        summed.
        """
        ready = self.beginnings.find(word)
        if ready is not None:
            return ready
        low, high = self.surfaces.range(word)
        if low == high:
            return self._corrected(word)
        stems = complete(low, high, self._a["surface_df"], self._a["surface_stem"])
        return QueryTerm(word, tuple(stems.tolist()), (1.0,) * stems.size, prefix=True)

    def _corrected(self, word: str) -> QueryTerm | None:
        found = self.speller.corrections(word)
        if not found:
            return None
        stems = tuple(int(self._a["surface_stem"][number]) for number, _ in found)
        return QueryTerm(
            word,
            stems,
            tuple(share for _, share in found),
            corrected=self.surfaces.word(found[0][0]),
        )

    # --- the lexical lane
    # ----------------------------------------------------------------------------------------

    def score(self, query: ExpandedQuery) -> Floats:
        """BM25F of every document, dense."""
        return self.lexical.score(query.meanings)

    def best(self, scores: Floats, allowed: npt.NDArray[np.bool_] | None = None) -> Ints:
        """The best documents of each kind that have any score, ascending; ties broken by document
        id.
        """
        return self.lexical.best(scores, allowed)

    def pool(self, query: ExpandedQuery) -> Candidates:
        """The documents of ``best``, found without scoring more than must be, and what they score."""
        return self.lexical.pool(query.meanings)

    # --- a closer look at candidates
    # -----------------------------------------------------------------------------

    def question(self, query: ExpandedQuery) -> Question:
        """What ``look`` asks of candidates, and the letter lane of titles."""
        worths = [self._worth(meaning) for meaning in query.meanings] or [_NO_WORTH]
        vector = self.letters.vector(query.text) if query.text else None
        pieces, values = (
            (vector.pieces, vector.values) if vector else (_NO_WORTH.stems, _NO_WORTH.gains)
        )
        direction = self.topics.direction(query.meanings) if self.topics else None
        stems, gains = (np.concatenate([worth[i] for worth in worths]) for i in (0, 1))
        return Question(
            Asked(stems, gains, pieces, values, _NOWHERE if direction is None else direction),
            vector,
        )

    def look(self, question: Question, documents: Ints) -> Rescored:
        """The BM25 score of each document's best passage, the cosine of its title, and (with
        topics) of the nearest passage; and which passage to show: of a topic with an accepted
        answer, one of the answer's."""
        asked, marks = question.asked, ScratchMarks(self._marks["stems"], self._marks["pieces"])
        rows = self.topics.rows if self.topics else _NO_ROWS
        best, shown, alike, near = self.run.look(
            documents, self._passages, self.letters.titles, rows, asked, marks
        )
        raw = {
            "passage": np.asarray(best * _PASSAGE_STEP, dtype=np.float32),
            "letters": self.letters.cosines(alike, documents),
        }
        if self.topics:
            raw["topics"] = topics.cosines(near, asked.direction)
        return Rescored(raw, shown)

    def showable(self, document: int) -> tuple[int, int]:
        """From which to below which passage of a document may be shown: of a topic with an accepted
        answer, the answer's."""
        counts = np.diff(self._passages.of_document[document : document + 2])
        low, high = showable(self._passages.shown[[document]], counts)
        return int(low[0]), int(high[0])

    def _worth(self, meaning: QueryTerm) -> _Worth:
        found = self._worths.get(meaning)
        return found or self._worths.keep(meaning, self._worked_out(meaning))

    def _worked_out(self, meaning: QueryTerm) -> _Worth:
        stems = np.array(meaning.stems, dtype=np.int64)
        idfs = self.lexical.idfs[stems].astype(np.float64)
        best = float(idfs.max()) * max(meaning.shares)
        if (
            meaning.prefix
        ):  # of an open last word no stem is worth more than all its completions together
            best = self.lexical.idf(min(int(self._a["df"][stems].sum()), self.size))
            idfs = np.full(stems.size, best)
        gains = np.rint(idfs * np.array(meaning.shares) * _GAIN).astype(np.int32)
        return _Worth(stems, gains, best)

    def ideal(self, query: ExpandedQuery) -> float:
        """The sum of the idfs of all the query's words, unknown ones counting as the rarest."""
        known = sum(self._worth(meaning).idf for meaning in query.meanings)
        return known + self.lexical.idf(0) * len(query.unknown)

    def coverage(self, query: ExpandedQuery, documents: Ints) -> Floats:
        """The idf-weighted share of the query's words (unknown ones included) that each document
        has.
        """
        held = np.zeros(documents.size, dtype=np.float32)
        whole = self.lexical.idf(0) * len(query.unknown)
        for meaning in query.meanings:
            idf = self.lexical.idf(max(int(self._a["df"][stem]) for stem in meaning.stems))
            whole += idf
            held += np.float32(idf * (0.8 if meaning.corrected else 1.0)) * self.lexical.holds(
                meaning, documents
            )
        return held / np.float32(whole) if whole else held

    def relevance_feedback(
        self, documents: Ints, shown: Ints, feedback_documents: Ints, worth: Floats
    ) -> Floats:
        """How near in topics the passage that each document would show is to those of the documents
        at ``feedback_documents``, each of which counts as its ``worth``; times a length that is the same for
        all."""
        if self.topics is None or not documents.size:
            return np.zeros(documents.size, dtype=np.float32)
        passages = self._a["doc_passages"][documents] + shown
        counts = worth / self.topics.rows.lengths[passages[feedback_documents]]
        whole = np.rint(counts * (_GAIN / max(float(counts.max()), 1e-9))).astype(np.int64)
        return self.run.kin(self.topics.rows, passages, feedback_documents, whole)

    def signals(self, query: ExpandedQuery, documents: Ints, language: str) -> dict[str, Floats]:
        """What speaks for or against each document besides likeness, 0 to 1 by name (see
        ``weights.NUDGES``).
        """
        exact = identifiers(query.text)
        named = (
            tuple(m for m in query.meanings if m.word in exact and not m.corrected) if exact else ()
        )
        given = {}
        if query.text:
            given["phrase"] = self.phrases.shares(query.text, documents)
        if named:
            given["exact"] = self.coverage(ExpandedQuery("", named), documents)
        about = (
            self._versions & {*query.unknown, *(m.word for m in query.meanings)}
            if self._versions
            else ()
        )
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
        """Which documents are in another language than the reader's, where there are any in the
        reader's.
        """
        main = language.split("-")[0]
        spoken = [name for name in self.names.get("language", ()) if name.split("-")[0] == main]
        if not spoken or len(spoken) == len(self.names["language"]):
            return {}
        told = (
            np.diff(self._a["language_pointers"])[documents] > 0
        )  # a short text may not tell its language
        theirs = np.zeros(documents.size, dtype=bool)
        for name in spoken:
            theirs |= self.having("language", name)[documents]
        return {"language": (told & ~theirs).astype(np.float32)}

    def weight(self, stem: str) -> float:
        """The idf of a stem; one that no text has counts as the rarest."""
        number = self.stems.find(stem)
        return float(self.lexical.idfs[number]) if number >= 0 else self.lexical.idf(0)

    # --- columns
    # -------------------------------------------------------------------------------------------------

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
        counts = np.bincount(
            self._a[f"{column}_codes"][at], minlength=len(self.names[column])
        ).tolist()
        pairs = [(name, n) for name, n in zip(self.names[column], counts, strict=True) if n]
        return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))

    def related(self, document: int, most: int = 24) -> ExpandedQuery:
        """A document's own weightiest words, as a query for others like it."""
        passages = np.arange(*self._a["doc_passages"][document : document + 2].tolist())
        at, _ = gather(self._a["passage_pointers"], passages)
        stems, place = np.unique(self._a["passage_stems"][at], return_inverse=True)
        tf = np.bincount(
            place,
            weights=weights.frequency(self._a["passage_codes"][at], weights.PASSAGE_K1),
            minlength=stems.size,
        )
        value = np.log1p(tf) * weights.idf(self._a["df"][stems], self.size)
        top = np.argsort(-value, kind="stable")[:most]
        share = value[top] / max(float(value[top].max(initial=0.0)), 1e-9)
        meanings = (
            QueryTerm("", (int(s),), (float(w),)) for s, w in zip(stems[top], share, strict=True)
        )
        return ExpandedQuery("", tuple(meanings))


def _last_word(text: str) -> str:
    """The word that typing has not ended yet: the last one, when nothing follows it; a lone
    character begins one.
    """
    if len(text.strip()) == 1:
        return fold(text.strip()) if text.strip().isalnum() else ""
    found = (
        index_words(text[-80:].split()[-1])
        if text and not text[-1].isspace() and text.split()
        else []
    )
    return found[-1] if found and (text[-1].isalnum() or text[-1] in "_") else ""
