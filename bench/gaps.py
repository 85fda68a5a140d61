"""Clusters of unanswered questions, compared with duplicates that people have labelled.

    python -m bench.gaps [--sets NAME ...] [--queries N]

For each judged set: the purity of clusters of two and more (the share of the largest label), their
coverage (the share of questions in one), and the F1 of pairs of questions with one label; and the
time. Needs the judged sets (``KB_BENCH_DATA``).
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections import Counter

from bench import corpora
from kb.gaps.clustering import clusters, text_directions
from kb.search import evaluation

SETS = ("faq-bank", "faq-insurance", "stackfaq")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=SETS, metavar="NAME")
    parser.add_argument("--queries", type=int, default=500, metavar="N")
    options = parser.parse_args()
    data = corpora.data()
    if data is None:
        sys.exit(
            "The judged sets are not here: set KB_BENCH_DATA to the folder that has labelled/."
        )

    print(f"{'':<16} {'purity':>7} {'coverage':>9} {'pair F1':>8} {'seconds':>8}")
    for name in options.sets:
        judged = evaluation.read_judged_set(data / "labelled" / name)
        asked = sorted(judged.qrels)
        random.Random(1).shuffle(asked)
        asked = asked[: options.queries]
        labels = [min(judged.qrels[query]) for query in asked]
        began = time.process_time()
        texts = [judged.queries[query] for query in asked]
        found = clusters(texts, text_directions(texts))
        seconds = time.process_time() - began
        purity, coverage, pairs = judge(found, labels)
        print(f"{name:<16} {purity:>7.2f} {coverage:>9.2f} {pairs:>8.2f} {seconds:>8.1f}")


def judge(found: tuple[tuple[int, ...], ...], labels: list[str]) -> tuple[float, float, float]:
    """Purity, coverage and the F1 of pairs."""
    several = [cluster for cluster in found if len(cluster) > 1]
    covered = sum(map(len, several))
    pure = sum(
        Counter(labels[each] for each in cluster).most_common(1)[0][1] for cluster in several
    )
    together = sum(len(cluster) * (len(cluster) - 1) // 2 for cluster in several)
    same = sum(count * (count - 1) // 2 for count in Counter(labels).values())
    right = sum(
        labels[one] == labels[other]
        for cluster in several
        for one, other in itertools.combinations(cluster, 2)
    )
    return pure / max(1, covered), covered / len(labels), 2 * right / max(1, together + same)


if __name__ == "__main__":
    main()
