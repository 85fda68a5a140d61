"""What the suggestion box shows on different sites, and the fit of the model that decides it.

    python -m bench.confidence [--sites NAME ...] [--queries N] [--drafts] [--cut] [--keep FOLDER]
    python -m bench.confidence --fit [--sets NAME ...] [--queries N] [--settled]

The first command publishes each site (see ``bench.sites``) and lets the sentence encoder read it,
as in the product. For each site, while somebody types and at a pause, it prints for how many
answerable questions a right page is shown, is shown first, or nothing is shown, and for how many
unanswerable questions anything is shown. With ``--drafts``, it asks before the encoder has read
anything. With ``--cut``, it asks each question up to somewhere within a word of its second half,
where people pause, too.

The second command fits the weights for ``kb/search/weights.py`` on several sites, and prints them.
For each site, with weights fitted on all others, it also prints how well answerable queries are
told from the others (AUC), how many of them keep their answer if a tenth of the others is shown
something, and at which log-odds that is. Run it again whenever the evidence changes, for example
after a change of the analysis or of the vectors.

Needs the judged sets (``KB_BENCH_DATA``): sets in BEIR layout, and trees with titles.jsonl, which
are indexed completely; and invented help centres on which no model was trained, which are in this
repository. With ``--settled``, the sentence encoder reads the queries and the passages of both.

A conditional logit: the candidates of a query compete with each other and with "none of these".
Negatives are queries out of scope and the bundled foreign questions; positives, beside judged
queries, are headings and mistyped titles of the trees.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from bench import corpora, natural, sites
from bench.invented_sites import APART, invented_site
from kb.search import evaluation, weights
from kb.search.build.calibration import foreign_questions, out_of_scope_tenth
from kb.search.documents import PUBLIC
from kb.search.query.parser import MAX_QUERY_LENGTH
from kb.search.results import Placed
from kb.search.searcher import Searcher
from kb.search.standpoint import ANYWHERE

SETS = (
    "faq-bank",
    "faq-insurance",
    "faq-bot-makers",
    "stackfaq",
    "slicer-docs",
    "languages-en",
    "error-eslint-messages",
    "error-pyrefly-messages",
)
HALF_TYPED = 25  # characters
_NAMES = tuple(
    dict.fromkeys((*weights.CONFIDENCE_BY_WORDS, *weights.CONFIDENCE, *weights.CONFIDENCE_READ))
)
_NEGATIVE = {"missing", "corrected", "common", "behind"}
_PENALTY = 0.003
#: What an invented help centre weighs beside a real site. Half of its questions without an answer
#: are close to a page: with more weight, real answers are withheld.
_INVENTED = 0.25
#: What the queries of each kind weigh together, in a site that has queries out of scope or none.
_SHARES = {"answerable": (1.0, 1.0), "own": (0.3, 0.3), "outside": (0.6, 0.0), "foreign": (0.4, 1)}


@dataclass(frozen=True, slots=True)
class Queries:
    """The evidence for the best candidates of the queries of one site."""

    evidence: NDArray[np.float64]  # [queries, candidates, kinds of evidence]
    present: NDArray[np.bool_]  # [queries, candidates]
    right: NDArray[np.bool_]  # [queries, candidates]
    kind: NDArray[np.str_]  # [queries], of ``_SHARES``
    half_typed: NDArray[np.bool_]  # [queries]
    invented: bool = False

    def log_odds(self, model: Model) -> NDArray[np.float64]:
        """Those that any of the candidates answers."""
        own = np.where(self.present, self.evidence @ model.weights + model.bias, -1e9)
        overall: NDArray[np.float64] = np.logaddexp.reduce(own, axis=1)
        return np.where(self.present.any(axis=1), overall, -50.0)


@dataclass(frozen=True, slots=True)
class Model:
    weights: NDArray[np.float64]
    bias: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sites", nargs="+", default=sites.names(), metavar="NAME")
    parser.add_argument("--drafts", action="store_true", help="before passages are read")
    parser.add_argument("--cut", action="store_true", help="ask questions cut within a word")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="for indexes, of all runs")
    parser.add_argument("--fit", action="store_true", help="fit the weights")
    parser.add_argument(
        "--sets", nargs="+", default=[*natural.TREES, *SETS, *APART], metavar="NAME"
    )
    parser.add_argument("--queries", type=int, default=250, metavar="N", help="of each kind")
    parser.add_argument("--settled", action="store_true", help="fit for queries at a pause")
    options = parser.parse_args()
    if options.fit:
        fit_and_print(options.sets, options.queries, options.settled)
    else:
        print_shown(
            options.sites,
            options.queries,
            read=not options.drafts,
            cut=options.cut,
            kept=options.keep,
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown for the questions of one site, as shares.

    Also the log-odds that a tenth of its unanswerable questions exceeds, and the estimate of them
    by which its threshold was chosen.
    """

    right: float
    first: float
    silent: float
    false: float
    tenth: float
    estimate: float


