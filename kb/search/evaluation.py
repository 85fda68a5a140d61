"""Evaluation: the relevance of answers, measured on a judged set.

Reads a set in BEIR layout, indexes it in a temporary folder with the product's own code and asks
every query as a visitor would. The metrics are those of trec_eval, by ir-measures. Speed under load
is measured in ``bench/``.
"""

from __future__ import annotations

import contextlib
import csv
import json
import math
import random
import re
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from kb.errors import Invalid, Unavailable
from kb.search.build.vouching import MIN_CUSTOMERS
from kb.search.documents import Document, DocumentKind, Region, RegionKind, ResolvedTicket, Section
from kb.search.installation import search_engine
from kb.search.results import Hit
from kb.search.searcher import Searcher
from kb.temporary_folder import temporary_folder

#: Hits of each query: the metrics look at ten, and a query's own document is left out.
HITS_PER_QUERY = 20
SHOWN = 5  # suggestions that the box shows at most
#: Of 100 questions without an answer, those that may be shown something.
FALSE_SUGGESTIONS = 10
#: Our name of each metric -> that of ir-measures.
METRICS = {"nDCG@10": "nDCG@10", "MRR@10": "RR@10", "R@10": "R@10", "success@5": "Success@5"}

_FENCED = re.compile(
    r"^(?P<fence>```+|~~~+)(?!.*\{).*\n(?:.*\n)*?(?:(?P=fence)[ \t]*$|\Z)", re.MULTILINE
)

_HEADING = re.compile(
    r"^(?P<level>#{1,6})[ \t]+(?P<text>\S[^\n]*?)[ \t]*(?:\{#[^}\n]*\}|#+)?[ \t]*$\n?", re.MULTILINE
)
_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")

Qrels = dict[str, dict[str, int]]  # query id -> document id -> relevance
RankedAnswers = dict[str, list[tuple[str, float]]]  # query id -> (document id, score), best first
QueryChange = Callable[[str], str]
#: A query to its hits before abstaining, and the confidence in them.
_Ask = Callable[[str], tuple[tuple[Hit, ...], float]]


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """Documents, queries by id, the relevance of documents to queries, and queries without any
    answer.
    """

    documents: list[Document]
    queries: dict[str, str]
    qrels: Qrels
    out_of_scope: dict[str, str]


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """What was measured; ``run`` holds the answers that it was measured on."""

    metrics: dict[str, float]
    latency_ms: dict[str, float]
    queries: int
    documents: int
    abstain: dict[str, float] = field(default_factory=dict)
    run: RankedAnswers = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        values: dict[str, Any] = {
            "metrics": {name: round(value, 4) for name, value in self.metrics.items()},
            "latency_ms": {name: round(value, 3) for name, value in self.latency_ms.items()},
            "queries": self.queries,
            "documents": self.documents,
        }
        if self.abstain:
            values["abstain"] = {name: round(value, 4) for name, value in self.abstain.items()}
        return values


def read_judged_set(folder: Path, split: str | None = None) -> JudgedSet:
    """The set in ``folder``. ``split`` names the qrels file; by default the only one, or test, or
    dev. Raises Invalid.
    """
    documents = [_document(row) for row in _rows(folder / "corpus.jsonl")]
    queries = {str(row["_id"]): str(row["text"]) for row in _rows(folder / "queries.jsonl")}
    qrels = _qrels(folder / "qrels", split)

    out_of_scope: dict[str, str] = {}
    path = folder / "out-of-scope.jsonl"
    if path.exists():
        for number, row in enumerate(_rows(path)):
            out_of_scope[str(row.get("_id", number))] = str(row["text"])
    return JudgedSet(documents, queries, qrels, out_of_scope)


def read_resolved_tickets(file: Path) -> list[ResolvedTicket]:
    """Resolved tickets, one JSON object a line: title, documents (ids), solved_at. Raises
    Invalid.
    """
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
        sections=_sections(str(row.get("text", ""))),
    )


def _sections(text: str) -> tuple[Section, ...]:
    """The text under each Markdown heading, as on a page: most judged manuals are in Markdown."""
    code = _fenced_code(text)
    headings = [
        heading
        for heading in _HEADING.finditer(text)
        if not any(region.start <= heading.start() < region.end for region in code)
    ]
    sections = [_section((), text[: headings[0].start() if headings else len(text)])]
    path: list[tuple[int, str]] = []
    for heading, following in zip_longest(headings, headings[1:]):
        level = len(heading["level"])
        outer = [(above, name) for above, name in path if above < level]
        path = [*outer, (level, _LINK.sub(r"\1", heading["text"]))]
        end = following.start() if following else len(text)
        sections.append(_section(tuple(name for _, name in path), text[heading.end() : end]))
    return tuple(sections)


