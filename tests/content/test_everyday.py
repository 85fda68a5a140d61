"""What a page says itself shows it in the suggestion box: its headings and error sentences."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer import pipeline
from indexer.sources import walk
from kb.operations.starter import write_site
from kb.search.documents import Document
from kb.search.generations.generation import Generations
from kb.search.searcher import Searcher
from tests.content.conftest import Centre
from tests.indexing import run_index

#: What a sentence about an error says.
ERROR = re.compile(
    r"\b(?:cannot|could not|unable to|denied|refused|not found|invalid|missing|timed? ?out|unknown|"
    r"unsupported|not allowed|not supported|does not|doesn't|is not|isn't|no such|already|failed|"
    r"failure|error|expired|locked|too (?:large|long|many|big|old)|damaged|exceed\w*)\b",
    re.IGNORECASE,
)


def headings(document: Document) -> set[str]:
    """What is long enough to be typed as a title. Replies of a thread have names of people."""
    paths = {section.path[-1] for section in document.sections if section.path}
    return {
        heading
        for heading in (document.title, *paths)
        if len(heading.split()) > 2 and not heading.startswith("Reply by ")
    }


@pytest.mark.parametrize("audience", ["public", "staff"])
def test_every_heading_of_a_page_shows_that_page(centre: Centre, audience: str) -> None:
    missed = every_missed_heading(centre.searcher, [*centre.documents.values()], audience)
    assert missed == []


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


def test_nearly_every_error_sentence_of_a_page_shows_that_page(centre: Centre) -> None:
    asked = {
        (sentence, document.id): document.audience
        for document in centre.documents.values()
        for sentence in error_sentences(document)
    }
    missed = [
        (sentence, page)
        for (sentence, page), audience in asked.items()
        if page not in {hit.id for hit in centre.searcher.suggest(sentence, audience=audience).hits}
    ]
    assert len(asked) > 150
    # What remains are common words that other pages say, too, and shorter ("file a ticket").
    assert len(missed) <= 0.08 * len(asked), missed


def test_every_heading_and_error_sentence_of_the_starter_site_shows_its_page(
    tmp_path: Path,
) -> None:
    site, data = tmp_path / "site", tmp_path / "data"
    write_site(site)
    sources = walk.parse_sources((f"doc={site / 'docs'}", f"faq={site / 'faq'}"), content=site)
    today = dt.date(2026, 11, 23)
    run_index(pipeline.IndexOptions(sources, data, today, meaning=True, false_suggestions=10))
    generation = Generations(data).current()
    assert generation is not None
    with contextlib.closing(generation.store) as store:
        documents = list(store.all())
    searcher = Searcher(data, budget_ms=60_000)

    assert every_missed_heading(searcher, documents, "public") == []
    for page in documents:
        for sentence in error_sentences(page):
            assert page.id in {hit.id for hit in searcher.suggest(sentence).hits}, sentence
