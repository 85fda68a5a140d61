"""Markdown articles: one file becomes one Document.

Title: front matter, else the first heading, else the file's name; the others stay findable as
aliases. Files with many questions are read by ``faq``, threads by ``forums.markdown_thread``.
"""

from __future__ import annotations

from indexer.html.sections import to_article
from indexer.html.tree import Element, parse_html
from indexer.markdown.flavours import to_commonmark
from indexer.markdown.rendering import to_html
from indexer.readers.context import ReadContext
from indexer.readers.metadata import make_document, split_metadata
from indexer.readers.site_index import INDEX_PAGE
from indexer.readers.toctree import listed_contents
from kb.search.documents import Document


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The document in ``text``, or nothing, with a finding."""
    parts = split_metadata(text, context)
    if parts is None:
        return ()
    metadata, body = parts

    article = to_article(render(body, context), context, given_title=metadata.title)
    titles = (metadata.title, article.title)
    if not article.has_text:
        if not any(titles):
            context.note("no-text")
            return ()
        # The page of a section shows what is in its folder.
        if not (INDEX_PAGE.search(context.file.path) and metadata.fields["summary"]):
            context.note("no-text-title-only")
    contents, html = listed_contents(body, metadata), article.html
    return (
        make_document(context, metadata, article.sections, titles=titles, html=html, **contents),
    )


def render(body: str, context: ReadContext) -> Element:
    """The tree of a Markdown text in any flavour."""
    commonmark = body if context.careful else to_commonmark(body, context)
    return parse_html(to_html(commonmark, context), context)
