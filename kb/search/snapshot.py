"""What does one generation answer to one audience?

``Snapshot`` is a generation opened for reading: it never changes, so an answer never mixes two. It
walks a query through the engines (``matrix``, ``whoosh_engine``), ``ranking`` and ``highlight`` to
hits. Which generation is current is the searcher's business.
"""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.ids import document_key
from kb.search.analysis.passages import SectionPassage
from kb.search.analysis.similarity import cosine, tfidf_vector
from kb.search.analysis.tokenizer import fold_with_offsets
from kb.search.bounded_cache import BoundedCache
from kb.search.documents import DOCUMENT_KINDS, Document, DocumentKind, visible_to
from kb.search.engines.whoosh import WHOOSH_FOLDER, OperatorSearch
from kb.search.generations.generation import Generation
from kb.search.index.array_file import load_arrays, touch_arrays
from kb.search.partition import ExpandedQuery, Partition, Rescored
from kb.search.query import curations
from kb.search.query.curations import Curated, Curations
from kb.search.query.parser import MAX_QUERY_LENGTH, Query
from kb.search.results import Hit, Passage, Results, Suggestions
from kb.search.scoring import fusion as ranking
from kb.search.scoring import weights
from kb.search.snippets import FoldedText, Matches, fold_text, passage, reads_well

Ints = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
_NONE: Ints = np.zeros(0, dtype=np.int64)
_NO_VOTES = (_NONE, np.zeros(0, dtype=np.float32))
NEAR = 3  # passages before and after the best one among which sentences are looked for
WINDOW = 1000  # results that can be paged to
_KEPT = 1000  # passages that were shown lately; a few kilobytes each
_FORUM = DOCUMENT_KINDS.index(DocumentKind.FORUM)
FACETS = ("kind", "product", "version", "tag")


@dataclass(frozen=True, slots=True)
class Ranked:
    """Documents best first; of the first of them, which were looked at closely, the total scores.

    ``raw`` scores, the total's ``parts`` by name and the passages to show are in the order of
    looking; ``place`` gives, for each document closely looked at, its place there.
    """

    documents: Ints
    scores: npt.NDArray[Any]
    place: Ints
    raw: dict[str, npt.NDArray[Any]]
    parts: dict[str, npt.NDArray[Any]]
    shown: Ints
    partial: bool = False

    def explained(self, rank: int) -> dict[str, float]:
        """What each part contributed to the document at ``rank``; nothing for one not looked at
        closely.
        """
        if rank >= self.place.size:
            return {}
        return {
            name: float(value)
            for name, part in self.parts.items()
            if (value := part[self.place[rank]])
        }


