"""Threads near a query lead to the articles that say what the threads say."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.search.build.builder import IndexBuilder
from kb.search.documents import Document, DocumentKind
from kb.search.generations.generation import Generations
from kb.search.index.array_file import Arrays, load_arrays
from kb.search.index.previous import CarriedOver
from kb.search.index.term_dictionary import TermDictionary
from kb.search.scoring.thread_articles import pack_thread_articles
from kb.search.searcher import Searcher
from tests.search.library import document, keep

ARTICLES = [
    document("doc/backup", "Archive settings", "Copy the data folder. Archives are compressed."),
    document("doc/mail", "Mail settings", "Messages leave through a relay with credentials."),
    document("doc/theme", "Theme settings", "Colours and fonts of the portal."),
]


def thread(number: int, title: str, text: str, *, audience: str = "public") -> Document:
    return document(
        f"forum/{number:02}",
        title,
        text,
        kind=DocumentKind.FORUM,
        audience=audience,
        solved=True,
    )


THREADS = [
    thread(
        number,
        f"Spam folder settings {number}",
        "Messages of the relay are spam. The relay has credentials, messages leave late.",
    )
    for number in range(6)
]


def publish(data: Path, documents: list[Document], *, kept: list[str] | None = None) -> Arrays:
    with IndexBuilder(data, operators=False) as builder:
        keep(builder, kept or [])
        for each in documents:
            builder.add(each)
        builder.publish(ledger={}, settings={})
    generation = Generations(data).current()
    assert generation is not None
    return load_arrays(generation.partition("public"))


def test_an_article_is_found_by_the_words_of_threads_about_it(tmp_path: Path) -> None:
    publish(tmp_path, ARTICLES + THREADS)
    hits = Searcher(tmp_path, budget_ms=60_000).search("spam settings", explain=True).hits
    articles = [hit for hit in hits if hit.kind == DocumentKind.DOC]
    assert articles[0].id == "doc/mail"
    assert articles[0].explain["threads"] > 0


def test_where_articles_prevail_threads_lead_nowhere(tmp_path: Path) -> None:
    arrays = publish(tmp_path, ARTICLES + THREADS[:3])
    assert "thread_articles" not in arrays
    hits = Searcher(tmp_path, budget_ms=60_000).search("spam settings", explain=True).hits
    assert not any("threads" in hit.explain for hit in hits)


def test_a_publish_that_carries_over_leads_where_a_full_one_does(tmp_path: Path) -> None:
    fresh = thread(7, "Letters are grey", "Fonts and colours of the portal changed.")
    publish(tmp_path / "a", ARTICLES + THREADS)
    ids = [each.id for each in ARTICLES + THREADS]
    carried = publish(tmp_path / "a", [fresh], kept=ids)
    whole = publish(tmp_path / "b", [*ARTICLES, *THREADS, fresh])
    for name in ("thread_articles", "thread_article_shares"):
        assert np.array_equal(carried[name], whole[name])


def test_a_changed_article_is_compared_with_every_thread(tmp_path: Path) -> None:
    publish(tmp_path, ARTICLES + THREADS)
    changed = document("doc/theme", "Theme settings", "Messages of the relay, credentials, late.")
    others = [each.id for each in ARTICLES + THREADS if each.id != changed.id]
    arrays = publish(tmp_path, [changed], kept=others)
    assert 2 in arrays["thread_articles"][0, :2]
    assert arrays["thread_article_shares"][0, 1] > 0


def test_threads_are_compared_anew_where_an_article_is_lost_but_not_where_a_thread_is(
    tmp_path: Path,
) -> None:
    articles = ARTICLES + [document(f"doc/{n}", f"Page {n}", f"Some text {n}.") for n in range(9)]
    pages = articles + [thread(n, f"Spam folder {n}", f"Messages are spam {n}.") for n in range(40)]
    publish(tmp_path, pages)
    kept = [page.id for page in pages[1:]]
    edited = publish(tmp_path, [document("doc/backup", "Archive", "Copy data.")], kept=kept)
    assert edited["thread_article_drift"].tolist() == [1]

    kept = [page.id for page in pages[:-1]]
    without_thread = publish(tmp_path, [], kept=kept)
    assert without_thread["thread_article_drift"].tolist() == [1]
    for name in ("thread_articles", "thread_article_scores"):
        assert np.array_equal(without_thread[name], edited[name][:-1])

    without_article = publish(tmp_path, [], kept=[id_ for id_ in kept if id_ != "doc/mail"])
    assert without_article["thread_article_drift"].tolist() == [0]


def test_hidden_articles_and_threads_leave_no_trace(tmp_path: Path) -> None:
    seen = publish(tmp_path / "a", ARTICLES + THREADS)
    secret = document("doc/a-secret", "Relay settings", "Messages, relay, spam.", audience="staff")
    hidden = thread(8, "Spam spam", "Messages of the relay.", audience="staff")
    beside = publish(tmp_path / "b", [*ARTICLES, secret, *THREADS, hidden])
    for name in ("thread_articles", "thread_article_shares"):
        assert np.array_equal(seen[name], beside[name])


WORDS = [f"word{chr(97 + number)}" for number in range(12)]
#: Texts of one length, so that no other document counts more or less after an edit.
texts = st.lists(st.sampled_from(WORDS), min_size=4, max_size=4).map(" ".join)


@settings(max_examples=25, deadline=None)
@given(
    written=st.lists(texts, min_size=54, max_size=54),
    edits=st.lists(st.tuples(st.integers(0, 53), texts), min_size=1, max_size=5),
)
def test_what_is_kept_of_threads_is_what_comparing_all_finds(
    written: list[str], edits: list[tuple[int, str]]
) -> None:
    def named(number: int, text: str) -> Document:
        if number >= 24:
            return thread(number, "Question", text)
        return document(f"doc/{number:02}", "Page", text)

    documents = {f"{number}": named(number, text) for number, text in enumerate(written)}
    with TemporaryDirectory() as folder:
        then = publish(Path(folder), list(documents.values()))
        for number, text in edits:
            edited = named(number, text)
            if edited == documents[f"{number}"]:
                continue  # it says the same, and counts as unchanged
            documents[f"{number}"] = edited
            others = [each.id for each in documents.values() if each is not edited]
            now = publish(Path(folder), [edited], kept=others)
            whole = pack_thread_articles(now, 24, nothing_of_threads(then, now, number))
            for name in ("thread_articles", "thread_article_scores", "thread_article_shares"):
                assert np.array_equal(now[name], whole[name])
            then = now


def nothing_of_threads(then: Arrays, now: Arrays, edited: int) -> CarriedOver:
    """The same basis, and no thread that was compared."""
    places = np.where(np.arange(54) < 24, np.arange(54), -1)
    places[edited] = -1
    stems, stems_now = TermDictionary(then, "stem"), TermDictionary(now, "stem")
    numbers = [stems_now.find(stem) for stem in stems.words()]
    return CarriedOver(then, places, np.zeros(0, np.int32), np.array(numbers, dtype=np.int32))
