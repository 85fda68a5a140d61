import os
from pathlib import Path

import pytest

from indexer.sources import walk
from kb.errors import Invalid
from kb.search.generations.findings import Finding


def _walk(root: Path) -> tuple[list[str], dict[str, str]]:
    skipped: list[Finding] = []
    files = walk.walk_files(walk.parse_sources([f"doc={root}"])[0], skipped.append)
    return [file.path for file in files], {finding.source: finding.code for finding in skipped}


def test_files_come_in_a_fixed_order_with_their_folders(root: Path) -> None:
    for name in ("b.md", "a/z.md", "a/b/c.md", "A.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    assert _walk(root) == (["A.md", "b.md", "a/z.md", "a/b/c.md"], {})


def test_symbolic_links_are_skipped_with_a_reason(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret")
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault" / "key.md").write_text("secret")
    (root / "link.md").symlink_to(tmp_path / "secret.md")
    (root / "folder").symlink_to(tmp_path / "vault")
    (root / "loop").symlink_to(root)
    files, skipped = _walk(root)
    assert files == []
    assert sorted(skipped) == ["content/folder", "content/link.md", "content/loop"]
    assert set(skipped.values()) == {"symbolic-link"}


def test_a_pipe_is_never_opened(root: Path) -> None:
    os.mkfifo(root / "pipe.md")
    assert _walk(root) == ([], {"content/pipe.md": "special-file"})


def test_hidden_and_part_folders_hold_no_pages(root: Path) -> None:
    for name in (
        ".git/x.md",
        "_includes/x.md",
        "includes/x.md",
        "drafts/x.md",
        "_posts/x.md",
        ".x.md",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    files, skipped = _walk(root)
    assert files == ["_posts/x.md"]
    assert skipped == {
        "content/_includes/": "folder-of-parts",
        "content/includes/": "folder-of-parts",
        "content/drafts/": "unpublished-folder",
    }


def test_files_that_are_too_large_or_empty_are_skipped(root: Path) -> None:
    with (root / "big.md").open("wb") as big:
        big.truncate(walk.SIZE_LIMIT + 1)
    (root / "empty.md").write_text("")
    (root / "picture.png").write_bytes(b"\x89PNG")
    files, skipped = _walk(root)
    assert files == []
    assert skipped == {
        "content/big.md": "too-large",
        "content/empty.md": "empty-file",
    }


@pytest.mark.parametrize("word", ["docs", "page=x", "doc=", "doc=/no/such/place", "doc=/dev/null"])
def test_an_invalid_source_is_refused_by_name(word: str) -> None:
    with pytest.raises(Invalid) as caught:
        walk.parse_sources([word])
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_roots_of_one_name_stay_apart(tmp_path: Path) -> None:
    for name in ("a/docs", "b/docs"):
        (tmp_path / name).mkdir(parents=True)
    named = walk.parse_sources([f"doc={tmp_path}/a/docs", f"doc={tmp_path}/b/docs"])
    assert [source.name for source in named] == ["docs", "docs-2"]


def test_a_source_may_have_a_default_audience(tmp_path: Path) -> None:
    (tmp_path / "wiki").mkdir()
    (tmp_path / "wiki" / "a.md").write_text("# A\n\nText.")
    (source,) = walk.parse_sources([f"doc@Staff={tmp_path / 'wiki'}"])
    (file,) = walk.walk_files(source, lambda _: None)
    assert (source.audience, file.audience, file.key) == ("staff", "staff", "doc@staff=wiki/a.md")
    assert file.name == "wiki/a.md"
    for word in ("doc@=x", "doc@a/b=x", "@staff=x"):
        with pytest.raises(Invalid):
            walk.parse_sources([word.replace("x", str(tmp_path))])


def test_hard_links_out_of_the_tree_are_skipped(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret")
    os.link(tmp_path / "secret.md", root / "link.md")
    (root / "a.md").write_text("# A")
    os.link(root / "a.md", root / "b.md")  # both names are within
    assert _walk(root) == (["a.md", "b.md"], {"content/link.md": "hard-link"})
    (tmp_path / "secret.md").unlink()
    assert _walk(root)[0] == ["a.md", "b.md", "link.md"]