class Snapshot:
    """One generation, open. Safe to share between threads."""

    def __init__(self, generation: Generation, *, remember: int = 0) -> None:
        self.generation = generation
        self._remember = remember
        self._answers: BoundedCache[tuple[object, ...], Suggestions] = BoundedCache(remember)
        self.store = generation.store
        self._cuts: BoundedCache[int, tuple[SectionPassage, FoldedText]] = BoundedCache(_KEPT)
        self.curations = Curations(generation.curations())
        # Mapped now, as the folder may be gone when an audience comes that has not asked yet.
        self._partitions = {
            file: load_arrays(file)
            for file in map(generation.partition, generation.manifest.partitions)
        }
        self._matrices: dict[Path, Partition] = {}
        self._selector: OperatorSearch | None = None

    def touch(self) -> None:
        """Bring all arrays near; a generation that was just opened is slower at first."""
        for part in self._partitions.values():
            touch_arrays(part)

    def matrix(self, audience: str) -> Partition:
        file = self.generation.partition(audience)
        if file not in self._matrices:
            self._matrices[file] = Partition(self._partitions[file])
        return self._matrices[file]

    def selector(self) -> OperatorSearch:
        if self._selector is None:
            self._selector = OperatorSearch(self.generation.path / WHOOSH_FOLDER)
        return self._selector

    # --- suggestions
    # ---------------------------------------------------------------------------------------------

    def suggest(
        self,
        title: str,
        audience: str,
        *,
        limit: int,
        deadline: float,
        explain: bool,
        doubt: float,
        language: str,
    ) -> Suggestions:
        """What was answered lately is answered again: many type the same first letters, and nothing
        here changes.
        """
        key = (title, audience, limit, explain, doubt, language)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._suggest(
                title, audience, limit, deadline, doubt, language, explain=explain
            )
            if not answer.partial and len(title) <= MAX_QUERY_LENGTH and self._remember:
                self._answers.keep(key, answer)
        return answer

    def _suggest(
        self,
        title: str,
        audience: str,
        limit: int,
        deadline: float,
        doubt: float,
        language: str,
        *,
        explain: bool,
    ) -> Suggestions:
        matrix = self.matrix(audience)
        expanded = self._understood(matrix, title[:MAX_QUERY_LENGTH], open_ended=True)
        steer = self._steering(matrix, title[:MAX_QUERY_LENGTH])
        ranked = self._rank(
            matrix, expanded, None, deadline, steer=steer, language=language, explain=explain
        )
        name = self.generation.name
        sure = self._confidence(matrix, expanded, ranked)
        if sure < doubt:  # a box that shows noise teaches people to ignore it
            limit = min(limit, steer.pinned.size if steer is not None else 0)
        hits = self._hits(matrix, expanded, ranked, 0, limit, explain=explain)
        return Suggestions(title, name, hits, ranked.partial, sure)

    def _confidence(self, matrix: Partition, expanded: ExpandedQuery, ranked: Ranked) -> float:
        """The log-odds that one of the best answers."""
        if not ranked.documents.size:
            return -math.inf
        if not ranked.raw:
            return math.inf  # time was up before a closer look; better a guess than nothing
        at = ranked.place[: weights.LOOKED_AT]
        letters, words = (ranked.raw[name][at].tolist() for name in ("letters", "words"))
        topics = ranked.raw["topics"][at].tolist() if matrix.topics else [None] * len(words)
        best = [ranking.Evidence(*one) for one in zip(letters, words, topics, strict=True)]
        return ranking.confidence(best, ideal=matrix.ideal(expanded), rarest=matrix.lexical.idf(1))

    # --- search
    # --------------------------------------------------------------------------------------------------

    def search(
        self,
        query: Query,
        audience: str,
        *,
        filters: dict[str, str],
        page: int,
        per_page: int,
        deadline: float,
        explain: bool,
        language: str,
        by_date: bool,
    ) -> Results:
        matrix = self.matrix(audience)
        expanded = self._understood(matrix, query.words, open_ended=False)
        steer = self._steering(matrix, query.words)
        selected, notes, in_time = self._selected(matrix, query, deadline)
        scores = matrix.score(expanded)
        asked = bool(
            expanded.meanings or expanded.unknown
        )  # besides operators, or words that all texts have
        pool = (
            np.asarray(scores > 0) if selected is None else selected & ((scores > 0) | (not asked))
        )
        masks = {name: _filter(matrix, name, value) for name, value in filters.items()}
        if steer is not None:
            pool = curations.pool(pool, steer, selected)
        allowed = _all([pool, *masks.values()])
        if by_date:
            ranked = Ranked(_NONE, _NO_VOTES[1], _NONE, {}, {}, _NONE)
            documents = self._rest(matrix, ranked, np.zeros_like(scores), allowed)
        else:
            ranked = self._rank(
                matrix,
                expanded,
                allowed,
                deadline,
                scores=scores,
                steer=steer,
                language=language,
                explain=explain,
            )
            documents = self._rest(matrix, ranked, scores, allowed)
        start = (page - 1) * per_page
        whole = replace(ranked, documents=documents, partial=ranked.partial or not in_time)
        return Results(
            query=query.text,
            generation=self.generation.name,
            total=int(np.count_nonzero(allowed)),
            hits=self._hits(matrix, expanded, whole, start, per_page, explain=explain),
            facets={name: _facet(matrix, name, pool, masks) for name in FACETS},
            did_you_mean=_did_you_mean(query.words, expanded) if not query.operators else None,
            partial=whole.partial,
            notes=query.notes + notes,
            page=page,
            per_page=per_page,
        )

    def _selected(
        self, matrix: Partition, query: Query, deadline: float
    ) -> tuple[Mask | None, tuple[str, ...], bool]:
        """The documents that the operators leave, None when there are no operators."""
        if not query.operators:
            return None, (), True
        wanted, unwanted, in_time = self.selector().select(query.operators, deadline=deadline)
        keys = matrix.column("key")
        mask = np.ones(matrix.size, dtype=bool) if wanted is None else np.isin(keys, wanted)
        notes = (
            ()
            if in_time
            else ("The search took too long and was cut short; use fewer or longer words.",)
        )
        return mask & ~np.isin(keys, unwanted), notes, in_time

    def _rest(
        self, matrix: Partition, ranked: Ranked, scores: npt.NDArray[Any], allowed: Mask
    ) -> Ints:
        """What was ranked, then all else that is allowed: by word score, then newest first."""
        others = allowed.copy()
        others[ranked.documents] = False
        rest = np.flatnonzero(others)
        order = np.lexsort((rest, -matrix.column("day")[rest], -scores[rest]))
        return np.concatenate((ranked.documents, rest[order]))[:WINDOW]

    # --- what editors decided
    # ------------------------------------------------------------------------------------

    def _understood(self, matrix: Partition, text: str, *, open_ended: bool) -> ExpandedQuery:
        expanded = matrix.expand(self.curations.trimmed(text), open_ended=open_ended)
        meanings = self.curations.widened(text, expanded.meanings, matrix.stems.find)
        known = {meaning.word for meaning in meanings}
        return replace(
            expanded,
            meanings=meanings,
            unknown=tuple(w for w in expanded.unknown if w not in known),
        )

    def _steering(self, matrix: Partition, text: str) -> Curated | None:
        keys = matrix.column("key")
        return curations.steering(
            self.curations.decide(text),
            lambda id_: np.flatnonzero(keys == document_key(id_)).tolist(),
        )

    # --- ranking
    # -------------------------------------------------------------------------------------------------

    def _rank(
        self, matrix: Partition, expanded: ExpandedQuery, allowed: Mask | None, deadline: float, *,
        scores: Any = None, steer: Curated | None = None, language: str = "", explain: bool = False,
    ) -> Ranked:  # fmt: skip
        """Candidates of both lanes in their final order; with what each part contributed only when
        asked to explain.
        """
        if scores is None and allowed is not None:
            scores = matrix.score(expanded)
        pool = matrix.pool(expanded) if scores is None else None
        found = pool.documents if pool else matrix.best(scores, allowed)
        if time.monotonic() > deadline:
            words = pool.scores(found) if pool else scores[found]
            order = ranking.order(words)
            return Ranked(found[order], words[order], order, {}, {}, _NONE, partial=True)
        question = matrix.question(expanded)
        voted, votes = (
            matrix.votes.cast(expanded.meanings, expanded.unknown) if matrix.votes else _NO_VOTES
        )
        alike = (
            matrix.letters.candidates(question.vector, allowed)
            if question.vector is not None
            else _NONE
        )
        documents = _merged(found, alike, voted if allowed is None else voted[allowed[voted]])
        documents = curations.candidates(documents, steer, allowed)
        looked = matrix.look(question, documents)
        raw = {"words": pool.scores(documents) if pool else scores[documents]} | looked.raw
        if matrix.semantic and expanded.text:
            raw["semantic"] = matrix.semantic.scores(expanded.text, documents)
        forum = int(documents.searchsorted(matrix.kind_ranges[_FORUM][0]))
        mixed = (raw, forum, matrix.column("solved")[documents], _chatter(matrix))
        signals, cast = (
            matrix.signals(expanded, documents, language),
            ranking.voted(votes, voted, documents),
        )
        run = matrix.run
        if run.weigh is None or run.order is None or explain or steer is not None:
            parts = ranking.mix(*mixed)
            parts |= ranking.nudged(signals, parts["words"]) | cast
            total = sum(parts.values(), np.zeros(documents.size))
            parts |= _kindred(matrix, documents, looked, total, ranking.order(total))
            parts = curations.steered(parts, documents, steer)
            total = sum(parts.values(), np.zeros(documents.size))
            order = ranking.order(total)
        else:
            parts = {}
            total, of_words = ranking.total(*mixed, run.weigh)
            for part in (ranking.nudged(signals, of_words) | cast).values():
                total = total + part
            for part in _kindred(matrix, documents, looked, total, run.order(total)).values():
                total = total + part
            order = run.order(total)
        return Ranked(documents[order], total[order], order, raw, parts, looked.shown)

    # --- hits
    # ----------------------------------------------------------------------------------------------------

    def _hits(
        self,
        matrix: Partition,
        expanded: ExpandedQuery,
        ranked: Ranked,
        start: int,
        count: int,
        *,
        explain: bool,
    ) -> tuple[Hit, ...]:
        documents = ranked.documents[start : start + count]
        if not documents.size:
            return ()
        looked_at = (
            ranked.shown[ranked.place[start : start + count]] if ranked.shown.size else _NONE
        )
        rest = documents[looked_at.size :]
        others = matrix.look(matrix.question(expanded), rest).shown if rest.size else _NONE
        matches, hits = _matches(matrix, expanded), []
        shown = zip(documents.tolist(), (*looked_at.tolist(), *others.tolist()), strict=True)
        for rank, (document, best) in enumerate(shown, start):
            score = float(ranked.scores[rank]) if rank < ranked.scores.size else 0.0
            parts = ranked.explained(rank) if explain else {}
            hits.append(self._hit(matrix, document, score, best, matches, parts))
        return tuple(hits)

    def _hit(
        self,
        matrix: Partition,
        document: int,
        score: float,
        best: int,
        matches: Matches,
        parts: dict[str, float],
    ) -> Hit:
        row, first = int(matrix.column("row")[document]), int(matrix.column("first")[document])
        document_id, kind, title, (product, versions, updated, solved) = self.store.shown(row)
        shown = self._excerpt(first + best, matches)
        if shown.spans and not reads_well(shown.text):
            low, high = (first + place for place in matrix.showable(document))
            shown = self._sentences(
                shown, (row for row in _near(first + best) if low <= row < high), matches
            )
        url = f"/help/{document_id}" + (f"#{shown.anchor}" if shown.anchor else "")
        return Hit(
            document_id,
            DocumentKind(kind),
            title,
            url,
            score,
            shown,
            product,
            tuple(versions),
            updated,
            solved,
            parts,
        )

    def _excerpt(self, row: int, matches: Matches) -> Passage:
        stored, text = self._cut(row)
        return passage(text, stored.anchor, stored.path, matches)

    def _sentences(self, shown: Passage, rows: Iterable[int], matches: Matches) -> Passage:
        """The first excerpt of ``rows`` that says much the same in sentences as ``shown``, else
        that.
        """
        words = len(shown.marked())
        near = (self._excerpt(row, matches) for row in rows)
        return next(
            (one for one in near if reads_well(one.text) and 2 * len(one.marked()) >= words), shown
        )

    def _cut(self, row: int) -> tuple[SectionPassage, FoldedText]:
        """A passage, ready to look for words in: the next letter that is typed mostly finds the
        same.
        """
        found = self._cuts.get(row)
        if found is None:
            stored = self.store.passage(row)
            found = self._cuts.keep(row, (stored, fold_text(stored.text)))
        return found

    # --- articles
    # ------------------------------------------------------------------------------------------------

    def article(self, document_id: str, audience: str) -> Document | None:
        """The document, when ``audience`` may see it."""
        found = self.store.document(document_id)
        return found if found and found.audience in visible_to(audience) else None

    def related(
        self, document: Document, audience: str, limit: int, *, deadline: float
    ) -> tuple[Hit, ...]:
        matrix = self.matrix(audience)
        row = self.store.row(document.id)
        (places,) = np.nonzero(matrix.column("row") == row)
        if not places.size:
            return ()
        expanded = matrix.related(int(places[0]))
        allowed = np.ones(matrix.size, dtype=bool)
        allowed[places] = False
        ranked = self._rank(
            matrix, ExpandedQuery(document.title, expanded.meanings), allowed, deadline
        )
        return self._hits(matrix, expanded, ranked, 0, limit, explain=False)

    def likeness(self, text: str, others: Sequence[str], audience: str) -> tuple[float, ...]:
        matrix = self.matrix(audience)
        one, *rest = (
            tfidf_vector(Counter(matrix.analyzer.stems(each)), matrix.weight)
            for each in (text, *others)
        )
        return tuple(cosine(one, other) for other in rest)

    def listing(
        self, audience: str, kind: DocumentKind, *, newest: bool, start: int, count: int
    ) -> tuple[int, tuple[Hit, ...]]:
        """The documents of one kind, newest first or by id, and how many there are."""
        matrix = self.matrix(audience)
        low, high = matrix.kind_ranges[DOCUMENT_KINDS.index(kind)]
        places = np.arange(low, high)
        if newest:
            places = places[np.argsort(-matrix.column("day")[low:high], kind="stable")]
        nothing = Matches((), (), matrix.analyzer.stem)
        chosen = places[start : start + count].tolist()
        return high - low, tuple(self._hit(matrix, d, 0.0, 0, nothing, {}) for d in chosen)

    def counts(self, audience: str) -> dict[str, int]:
        ranges = self.matrix(audience).kind_ranges
        return {
            str(kind): high - low for kind, (low, high) in zip(DOCUMENT_KINDS, ranges, strict=True)
        }


