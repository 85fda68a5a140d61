"""Simpler rankers that the relevance of our answers is compared with, on the same judged sets.

BM25 by bm25s (Lucene variant, k1 1.2, b .75, Snowball English, Lucene's stop words), SQLite's FTS5
(Porter stems) and tantivy (English stems, any of the words). The packages are installed into a
separate folder on first use, never into the product's environment. A ranker that cannot be
installed is skipped. A query's own document is removed from the answers.
"""

from __future__ import annotations

import importlib
import re
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import Stemmer

from bench import corpora
from kb.search.analysis.languages import ENGLISH, STOP_WORDS
from kb.search.analysis.tokenizer import index_words
from kb.search.evaluation import (
    HITS_PER_QUERY,
    JudgedSet,
    QueryChange,
    RankedAnswers,
    compute_metrics,
)

PACKAGES = corpora.ROOT / "bench" / ".cache" / "peers"
#: How many words of the text one word of the title counts as. The weight that is best for all
#: queries of a set makes the tuned peer.
TITLE_WEIGHTS = (1, 2, 4)
#: The factors for the scores of articles in mixed sets; tuned in the same way.
ARTICLE_BOOSTS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
BOOSTED = 2000  # hits among which articles are boosted


class Bm25:
    """bm25s over title and text. Unstemmed, scripts without spaces by pairs of characters."""

    name = "BM25"

    def __init__(self, judged: JudgedSet, *, title: int = 1, stemmed: bool = True) -> None:
        self._stemmed = stemmed
        self._bm25s = _package("bm25s")
        self._judged = judged
        self._ids = [document.id for document in judged.documents]
        self._stemmer = Stemmer.Stemmer("english")
        self._index = self._bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        texts = [f"{d.title} " * title + d.text() for d in judged.documents]
        self._index.index(self._tokens(texts), show_progress=False)

    def _tokens(self, texts: list[str]) -> Any:
        if not self._stemmed:
            words = (filter(_is_plain, index_words(text)) for text in texts)
            return self._bm25s.tokenize(
                [" ".join(each) for each in words],
                stopwords=None,
                token_pattern=r"\S+",
                show_progress=False,
            )
        stop = sorted(STOP_WORDS[ENGLISH])
        return self._bm25s.tokenize(
            texts, stopwords=stop, stemmer=self._stemmer, show_progress=False
        )

    def run(self, change: QueryChange, hits: int = HITS_PER_QUERY) -> RankedAnswers:
        queries = list(self._judged.qrels)
        tokens = self._tokens([change(self._judged.queries[query]) for query in queries])
        rows, scores = self._index.retrieve(
            tokens, k=min(hits, len(self._ids)), show_progress=False
        )
        return {
            query: [
                (self._ids[row], float(score))
                for row, score in zip(rows[i], scores[i], strict=True)
                if score > 0 and self._ids[row] != query
            ]
            for i, query in enumerate(queries)
        }


class Fts5:
    """SQLite's full-text search: any of the words, ranked by its BM25."""

    name = "FTS5"

    def __init__(self, judged: JudgedSet, *, title: int = 1) -> None:
        self._judged, self._title = judged, title
        self._database = sqlite3.connect(":memory:")
        self._database.execute(
            "CREATE VIRTUAL TABLE t USING fts5"
            "(id UNINDEXED, title, body, tokenize='porter unicode61')"
        )
        self._database.executemany(
            "INSERT INTO t VALUES (?, ?, ?)", ((d.id, d.title, d.text()) for d in judged.documents)
        )

    def run(self, change: QueryChange, hits: int = HITS_PER_QUERY) -> RankedAnswers:
        sql = (
            f"SELECT id, -bm25(t, 0, {self._title}, 1) FROM t"
            f" WHERE t MATCH ? ORDER BY bm25(t, 0, {self._title}, 1) LIMIT ?"
        )
        answers: RankedAnswers = {}
        for query in self._judged.qrels:
            words = " OR ".join(f'"{word}"' for word in _words(change(self._judged.queries[query])))
            rows = self._database.execute(sql, (words, hits)).fetchall() if words else []
            answers[query] = [(name, score) for name, score in rows if name != query]
        return answers


