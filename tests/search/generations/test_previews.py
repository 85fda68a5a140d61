from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kb.errors import Unavailable
from kb.search.documents import Document
from kb.search.generations.previews import MAX_PREVIEWS, PreviewFile
from tests.search.library import ARTICLES, document

EVERYBODY = ("public",)


def test_articles_come_back_as_they_were_kept_for_those_who_may_see_them(tmp_path: Path) -> None:
    previews = PreviewFile.in_folder(tmp_path / "data")
    kept = previews.replace(ARTICLES)
    assert kept == tuple((article.id, article.title) for article in ARTICLES)
    assert previews.listing(EVERYBODY) == kept[:-1]
    assert previews.article("doc/port", EVERYBODY) == ARTICLES[0]
    assert previews.article("doc/runbook", EVERYBODY) is None
    assert previews.article("doc/runbook", ("staff",)) == ARTICLES[-1]


def test_a_preview_is_one_file_that_is_replaced_under_its_readers(tmp_path: Path) -> None:
    previews = PreviewFile.in_folder(tmp_path)
    previews.replace(ARTICLES)
    first = previews.path.stat().st_ino

    def articles_while_readers_look() -> Iterator[Document]:
        yield document("doc/new", "New")
        assert not previews.path.exists() or previews.path.stat().st_ino == first

    previews.replace(articles_while_readers_look())
    assert list(tmp_path.iterdir()) == [previews.path]
    assert previews.listing(EVERYBODY) == (("doc/new", "New"),)


def test_only_so_many_are_kept(tmp_path: Path) -> None:
    many = (document(f"doc/{i}", "T") for i in range(MAX_PREVIEWS + 5))
    assert len(PreviewFile.in_folder(tmp_path).replace(many)) == MAX_PREVIEWS


def test_the_next_check_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    previews = PreviewFile.in_folder(tmp_path)
    (tmp_path / f".{PreviewFile.NAME}.4711").write_bytes(b"half")
    previews.clear()
    assert not list(tmp_path.iterdir())
    assert previews.listing(EVERYBODY) == ()
    assert previews.article("doc/port", EVERYBODY) is None


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_a_damaged_preview_raises(tmp_path: Path, damage: str) -> None:
    previews = PreviewFile.in_folder(tmp_path)
    previews.replace(ARTICLES)
    content = previews.path.read_bytes()
    previews.path.write_bytes(
        content[:-5] if damage == "cut" else content.replace(b'["doc/port"', b'["doc/port}')
    )
    with pytest.raises(Unavailable):
        previews.listing(EVERYBODY)


def test_a_folder_that_cannot_be_written_raises(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(Unavailable):
        PreviewFile.in_folder(tmp_path / "data").replace(ARTICLES)
