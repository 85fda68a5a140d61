"""A search engine that looks at every document: small, slow, and independent of the shipped one.

It shares no structure with the embedded engine but the document store, which belongs to a
generation. What both must do alike is what another engine must do too.
"""

from __future__ import annotations

import difflib
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kb.search import weights
from kb.search.analysis.tokenizer import (
    NOTHING_TYPED,
    Analyzer,
    fold,
    index_words,
    read_typed,
    tokens,
)
from kb.search.array_types import Documents, Totals
from kb.search.build.builder import IndexBuilder
from kb.search.display.sections import Listed, Sections, TitleKey, title_key
from kb.search.documents import DOCUMENT_KINDS, Document, DocumentKind, visible_to
from kb.search.generations.generation import Generation, Generations
from kb.search.kernels.compilation import compiled_loops
from kb.search.query.curations import Curations, curate_candidates, curate_matching
from kb.search.query.parser import Operator
from kb.search.query_terms import ExpandedQuery, QueryTerm
from kb.search.results import Answer, Hit, ListedDocument, Passage, Placed
from kb.search.scoring.fusion import Candidates, Fused, Positions, RawScores, fuse
from kb.search.standpoint import Standpoint


def facet_values(document: Document, facet: str) -> tuple[str, ...]:
    if facet in ("kind", "product"):
        value = str(getattr(document, facet))
        return (value,) if value else ()
    return document.versions if facet == "version" else document.tags


@dataclass
class ExhaustiveMatched:
    reader: ExhaustiveReader
    scores: Totals  # [documents of the reader]
    matching: np.ndarray
    filters: Mapping[str, str]
    in_time: bool = True

    def allowed(self, *, but: str = "") -> list[int]:
        return [
            number
            for number in np.flatnonzero(self.matching).tolist()
            if all(
                value in facet_values(self.reader.documents[number], facet)
                for facet, value in self.filters.items()
                if facet != but
            )
        ]

    def total(self) -> int:
        return len(self.allowed())

    def facets(self) -> dict[str, dict[str, int]]:
        return {
            facet: dict(
                Counter(
                    value
                    for number in self.allowed(but=facet)
                    for value in facet_values(self.reader.documents[number], facet)
                )
            )
            for facet in ("kind", "product", "version", "tag")
        }

    def remainder(self, ranked: Documents, count: int, *, by_date: bool = False) -> Documents:
        def key(number: int) -> tuple[float, int, int]:
            updated = self.reader.documents[number].updated
            score = 0.0 if by_date else float(self.scores[number])
            return -score, -(updated.toordinal() if updated else 0), number

        remaining = set(self.allowed()) - set(ranked.tolist())
        return np.array(sorted(remaining, key=key)[:count], dtype=np.int64)


class ExhaustiveDisplay:
    """Shows whole documents."""

    def __init__(self, documents: Sequence[Document], words: set[str]) -> None:
        self._documents, self._words = documents, words

    def hits(self, documents: Sequence[Placed]) -> tuple[Hit, ...]:
        return tuple(map(self._hit, documents))

    def _hit(self, placed: Placed) -> Hit:
        document = self._documents[placed.document]
        text = document.text()
        spans = tuple(
            (t.start, t.end) for t in tokens(text) if {*index_words(t.text)} & self._words
        )
        return Hit(
            document.id,
            document.kind,
            document.title,
            document.url,
            placed.score,
            Passage(text, spans),
            document.product,
            document.versions,
            document.updated.isoformat() if document.updated else "",
            document.solved,
            document.folders,
            document.summary,
            document.language,
            explain=placed.explain or {},
            confidence=placed.confidence,
            tier=placed.tier,
        )

    def answer(self, document: int, shown: int, *, confidence: float) -> Answer | None:
        return None  # this engine quotes nothing


