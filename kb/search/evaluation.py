"""How good are the answers, measured?

Reads a judged set in BEIR layout, indexes it in a temporary folder with the product's own code and
asks every query as a visitor would. The metrics are ir-measures' (trec_eval's), not our own. Not
for speed under load: see bench/.
"""

from __future__ import annotations

import contextlib
import csv
import json
import math
import random
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kb.errors import Invalid, Unavailable
from kb.search.build.builder import IndexBuilder
from kb.search.documents import Document, DocumentKind, Section
from kb.search.index.resolved_tickets import ResolvedTicket
from kb.search.results import Hit
from kb.search.scoring import weights
from kb.search.searcher import Searcher
from kb.temporary_folder import temporary_folder

DEPTH = 20  # hits asked for: the metrics look at ten, and a query's own document is left out
METRICS = ("nDCG@10", "MRR@10", "R@10", "success@5")
Qrels = dict[str, dict[str, int]]
Run = dict[str, list[tuple[str, float]]]
_MEASURES = {"nDCG@10": "nDCG@10", "MRR@10": "RR@10", "R@10": "R@10", "success@5": "Success@5"}


@dataclass(frozen=True, slots=True)
class Judged:
    """A judged set: documents, queries by id, relevant documents by query, and questions without
    any answer.
    """

    documents: list[Document]
    queries: dict[str, str]
    qrels: Qrels
    out_of_scope: dict[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured. ``run`` maps a query to (document, score) best first; latencies are in
    milliseconds.
    """

    metrics: dict[str, float]
    latency_ms: dict[str, float]
    queries: int
    documents: int
    abstain: dict[str, float] = field(default_factory=dict)
    run: Run = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        values: dict[str, Any] = {
            "metrics": {name: round(value, 4) for name, value in self.metrics.items()},
            "latency_ms": {name: round(value, 3) for name, value in self.latency_ms.items()},
            "queries": self.queries,
            "documents": self.documents,
        }
        return values | (
            {"abstain": {n: round(v, 4) for n, v in self.abstain.items()}} if self.abstain else {}
        )


def read(folder: Path, split: str | None = None) -> Judged:
    """A judged set. ``split`` names the qrels file; by default the only one, or test, or dev.
    Raises Invalid.
    """
    corpus = [_document(row) for row in _rows(folder / "corpus.jsonl")]
    queries = {str(row["_id"]): str(row["text"]) for row in _rows(folder / "queries.jsonl")}
    beside = folder / "out-of-scope.jsonl"
    outside = (
        {str(row.get("_id", i)): str(row["text"]) for i, row in enumerate(_rows(beside))}
        if beside.exists()
        else {}
    )
    return Judged(corpus, queries, _qrels(folder / "qrels", split), outside)


def read_solved(file: Path) -> list[ResolvedTicket]:
    """Resolved tickets, one JSON object a line: title, documents (ids), solved_at. Raises Invalid."""
    return [
        ResolvedTicket.from_json(row, where=f"{file}:{line}")
        for line, row in enumerate(_rows(file), 1)
    ]


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _row(file, number, line)
    except OSError as error:
        raise Invalid(
            f"{file} cannot be read: {error.strerror}. A judged set is a folder in BEIR layout."
        ) from error


def _row(file: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        if isinstance(row, dict):
            return row
    except ValueError:
        pass
    raise Invalid(f"{file}:{number}: not a JSON object.")


def _document(row: dict[str, Any]) -> Document:
    kind = str((row.get("metadata") or {}).get("kind", "doc")).split(":")[0]
    return Document(
        id=str(row["_id"]),
        kind=DocumentKind(kind) if kind in set(DocumentKind) else DocumentKind.DOC,
        title=str(row.get("title", "")),
        sections=(Section("", (), str(row.get("text", ""))),),
    )


def _qrels(folder: Path, split: str | None) -> Qrels:
    files = {file.stem: file for file in folder.glob("*.tsv")}
    chosen = split or next((name for name in ("test", "dev", *sorted(files)) if name in files), "")
    if chosen not in files:
        raise Invalid(
            f"{folder} has no {split or 'qrels'} file; it has {', '.join(sorted(files)) or 'none'}."
        )
    qrels: Qrels = {}
    with files[chosen].open(encoding="utf-8", newline="") as opened:
        for row in csv.DictReader(opened, delimiter="\t"):
            qrels.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    return qrels


Change = Callable[[str], str]


def first_characters(count: int) -> Change:
    """What has been typed after ``count`` characters; the last word stays open."""
    return lambda text: text[:count].rstrip()


def first_words(count: int) -> Change:
    return lambda text: " ".join(text.split()[:count])


def typos(count: int) -> Change:
    """``count`` slips in words of five letters or more, the same for the same text: a letter
    dropped, doubled, swapped with its neighbour or changed."""

    def change(text: str) -> str:
        dice = random.Random(text)  # noqa: S311 - reproducible slips, not secrets
        words = text.split()
        long = [i for i, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
        for i in dice.sample(long, min(count, len(long))):
            words[i] = _slip(words[i], dice)
        return " ".join(words)

    return change


def _slip(word: str, dice: random.Random) -> str:
    at = dice.randrange(1, len(word) - 1)
    return dice.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + dice.choice("abcdefghijklmnopqrstuvwxyz") + word[at + 1 :],
        )
    )


Asked = Callable[
    [str], tuple[tuple[Hit, ...], float]
]  # hits before abstaining, and the confidence in them


def run(
    judged: Judged, *, mode: str = "search", change: Change | None = None, solved: Iterable[ResolvedTicket] = (),
    semantic: bool = False,
) -> Report:  # fmt: skip
    """Index ``judged`` and ask every judged query; ``mode`` is search or suggest. Raises
    Unavailable without extras.

    The order is judged before abstaining, so that half-typed queries compare with engines that
    always answer; abstaining is reported apart. ``solved`` are resolved tickets that may vote.
    """
    with published(judged.documents, solved, semantic=semantic) as searcher:
        return asked(searcher, judged, mode=mode, change=change)


def asked(
    searcher: Searcher, judged: Judged, *, mode: str = "search", change: Change | None = None
) -> Report:
    """Ask ``searcher``, which has the documents of ``judged``, every judged query."""
    change = change or (lambda text: text)
    ask = _asker(searcher, mode)
    ask("warm up")
    answers, latencies, sure = {}, [], {}
    for query_id in judged.qrels:
        text = change(judged.queries[query_id])
        begun = time.perf_counter()
        hits, sure[query_id] = ask(text)
        latencies.append((time.perf_counter() - begun) * 1000)
        answers[query_id] = [(hit.id, hit.score) for hit in hits if hit.id != query_id]
    abstain = {}
    if judged.out_of_scope and mode == "suggest":
        outside = [ask(change(text))[1] for text in judged.out_of_scope.values()]
        abstain = abstaining(sure, outside, _helped(judged.qrels, answers))
    p50, p99 = np.percentile(latencies, [50, 99]).tolist() if latencies else (0.0, 0.0)
    latency = {"p50": p50, "p99": p99}
    return Report(
        measure(judged.qrels, answers),
        latency,
        len(answers),
        len(judged.documents),
        abstain,
        answers,
    )


@contextlib.contextmanager
def published(
    documents: Iterable[Document], solved: Iterable[ResolvedTicket] = (), *, semantic: bool = False
) -> Iterator[Searcher]:
    """A searcher over ``documents``, indexed in a temporary folder by the product's own code."""
    with temporary_folder("kb-eval-") as data:
        with IndexBuilder(data, operators=False, semantic=semantic) as builder:
            for document in documents:
                builder.add(document)
            builder.resolved_tickets(solved)
            builder.publish(ledger={}, settings={})
        yield Searcher(data, budget_ms=60_000)  # a busy machine must not change the order


def _asker(searcher: Searcher, mode: str) -> Asked:
    if mode == "search":
        return lambda text: (searcher.search(text, per_page=DEPTH, operators=False).hits, math.inf)

    def suggest(text: str) -> tuple[tuple[Hit, ...], float]:
        found = searcher.suggest(text, limit=DEPTH, doubt=-math.inf)
        return found.hits, found.confidence

    return suggest


def _helped(qrels: Qrels, answers: Run) -> set[str]:
    """The queries with a right document among the first five."""
    return {
        q
        for q, hits in answers.items()
        if any(qrels[q].get(document, 0) > 0 for document, _ in hits[:5])
    }


def abstaining(
    sure: Mapping[str, float], outside: Sequence[float], helped: Collection[str]
) -> dict[str, float]:
    """What showing nothing costs and saves, from the confidence in each answer.

    At the shipped threshold: ``false_suggestions`` is the share of questions out of scope that were
    shown something, ``silent_in_scope`` the share of judged queries that were not. ``kept_at_10%``
    sweeps the threshold: the share of success@5 that remains when it is set so that a tenth of the
    questions out of scope are shown something.
    """
    inside, beyond = np.array(list(sure.values())), np.sort(np.array(outside))[::-1]
    threshold = float(
        beyond[len(beyond) // 10]
    )  # shown above it: a tenth of those out of scope at most
    return {
        "false_suggestions": float((beyond >= weights.DOUBT).mean()),
        "silent_in_scope": float((inside < weights.DOUBT).mean()) if inside.size else 0.0,
        "kept_at_10%": sum(sure[query] > threshold for query in helped) / max(1, len(helped)),
        "threshold_at_10%": threshold,
    }


def measure(qrels: Qrels, run_: Run) -> dict[str, float]:
    """The metrics by name. Ranks are taken as given: scores only order, so they are rewritten to be
    distinct.
    """
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # ir-measures still names ast.Num, which Python 3.14 drops
        return _measured(qrels, run_)


def _measured(qrels: Qrels, run_: Run) -> dict[str, float]:
    try:
        import ir_measures
    except ImportError:
        raise Unavailable("kb eval needs the eval extra: pip install 'askfirst[eval]'.") from None
    ranked = [
        ir_measures.ScoredDoc(query, document, float(-rank))
        for query, hits in run_.items()
        for rank, (document, _) in enumerate(hits)
    ]
    judgements = [
        ir_measures.Qrel(q, d, score)
        for q, relevant in qrels.items()
        for d, score in relevant.items()
    ]
    wanted = {name: ir_measures.parse_measure(measure) for name, measure in _MEASURES.items()}
    found = ir_measures.calc_aggregate(list(wanted.values()), judgements, ranked)
    return {name: float(found[measure]) for name, measure in wanted.items()}


def trec_lines(report: Report, tag: str = "askfirst") -> Iterable[str]:
    """The run in TREC format: ``query Q0 document rank score tag``."""
    for query, hits in report.run.items():
        for rank, (document, score) in enumerate(hits, 1):
            yield f"{query} Q0 {document} {rank} {score:.6f} {tag}"
