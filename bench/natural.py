"""Everyday titles: what a customer types, against two help centres that are indexed as trees.

    python -m bench.natural [--trees NAME ...]

Prints for each tree, of the titles that it answers: how many have a right page among those that are
shown, and first; how many are shown nothing; and of the titles that it does not answer, how many
are shown something. Beside it BM25 (bm25s over title and text), which shows five pages from a score
on that is chosen afterwards, with the answers at hand, so that a tenth of the unanswerable titles
is shown something: better than anybody could set it. Needs ``KB_BENCH_DATA``.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import corpora
from bench.rankers import Bm25
from indexer.pipeline import IndexOptions, run_index
from indexer.sources.walk import Source
from kb.search.documents import Document, DocumentKind
from kb.search.evaluation import JudgedSet
from kb.search.generations.generation import Generations
from kb.search.searcher import Searcher
from kb.temporary_folder import temporary_folder

TREES = ("handbook-passwords", "helpcentre-boards")
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Title:
    text: str
    answers: frozenset[str]  # ids of documents; none when nothing answers


@dataclass(frozen=True, slots=True)
class Site:
    searcher: Searcher
    documents: list[Document]
    titles: list[Title]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trees", nargs="+", default=TREES, metavar="NAME")
    options = parser.parse_args()
    data = corpora.data()
    if data is None:
        sys.exit("The trees are not here: set KB_BENCH_DATA to the folder that has content/.")
    print(f"{'':<22} {'':<6} {'right':>6} {'first':>6} {'silent':>6} {'false':>6} {'shown':>6}")
    for name in options.trees:
        with indexed(data / "content" / name) as site:
            print(format_row(name, "ours", measure(site.titles, our_answers(site.searcher))))
            peer = peer_answers(site)
            print(format_row("", "BM25", measure(site.titles, peer)), flush=True)


@contextmanager
def indexed(tree: Path) -> Iterator[Site]:
    """The pages of a tree, as an editor would index them, and its titles."""
    with temporary_folder("kb-natural-") as data:
        pages = tree / "pages"
        sources = (Source(DocumentKind.DOC, "pages", pages, pages),)
        today = dt.datetime.now(dt.UTC).date()
        run_index(IndexOptions(sources, data, today, meaning=True, false_suggestions=10))
        searcher = Searcher(data, budget_ms=60_000)
        generation = Generations(data).current()
        assert generation is not None
        with contextlib.closing(generation.store) as store:
            documents = list(store.all())
        yield Site(searcher, documents, titles(tree / "titles.jsonl", documents))


def titles(file: Path, documents: Sequence[Document]) -> list[Title]:
    id_of = {document.source: document.id for document in documents}
    titles = []
    for row in map(json.loads, file.read_text("utf-8").splitlines()):
        ids = (
            next((id_ for source, id_ in id_of.items() if source.endswith(f"/{page}")), "")
            for page in row.get("answers", ())
        )
        titles.append(Title(row["title"], frozenset(filter(None, ids))))
    return titles


def our_answers(searcher: Searcher) -> Callable[[str], list[str]]:
    return lambda text: [hit.id for hit in searcher.suggest(text, limit=SHOWN, settled=True).hits]


def peer_answers(site: Site) -> Callable[[str], list[str]]:
    """BM25 with the best threshold for these titles."""
    queries = {str(number): title.text for number, title in enumerate(site.titles)}
    judged = JudgedSet(site.documents, queries, {query: {} for query in queries}, {})
    answers = Bm25(judged).run(lambda text: text)
    outside = [
        max((score for _, score in answers[str(number)]), default=0.0)
        for number, title in enumerate(site.titles)
        if not title.answers
    ]
    threshold = float(np.quantile(outside, 0.9)) if outside else 0.0
    hits_of = {queries[query]: hits for query, hits in answers.items()}

    def answer(text: str) -> list[str]:
        hits = hits_of[text][:SHOWN]
        return [document for document, _ in hits] if hits and hits[0][1] > threshold else []

    return answer


def measure(titles: Sequence[Title], answer: Callable[[str], list[str]]) -> dict[str, float]:
    shown = [(title, answer(title.text)) for title in titles]
    inside = [(title, hits) for title, hits in shown if title.answers]
    outside = [hits for title, hits in shown if not title.answers]
    return {
        "right": float(np.mean([bool(title.answers & set(hits)) for title, hits in inside])),
        "first": float(np.mean([bool(title.answers & set(hits[:1])) for title, hits in inside])),
        "silent": float(np.mean([not hits for _, hits in inside])),
        "false": float(np.mean([bool(hits) for hits in outside])),
        "shown": float(np.mean([len(hits) for _, hits in inside])),
    }


def format_row(name: str, who: str, figures: dict[str, float]) -> str:
    shares = " ".join(f"{figures[key]:6.0%}" for key in ("right", "first", "silent", "false"))
    return f"{name:<22} {who:<6} {shares} {figures['shown']:6.1f}"


if __name__ == "__main__":
    main()