class ExhaustiveReader:
    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = sorted(documents, key=lambda d: (DOCUMENT_KINDS.index(d.kind), d.id))
        self.words = [Counter(index_words(f"{d.title} {d.text()}")) for d in self.documents]
        self.vocabulary = sorted({word for words in self.words for word in words})

    def idf(self, df: int) -> float:
        return float(weights.idf(df, len(self.documents)))

    def expand(
        self, text: str, *, prefix: bool, curations: Curations | None = None
    ) -> ExpandedQuery:
        trimmed = curations.trimmed(text) if curations else text
        words = index_words(trimmed, asked=True)
        terms, unknown = [], []
        for position, word in enumerate(words):
            is_open = prefix and position == len(words) - 1 and text[-1:].isalnum()
            numbers = tuple(
                number
                for number, known in enumerate(self.vocabulary)
                if (known.startswith(word) if is_open else known == word)
            )
            if numbers:
                terms.append(QueryTerm(word, numbers, (1.0,) * len(numbers), prefix=is_open))
            else:
                unknown.append(word)
        curated = None
        for reading in curations.lexicon.readings(trimmed) if curations else ():
            words = [word for meaning in reading.meanings for word in meaning.words]
            equals = tuple({n: 0.5 for word in words if (n := self._number(word)) >= 0})
            if equals:
                terms.append(QueryTerm("", equals, (0.5,) * len(equals), equals=True, typed=False))
        if curations:
            curated = curations.curated(text, self._numbers_of)
        return ExpandedQuery(read_typed(trimmed), tuple(terms), tuple(unknown), curated)

    def _number(self, word: str) -> int:
        return self.vocabulary.index(word) if word in self.vocabulary else -1

    def _numbers_of(self, document_id: str) -> list[int]:
        return [n for n, document in enumerate(self.documents) if document.id == document_id]

    def _score(self, query: ExpandedQuery) -> Totals:
        scores = np.zeros(len(self.documents))
        for term in query.terms:
            holding = np.array(
                [any(words[self.vocabulary[stem]] for stem in term.stems) for words in self.words],
                dtype=bool,
            )
            scores[holding] += self.idf(int(holding.sum())) * max(term.shares)
        return scores

    def select(
        self,
        query: ExpandedQuery,
        operators: Sequence[Operator],
        filters: Mapping[str, str],
        *,
        deadline: float,
    ) -> ExhaustiveMatched:
        scores = self._score(query)
        matching = np.asarray(scores > 0)
        selected = None
        if operators:
            selected = np.array(
                [
                    all(self._satisfies(d, operator) for operator in operators)
                    for d in self.documents
                ]
            )
            matching = selected & matching if query.terms or query.unknown else selected
        if query.curated is not None:
            matching = curate_matching(matching, query.curated, selected)
        return ExhaustiveMatched(self, scores, matching, filters)

    @staticmethod
    def _satisfies(document: Document, operator: Operator) -> bool:
        if operator.field == "kind":
            found = operator.text.lower() == str(document.kind)
        else:
            text = " ".join(token.text for token in tokens(f"{document.title} {document.text()}"))
            phrase = " ".join(token.text for token in tokens(operator.text))
            found = f" {phrase} " in f" {text} "
        return found != operator.excluded

    def candidates(
        self,
        query: ExpandedQuery,
        matched: ExhaustiveMatched | None,
        *,
        deadline: float,
    ) -> Candidates:
        scores = self._score(query)
        best = np.flatnonzero(scores > 0)
        allowed = None
        if matched is not None:
            allowed = np.zeros(scores.size, dtype=bool)
            allowed[matched.allowed()] = True
            best = best[allowed[best]]
        none = np.zeros(0, dtype=np.float32)
        if time.monotonic() > deadline:
            return Candidates(best, scores[best].astype(np.float32), none, late=True)
        if query.curated is not None:
            best = curate_candidates(best, query.curated, allowed)
        return Candidates(best, scores[best].astype(np.float32), none)

    def rank(self, query: ExpandedQuery, candidates: Candidates, standpoint: Standpoint) -> Fused:
        documents = [self.documents[number] for number in candidates.documents.tolist()]
        likeness = [
            difflib.SequenceMatcher(None, fold(query.text), fold(document.title)).ratio()
            for document in documents
        ]
        forum = sum(document.kind is not DocumentKind.FORUM for document in documents)
        threads = sum(document.kind is DocumentKind.FORUM for document in self.documents)
        solved = [-1 if document.solved is None else int(document.solved) for document in documents]
        scores = RawScores(
            candidates.documents,
            {"words": candidates.words, "letters": np.array(likeness, dtype=np.float32)},
            {},
            candidates.votes,
            np.zeros(len(documents), dtype=np.int64),
            np.array(solved, dtype=np.int8),
            forum,
            threads / max(1, len(self.documents)),
            ideal=self._ideal(query),
            rarest=self.idf(1),
        )
        return fuse(scores, compiled_loops(), query.curated)

    def evidence(
        self, query: ExpandedQuery, fused: Fused, positions: Positions
    ) -> dict[str, Totals]:
        raw = {name: part[positions].astype(np.float64) for name, part in fused.scores.raw.items()}
        return {
            "letters": raw["letters"],
            "words": raw["words"] / max(fused.scores.ideal, 1e-9),
        }

    def _ideal(self, query: ExpandedQuery) -> float:
        return self.idf(0) * len(query.unknown) + sum(
            self.idf(sum(any(w[self.vocabulary[s]] for s in term.stems) for w in self.words))
            for term in query.terms
        )

    def more_like(self, document_id: str) -> tuple[ExpandedQuery, ExhaustiveMatched] | None:
        numbers = self._numbers_of(document_id)
        if not numbers:
            return None
        title, words = self.documents[numbers[0]].title, self.words[numbers[0]]
        terms = tuple(QueryTerm(w, (self._number(w),), (1.0,)) for w in words)
        query = ExpandedQuery(read_typed(title), terms)
        others = np.ones(len(self.documents), dtype=bool)
        others[numbers] = False
        return query, ExhaustiveMatched(self, self._score(query), others, {})

    def fold(self, documents: Documents, scores: Totals, *, newest: bool) -> Positions | None:
        return None  # every document is shown

    def best_passages(self, query: ExpandedQuery, documents: Documents) -> Positions:
        return np.zeros(documents.size, dtype=np.int64)

    def display(self, query: ExpandedQuery) -> ExhaustiveDisplay:
        words = {self.vocabulary[stem] for term in query.terms for stem in term.stems}
        return ExhaustiveDisplay(self.documents, words)

    def listing(
        self, kind: DocumentKind, *, newest: bool, start: int, count: int
    ) -> tuple[int, tuple[Hit, ...]]:
        of_kind = [number for number, d in enumerate(self.documents) if d.kind is kind]
        if newest:
            of_kind.sort(key=lambda n: -(u.toordinal() if (u := self.documents[n].updated) else 0))
        else:
            of_kind.sort(key=self._place)
        return len(of_kind), self.listed(of_kind[start : start + count])

    def position_after(self, kind: DocumentKind, title: str, document_id: str) -> int:
        of_kind = [number for number, d in enumerate(self.documents) if d.kind is kind]
        return sum(self._place(number) <= (title_key(title), document_id) for number in of_kind)

    def _place(self, number: int) -> tuple[TitleKey, str]:
        return title_key(self.documents[number].title), self.documents[number].id

    def entries(self, *, start: int, count: int) -> tuple[int, tuple[ListedDocument, ...]]:
        listed = tuple(
            ListedDocument(each.id, each.kind, each.title, str(each.updated or ""))
            for each in self.documents[start : start + count]
        )
        return len(self.documents), listed

    def listed(self, documents: Sequence[int]) -> tuple[Hit, ...]:
        return self.display(ExpandedQuery(NOTHING_TYPED)).hits(list(map(Placed, documents)))

    def sections(self) -> Sections:
        guides = [
            Listed(
                number,
                document.title,
                document.place,
                document.updated.toordinal() if document.updated else 0,
            )
            for number, document in enumerate(self.documents)
            if document.kind is DocumentKind.DOC
        ]
        return Sections(guides, self.listed)

    def counts(self) -> dict[str, int]:
        counts = Counter(str(document.kind) for document in self.documents)
        return {str(kind): counts[str(kind)] for kind in DOCUMENT_KINDS}

    def similarity(self, text: str, others: Sequence[str]) -> tuple[float, ...]:
        stems = Analyzer().stems
        return tuple(_cosine(Counter(stems(text)), Counter(stems(other))) for other in others)


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    length = math.sqrt(sum(n * n for n in one.values()) * sum(n * n for n in other.values()))
    return min(1.0, sum(n * other[word] for word, n in one.items()) / length) if length else 0.0


class ExhaustiveIndex:
    def __init__(self, generation: Generation) -> None:
        self._store = generation.store
        self._all = list(self._store.all())

    def reader(self, audience: str) -> ExhaustiveReader:
        visible = visible_to(audience)
        return ExhaustiveReader([d for d in self._all if d.audience in visible])

    def document(self, document_id: str) -> Document | None:
        return self._store.document(document_id)

    def title_of(self, document_id: str) -> str | None:
        return self._store.title(document_id)

    def audience_of(self, document_id: str) -> str | None:
        return self._store.audience(document_id)

    def warm(self) -> None:
        pass

    def close(self) -> None:
        self._store.close()


class ExhaustiveEngine:
    def __init__(self, data: Path) -> None:
        self._data = data
        self.generations = Generations(data)

    def prepare(self) -> None:
        pass

    def problem(self, generation: Generation, /) -> str:
        return ""

    def fallback(self) -> str:
        return ""

    def open(self, generation: Generation) -> ExhaustiveIndex:
        return ExhaustiveIndex(generation)

    def writer(self, **options: Any) -> IndexBuilder:
        return IndexBuilder(self._data, **options)
