"""Relevance of the answers beside simpler rankers, on the same queries in the same run.

    python -m bench.relevance [--sets NAME ...] [--queries N] [--read N]

Prints, each beside its goal:

* single kinds and everyday words: nDCG@10 of whole queries, as they are answered while somebody
  types and at a pause (by search, with the sentence encoder), MRR@10 after 15 and 25 characters,
  the loss to one typo, abstention, and the gain by resolved tickets
* mixed sets: questions that an article answered beside the articles alone, and those that a thread
  answered beside BM25
* error lines with a code, messages without it, and long logs
* headings and link texts in each language beside unstemmed BM25
* for whole queries of all of these but languages, the best that BM25, FTS5 and tantivy reach when
  their weight of titles, or in mixed sets of articles, is chosen for these very queries
  (``bench.rankers``)

Whole queries go to search, half-typed ones to suggest. Needs the judged sets (``KB_BENCH_DATA``).
"""

from __future__ import annotations

import argparse
import datetime as dt
import math
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import corpora
from bench.rankers import Bm25, TunedPeer, peers_that_prefer, tuned_peers
from kb.search import evaluation
from kb.search.documents import DocumentKind, ResolvedTicket
from kb.search.evaluation import JudgedSet, QueryChange
from kb.search.searcher import Searcher

SINGLE = ("slicer-docs", "stackfaq", "quora-dup", "clinc150", "scifact", "cranfield", "cacm")
#: Small help centres asked in everyday words.
EVERYDAY = ("titles-passwords", "titles-boards", "faq-bank", "faq-insurance", "faq-bot-makers")
#: Pages keyed by an error code, and guides; and what is asked of them with the goal.
ERRORS = tuple(f"error-{tool}" for tool in ("pyrefly", "eslint", "clippy", "pylint"))
ERROR_GOALS = {"log-lines": 0.95, "messages": 0.83, "long-logs": 0.85}
#: One site in many languages; headings typed letter by letter, and words of links to a page.
LANGUAGES = tuple(
    f"languages-{code}" for code in ("de", "en", "es", "fr", "ja", "ko", "pt-br", "ru", "zh-cn")
)
HEADINGS_GOAL = 1.02  # of each language
#: Articles beside many more threads, and questions that were answered with one or the other.
MIXED = ("slicer-support", "energy-support")
#: Sets that have many questions for each document.
TAUGHT = (*MIXED, "faq-bank", "faq-insurance", "stackfaq")
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
MIXED_GOAL = 1.0  # of articles beside articles alone, and of threads beside BM25


@dataclass(frozen=True, slots=True)
class Row:
    """One set: each column's metric for us and for BM25, our abstention metrics, and tuned peers.

    The peers are tuned to whole queries.
    """

    ours: dict[str, float]
    theirs: dict[str, float]
    abstain: dict[str, dict[str, float]]
    peers: list[TunedPeer]

    def ratio(self, column: str) -> float:
        return self.ours[column] / self.theirs[column] if self.theirs[column] else math.inf


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = (*SINGLE, *EVERYDAY, *MIXED, *ERRORS, *LANGUAGES)
    parser.add_argument("--sets", nargs="+", default=every, choices=every, metavar="NAME")
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
    bench = Bench(data / "labelled", options.queries, options.read)
    chosen = [
        [name for name in names if name in options.sets]
        for names in ((*SINGLE, *EVERYDAY, *MIXED), ERRORS, LANGUAGES)
    ]
    for print_part, names in zip(
        (bench.print_sets, bench.print_errors, bench.print_languages), chosen, strict=True
    ):
        if names:
            print_part(names)


