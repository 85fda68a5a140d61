"""An outage, replayed: who is shown the known problem, and what a burst of tickets looks like.

    python -m bench.outage [--sets NAME ...] [--days N]

Each entry of a judged FAQ set stands for a known problem, and the questions that were judged to be
about it for customers who report it in their own words. Printed are the share of 200 such titles
that are shown the problem first, and how often titles about something else are shown it: other
questions to the same help centre, and questions out of its scope.

Then ordinary days (tickets that arrive as a Poisson process, with titles of the set) are looked at
every ten minutes for bursts, and on some of them an outage begins: printed are false alarms, and
after how many tickets the outage is proposed. Needs the judged sets (``KB_BENCH_DATA``).
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import sys
from collections.abc import Sequence

from bench import corpora
from kb.problems.bursts import BURST_WINDOW, USUAL_PERIOD, FiledTitle, find_bursts
from kb.problems.matching import matching_problems
from kb.problems.problem import KnownProblem, ProblemStatus
from kb.search import evaluation
from kb.search.evaluation import JudgedSet

SETS = ("faq-bank", "faq-insurance")
TITLES = 200
START = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
LOOK_EVERY = dt.timedelta(minutes=10)
TICKETS_A_DAY, OUTAGE_A_MINUTE = 60, 0.5
SEED = 20261130


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=SETS, metavar="NAME")
    parser.add_argument("--days", type=int, default=60, metavar="N", help="ordinary days")
    options = parser.parse_args()
    data = corpora.data()
    if data is None:
        sys.exit(
            "The judged sets are not here: set KB_BENCH_DATA to the folder that has labelled/."
        )

    print(f"{'':<16} {'shown first':>11} {'other':>7} {'foreign':>8}   (goal: at least 80 %)")
    for name in options.sets:
        judged = evaluation.read_judged_set(data / "labelled" / name)
        right, other, foreign = shown(judged, random.Random(SEED))
        print(f"{name:<16} {right:>11.1%} {other:>7.1%} {foreign:>8.1%}", flush=True)

    print(f"\n{'':<16} {'false alarms':>12}   {'an outage is proposed after':>28}")
    for name in options.sets:
        judged = evaluation.read_judged_set(data / "labelled" / name)
        alarms, tickets = bursts(judged, options.days, random.Random(SEED))
        found = sorted(count for count in tickets if count)
        print(
            f"{name:<16} {alarms:>3} in {options.days} days   "
            f"{found[len(found) // 2] if found else '-':>5} tickets (median), "
            f"{len(found)} of {len(tickets)} outages",
            flush=True,
        )


def known_problems(judged: JudgedSet) -> dict[str, KnownProblem]:
    """An entry of the set as a problem: its title, and its text as what happens."""
    return {
        document.id: KnownProblem(
            number,
            document.title,
            ProblemStatus.IDENTIFIED,
            document.sections[0].text if document.sections else "",
            *("", "", "", "public"),
            START,
            START,
            None,
        )
        for number, document in enumerate(judged.documents)
    }


def shown(judged: JudgedSet, random_numbers: random.Random) -> tuple[float, float, float]:
    """Shares: of titles about a problem, about another one, and out of scope that are shown it."""
    problems = known_problems(judged)
    asked = random_numbers.sample(sorted(judged.qrels), min(TITLES, len(judged.qrels)))
    right = other = others = 0
    for query in asked:
        text, about = judged.queries[query], set(judged.qrels[query])
        right += any(matching_problems(text, (problems[name],)) for name in about)
        strangers = random_numbers.sample(sorted(problems.keys() - about), 5)
        other += sum(bool(matching_problems(text, (problems[name],))) for name in strangers)
        others += len(strangers)
    names = sorted(problems)
    foreign = [
        bool(matching_problems(text, (problems[random_numbers.choice(names)],)))
        for text in list(judged.out_of_scope.values())[:TITLES]
    ]
    return right / len(asked), other / others, sum(foreign) / max(1, len(foreign))


def bursts(
    judged: JudgedSet, days: int, random_numbers: random.Random
) -> tuple[int, list[int | None]]:
    """False alarms on ordinary days, and for each outage after how many of its tickets one is
    proposed (None: within two hours, never).
    """
    texts = list(judged.queries.values())
    history = _arrivals(texts, START, USUAL_PERIOD + dt.timedelta(days=days), random_numbers)
    alarms, now, alarmed_until = 0, START + USUAL_PERIOD, START
    end = now + dt.timedelta(days=days)
    while now < end:
        if now >= alarmed_until and _look(history, now):
            alarms, alarmed_until = alarms + 1, now + BURST_WINDOW  # one alarm, looked at again
        now += LOOK_EVERY

    by_document: dict[str, list[str]] = {}
    for query, about in judged.qrels.items():
        for name in about:
            by_document.setdefault(name, []).append(judged.queries[query])
    causes = random_numbers.sample(sorted(by_document), min(15, len(by_document)))
    proposed: list[int | None] = []
    for cause in causes:
        begins = START + USUAL_PERIOD + dt.timedelta(days=random_numbers.uniform(1, days - 1))
        outage = _arrivals(
            by_document[cause], begins, BURST_WINDOW, random_numbers, OUTAGE_A_MINUTE * 1440
        )
        filed = sorted((*history, *outage), key=lambda title: title.at)
        times = [outage[i].at for i in range(3, len(outage))]
        first = next((i for i, at in enumerate(times) if _look(filed, at + SECOND)), None)
        proposed.append(None if first is None else first + 4)
    return alarms, proposed


SECOND = dt.timedelta(seconds=1)


def _arrivals(
    texts: Sequence[str],
    start: dt.datetime,
    length: dt.timedelta,
    random_numbers: random.Random,
    a_day: float = TICKETS_A_DAY,
) -> list[FiledTitle]:
    filed: list[FiledTitle] = []
    at = start
    while True:
        at += dt.timedelta(days=random_numbers.expovariate(a_day))
        if at >= start + length:
            return filed
        filed.append(FiledTitle(len(filed), random_numbers.choice(texts), at))


def _look(filed: Sequence[FiledTitle], now: dt.datetime) -> bool:
    since = now - BURST_WINDOW
    recent = [title for title in filed if since <= title.at < now]
    usual = [title for title in filed if since - USUAL_PERIOD <= title.at < since]
    return bool(find_bursts(recent, usual, period=USUAL_PERIOD))


if __name__ == "__main__":
    main()
