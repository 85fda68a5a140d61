"""A Markdown article becomes one Document.

Title: front matter, else the first heading, else the file's name; the others stay findable as
aliases. Not for files that hold many questions (``faq``) or a forum topic (``topic``).
"""

from __future__ import annotations

from indexer.html import sections as cutting
from indexer.html import tree as markup
from indexer.markdown import flavours as dialects
from indexer.markdown import rendering
from indexer.readers import metadata as front
from indexer.readers.context import Visit
from kb.search.documents import Document


def read(text: str, visit: Visit) -> tuple[Document, ...]:
    """The document in ``text``, or nothing (with a finding) when it may not surface or holds no
    words.
    """
    found = front.read(text, visit)
    if found is None:
        return ()
    facts, body = found
    cut = cutting.cut(rendered(body, visit), visit)
    if not any(section.text for section in cut.sections):
        if not (facts.title or cut.title):
            visit.note("It holds no text.", skipped=True)
            return ()
        visit.note("It holds no text; only its title and summary can be found.")
    return (
        front.document(visit, facts, cut.sections, titles=(facts.title, cut.title), html=cut.html),
    )


def rendered(body: str, visit: Visit) -> markup.Element:
    """The tree of a Markdown text in any dialect."""
    plain = dialects.plain(body, visit) if not visit.careful else body
    return markup.tree(rendering.to_html(plain, visit), visit)
