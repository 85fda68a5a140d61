"""A partition against a scorer written from the formula, document by document."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search import weights
from kb.search.analysis.tokenizer import MAX_TOKEN, Analyzer
from kb.search.array_types import Documents, Scores
from kb.search.documents import Document, DocumentKind
from kb.search.partition import Partition
from kb.search.query.expansion import MAX_QUERY_WORDS, MAX_REPETITIONS
from kb.search.scoring.bm25 import step_of
from kb.search.standpoint import ANYWHERE
from tests.search.library import ARTICLES, document, partition_of

WORDS = ("alpha", "button", "gamma", "delta", "epsilon", "window", "kappa")  # no two an edit apart
TEXT = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
CORPUS = st.lists(
    st.tuples(TEXT, TEXT, st.sampled_from(["public", "staff"])), min_size=1, max_size=12
)


def scores_of(partition: Partition, text: str, *, prefix: bool = False) -> Scores:
    """BM25F of every document."""
    return partition.bm25.score_all(partition.expand(text, prefix=prefix).terms)


def best_of(partition: Partition, text: str) -> Documents:
    scores = scores_of(partition, text)
    return partition.bm25.best_of(scores, np.ones(scores.size, dtype=bool))


def corpus_of(rows: list[tuple[str, str, str]]) -> list[Document]:
    return [
        document(f"doc/{i:03}", title, text, audience=a) for i, (title, text, a) in enumerate(rows)
    ]


def bm25f(documents: list[Document], query: str) -> list[float]:
    """Robertson, Zaragoza and Taylor 2004, straight from the paper."""
    stems = Analyzer().stems
    titles = [Counter(stems(d.title)) for d in documents]
    bodies = [Counter(stems(d.text())) for d in documents]

    def norms(fields: list[Counter[str]], b: float) -> list[float]:
        lengths = [f.total() for f in fields]
        average = sum(lengths) / len(lengths)
        return [1 - b + b * n / average if average else 1.0 for n in lengths]

    title_norm, body_norm = norms(titles, weights.B), norms(bodies, weights.BODY_B)
    scores = [0.0] * len(documents)
    for stem in stems(query):  # a word said twice counts twice
        df = sum(bool(t[stem] or b[stem]) for t, b in zip(titles, bodies, strict=True))
        idf = math.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
        for i in range(len(documents)):
            tf = weights.TITLE * titles[i][stem] / title_norm[i] + bodies[i][stem] / body_norm[i]
            scores[i] += idf * (weights.K1 + 1) * tf / (weights.K1 + tf)
    return scores


@given(CORPUS, TEXT)
def test_scores_are_bm25f_within_the_step_of_a_posting(
    rows: list[tuple[str, str, str]], query: str
) -> None:
    visible = [d for d in corpus_of(rows) if d.audience == "public"]
    found = partition_of(corpus_of(rows))
    scores = scores_of(found, query)
    # Each word is off by half a step of its posting's byte at most: 1/510 of what it is worth when
    # saturated.
    steps = (
        sum(3 / 510 * math.log(1 + (len(visible) + 0.5) / 0.5) for _ in Analyzer().stems(query))
        + 1e-3
    )
    np.testing.assert_allclose(scores, bm25f(visible, query) if visible else [], atol=steps)


@given(CORPUS, TEXT)
def test_hidden_documents_do_not_change_one_byte(
    rows: list[tuple[str, str, str]], query: str
) -> None:
    alone = [row for row in rows if row[2] == "public"]
    all_documents = corpus_of(rows)
    with_hidden = partition_of(all_documents)
    without = partition_of([d for d in all_documents if d.audience == "public"])
    assert with_hidden.size == len(alone)
    for text, prefix in ((query, False), (query[:9], True)):
        left, right = (scores_of(m, text, prefix=prefix) for m in (with_hidden, without))
        assert left.tobytes() == right.tobytes()


def test_an_open_last_word_stands_for_all_words_it_begins() -> None:
    found = partition_of(
        [
            document("doc/a", "Recording modules"),
            document("doc/b", "Recovery"),
            document("doc/c", "Other"),
        ]
    )
    scores = scores_of(found, "rec", prefix=True)
    assert (scores > 0).tolist() == [True, True, False]
    assert scores_of(found, "rec ", prefix=True).max() == 0


@pytest.mark.parametrize("cut", ["rec", "re"])
def test_the_end_of_a_finished_text_may_lie_within_a_word(cut: str) -> None:
    found = partition_of([document("doc/a", "Recording modules"), document("doc/b", "Other")])
    for text in (f"modules {cut}", cut):
        query = found.expand(text, prefix=False)
        assert query.terms[-1].prefix
        assert (found.bm25.score_all(query.terms) > 0).tolist() == [True, False]


def test_a_whole_word_at_the_end_of_a_finished_text_is_no_beginning() -> None:
    found = partition_of([document("doc/a", "Recording modules"), document("doc/b", "Re rules")])
    (term,) = found.expand("re", prefix=False).terms
    assert not term.prefix


@pytest.mark.parametrize("cut", ["refu", "refund not rece"])
def test_the_beginning_of_a_word_is_not_respelled(cut: str) -> None:
    """Both are a letter away from "reçu", French for a receipt: an invoice."""
    found = partition_of(
        [document("doc/a", "Refund not received"), document("doc/b", "Invoices for your order")]
    )
    for prefix in (True, False):
        query = found.expand(cut, prefix=prefix)
        assert query.text == cut
        assert (found.bm25.score_all(query.terms) > 0).tolist() == [True, False]


def test_an_unknown_word_is_read_as_its_nearest_neighbour() -> None:
    found = partition_of(
        [
            document("doc/a", "Reset password"),
            document("doc/b", "Password rules"),
            document("doc/c", "Other"),
        ]
    )
    expanded = found.expand("pasword", prefix=False)
    assert [term.corrected for term in expanded.terms] == ["password"]
    assert (found.bm25.score_all(expanded.terms) > 0).tolist() == [True, True, False]


def test_a_typo_in_an_inflection_that_no_document_has_is_corrected() -> None:
    found = partition_of([document("doc/a", "Lock the vault"), document("doc/b", "Other")])
    for typo, meant in (("lockks", "locks"), ("lokcing", "locking")):
        expanded = found.expand(typo, prefix=False)
        assert [term.corrected for term in expanded.terms] == [meant]
        assert (found.bm25.score_all(expanded.terms) > 0).tolist() == [True, False]


def test_a_long_run_of_letters_is_not_remembered_as_a_word() -> None:
    found = partition_of([document("doc/a", "Lock the vault")])
    found.expand(f"{'x' * 900} {'y' * 90}, vautl", prefix=True)
    assert max(map(len, found.vocabulary._known)) == MAX_TOKEN


def test_greetings_and_thanks_are_not_part_of_a_question() -> None:
    found = partition_of(
        [
            document("doc/a", "Printer"),
            document("doc/b", "Hi team"),
            document("doc/c", "Password"),
        ]
    )
    assert found.expand("hi password", prefix=False).text == "password"
    for text in (
        "help pls printer broken",
        "urgent!!! printer broken asap",
        "Hi all, printer broken :)",
        "Good morning support team, printer broken, many thanks",
        "Dear Sir or Madam, printer broken. Best regards",
    ):
        assert found.expand(text, prefix=False).text.strip(" ,.") == "printer broken"
    for text in (
        "hi team",
        "how to say thank you",
        "help please",
        "thanks",
        "hello world app",
        "urgent printer jobs",
        "good morning",
    ):
        assert found.expand(text, prefix=False).text == text


def test_a_known_word_is_never_corrected() -> None:
    found = partition_of(
        [document("doc/a", "Hover"), document("doc/b", "Cover cover"), document("doc/c", "Cover")]
    )
    assert (scores_of(found, "hover") > 0).tolist() == [
        True,
        False,
        False,
    ]


def test_a_title_that_looks_alike_is_a_candidate_without_any_common_word() -> None:
    found = partition_of([document("doc/a", "Reconfiguration"), document("doc/b", "Billing")])
    vector = found.title_ngrams.vector("configure")
    assert vector is not None
    assert found.title_ngrams.candidates(vector).tolist() == [0]


def test_equal_scores_are_cut_in_order_of_id() -> None:
    many = [document(f"doc/{i:04}", "same words") for i in range(weights.CANDIDATES + 50)]
    found = partition_of(many)
    best = best_of(found, "same")
    assert best.tolist() == list(range(weights.CANDIDATES))


def test_each_kind_has_candidates_of_its_own() -> None:
    topics = [
        document(f"forum/{i:04}", "slow slow slow", kind=DocumentKind.FORUM) for i in range(200)
    ]
    found = partition_of([*topics, document("doc/a", "why it is slow sometimes and what to do")])
    best = best_of(found, "slow")
    assert 0 in best.tolist()


@pytest.mark.parametrize(
    "documents",
    [[], [document("doc/a", "")], [document("doc/a", "!!!", "...")], [document("doc/a", "日本語")]],
)
def test_strange_corpora_are_answered(documents: list[Document]) -> None:
    found = partition_of(documents)
    expanded = found.expand("日本 anything at all", prefix=True)
    assert found.bm25.score_all(expanded.terms).size == len(documents)
    assert found.title_ngrams.vector("日本 anything") is None or documents


@pytest.mark.parametrize("query", ["㌖" * 1000, "㌖ " * 500, "メー" * 500, "ab " * 333])
def test_a_word_said_a_thousand_times_outgrows_no_sum(query: str) -> None:
    others = [document(f"doc/{i:03}", f"Other {i}", "nothing of interest") for i in range(400)]
    found = partition_of([*others, document("doc/zz", "キロメートル ab", "キロメートル ab " * 30)])
    expanded = found.expand(query, prefix=False)
    assert np.flatnonzero(found.bm25.score_all(expanded.terms) > 0).tolist() == [400]
    assert found.bm25.candidates(expanded.terms).documents.tolist() == [400]
    passages = found.rescorer.rescore(found.question(expanded), np.array([0, 400])).raw["passage"]
    assert passages[0] == 0
    assert passages[1] > 0


def test_no_query_outgrows_32_bits_in_a_million_documents() -> None:
    heaviest = step_of(math.log1p((1_000_000 - 0.5) / 1.5) * MAX_REPETITIONS) * weights.STEPS
    assert heaviest * MAX_QUERY_WORDS < 2**31


def test_who_names_two_versions_asks_for_pages_about_either() -> None:
    pages = [document(f"doc/{n}", "Upgrade", "How to.", versions=(f"4.{n}",)) for n in (10, 11, 12)]
    found = partition_of(pages)
    query = found.expand("upgrade 4.10 to 4.11", prefix=False)
    documents = found.candidates(query, None, deadline=math.inf)
    signals = found.rank(query, documents, ANYWHERE).scores.signals
    assert signals["version"].tolist() == [1, 1, 0]


def test_facets_count_only_the_documents_asked_for() -> None:
    found = partition_of(list(ARTICLES), frozenset({"public", "customers", "partners", "staff"}))
    everything = np.arange(found.size)
    assert found.values.count("product", everything) == {"Askfirst Embed": 1}
    assert found.values.count("version", everything[:0]) == {}
    assert np.flatnonzero(found.values.having("tag", "account")).size == 1
    assert not found.values.having("tag", "no such tag").any()
