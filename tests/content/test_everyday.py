"""What a page says itself shows it in the suggestion box: its headings and error sentences."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer import pipeline
from indexer.sources import walk
from kb.operations.starter import write_site
from kb.search.documents import Document
from kb.search.searcher import Searcher
from tests.content.conftest import SearcherOf
from tests.content.shipped import FOLDERS
from tests.indexing import run_index

#: What a sentence about an error says.
ERROR = re.compile(
    r"\b(?:cannot|could not|unable to|denied|refused|not found|invalid|missing|timed? ?out|unknown|"
    r"unsupported|not allowed|not supported|does not|doesn't|is not|isn't|no such|already|failed|"
    r"failure|error|expired|locked|too (?:large|long|many|big|old)|damaged|exceed\w*)\b",
    re.IGNORECASE,
)

every_site = pytest.mark.parametrize("site", sorted(FOLDERS))


def documents_of(searcher: Searcher) -> list[Document]:
    return list(searcher._current().generation.store.all())


def headings(document: Document) -> set[str]:
    """What is long enough to be typed as a title. Replies of a thread have names of people."""
    paths = {section.path[-1] for section in document.sections if section.path}
    return {
        heading
        for heading in (document.title, *paths)
        if len(heading.split()) > 2 and not heading.startswith("Reply by ")
    }


@every_site
@pytest.mark.parametrize("audience", ["public", "staff"])
def test_every_heading_of_a_page_shows_that_page(
    searcher_of: SearcherOf, site: str, audience: str
) -> None:
    searcher = searcher_of(site, False)
    assert every_missed_heading(searcher, documents_of(searcher), audience) == []


def every_missed_heading(
    searcher: Searcher, documents: list[Document], audience: str
) -> list[tuple[str, str]]:
    """The headings that do not show their page; a heading that many pages have shows some."""
    owners: dict[str, set[str]] = {}
    for document in documents:
        if document.audience in {"public", audience}:
            for heading in headings(document):
                owners.setdefault(heading, set()).add(document.id)
    return [
        (heading, min(pages))
        for heading, pages in sorted(owners.items())
        if not pages & {hit.id for hit in searcher.suggest(heading, audience=audience).hits}
    ]


def error_sentences(document: Document) -> Iterator[str]:
    """The sentences of a page that say what went wrong, word for word, long enough to be typed."""
    lines = (line for section in document.sections for line in section.text.splitlines())
    for line in lines:
        for sentence in re.split(r"(?<=[.!?:])\s+", line.strip()):
            if 4 <= len(sentence.split()) <= 24 and ERROR.search(sentence):
                yield sentence


@every_site
def test_nearly_every_error_sentence_of_a_page_shows_that_page(
    searcher_of: SearcherOf, site: str
) -> None:
    searcher = searcher_of(site, False)
    documents = documents_of(searcher)
    asked = [(sentence, page) for page in documents for sentence in error_sentences(page)]
    missed = [
        (sentence, page.id) for sentence, page in asked if not shows(searcher, sentence, page)
    ]
    assert len(asked) > 10
    # What remains are common words that other pages say, too, and shorter ("file a ticket").
    assert len(missed) <= 0.08 * len(asked), missed


def shows(searcher: Searcher, sentence: str, page: Document) -> bool:
    return page.id in {hit.id for hit in searcher.suggest(sentence, audience=page.audience).hits}


def test_every_heading_and_error_sentence_of_the_starter_site_shows_its_page(
    tmp_path: Path,
) -> None:
    site, data = tmp_path / "site", tmp_path / "data"
    write_site(site)
    sources = walk.parse_sources((f"doc={site / 'docs'}", f"faq={site / 'faq'}"), content=site)
    today = dt.date(2026, 11, 23)
    run_index(pipeline.IndexOptions(sources, data, today, meaning=True, false_suggestions=10))
    searcher = Searcher(data, budget_ms=60_000)
    documents = documents_of(searcher)

    assert every_missed_heading(searcher, documents, "public") == []
    for page in documents:
        for sentence in error_sentences(page):
            assert shows(searcher, sentence, page), sentence