def _near(row: int) -> Iterator[int]:
    """Passages after and before this one, the next first."""
    for step in range(1, NEAR + 1):
        yield from (row + step, row - step)


def _kindred(
    matrix: Partition, documents: Ints, looked: Rescored, score: Any, order: Ints
) -> dict[str, Any]:
    likest = float(looked.raw["letters"].max(initial=0.0))
    return ranking.relevance_feedback(
        matrix.relevance_feedback(
            documents, looked.shown, *ranking.feedback_documents(score, order)
        ),
        likest,
    )


def _merged(*lists: Ints) -> Ints:
    """The documents of all lists, ascending, each once (np.unique, for the few that there are)."""
    every = np.concatenate(lists)
    every.sort(kind="stable")
    first = np.empty(every.size, dtype=bool)
    first[:1] = True
    np.not_equal(every[1:], every[:-1], out=first[1:])
    return every[first]


def _chatter(matrix: Partition) -> float:
    """The forum's share of what the asker may see."""
    low, high = matrix.kind_ranges[_FORUM]
    return (high - low) / max(1, matrix.size)


def _filter(matrix: Partition, name: str, value: str) -> Mask:
    if name == "kind":
        return np.asarray(matrix.column("kind") == DOCUMENT_KINDS.index(DocumentKind(value)))
    return matrix.having(name, value)


