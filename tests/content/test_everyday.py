"""Everyday titles show their pages in the suggestion box, and so does every heading."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from kb.search.documents import Document
from kb.search.searcher import Searcher
from tests.content.conftest import Centre

TITLES = tomllib.loads(Path(__file__).with_name("everyday.toml").read_text("utf-8"))
ANSWERED: dict[str, list[str]] = TITLES["answered"]
UNANSWERED: list[str] = TITLES["unanswered"]["titles"]


def shown(centre: Centre, text: str) -> list[str]:
    return [hit.id for hit in centre.searcher.suggest(text).hits]


def test_there_are_enough_titles() -> None:
    assert len(ANSWERED) >= 35
    assert len(UNANSWERED) >= 12


def test_the_pages_exist(centre: Centre) -> None:
    assert {page for pages in ANSWERED.values() for page in pages} <= set(centre.documents)


def test_everyday_titles_show_a_page_that_answers(centre: Centre) -> None:
    shown_for = {title: shown(centre, title) for title in ANSWERED}
    right = [title for title, ids in shown_for.items() if {*ids} & {*ANSWERED[title]}]
    first = [title for title, ids in shown_for.items() if {*ids[:1]} & {*ANSWERED[title]}]
    silent = [title for title, ids in shown_for.items() if not ids]
    assert len(right) >= 0.85 * len(ANSWERED), set(ANSWERED) - set(right)
    assert len(first) >= 0.65 * len(ANSWERED), set(ANSWERED) - set(first)
    assert len(silent) <= 0.1 * len(ANSWERED), silent


def test_titles_that_no_page_answers_mostly_show_nothing(centre: Centre) -> None:
    false = [title for title in UNANSWERED if shown(centre, title)]
    assert len(false) <= 0.13 * len(UNANSWERED), false


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
