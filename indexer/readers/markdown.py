"""A Markdown article becomes one Document.

Title: front matter, else the first heading, else the file's name; the others stay findable as
aliases. Not for files that hold many questions (``faq``) or a forum topic (``topic``).
"""

from __future__ import annotations

from indexer.html import sections, tree
from indexer.markdown import flavours, rendering
from indexer.readers import metadata
from indexer.readers.context import ReadContext
from kb.search.documents import Document


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The document in ``text``, or nothing (with a finding) when it may not surface or holds no
    words.
    """
    found = metadata.split_metadata(text, context)
    if found is None:
        return ()
    facts, body = found
    cut = sections.to_article(rendered(body, context), context)
    if not any(section.text for section in cut.sections):
        if not (facts.title or cut.title):
            context.note("It holds no text.", skipped=True)
            return ()
        context.note("It holds no text; only its title and summary can be found.")
    return (
        metadata.make_document(
            context, facts, cut.sections, titles=(facts.title, cut.title), html=cut.html
        ),
    )


def rendered(body: str, context: ReadContext) -> tree.Element:
    """The tree of a Markdown text in any dialect."""
    plain = flavours.to_commonmark(body, context) if not context.careful else body
    return tree.parse_html(rendering.to_html(plain, context), context)
