"""Documents that say almost the same take one place, and name each other."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kb.search.build import near_duplicates
from kb.search.build.builder import IndexBuilder
from kb.search.documents import Document, DocumentKind
from kb.search.generations.generation import Generations
from kb.search.index.array_file import load_arrays
from kb.search.results import results_json, suggestions_json
from kb.search.searcher import Searcher
from tests.search.library import document, partition_of, publish, published, searcher

TEXT = (
    "Stop the pump before you replace the zephyrion filter. Open the lid with the blue key, pull "
    "the old filter out and wipe the seat dry. Insert the new one until it clicks, close the lid, "
    "and start the pump again. Write the date on the label inside of the lid. Bring used filters "
    "back to the dealer."
)
OTHER = (
    "Nothing in this sentence has to do with pumps. It tells how invoices are printed, which paper "
    "they need, when they are sent and who may see them in the archive of the company."
)


def page(name: str, title: str, text: str = TEXT, **more: object) -> Document:
    return document(f"doc/{name}", title, text, **more)  # type: ignore[arg-type]


def groups(*documents: Document) -> list[int]:
    """The group of each document, in the order of their ids."""
    numbers: list[int] = partition_of(documents)._arrays["duplicate_group"].tolist()
    return numbers


def test_a_title_with_other_versions_and_half_of_the_text_are_enough() -> None:
    old = page("a", "Replace the filter 1.0", TEXT[:200], versions=("1.0",))
    new = page("b", "Replace the filter v2.0", versions=("2.0",))
    assert groups(old, new) == [0, 0]
    assert groups(old, page("b", "Replace the filter v2.0", OTHER, versions=("2.0",))) == [-1, -1]


def test_under_another_title_nearly_all_has_to_be_the_same() -> None:
    one = page("a", "Filters", TEXT + OTHER)
    assert groups(one, page("b", "Replace a filter", f"{TEXT + OTHER} Done.")) == [0, 0]
    assert groups(one, page("b", "Replace a filter")) == [-1, -1]


@pytest.mark.parametrize("kind", [DocumentKind.DOC, DocumentKind.FAQ])
def test_pages_that_differ_by_a_number_and_short_answers_are_not_the_same(
    kind: DocumentKind,
) -> None:
    numbered = [page(f"{n}", f"Zorblax widget page {n}", kind=kind) for n in range(1, 5)]
    assert groups(*numbered) == [-1] * 4
    short = [page(name, f"Can I {name} it?", "Ask support.", kind=kind) for name in ("rent", "buy")]
    assert groups(*short) == [-1, -1]


def test_threads_languages_and_kinds_are_kept_apart() -> None:
    one = page("a", "Replace the filter")
    assert groups(one, page("b", "Replace the filter", language="de")) == [-1, -1]
    assert groups(one, page("b", "Replace the filter", kind=DocumentKind.FAQ)) == [-1, -1]
    threads = [page(name, "Filter", kind=DocumentKind.FORUM) for name in ("a", "b")]
    assert groups(*threads) == [-1, -1]


VERSIONS = (
    page("v9", "Replace the filter", versions=("9.0",), updated=dt.date(2026, 1, 1)),
    page("v10", "Replace the filter", versions=("10.0",), updated=dt.date(2025, 1, 1)),
    page("print", "Print invoices", OTHER),
    page("secret", "Replace the filter", versions=("11.0",), audience="staff"),
)


@pytest.fixture
def asked(tmp_path: Path) -> Searcher:
    return searcher(tmp_path, VERSIONS, operators=False)


def test_the_newest_version_is_shown_and_names_the_others(asked: Searcher) -> None:
    results = asked.search("replace the filter")
    assert [hit.id for hit in results.hits] == ["doc/v10"]
    assert results.total == 1
    (other,) = results_json(results)["results"][0]["also"]
    assert other == {
        "id": "doc/v9",
        "title": "Replace the filter",
        "url": "/help/doc/v9",
        "version": "9.0",
        "product": "",
    }
    (suggested,) = suggestions_json(asked.suggest("replace the filt"))["suggestions"]
    assert (suggested["id"], suggested["also"][0]["id"]) == ("doc/v10", "doc/v9")


def test_the_version_that_was_asked_for_is_shown(asked: Searcher) -> None:
    assert [hit.id for hit in asked.search("replace the filter 9.0").hits] == ["doc/v9"]
    assert [hit.id for hit in asked.search("filter", version="9.0").hits] == ["doc/v9"]


def test_what_the_asker_may_not_see_is_neither_named_nor_counted(
    asked: Searcher, tmp_path: Path
) -> None:
    without = searcher(tmp_path / "public", VERSIONS[:3], operators=False)
    for text in ("replace the filter", "filter", "zephyrion 11.0"):
        assert results_json(asked.search(text)) == results_json(without.search(text))
    (hit,) = asked.search("replace the filter", audience="staff").hits
    assert hit.id == "doc/secret"
    assert [other.id for other in hit.also] == ["doc/v10", "doc/v9"]


def test_a_page_that_an_editor_hides_is_not_named(tmp_path: Path) -> None:
    curations = {"queries": [{"query": ["filter"], "match": "is", "hide": ["doc/v9"]}]}
    with IndexBuilder(tmp_path, operators=False) as builder:
        builder.curations = curations
        for article in VERSIONS:
            builder.add(article)
        builder.publish(ledger={}, settings={})
    (hit,) = Searcher(tmp_path, budget_ms=60_000).search("filter").hits
    assert hit.also == ()


@pytest.mark.parametrize("title", ["Print invoices", "Replace the filter"])
def test_an_index_of_carried_over_documents_has_the_groups_of_a_new_one(
    tmp_path: Path, title: str
) -> None:
    changed = page("print", title, f"{OTHER} Twice.")
    publish(tmp_path / "new", [*VERSIONS[:2], changed, VERSIONS[3]], operators=False)
    publish(tmp_path / "old", VERSIONS, operators=False)
    published(tmp_path / "old", [changed], [one.id for one in VERSIONS if one.id != changed.id])
    for audience in ("public", "staff"):
        new, old = (
            load_arrays(generation.partition(audience))
            for folder in ("new", "old")
            if (generation := Generations(tmp_path / folder).current()) is not None
        )
        names = [name for name in new if name.startswith("duplicate")]
        assert len(names) == 5
        for name in ("sketches", *names):
            assert new[name].tolist() == old[name].tolist(), name


def test_only_pairs_with_a_changed_document_are_compared_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"doc/{number}" for number in range(3)]
    texts = (f"{TEXT} {OTHER}", f"{TEXT} {TEXT}", TEXT)
    pages = [document(id_, "Filters", text) for id_, text in zip(ids, texts, strict=True)]
    publish(tmp_path, pages, operators=False)

    compared: list[tuple[int, int]] = []
    compare = near_duplicates._Texts._are_alike

    def recording(texts: near_duplicates._Texts, row: int, other: int) -> bool:
        compared.append((row, other))
        return compare(texts, row, other)

    monkeypatch.setattr(near_duplicates._Texts, "_are_alike", recording)
    published(tmp_path, [document("doc/more", "More", OTHER)], ids)
    assert compared == []
    published(tmp_path, [document("doc/1", "Filters", OTHER)], [ids[0], ids[2], "doc/more"])
    assert compared
    assert all(1 in pair for pair in compared)