def print_shown(
    names: Sequence[str], most: int, *, read: bool, cut: bool, kept: Path | None
) -> None:
    """The table of what is shown, for each site and on average."""
    columns = [field.name for field in fields(Shown)]
    heads = "".join(f"{head:>8}" for head in columns)
    print(f"{'site':<20} {'':<8} {'questions':>9}{heads}")
    rows: dict[str, list[list[float]]] = {"typed": [], "settled": []}
    for name in names:
        with sites.published(name, read=read, most=most, kept=kept) as site:
            if cut:
                site = replace(site, questions=cut_within_words(site.questions))
            answered = sum(bool(question.answers) for question in site.questions)
            count = f"{answered}+{len(site.questions) - answered}"
            for lane, of_lane in rows.items():
                shown = shown_of(site, settled=lane == "settled")
                of_lane.append([getattr(shown, column) for column in columns])
                print_row(name, lane, count, of_lane[-1])
    offset, slope = weights.OUT_OF_SCOPE_TENTH
    for lane, of_lane in rows.items():
        mean = np.mean(of_lane, axis=0).tolist()
        print_row("mean", lane, "", mean)
        print(f"{'':<20} OUT_OF_SCOPE_TENTH = ({offset + mean[4] - mean[5]:.2f}, {slope})")
    print_row("goal", "", "", [0.85, 0.65, 0.1, 0.12])


