"""Code samples are a field of their own, which counts less than the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.search.documents import Document, DocumentKind, Region, RegionKind, Section
from kb.search.generations.generation import Generations
from kb.search.index.array_file import load_arrays
from tests.search.library import partition_of, publish, published, searcher


def page(name: str, *, text: str = "", code: str = "") -> Document:
    whole = "\n\n".join(filter(None, (text, code)))
    regions = (Region(RegionKind.CODE, len(whole) - len(code), len(whole)),) if code else ()
    return Document(f"doc/{name}", DocumentKind.DOC, "Page", (Section("", (), whole, regions),))


FILL = "Nothing else is said about it here."
IN_CODE = page("a", text=FILL, code="zephyrion --start now")
IN_TEXT = page("b", text=f"Start zephyrion now. {FILL}")
IN_COMMENT = page("a", text=FILL, code="run # you start zephyrion now")


@pytest.mark.parametrize("query", ["zephyrion", "start zephyrion now"])
def test_a_word_of_the_text_counts_more_than_one_of_code(query: str) -> None:
    partition = partition_of([IN_CODE, IN_TEXT])
    code, text = partition.bm25.score_all(partition.expand(query, prefix=False).terms).tolist()
    assert 0 < code < text


def test_a_comment_in_code_counts_as_text() -> None:
    def score(one: Document) -> float:
        partition = partition_of([one, IN_TEXT])
        terms = partition.expand("zephyrion", prefix=False).terms
        return float(partition.bm25.score_all(terms)[0])

    assert score(IN_COMMENT) > score(IN_CODE)


def test_what_only_code_has_is_found_and_completed(tmp_path: Path) -> None:
    asked = searcher(tmp_path, [IN_CODE, page("c", text=FILL)], operators=False)
    assert [hit.id for hit in asked.search("zephyrion").hits] == ["doc/a"]
    assert asked.suggest("zephyr", doubt=-99).hits[0].id == "doc/a"


def test_an_index_of_carried_over_documents_counts_like_a_new_one(tmp_path: Path) -> None:
    changed = page("c", text="Now zephyrion is told.", code="zephyrion --stop")
    publish(tmp_path / "new", [IN_CODE, IN_TEXT, changed], operators=False)
    publish(tmp_path / "old", [IN_CODE, IN_TEXT, page("c", text=FILL)], operators=False)
    published(tmp_path / "old", [changed], [IN_CODE.id, IN_TEXT.id])
    new, old = (
        load_arrays(generation.partition("public"))
        for folder in ("new", "old")
        if (generation := Generations(tmp_path / folder).current()) is not None
    )
    for name in new.keys() - {"row", "first"}:  # where the store has a document
        assert new[name].tolist() == old[name].tolist(), name
