"""What the indexer's tests share: files on a real disk, read by the real readers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from indexer.readers import registry
from indexer.readers.context import ReadContext
from indexer.readers.site_index import SiteIndex
from indexer.sources import document_ids, walk
from indexer.sources.walk import SourceFile
from kb.search.documents import Document, DocumentKind
from kb.search.generations.findings import Finding

TODAY = dt.date(2026, 11, 23)
Read = Callable[..., tuple[list[Document], list[Finding]]]


def codes(findings: Iterable[Finding]) -> list[str]:
    return [finding.code for finding in findings]


def source_file(path: Path, kind: DocumentKind = DocumentKind.DOC) -> SourceFile:
    facts = path.stat()
    return SourceFile(
        kind,
        path.parent.name,
        path.name,
        facts.st_size,
        facts.st_mtime_ns,
        str(path),
        str(path.parent),
    )


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
        source = walk.parse_sources([f"{kind}={root}"])[0]
        files = {file.key: file for file in walk.walk_files(source, findings.append)}
        site_index = document_ids.assign_ids(files, {}, files, TODAY).site_index(
            files, {}, tmp_path / "media", TODAY
        )
        context = ReadContext(files[f"{kind}=content/{name}"], site_index)
        documents = list(registry.read_file(context))
        return documents, findings + context.findings

    return written


@pytest.fixture
def site_index() -> SiteIndex:
    return SiteIndex(today=TODAY)


@pytest.fixture
def context(site_index: SiteIndex) -> ReadContext:
    """Of a file that does not exist: for what needs no file."""
    file = SourceFile(DocumentKind.DOC, "docs", "a.md", 1, 1, "/docs/a.md", "/docs")
    return ReadContext(file, site_index)