def _section(path: tuple[str, ...], text: str) -> Section:
    return Section("", path, text, _fenced_code(text))


def _fenced_code(text: str) -> tuple[Region, ...]:
    """The fenced code blocks of Markdown, without directives."""
    return tuple(
        Region(RegionKind.CODE, fence.start(), fence.end()) for fence in _FENCED.finditer(text)
    )


def _qrels(folder: Path, split: str | None) -> Qrels:
    files = {file.stem: file for file in folder.glob("*.tsv")}
    default = next((name for name in ("test", "dev", *sorted(files)) if name in files), "")
    chosen = split or default
    if chosen not in files:
        raise Invalid(
            f"{folder} has no {split or 'qrels'} file; it has {', '.join(sorted(files)) or 'none'}."
        )
    qrels: Qrels = {}
    with files[chosen].open(encoding="utf-8", newline="") as opened:
        for row in csv.DictReader(opened, delimiter="\t"):
            qrels.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    return qrels


# --- half-typed and mistyped queries


def first_characters(count: int) -> QueryChange:
    """What was typed after ``count`` characters; the last word stays open."""
    return lambda text: text[:count].rstrip()


def first_words(count: int) -> QueryChange:
    return lambda text: " ".join(text.split()[:count])


def typos(count: int) -> QueryChange:
    """``count`` typos in words of five letters or more, the same for the same text: a letter
    dropped, doubled, swapped with its neighbour or changed.
    """

    def change(text: str) -> str:
        dice = random.Random(text)  # noqa: S311 - reproducible typos, not secrets
        words = text.split()
        long = [i for i, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
        for i in dice.sample(long, min(count, len(long))):
            words[i] = _with_typo(words[i], dice)
        return " ".join(words)

    return change


def _with_typo(word: str, dice: random.Random) -> str:
    position = dice.randrange(1, len(word) - 1)
    before, letter, after = word[:position], word[position], word[position + 1 :]
    return dice.choice(
        (
            before + after,
            before + letter + letter + after,
            before + after[0] + letter + after[1:],
            before + dice.choice("abcdefghijklmnopqrstuvwxyz") + after,
        )
    )


# --- asking


def evaluate_set(
    judged: JudgedSet,
    *,
    mode: str = "search",
    change: QueryChange | None = None,
    resolved: Iterable[ResolvedTicket] = (),
    read: int = 0,
    shown: bool = False,
) -> EvaluationReport:
    """Index ``judged`` and ask every judged query; ``mode`` is search or suggest.

    The order is judged before abstaining, so that half-typed queries compare with engines that
    always answer; abstaining is reported apart. ``shown`` judges suggestions as they are shown
    instead, at most ``SHOWN``. Search learns from the ``resolved`` tickets. Raises
    Unavailable when an extra is not installed.
    """
    calibrated = mode == "suggest"
    with temporary_searcher(
        judged.documents, resolved, read=read, calibrated=calibrated
    ) as searcher:
        return evaluate_searcher(searcher, judged, mode=mode, change=change, shown=shown)


def evaluate_searcher(
    searcher: Searcher,
    judged: JudgedSet,
    *,
    mode: str = "search",
    change: QueryChange | None = None,
    shown: bool = False,
) -> EvaluationReport:
    """Ask ``searcher``, which has the documents of ``judged``, every judged query."""
    change = change or (lambda text: text)
    ask = _asker(searcher, "shown" if shown else mode)
    ask("warm up")

    answers: RankedAnswers = {}
    confidence: dict[str, float] = {}
    latencies = []
    for query_id in judged.qrels:
        text = change(judged.queries[query_id])
        start = time.perf_counter()
        hits, confidence[query_id] = ask(text)
        latencies.append((time.perf_counter() - start) * 1000)
        answers[query_id] = [
            (document_id, hit.score)
            for hit in hits
            # Those who see a hit also see links to what says almost the same.
            for document_id in (hit.id, *(other.id for other in hit.also))
            if document_id != query_id
        ]

    abstain = {}
    if judged.out_of_scope and mode == "suggest":
        out_of_scope = [ask(change(text))[1] for text in judged.out_of_scope.values()]
        answered = _answered(judged.qrels, answers)
        abstain = abstention_metrics(
            confidence, out_of_scope, answered, threshold=searcher.threshold()
        )

    p50, p99 = np.percentile(latencies, [50, 99]).tolist() if latencies else (0.0, 0.0)
    return EvaluationReport(
        metrics=compute_metrics(judged.qrels, answers),
        latency_ms={"p50": p50, "p99": p99},
        queries=len(answers),
        documents=len(judged.documents),
        abstain=abstain,
        run=answers,
    )


@contextlib.contextmanager
def temporary_searcher(
    documents: Iterable[Document],
    resolved: Iterable[ResolvedTicket] = (),
    *,
    read: int = 0,
    calibrated: bool = False,
    words: bool = True,
) -> Iterator[Searcher]:
    """A searcher over ``documents``, indexed in a temporary folder by the product's own code.

    The ``resolved`` tickets vote, and with ``words`` those of their titles are learned, too;
    ``calibrated`` says that it sets a threshold of its own, as a published index does.
    """
    with temporary_folder("kb-eval-") as data:
        engine = search_engine(data)
        wanted = FALSE_SUGGESTIONS if calibrated else None
        with engine.writer(
            operators=False, meaning=True, read=read, false_suggestions=wanted
        ) as writer:
            for document in documents:
                writer.add(document)
            voters = tuple(resolved)
            writer.resolved_tickets(voters)
            writer.customer_words(voters if words else (), MIN_CUSTOMERS)
            writer.publish(ledger={}, settings={})
        # A busy machine must not change the order.
        yield Searcher(data, engine=engine, budget_ms=60_000)


def _asker(searcher: Searcher, mode: str) -> _Ask:
    def search(text: str) -> tuple[tuple[Hit, ...], float]:
        results = searcher.search(text, per_page=HITS_PER_QUERY, operators=False)
        return results.hits, math.inf

    def suggest(text: str) -> tuple[tuple[Hit, ...], float]:
        suggestions = searcher.suggest(text, limit=HITS_PER_QUERY, doubt=-math.inf)
        return suggestions.hits, suggestions.log_odds

    def show(text: str) -> tuple[tuple[Hit, ...], float]:
        suggestions = searcher.suggest(text, limit=SHOWN, settled=True)
        return suggestions.hits, suggestions.log_odds

    return {"search": search, "suggest": suggest, "shown": show}[mode]


# --- metrics


def _answered(qrels: Qrels, answers: RankedAnswers) -> set[str]:
    """The queries with a relevant document among the first five."""
    return {
        query
        for query, hits in answers.items()
        if any(qrels[query].get(document, 0) > 0 for document, _ in hits[:5])
    }


def abstention_metrics(
    confidence: Mapping[str, float],
    out_of_scope: Sequence[float],
    answered: Collection[str],
    *,
    threshold: float,
) -> dict[str, float]:
    """What showing nothing costs and saves, from the log-odds of each answer.

    At the ``threshold`` that the index has set itself: ``false_suggestions`` is the share of
    queries out of scope that were shown something, ``silent_in_scope`` the share of judged queries
    that were not. ``kept_at_10%`` sweeps the threshold: the share of success@5 that remains when it
    is set so that a tenth of the queries out of scope are shown something.
    """
    inside = np.array(list(confidence.values()))
    outside = np.sort(np.array(out_of_scope))[::-1]
    # Shown is what lies above the threshold: at most a tenth of the queries out of scope.
    at_tenth = float(outside[len(outside) // 10])
    kept = sum(confidence[query] > at_tenth for query in answered)
    return {
        "false_suggestions": float((outside >= threshold).mean()),
        "silent_in_scope": float((inside < threshold).mean()) if inside.size else 0.0,
        "kept_at_10%": kept / max(1, len(answered)),
        "threshold_at_10%": at_tenth,
        "threshold": threshold,
    }


def compute_metrics(qrels: Qrels, answers: RankedAnswers) -> dict[str, float]:
    """The metrics by name. Ranks count, not scores: ties are broken by the order of the answers."""
    with warnings.catch_warnings():
        # ir-measures still names ast.Num, which Python 3.14 drops.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            import ir_measures
        except ImportError:
            raise Unavailable(
                "kb eval needs the eval extra: pip install 'askfirst[eval]'."
            ) from None

        scored = [
            ir_measures.ScoredDoc(query, document, float(-rank))
            for query, hits in answers.items()
            for rank, (document, _) in enumerate(hits)
        ]
        judgements = [
            ir_measures.Qrel(query, document, relevance)
            for query, relevant in qrels.items()
            for document, relevance in relevant.items()
        ]
        measures = {name: ir_measures.parse_measure(theirs) for name, theirs in METRICS.items()}
        values = ir_measures.calc_aggregate(list(measures.values()), judgements, scored)
        return {name: float(values[measure]) for name, measure in measures.items()}


def trec_lines(report: EvaluationReport, tag: str = "askfirst") -> Iterable[str]:
    """The run in TREC format: ``query Q0 document rank score tag``."""
    for query, hits in report.run.items():
        for rank, (document, score) in enumerate(hits, 1):
            yield f"{query} Q0 {document} {rank} {score:.6f} {tag}"
