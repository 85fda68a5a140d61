"""The answer card: how often it is shown, and how often the right document is quoted.

    python -m bench.answers [--sets NAME ...] [--queries N] [--read N]

For each judged set with questions out of scope: precision (the quoted document is one that was
judged right), coverage (of the judged questions, those with a right card), and how many questions
out of scope get a card. A judged document may answer and yet be quoted at the wrong place: what
is quoted has to be read by a person (``--show N`` prints some).
Needs the judged sets (``KB_BENCH_DATA``).
"""

from __future__ import annotations

import argparse
import random
import sys

from bench import corpora
from bench.relevance import sample_queries
from kb.search import evaluation
from kb.search.evaluation import JudgedSet
from kb.search.searcher import Searcher

SETS = ("titles-passwords", "titles-boards", "faq-bank", "faq-insurance", "faq-bot-makers")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=SETS, metavar="NAME")
    parser.add_argument("--queries", type=int, metavar="N", help="at most N of each set, seeded")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print N cards of each")
    parser.add_argument(
        "--read",
        type=int,
        default=sys.maxsize,
        metavar="N",
        help="passages that the sentence encoder reads first, about 30 ms each; all by default",
    )
    options = parser.parse_args()
    data = corpora.data()
    if data is None:
        sys.exit(
            "The judged sets are not here: set KB_BENCH_DATA to the folder that has labelled/."
        )

    print(f"{'':<20} {'precision':>9} {'coverage':>9} {'out of scope':>13}")
    totals = [0, 0, 0, 0]
    for name in options.sets:
        judged = sample_queries(
            evaluation.read_judged_set(data / "labelled" / name), options.queries
        )
        with evaluation.temporary_searcher(
            judged.documents, read=options.read, calibrated=True
        ) as searcher:
            cards, right, false = count_cards(searcher, judged, options.show)
        print(
            f"{name:<20} {right / max(1, cards):>9.1%} {right / max(1, len(judged.qrels)):>9.1%} "
            f"{false / max(1, len(judged.out_of_scope)):>13.1%}",
            flush=True,
        )
        counts = (cards, right, false, len(judged.qrels))
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
    cards, right, false, questions = totals
    print(
        f"{'all':<20} {right / max(1, cards):>9.1%} {right / max(1, questions):>9.1%} "
        f"({cards} cards, {right} right, {false} out of scope)"
    )
    print(f"{'goal':<20} {'90.0%':>9} {'40.0%':>9}")


def count_cards(searcher: Searcher, judged: JudgedSet, show: int) -> tuple[int, int, int]:
    """Cards for judged questions, those of a right document, and cards out of scope."""
    cards = right = 0
    shown = set(random.Random(7).sample(sorted(judged.qrels), min(show, len(judged.qrels))))
    for query, relevant in judged.qrels.items():
        text = judged.queries[query]
        answer = searcher.suggest(text, settled=True).answer
        if query in shown:
            print(f"  {text!r}\n    {answer and answer.text!r}")
        if answer is not None and answer.document != query:
            cards += 1
            right += relevant.get(answer.document, 0) > 0
    false = sum(
        searcher.suggest(text, settled=True).answer is not None
        for text in judged.out_of_scope.values()
    )
    return cards, right, false


if __name__ == "__main__":
    main()
