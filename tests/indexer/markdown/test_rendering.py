"""Markdown that is too hard or too long for the engines."""

from __future__ import annotations

from pathlib import Path

from indexer.markdown import rendering
from indexer.readers import registry
from indexer.readers.context import ReadContext
from indexer.readers.site_index import SiteIndex
from indexer.sources.walk import SourceFile
from kb.search.documents import DocumentKind
from tests.indexer.conftest import source_file


def test_plain_paragraphs_are_the_last_resort(root: Path, site_index: SiteIndex) -> None:
    (root / "a.md").write_text("# T\n\n<script>x</script> & *more*")
    context = ReadContext(source_file(root / "a.md"), site_index, careful=2)
    document = next(iter(registry.read_file(context)))
    assert (document.title, document.text()) == ("T", "<script>x</script> & *more*")
    assert "<script" not in document.html


def test_a_text_beyond_the_limit_keeps_its_words(root: Path, site_index: SiteIndex) -> None:
    context = ReadContext(
        SourceFile(DocumentKind.DOC, "r", "a.md", 1, 1, "/r/a.md", "/r"), site_index
    )
    assert rendering.to_html("word " * 300_000, context).startswith("<p>word")
    assert "longer than 1 MB" in context.findings[0].sentence


def test_details_tables_and_code_in_lists_are_rendered(context: ReadContext) -> None:
    assert "<details" in rendering.to_html('??? note "More"\n    Hidden.', context)
    assert "<table>" in rendering.to_html("| a | b |\n|---|---|\n| 1 | 2 |", context)
    html = rendering.to_html("1. one\n\n   ```\n   x\n   ```\n2. two", context)
    assert "<li><p>two" in html.replace("\n", "")