class Tantivy:
    """tantivy with its English stemmer: any of the words, ranked by its BM25."""

    name = "tantivy"

    def __init__(self, judged: JudgedSet, *, title: int = 1) -> None:
        tantivy = _package("tantivy")
        self._judged, self._title = judged, title
        schema = tantivy.SchemaBuilder().add_text_field("id", stored=True, tokenizer_name="raw")
        for name in ("title", "body"):
            schema.add_text_field(name, stored=False, tokenizer_name="en_stem")
        self._index = tantivy.Index(schema.build())
        writer = self._index.writer(256_000_000, 1)
        for d in judged.documents:
            writer.add_document(tantivy.Document(id=d.id, title=d.title, body=d.text()))
        writer.commit()
        self._index.reload()

    def run(self, change: QueryChange, hits: int = HITS_PER_QUERY) -> RankedAnswers:
        searcher = self._index.searcher()
        answers: RankedAnswers = {}
        for query in self._judged.qrels:
            parsed = self._index.parse_query(
                " ".join(_words(change(self._judged.queries[query]))),
                ["title", "body"],
                field_boosts={"title": float(self._title)},
            )
            ranked = [
                (searcher.doc(address)["id"][0], score)
                for score, address in searcher.search(parsed, hits, count=False).hits
            ]
            answers[query] = [(name, score) for name, score in ranked if name != query]
        return answers


Ranker = type[Bm25] | type[Fts5] | type[Tantivy]


@dataclass(frozen=True, slots=True)
class TunedPeer:
    """A ranker with the setting that is best for exactly the queries that it is asked."""

    name: str
    answers: RankedAnswers
    figure: float  # nDCG@10


def tuned_peers(judged: JudgedSet) -> list[TunedPeer]:
    """Each ranker with the title weight that suits these queries best."""
    tuned = []
    for ranker in _installed():
        runs = {title: ranker(judged, title=title).run(str) for title in TITLE_WEIGHTS}
        tuned.append(_best(judged, {f"{ranker.name} title x{t}": run for t, run in runs.items()}))
    return tuned


def peers_that_prefer(articles: set[str], judged: JudgedSet) -> list[TunedPeer]:
    """Each ranker with the boost of articles that suits these queries best."""
    tuned = []
    for ranker in _installed():
        ranked = ranker(judged).run(str, BOOSTED)
        runs = {
            f"{ranker.name} articles x{factor:g}": _boosted(ranked, articles, factor)
            for factor in ARTICLE_BOOSTS
        }
        tuned.append(_best(judged, runs))
    return tuned


def _boosted(ranked: RankedAnswers, articles: set[str], factor: float) -> RankedAnswers:
    return {
        query: sorted(
            ((d, score * factor if d in articles else score) for d, score in hits),
            key=lambda hit: -hit[1],
        )[:HITS_PER_QUERY]
        for query, hits in ranked.items()
    }


def _best(judged: JudgedSet, runs: dict[str, RankedAnswers]) -> TunedPeer:
    figures = {name: compute_metrics(judged.qrels, run)["nDCG@10"] for name, run in runs.items()}
    name = max(figures, key=lambda name: figures[name])
    return TunedPeer(name, runs[name], figures[name])


def _installed() -> Sequence[Ranker]:
    rankers: list[Ranker] = [Bm25, Fts5]
    try:
        _package("tantivy")
    except subprocess.CalledProcessError:
        print("tantivy could not be installed and is skipped.", file=sys.stderr)
    else:
        rankers.append(Tantivy)
    return rankers


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _is_plain(word: str) -> bool:
    """Whether the peer indexes a word, too. It does not index single Han characters."""
    return len(word) > 1


def _package(name: str) -> Any:
    """A package that only the benches use."""
    if not (PACKAGES / name).is_dir():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target"]
        subprocess.run([*pip, str(PACKAGES), name], check=True)
    if str(PACKAGES) not in sys.path:
        sys.path.append(str(PACKAGES))
    return importlib.import_module(name)