@dataclass(frozen=True, slots=True)
class Bench:
    """The judged sets in a folder, at most some queries of each, and how much of them is read."""

    folder: Path
    queries: int | None
    read: int

    def judged(self, name: str, split: str | None = None) -> JudgedSet:
        judged = evaluation.read_judged_set(self.folder / name, split)
        return sample_queries(without_asked(judged) if name in MIXED else judged, self.queries)

    def print_sets(self, names: Sequence[str]) -> None:
        """Prints the sets of one kind and the mixed ones."""
        print(
            f"{'':<15} {'typed nDCG@10':>20} {'at a pause nDCG@10':>20} "
            f"{'15 chars MRR@10':>20} {'25 chars MRR@10':>20} "
            f"{'one typo: loss':>15}"
        )
        rows = {}
        for name in names:
            judged = self.judged(name)
            with evaluation.temporary_searcher(judged.documents, read=self.read) as searcher:
                rows[name] = measure_set(judged, searcher)
                print(format_row(name, rows[name]), flush=True)
                if name in MIXED:
                    print_mixed(judged, searcher)
            if name in TAUGHT:
                print(
                    f"{'  resolved tickets (half of the queries): none, votes, words, too':<75} "
                    f"{gain_by_resolved_tickets(judged)}"
                )
        for title, group in (("single kind", SINGLE), ("everyday words", EVERYDAY)):
            print_summary(title, {name: row for name, row in rows.items() if name in group})
        for name, row in rows.items():
            for column, figures in row.abstain.items():
                values = ", ".join(f"{figure} {value:.3f}" for figure, value in figures.items())
                print(f"{name}, {column:<4}: {values}")

    def print_errors(self, names: Sequence[str]) -> None:
        """Prints the results for each tool's error lines, messages and long logs: ours / BM25."""
        print(f"\n{'errors, nDCG@10':<20} " + " ".join(f"{part:>15}" for part in ERROR_GOALS))
        ours: dict[str, list[float]] = {part: [] for part in ERROR_GOALS}
        for name in names:
            cells = []
            documents = self.judged(f"{name}-messages").documents
            with evaluation.temporary_searcher(documents, read=self.read) as searcher:
                for part in ERROR_GOALS:
                    judged = self.judged(f"{name}-{part}")
                    figure = whole_queries(searcher, judged)
                    theirs = evaluation.compute_metrics(judged.qrels, Bm25(judged).run(str))
                    ours[part].append(figure)
                    cells.append(f"{figure:.3f} / {theirs['nDCG@10']:.3f}")
                    if part == "messages":
                        peers = tuned_peers(judged)
            print(f"{name:<20} " + " ".join(f"{cell:>15}" for cell in cells), flush=True)
            print(f"  messages: {_named(peers)}")
        means = [sum(figures) / len(figures) for figures in ours.values()]
        print(f"{'mean':<20} " + " ".join(f"{mean:>15.3f}" for mean in means))
        print(f"{'goal':<20} " + " ".join(f"{goal:>15.2f}" for goal in ERROR_GOALS.values()))

    def print_languages(self, names: Sequence[str]) -> None:
        """Prints sites whose documents state their language, beside unstemmed BM25.

        BM25 counts the title three times, and reads scripts without spaces as pairs of characters.
        """
        print(f"\n{'languages, nDCG@10':<20} {'headings':>23} {'words of links':>23}")
        least = math.inf
        for name in names:
            language = name.removeprefix("languages-")
            cells = []
            documents = [
                replace(document, language=language) for document in self.judged(name).documents
            ]
            with evaluation.temporary_searcher(documents, read=self.read) as searcher:
                for split in ("headings", "anchors"):
                    judged = replace(self.judged(name, split), documents=documents)
                    ours = whole_queries(searcher, judged)
                    peer = Bm25(judged, title=3, stemmed=False).run(str)
                    theirs = evaluation.compute_metrics(judged.qrels, peer)["nDCG@10"]
                    cells.append(f"{ours:.3f} / {theirs:.3f} {ours / theirs:5.2f}x")
                    if split == "headings":
                        least = min(least, ours / theirs)
            print(f"{name:<20} " + " ".join(f"{cell:>23}" for cell in cells), flush=True)
        print(f"{'least':<20} {least:>22.2f}x (goal {HEADINGS_GOAL:.2f}x for each)")


def whole_queries(searcher: Searcher, judged: JudgedSet) -> float:
    """nDCG@10 of whole queries."""
    return evaluation.evaluate_searcher(searcher, judged, mode="search").metrics["nDCG@10"]


def sample_queries(judged: JudgedSet, most: int | None) -> JudgedSet:
    if most is None or len(judged.qrels) <= most:
        return judged
    chosen = random.Random(7).sample(sorted(judged.qrels), most)
    return replace(judged, qrels={query: judged.qrels[query] for query in chosen})


def measure_set(judged: JudgedSet, searcher: Searcher) -> Row:
    ours: dict[str, float] = {}
    theirs: dict[str, float] = {}
    abstain: dict[str, dict[str, float]] = {}
    peer = Bm25(judged)
    for column, change in CHANGES.items():
        mode = "search" if column in ("full", "typo") else "suggest"
        report = evaluation.evaluate_searcher(searcher, judged, mode=mode, change=change)
        ours[column] = report.metrics[METRIC[column]]
        metrics = evaluation.compute_metrics(judged.qrels, peer.run(change))
        theirs[column] = metrics[METRIC[column]]
        if report.abstain and column in ("keys", "25"):
            abstain[column] = report.abstain
    return Row(ours, theirs, abstain, tuned_peers(judged))


