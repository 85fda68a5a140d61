import gzip
import os
from pathlib import Path

import pytest

from indexer.sources import format_detection, walk
from indexer.sources.format_detection import Format, Unreadable
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


def test_what_is_too_large_or_empty_says_so(root: Path) -> None:
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
def test_a_wrong_source_is_one_sentence(word: str) -> None:
    with pytest.raises(Invalid) as caught:
        walk.parse_sources([word])
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_roots_of_one_name_stay_apart(tmp_path: Path) -> None:
    for name in ("a/docs", "b/docs"):
        (tmp_path / name).mkdir(parents=True)
    named = walk.parse_sources([f"doc={tmp_path}/a/docs", f"doc={tmp_path}/b/docs"])
    assert [source.name for source in named] == ["docs", "docs-2"]


@pytest.mark.parametrize(
    ("path", "head", "expected"),
    [
        ("a.md", b"# Title", Format.MARKDOWN),
        ("a.md", b"<html><body>pasted", Format.MARKDOWN),
        ("a.html", b"<p>fragment", Format.HTML),
        ("a", b"\n\n<!DOCTYPE html><html>", Format.HTML),
        ("a.xml", b'\xef\xbb\xbf<?xml version="1.0"?>\n<posts>', Format.STACK_EXCHANGE),
        ("a.xhtml", b'<?xml version="1.0"?><!DOCTYPE html><html>', Format.HTML),
        ("PostLinks.xml", b"<postlinks>", Format.COMPANION),
        ("a.json", b'{"post_stream": {}}', Format.DISCOURSE),
    ],
)
def test_the_format_is_found_in_the_content(path: str, head: bytes, expected: Format) -> None:
    assert format_detection.detect_format(path, head) is expected


@pytest.mark.parametrize(
    ("path", "head", "code"),
    [
        ("a.png.md", b"\x00\x01\x02" * 100, "binary-file"),
        ("a.json", b'{"redirections": []}', "not-discourse"),
        ("a.xml", b"<feed>", "unknown-xml"),
        ("a.yml", b"a: b", "unknown-format"),
        ("layout.html", b"<html><title>{{ .Title }}</title>", "template"),
        ("part.html", b"{% for page in pages %}<p>{{ page }}</p>", "template"),
    ],
)
def test_a_file_that_is_not_read_says_why(path: str, head: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        format_detection.detect_format(path, head)
    assert caught.value.code == code


def test_a_packed_page_is_unpacked_within_bounds() -> None:
    assert format_detection.decompress(gzip.compress(b"<html>"), 100) == b"<html>"
    with pytest.raises(Unreadable) as caught:
        format_detection.decompress(gzip.compress(b"x" * 5_000_000), 1024 * 1024)
    assert caught.value.code == "too-large-unpacked"
    with pytest.raises(Unreadable) as caught:
        format_detection.decompress(b"\x1f\x8b\x08broken", 100)
    assert caught.value.code == "damaged-gzip"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfa\r\nb\rc", "a\nb\nc"),
        ("größer".encode("latin-1"), "größer"),
        ("größer".encode("utf-16"), "größer"),
        (b"a\x00b", "ab"),
        (b'<meta charset="utf-8">caf\xe9', '<meta charset="utf-8">café'),
    ],
)
def test_bytes_become_text_whatever_their_encoding(data: bytes, text: str) -> None:
    assert format_detection.decode_text(data)[0] == text
