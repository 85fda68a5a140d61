from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kb.errors import Unavailable
from kb.search.documents import Document
from kb.search.generations import previews
from tests.search.library import ARTICLES, document

EVERYBODY = ("public",)


def test_articles_come_back_as_they_were_kept_for_those_who_may_see_them(tmp_path: Path) -> None:
    path = tmp_path / "data" / previews.FILE
    kept = previews.keep(ARTICLES, path)
    assert kept == tuple((one.id, one.title) for one in ARTICLES)
    assert previews.listed(path, EVERYBODY) == kept[:-1]
    assert previews.find(path, "doc/port", EVERYBODY) == ARTICLES[0]
    assert previews.find(path, "doc/runbook", EVERYBODY) is None
    assert previews.find(path, "doc/runbook", ("staff",)) == ARTICLES[-1]


def test_a_preview_is_one_file_that_is_replaced_under_its_readers(tmp_path: Path) -> None:
    path = tmp_path / previews.FILE
    previews.keep(ARTICLES, path)
    reading = path.stat().st_ino

    def looked_at_meanwhile() -> Iterator[Document]:
        yield document("doc/new", "New")
        assert not path.exists() or path.stat().st_ino == reading

    previews.keep(looked_at_meanwhile(), path)
    assert [one.name for one in tmp_path.iterdir()] == [previews.FILE]
    assert previews.listed(path, EVERYBODY) == (("doc/new", "New"),)


def test_only_so_many_are_kept(tmp_path: Path) -> None:
    many = (document(f"doc/{i}", "T") for i in range(previews.MOST + 5))
    assert len(previews.keep(many, tmp_path / previews.FILE)) == previews.MOST


def test_what_a_killed_check_left_is_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / previews.FILE
    (tmp_path / f".{previews.FILE}.4711").write_bytes(b"half")
    previews.forget(path)
    assert not list(tmp_path.iterdir())
    assert previews.listed(path, EVERYBODY) == ()
    assert previews.find(path, "doc/port", EVERYBODY) is None


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_a_damaged_preview_is_told(tmp_path: Path, damage: str) -> None:
    path = tmp_path / previews.FILE
    previews.keep(ARTICLES, path)
    whole = path.read_bytes()
    path.write_bytes(
        whole[:-5] if damage == "cut" else whole.replace(b'["doc/port"', b'["doc/port}')
    )
    with pytest.raises(Unavailable):
        previews.listed(path, EVERYBODY)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(Unavailable, match="cannot be"):
        previews.keep(ARTICLES, tmp_path / "data" / previews.FILE)
