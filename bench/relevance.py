"""Relevance of the answers beside plain BM25, on the same queries in the same run.

    python -m bench.relevance [--sets NAME ...] [--queries N] [--read N]

Prints, beside the goals: nDCG@10 of whole queries, as they are answered while somebody types and at
a pause (by search, with the sentence encoder), MRR@10 after 15 and 25 characters, the loss to one
typo, the gain by resolved tickets, and abstention; for mixed sets, what a boost for articles in
one line does for BM25. BM25 is that of bm25s (Lucene variant, k1
1.2, b 0.75, Snowball English, Lucene's stop words, title and text), installed in a folder of its
own on first use. A query's own document is left out of both answers. Whole queries go to search,
half-typed ones to suggest. Needs the judged sets (``KB_BENCH_DATA``).
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import math
import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import Stemmer

from bench import corpora
from kb.search import evaluation
from kb.search.analysis.languages import ENGLISH, STOP_WORDS
from kb.search.analysis.tokenizer import index_words
from kb.search.documents import DocumentKind, ResolvedTicket
from kb.search.evaluation import HITS_PER_QUERY, JudgedSet, QueryChange, RankedAnswers

PEERS = corpora.ROOT / "bench" / ".cache" / "peers"
SINGLE = ("slicer-docs", "stackfaq", "quora-dup", "clinc150", "scifact", "cranfield", "cacm")
#: Small help centres asked in everyday words.
EVERYDAY = ("titles-passwords", "titles-boards", "faq-bank", "faq-insurance", "faq-bot-makers")
#: Error messages without their code; pages keyed by the code, and guides.
ERRORS = tuple(f"error-{tool}-messages" for tool in ("pyrefly", "eslint", "clippy", "pylint"))
#: One site in many languages each; headings typed letter by letter, and words of links to a page.
LANGUAGES = tuple(
    f"languages-{code}" for code in ("de", "en", "es", "fr", "ja", "ko", "pt-br", "ru", "zh-cn")
)
#: Articles beside many more threads, and questions that were answered with one or the other.
MIXED = ("slicer-support", "energy-support")
#: Sets that have many questions for each document.
TAUGHT = (*MIXED, "faq-bank", "faq-insurance", "stackfaq")
#: What BM25 multiplies the scores of articles by; the best for all queries of a set is its peer.
ARTICLE_BOOSTS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
_BOOSTED = 2000  # hits of BM25 among which articles are boosted
CHANGES: Mapping[str, QueryChange] = {
    "keys": lambda text: text,
    "full": lambda text: text,
    "15": evaluation.first_characters(15),
    "25": evaluation.first_characters(25),
    "typo": evaluation.typos(1),
}
METRIC = {"keys": "nDCG@10", "full": "nDCG@10", "15": "MRR@10", "25": "MRR@10", "typo": "nDCG@10"}
GOAL = {"keys": 1.11, "full": 1.14, "15": 1.40, "25": 1.24}
WORST = 1.01  # of whole queries, of any set


@dataclass(frozen=True, slots=True)
class Row:
    """One set: the metric of each column for us and for BM25, and our abstention metrics."""

    ours: dict[str, float]
    theirs: dict[str, float]
    abstain: dict[str, dict[str, float]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sets", nargs="+", default=[*SINGLE, *EVERYDAY, *ERRORS, *MIXED], metavar="NAME"
    )
    parser.add_argument(
        "--queries", type=int, metavar="N", help="at most N queries of each set, seeded"
    )
    parser.add_argument(
        "--read",
        type=int,
        default=sys.maxsize,
        metavar="N",
        help="passages that the sentence encoder reads first, some 30 ms each; all by default",
    )
    options = parser.parse_args()
    data = corpora.data()
    if data is None:
        sys.exit(
            "The judged sets are not here: set KB_BENCH_DATA to the folder that has labelled/."
        )
    rows = {}
    print(
        f"{'':<15} {'typed nDCG@10':>20} {'at a pause nDCG@10':>20} "
        f"{'15 chars MRR@10':>20} {'25 chars MRR@10':>20} "
        f"{'one typo: loss':>15}"
    )
    for name in options.sets:
        judged = sample_queries(
            evaluation.read_judged_set(data / "labelled" / name), options.queries
        )
        rows[name] = measure_set(judged, read=options.read)
        print(format_row(name, rows[name]), flush=True)
        if name in MIXED:
            print_mixed(judged)
        if name in TAUGHT:
            print(
                f"{'  resolved tickets (half of the queries): none, votes, words, too':<75} "
                f"{gain_by_resolved_tickets(judged)}"
            )
    for name in LANGUAGES:
        print(language_row(data / "labelled" / name, name.removeprefix("languages-")), flush=True)
    for title, names in (
        ("single kind", SINGLE),
        ("everyday words", EVERYDAY),
        ("error messages", ERRORS),
    ):
        print_summary(title, {name: row for name, row in rows.items() if name in names})
    for name, row in rows.items():
        for column, figures in row.abstain.items():
            print(f"{name}, {column:<4}: " + ", ".join(f"{n} {v:.3f}" for n, v in figures.items()))


def language_row(folder: Path, language: str) -> str:
    """nDCG@10 of a site whose documents say their language, beside unstemmed BM25 (title three
    times, characters of scripts without spaces by pairs).
    """
    cells = []
    for split in ("headings", "anchors"):
        judged = evaluation.read_judged_set(folder, split)
        documents = [replace(document, language=language) for document in judged.documents]
        judged = replace(judged, documents=documents)
        with evaluation.temporary_searcher(documents) as searcher:
            ours = evaluation.evaluate_searcher(searcher, judged, mode="search").metrics["nDCG@10"]
        theirs = evaluation.compute_metrics(
            judged.qrels, Bm25(judged, stemmed=False).run(CHANGES["full"])
        )["nDCG@10"]
        cells.append(f"{split} {ours:.3f} / {theirs:.3f} {ours / theirs:5.2f}x")
    return f"{language:<15} {cells[0]}   {cells[1]}"


def sample_queries(judged: JudgedSet, most: int | None) -> JudgedSet:
    if most is None or len(judged.qrels) <= most:
        return judged
    chosen = random.Random(7).sample(sorted(judged.qrels), most)
    return replace(judged, qrels={query: judged.qrels[query] for query in chosen})


def measure_set(judged: JudgedSet, *, read: int = 0) -> Row:
    ours: dict[str, float] = {}
    theirs: dict[str, float] = {}
    abstain: dict[str, dict[str, float]] = {}
    peer = Bm25(judged)
    with evaluation.temporary_searcher(judged.documents, read=read) as searcher:
        for column, change in CHANGES.items():
            mode = "search" if column in ("full", "typo") else "suggest"
            report = evaluation.evaluate_searcher(searcher, judged, mode=mode, change=change)
            ours[column] = report.metrics[METRIC[column]]
            theirs[column] = evaluation.compute_metrics(judged.qrels, peer.run(change))[
                METRIC[column]
            ]
            if judged.out_of_scope and column in ("keys", "25"):
                abstain[column] = evaluation.evaluate_searcher(
                    searcher, judged, mode="suggest", change=change
                ).abstain
    return Row(ours, theirs, abstain)


def print_mixed(judged: JudgedSet) -> None:
    """Queries that an article answered, and queries that a thread answered, apart.

    Beside us: the articles alone in an index, BM25, and BM25 whose articles have the boost that
    suits these very queries best.
    """
    articles = {d.id for d in judged.documents if d.kind is not DocumentKind.FORUM}
    whole = CHANGES["full"]
    with evaluation.temporary_searcher(judged.documents) as searcher:
        ours = evaluation.evaluate_searcher(searcher, judged, change=whole).run
    alone = replace(judged, documents=[d for d in judged.documents if d.id in articles])
    with evaluation.temporary_searcher(alone.documents) as searcher:
        of_articles = evaluation.evaluate_searcher(searcher, alone, change=whole).run
    ranked = Bm25(judged).run(whole, hits=_BOOSTED)

    def boosted(factor: float) -> RankedAnswers:
        return {
            query: sorted(
                ((d, score * factor if d in articles else score) for d, score in hits),
                key=lambda hit: -hit[1],
            )[:HITS_PER_QUERY]
            for query, hits in ranked.items()
        }

    def whole_metric(factor: float) -> float:
        return evaluation.compute_metrics(judged.qrels, boosted(factor))["nDCG@10"]

    best = max(ARTICLE_BOOSTS, key=whole_metric)
    runs = {"ours": ours, "BM25": boosted(1.0), f"BM25, articles x{best:g}": boosted(best)}
    for title, is_asked, peers in (
        ("all", lambda _: True, runs),
        ("an article", articles.__contains__, {"articles alone": of_articles, **runs}),
        ("a thread", lambda document: document not in articles, runs),
    ):
        qrels = {
            query: answers
            for query, relevant in judged.qrels.items()
            if (answers := {d: r for d, r in relevant.items() if r > 0 and is_asked(d)})
        }
        cells = []
        for name, run in peers.items():
            metrics = evaluation.compute_metrics(qrels, {query: run[query] for query in qrels})
            cells.append(f"{name} {metrics['nDCG@10']:.3f} {metrics['success@5']:.3f}")
        print(f"  {title:<11} nDCG@10 success@5: {'; '.join(cells)}", flush=True)


def gain_by_resolved_tickets(judged: JudgedSet) -> str:
    """nDCG@10 of half of the queries: without resolved tickets, with votes of tickets that asked
    the other half, and with the words of their titles, too.
    """
    queries = sorted(judged.qrels)
    random.Random(7).shuffle(queries)
    half = len(queries) // 2
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    tickets = [
        ResolvedTicket(
            judged.queries[q], tuple(d for d, score in judged.qrels[q].items() if score > 0), at
        )
        for q in queries[:half]
    ]
    rest = replace(judged, qrels={query: judged.qrels[query] for query in queries[half:]})
    figures = []
    for voting, words in (((), False), (tickets, False), (tickets, True)):
        with evaluation.temporary_searcher(rest.documents, voting, words=words) as searcher:
            report = evaluation.evaluate_searcher(searcher, rest)
        figures.append(f"{report.metrics['nDCG@10']:.3f}")
    return f"nDCG@10 {' -> '.join(figures)}"


def format_row(name: str, row: Row) -> str:
    cells = [
        f"{row.ours[c]:.3f} / {row.theirs[c]:.3f} {row.ours[c] / row.theirs[c]:5.2f}x" for c in GOAL
    ]
    losses = [f"{1 - side['typo'] / side['full']:6.1%}" for side in (row.ours, row.theirs)]
    columns = " ".join(f"{cell:>20}" for cell in cells)
    return f"{name:<15} {columns} {' / '.join(losses):>15}"


def print_summary(title: str, rows: Mapping[str, Row]) -> None:
    """Geometric means over the sets of one kind, beside the goals."""
    if not rows:
        return
    means = [
        mean([row.ours[column] / row.theirs[column] for row in rows.values()]) for column in GOAL
    ]
    sides = ([row.ours for row in rows.values()], [row.theirs for row in rows.values()])
    losses = [1 - mean([side["typo"] / side["full"] for side in some]) for some in sides]
    print(_ratio_line(title, means), f"{losses[0]:6.1%} / {losses[1]:6.1%}")
    print(_ratio_line("goal", list(GOAL.values())), f"{'1.5%':>15}")
    worst = [min(row.ours[column] / row.theirs[column] for row in rows.values()) for column in GOAL]
    print(_ratio_line("worst set", worst), f"(goal for whole queries {WORST:.2f}x)")


def _ratio_line(name: str, ratios: list[float]) -> str:
    return f"{name:<15} " + " ".join(f"{ratio:>19.3f}x" for ratio in ratios)


def mean(ratios: list[float]) -> float:
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


class Bm25:
    """The peer: bm25s over title and text; unstemmed, the title counts three times."""

    def __init__(self, judged: JudgedSet, *, stemmed: bool = True) -> None:
        self._stemmed = stemmed
        self._bm25s = _peer("bm25s")
        self._judged = judged
        self._ids = [document.id for document in judged.documents]
        self._stemmer = Stemmer.Stemmer("english")
        self._index = self._bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        times = 1 if stemmed else 3
        texts = [f"{d.title} " * times + d.text() for d in judged.documents]
        self._index.index(self._tokens(texts), show_progress=False)

    def _tokens(self, texts: list[str]) -> Any:
        if not self._stemmed:
            words = (filter(is_plain, index_words(text)) for text in texts)
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


def is_plain(word: str) -> bool:
    """Whether a word is indexed by the peer too, which has no single Han characters."""
    return len(word) > 1


def _peer(name: str) -> Any:
    """A package that only the benches use, installed beside them and never with the product."""
    if not (PEERS / name).is_dir():
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--target",
            str(PEERS),
            name,
        ]
        subprocess.run(command, check=True)
    sys.path.append(str(PEERS))
    return importlib.import_module(name)


if __name__ == "__main__":
    main()
