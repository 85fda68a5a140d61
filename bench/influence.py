"""Influence of hidden documents on public answers: there must be none.

    python -m bench.influence [--pairs 1000] [--seed 1]

Publishes pairs of random corpora that differ only in documents hidden from the public (and in
resolved tickets that link only those), asks both everything that the public can ask, and compares
the answers byte by byte: search, suggest, related, did-you-mean, explanations, counts, facets,
lists, links, pictures. Prints the pairs that differ; ends with 1 if there are any.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import random
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from kb.search.build.vouching import MIN_CUSTOMERS, vouched_tickets
from kb.search.documents import Document, DocumentKind, ResolvedTicket, Section
from kb.search.installation import search_engine
from kb.search.results import hit_json, results_json, suggestions_json
from kb.search.searcher import Searcher

WORDS = (
    *(
        "install",
        "instal",
        "update",
        "upgrade",
        "password",
        "port",
        "error",
        "timeout",
        "zephyrion",
        "vault",
    ),
    *("KB_PORT", "e2134", "9.1.9", "日本語", "café"),
)
PICTURES = ("0123456789abcdef.png", "fedcba9876543210.png")
AUDIENCES = ("public", "public", "staff", "customers", "partners", "group-a")
AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--opensearch", default="", metavar="URL", help="find them on OpenSearch")
    given = parser.parse_args()
    differing = differing_pairs(
        range(given.seed, given.seed + given.pairs), cluster=given.opensearch
    )
    print(
        f"{given.pairs} pairs from seed {given.seed}: {len(differing)} differ "
        f"{differing[:20] or ''}"
    )
    sys.exit(bool(differing))


def differing_pairs(seeds: Iterable[int], *, cluster: str = "") -> list[int]:
    """The seeds of random pairs that do not give the same answers."""
    return [seed for seed in seeds if not _alike(random.Random(seed), cluster)]


def _alike(dice: random.Random, cluster: str) -> bool:
    """Whether one random pair gives the same answers."""
    every = [_document(dice, number) for number in range(dice.randint(1, 10))]
    seen = [one for one in every if one.audience == "public"]
    visible = {one.id for one in seen}
    tickets = [_ticket(dice, every) for _ in range(dice.randint(0, 4))]
    shown = [replace(t, documents=tuple(d for d in t.documents if d in visible)) for t in tickets]
    # One ticket that nobody stands behind, for public pages: it must not show either.
    own = "quarrelsome bunker xylophone hums quixotically "
    private = ResolvedTicket(own + _text(dice, 2), tuple(sorted(visible)), AT, "nobody else")
    queries = [_text(dice, 4) for _ in range(3)]
    with tempfile.TemporaryDirectory() as folder:
        pair = (
            _centre(Path(folder) / "a", every, [*tickets, private], cluster),
            _centre(Path(folder) / "b", seen, [t for t in shown if t.documents], cluster),
        )
        # An answer that a busy machine cut short tells of the machine, not of documents: it is
        # asked for again.
        texts = [_answers(one, queries, seen) for one in pair]
        while any('"partial": true' in text for text in texts):
            texts = [_answers(one, queries, seen) for one in pair]
    return texts[0] == texts[1]


def _document(dice: random.Random, number: int) -> Document:
    kind, audience = dice.choice(list(DocumentKind)), dice.choice(AUDIENCES)
    return Document(
        f"{kind}/{number}",
        kind,
        _text(dice, 4),
        (Section("", (), _text(dice, 12)),),
        audience=audience,
        product=dice.choice(("", "Alpha", audience)),
        versions=dice.choice(((), ("9.1.9",))),
        tags=(audience,),
        language=dice.choice(("", "en", "ja")),
        updated=dice.choice((None, dt.date(2026, 1, dice.randint(1, 28)))),
        solved=dice.choice((True, False)) if kind is DocumentKind.FORUM else None,
        html="".join(
            f'<p><a href="/help/{kind}/{target}">{target}</a><img src="/media/{picture}"></p>'
            for target, picture in ((dice.randint(0, 12), dice.choice(PICTURES)),)
        ),
    )


def _ticket(dice: random.Random, documents: list[Document]) -> ResolvedTicket:
    linked = dice.sample([one.id for one in documents], dice.randint(1, min(2, len(documents))))
    return ResolvedTicket(
        _text(dice, 5),
        tuple(linked),
        AT + dt.timedelta(hours=dice.randint(0, 99)),
        f"customer {dice.randint(1, 5)}",
    )


def _text(dice: random.Random, most: int) -> str:
    return " ".join(dice.choices(WORDS, k=dice.randint(1, most)))


def _centre(
    data: Path, documents: list[Document], tickets: list[ResolvedTicket], cluster: str
) -> Searcher:
    engine = search_engine(data, cluster)
    with engine.writer(operators=False, meaning=True, read=0) as builder:
        for one in documents:
            builder.add(one)
        builder.resolved_tickets(vouched_tickets(tickets))
        builder.customer_words(tickets, MIN_CUSTOMERS)
        pictures = {
            name: {one.audience for one in documents if name in one.html} for name in PICTURES
        }
        builder.release(builder.prepare(ledger={}, settings={}, pictures=pictures))
    return Searcher(data, engine=engine, budget_ms=60_000)


def _answers(found: Searcher, queries: list[str], seen: list[Document]) -> str:
    got: list[object] = [found.counts()]
    for text in (
        q for query in queries for q in (query, query[:5], query.replace("a", "o", 1), "zephyrio")
    ):
        got.append(results_json(found.search(text, explain=True, operators=False, language="ja")))
        got.append(results_json(found.search(text, sort="date", operators=False)))
        got.append(suggestions_json(found.suggest(text, explain=True, doubt=-math.inf)))
        got.append(found.suggest(text).log_odds)
    got += [[hit_json(hit) for hit in found.related(one.id)] for one in seen]
    got += [found.article(one.id).html for one in seen]
    got += [sorted(found.picture_audiences(name) & {"public"}) for name in PICTURES]
    got += [
        [hit_json(hit) for hit in found.listing("public", str(kind))[1]] for kind in DocumentKind
    ]
    return json.dumps(got, sort_keys=True)


if __name__ == "__main__":
    main()
