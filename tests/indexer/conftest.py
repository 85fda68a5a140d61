"""What the indexer's tests share: files on a real disk, read by the real readers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.readers import registry as reading
from indexer.readers.context import Library, Visit
from indexer.report import Finding
from indexer.sources import document_ids as shelf
from indexer.sources import walk as sources
from kb.search.documents import Document

TODAY = dt.date(2026, 11, 23)
Read = Callable[..., tuple[list[Document], list[Finding]]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "content"
    folder.mkdir()
    return folder


@pytest.fixture
def read(root: Path, tmp_path: Path) -> Read:
    """``read("faq", "a.md", text, **others)`` writes the files and gives (documents, findings) of
    the first.
    """

    def written(
        kind: str, name: str, text: str | bytes, **others: str | bytes
    ) -> tuple[list[Document], list[Finding]]:
        for path, content in {name: text, **others}.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        findings: list[Finding] = []
        source = sources.parse([f"{kind}={root}"])[0]
        files = {file.key: file for file in sources.walk(source, findings.append)}
        library = shelf.arrange(files, {}, files).library(files, {}, tmp_path / "media", TODAY)
        visit = Visit(files[f"{kind}=content/{name}"], library)
        documents = list(reading.read(visit))
        return documents, findings + visit.findings

    return written


@pytest.fixture
def library() -> Library:
    return Library(today=TODAY)