def _facet(matrix: Partition, name: str, pool: Mask, masks: dict[str, Mask]) -> dict[str, int]:
    """Counts under all filters but its own, so that one sees what choosing another value would
    give.
    """
    documents = np.flatnonzero(
        _all([pool, *(mask for other, mask in masks.items() if other != name)])
    )
    if name == "kind":
        counts = np.bincount(
            matrix.column("kind")[documents], minlength=len(DOCUMENT_KINDS)
        ).tolist()
        return {str(kind): n for kind, n in zip(DOCUMENT_KINDS, counts, strict=True) if n}
    return matrix.count(name, documents)


def _all(masks: list[Mask]) -> Mask:
    return np.asarray(np.logical_and.reduce(masks))


def _matches(matrix: Partition, expanded: ExpandedQuery) -> Matches:
    stems = {matrix.stems.word(stem) for m in expanded.meanings if not m.prefix for stem in m.stems}
    return Matches(stems, [m.word for m in expanded.meanings if m.prefix], matrix.analyzer.stem)


def _did_you_mean(text: str, expanded: ExpandedQuery) -> str | None:
    """The query with its unknown words corrected, from words the asker may see; None when nothing
    was.
    """
    changed = text
    for meaning in expanded.meanings:
        if meaning.corrected:
            changed = _replaced(changed, meaning.word, meaning.corrected)
    return changed if changed != text else None


def _replaced(text: str, word: str, other: str) -> str:
    """``text`` with ``other`` for each ``word``; for parts of words (camelCase) only where it is no
    whole one.
    """
    folded, places = fold_with_offsets(text)
    plain = re.escape(word)
    found = [*re.finditer(rf"(?<!\w){plain}(?!\w)", folded)] or [*re.finditer(plain, folded)]
    for match in reversed(found):
        text = text[: places[match.start()]] + other + text[places[match.end()] :]
    return text