def print_mixed(judged: JudgedSet, searcher: Searcher) -> None:
    """Queries that an article answered, beside the articles alone in an index, and queries that a
    thread answered, beside BM25; and the tuned peers.
    """
    articles = {d.id for d in judged.documents if d.kind is not DocumentKind.FORUM}
    ours = evaluation.evaluate_searcher(searcher, judged).run
    alone = replace(judged, documents=[d for d in judged.documents if d.id in articles])
    with evaluation.temporary_searcher(alone.documents) as by_itself:
        of_articles = evaluation.evaluate_searcher(by_itself, alone).run
    runs = {"ours": ours, "BM25": Bm25(judged).run(str)}
    runs |= {peer.name: peer.answers for peer in peers_that_prefer(articles, judged)}
    for title, is_asked, beside, peers in (
        ("all", lambda _: True, None, runs),
        ("an article", articles.__contains__, "alone", {"alone": of_articles, **runs}),
        ("a thread", lambda document: document not in articles, "BM25", runs),
    ):
        qrels = {
            query: answers
            for query, relevant in judged.qrels.items()
            if (answers := {d: r for d, r in relevant.items() if r > 0 and is_asked(d)})
        }
        metrics = {
            name: evaluation.compute_metrics(qrels, {query: run[query] for query in qrels})
            for name, run in peers.items()
        }
        cells = [f"{n} {m['nDCG@10']:.3f} {m['success@5']:.3f}" for n, m in metrics.items()]
        print(f"  {title:<11} nDCG@10 success@5: {'; '.join(cells)}", flush=True)
        if beside is not None:
            ratios = [metrics["ours"][m] / metrics[beside][m] for m in ("nDCG@10", "success@5")]
            print(
                f"  {'':<11} ours against {beside}: {ratios[0]:.2f}x, {ratios[1]:.2f}x "
                f"(goal {MIXED_GOAL:.1f}x)"
            )


def without_asked(judged: JudgedSet) -> JudgedSet:
    """Without the threads that the queries are the titles of (they have the same id): when a
    customer asks, their own thread does not exist yet. Those that answer another query stay.
    """
    answers = {document for relevant in judged.qrels.values() for document in relevant}
    asked = judged.queries.keys() - answers
    return replace(judged, documents=[d for d in judged.documents if d.id not in asked])


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
    cells = [f"{row.ours[c]:.3f} / {row.theirs[c]:.3f} {row.ratio(c):5.2f}x" for c in GOAL]
    losses = [f"{1 - side['typo'] / side['full']:6.1%}" for side in (row.ours, row.theirs)]
    columns = " ".join(f"{cell:>20}" for cell in cells)
    return f"{name:<15} {columns} {' / '.join(losses):>15}\n  at a pause: {_named(row.peers)}"


def _named(peers: Sequence[TunedPeer]) -> str:
    return ", ".join(f"{peer.name} {peer.figure:.3f}" for peer in peers)


def print_summary(title: str, rows: Mapping[str, Row]) -> None:
    """Geometric means over the sets of one kind, beside the goals."""
    if not rows:
        return
    means = [mean([row.ratio(column) for row in rows.values()]) for column in GOAL]
    sides = ([row.ours for row in rows.values()], [row.theirs for row in rows.values()])
    losses = [1 - mean([side["typo"] / side["full"] for side in some]) for some in sides]
    print(_ratio_line(title, means), f"{losses[0]:6.1%} / {losses[1]:6.1%}")
    print(_ratio_line("goal", list(GOAL.values())), f"{'1.5%':>15}")
    worst = [min(row.ratio(column) for row in rows.values()) for column in GOAL]
    print(_ratio_line("worst set", worst), f"(goal for whole queries {WORST:.2f}x)")
    best = [row.ours["full"] / max(peer.figure for peer in row.peers) for row in rows.values()]
    print(f"{'':<15} at a pause against the best tuned peer of each set: {mean(best):.3f}x")


def _ratio_line(name: str, ratios: list[float]) -> str:
    return f"{name:<15} " + " ".join(f"{ratio:>19.3f}x" for ratio in ratios)


def mean(ratios: list[float]) -> float:
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


if __name__ == "__main__":
    main()