def cut_within_words(questions: Sequence[sites.Question]) -> list[sites.Question]:
    """Each question up to two or more letters of a word in its second half, if that goes on."""
    dice = random.Random(5)
    cut = []
    for question in questions:
        text = question.text
        ends = [
            end
            for end in range(max(2, len(text) // 2), len(text))
            if text[end - 2 : end + 1].isalpha()
        ]
        if ends:
            cut.append(replace(question, text=text[: dice.choice(ends)]))
    return cut


def print_row(name: str, lane: str, count: str, values: Sequence[float]) -> None:
    cells = "".join(f"{value:8.2f}" for value in values)
    print(f"{name:<20} {lane:<8} {count:>9}{cells}", flush=True)


def shown_of(site: sites.Site, *, settled: bool) -> Shown:
    """What ``site`` shows while somebody types, or at a pause."""
    inside, false, outside = [], [], []
    for question in site.questions:
        suggestions = site.searcher.suggest(question.text, settled=settled)
        ids = [hit.id for hit in suggestions.hits if hit.id != question.itself]
        if question.answers:
            answers = [bool(question.answers & some) for some in ({*ids}, {*ids[:1]})]
            inside.append((*answers, not ids))
        else:
            false.append(bool(ids))
            outside.append(suggestions.log_odds)
    measured = site.searcher._current().generation.calibrations()[PUBLIC]
    right, first, silent = np.mean(inside, axis=0).tolist()
    return Shown(
        right,
        first,
        silent,
        float(np.mean(false)),
        float(np.quantile(outside, 0.9)),
        out_of_scope_tenth(measured["foreign"], measured["documents"]),
    )


def fit_and_print(names: Sequence[str], most: int, settled: bool) -> None:
    data = corpora.data()
    if data is None:
        sys.exit("The judged sets are not here: set KB_BENCH_DATA to the folder that has them.")

    queries = {}
    for name in names:
        with opened(data, name, most, settled) as (searcher, asked):
            queries[name] = replace(collect(searcher, asked, settled), invented=name in APART)
        print(f"{name}: {len(queries[name].kind)} queries", file=sys.stderr, flush=True)

    print(f"{'left out':<24} {'AUC':>6} {'kept':>6} {'threshold':>9} {'25: AUC':>8} {'kept':>6}")
    for name, site in queries.items():
        model = fit([other for each, other in queries.items() if each != name])
        whole, half = (separation(site, model, half_typed=half) for half in (False, True))
        print(
            f"{name:<24} {whole[0]:6.3f} {whole[1]:6.2f} {whole[2]:9.2f} {half[0]:8.3f} "
            f"{half[1]:6.2f}"
        )
    model = fit(list(queries.values()))
    print(f"CONFIDENCE_BIAS = {model.bias:.2f}")
    for name, weight in zip(_NAMES, model.weights, strict=True):
        print(f'        "{name}": {weight:.2f},')


@dataclass(frozen=True, slots=True)
class Asked:
    """One query: what kind it is, and which documents answer it; ``itself`` is not an answer."""

    text: str
    kind: str
    answers: frozenset[str] = frozenset()
    itself: str = ""


@contextmanager
def opened(
    data: Path, name: str, most: int, settled: bool
) -> Iterator[tuple[Searcher, list[Asked]]]:
    """A site, indexed, and the queries of it: at most so many of each kind."""
    dice = random.Random(7)
    if name in natural.TREES:
        with natural.indexed(data / "content" / name) as site:
            titles = [
                Asked(t.text, "answerable" if t.answers else "outside", t.answers)
                for t in site.titles
            ]
            yield site.searcher, titles + _own(site.searcher, dice, most)
        return

    if name in APART:
        invented = invented_site(name)
        with evaluation.temporary_searcher(
            invented.documents(), read=sys.maxsize if settled else 0
        ) as searcher:
            questions = [
                Asked(text, "answerable", frozenset({invented.document_id(page)}))
                for text, page in invented.questions()
                if page >= 0
            ]
            questions = dice.sample(questions, min(most, len(questions)))
            questions += [Asked(text, "outside") for text in invented.unanswered[:most]]
            yield searcher, questions + _own(searcher, dice, most)
        return

    judged = evaluation.read_judged_set(data / "labelled" / name)
    chosen = dice.sample(sorted(judged.qrels), min(most, len(judged.qrels)))
    answerable = [
        Asked(
            judged.queries[query],
            "answerable",
            frozenset(document for document, grade in judged.qrels[query].items() if grade > 0),
            query,
        )
        for query in chosen
    ]
    outside = sorted(judged.out_of_scope.values())
    outside = dice.sample(outside, min(most, len(outside)))
    with evaluation.temporary_searcher(
        judged.documents, read=sys.maxsize if settled else 0
    ) as searcher:
        yield searcher, answerable + [Asked(text, "outside") for text in outside]


def _own(searcher: Searcher, dice: random.Random, most: int) -> list[Asked]:
    """Headings as they are, and titles with a word dropped and one mistyped."""
    asked = []
    generation = searcher._current().generation
    with_typo = evaluation.typos(1)
    ids = sorted(generation.store.rows())
    for document_id in dice.sample(ids, min(most // 2, len(ids))):
        document = generation.store.document(document_id)
        assert document is not None
        words = document.title.split()
        if len(words) > 3:
            words.pop(dice.randrange(len(words)))
        if len(words) > 1:
            asked.append(Asked(with_typo(" ".join(words)), "own", frozenset({document_id})))
        headings = [s.path[-1] for s in document.sections if s.path and " " in s.path[-1]]
        if headings:
            asked.append(Asked(dice.choice(headings), "own", frozenset({document_id})))
    return asked


def collect(searcher: Searcher, asked: Sequence[Asked], settled: bool) -> Queries:
    """The evidence for the first candidates of all queries, and of the foreign questions."""
    foreign = [Asked(question.text, "foreign") for question in foreign_questions()]
    rows = []
    for query in (*asked, *foreign):
        texts = [(query.text, False)]
        if query.kind in ("answerable", "outside") and len(query.text) > HALF_TYPED:
            texts.append((query.text[:HALF_TYPED].rstrip(), True))
        for text, half_typed in texts:
            rows.append((*evidence_for(searcher, text, query.itself, settled), query, half_typed))

    width = weights.CONSIDERED
    matrix = np.zeros((len(rows), width, len(_NAMES)))
    present = np.zeros((len(rows), width), dtype=bool)
    right = np.zeros((len(rows), width), dtype=bool)
    for i, (ids, evidence, query, _) in enumerate(rows):
        present[i, : len(ids)] = True
        right[i, : len(ids)] = [document in query.answers for document in ids]
        for j, name in enumerate(_NAMES):
            matrix[i, : len(ids), j] = evidence.get(name, 0.0)
    return Queries(
        matrix,
        present,
        right,
        np.array([query.kind for *_, query, _ in rows]),
        np.array([half_typed for *_, half_typed in rows]),
    )


def evidence_for(
    searcher: Searcher, text: str, itself: str, settled: bool
) -> tuple[list[str], dict[str, NDArray[np.float64]]]:
    """The ids of the first candidates, and the evidence for them; ``itself`` is left out."""
    snapshot = searcher._current()
    reader = snapshot.index.reader(PUBLIC)
    query = reader.expand(text[:MAX_QUERY_LENGTH], prefix=not settled)
    ranking = snapshot._rank(reader, query, None, ANYWHERE, math.inf)
    if ranking.fused is None or not ranking.documents.size:
        return [], {}
    count = weights.CONSIDERED + 1
    placed = list(map(Placed, ranking.documents[:count].tolist()))
    ids = [hit.id for hit in reader.display(query).hits(placed)]
    kept = [rank for rank, document in enumerate(ids) if document != itself]
    kept = kept[: weights.CONSIDERED]
    evidence = reader.evidence(query, ranking.fused, ranking.order[kept])
    return [ids[rank] for rank in kept], dict(evidence)


def fit(sites: Sequence[Queries]) -> Model:
    """Weights of the promised signs that make the right candidates likely, and else none."""
    share = np.concatenate([_shares(site) for site in sites])
    kept = share > 0
    evidence, present, right = (
        np.concatenate([getattr(site, name) for site in sites])[kept]
        for name in ("evidence", "present", "right")
    )
    share = share[kept] / share.sum()
    answerable = np.asarray(right.any(axis=1))
    middle, spread = evidence[present].mean(axis=0), evidence[present].std(axis=0) + 1e-9
    scaled = (evidence - middle) / spread

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        coefficients, bias = values[:-1], values[-1]
        odds = np.exp(np.clip(scaled @ coefficients + bias, -60, 40)) * present
        whole = 1 + odds.sum(axis=1)
        ours = np.where(answerable, (odds * right).sum(axis=1), 1.0) + 1e-300
        wanted = np.where(answerable.reshape(-1, 1), odds * right / ours.reshape(-1, 1), 0.0)
        slope = (odds / whole[:, None] - wanted) * share[:, None]
        gradient = np.einsum("nk,nkf->f", slope, scaled) + _PENALTY * coefficients
        value = float(share @ (np.log(whole) - np.log(ours)))
        value += _PENALTY * float(coefficients @ coefficients) / 2
        return value, np.append(gradient, slope.sum())

    signs = [(None, 0) if name in _NEGATIVE else (0, None) for name in _NAMES]
    best = minimize(
        loss,
        np.zeros(len(_NAMES) + 1),
        jac=True,
        method="L-BFGS-B",
        bounds=[*signs, (None, None)],
        options={"maxiter": 500},
    ).x
    coefficients = best[:-1] / spread
    return Model(coefficients, float(best[-1] - coefficients @ middle))


def _shares(site: Queries) -> NDArray[np.float64]:
    """What each query of a site weighs; answerable ones whose answer is no candidate, nothing."""
    column = 0 if (site.kind == "outside").any() else 1
    share = np.zeros(site.kind.size)
    for kind, totals in _SHARES.items():
        of_kind = site.kind == kind
        share[of_kind] = totals[column] / max(1, of_kind.sum())
    share[site.half_typed] /= 2
    if site.invented:
        share *= _INVENTED
    wants_answer = np.isin(site.kind, ("answerable", "own"))
    return np.where(wants_answer & ~site.right.any(axis=1), 0.0, share)


def separation(site: Queries, model: Model, *, half_typed: bool) -> tuple[float, float, float]:
    """The AUC between queries with a right candidate and those out of scope (else foreign); which
    share of the former lies above the log-odds that a tenth of the latter reach; and these.
    """
    log_odds = site.log_odds(model)
    same = site.half_typed == half_typed
    inside = log_odds[(site.kind == "answerable") & site.right.any(axis=1) & same]
    outside = log_odds[(site.kind == "outside") & same]
    if not outside.size:
        outside = log_odds[site.kind == "foreign"]
    if not inside.size:
        return float("nan"), float("nan"), float("nan")
    threshold = float(np.quantile(outside, 0.9))
    auc = float((inside[:, None] > outside[None]).mean())
    return auc, float((inside > threshold).mean()), threshold


if __name__ == "__main__":
    main()
