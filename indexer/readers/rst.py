"""reStructuredText: one file becomes one Document. Requires the extra ``rst``.

docutils renders it without raw HTML and without reading other files. What only Sphinx knows (its
roles and directives) is rewritten to plain reStructuredText before.
"""

from __future__ import annotations

import io
import re
from typing import Any

from indexer.html.sections import to_article
from indexer.html.tree import drop, parse_html
from indexer.markdown.rendering import plain_paragraphs
from indexer.readers.context import ReadContext
from indexer.readers.metadata import (
    make_document,
    may_publish,
    parse_metadata,
    split_front_matter,
)
from indexer.readers.toctree import listed_contents
from indexer.sources.format_detection import Unreadable
from kb.search.documents import Document

_REMOVED_DIRECTIVES = (
    "toctree|contents|index|highlight|only|automodule|autoclass|autofunction|raw|include"
    "|literalinclude|meta"
)
_CODE_ROLES = (
    "func|class|mod|meth|attr|data|file|command|option|envvar|kbd|program|exc|samp|pep|rfc"
)

#: (pattern, replacement), in this order.
_SPHINX = (
    (
        re.compile(
            rf"^([ \t]*)\.\. (?:{_REMOVED_DIRECTIVES})::.*\n"
            r"(?:\1[ \t]+\S.*\n|[ \t]*\n(?=\1[ \t]+\S))*",
            re.M,
        ),
        "",
    ),
    (re.compile(r"^([ \t]*)\.\. versionadded:: *(\S+)", re.M), r"\1**New in version \2**"),
    (re.compile(r"^([ \t]*)\.\. versionchanged:: *(\S+)", re.M), r"\1**Changed in version \2**"),
    (re.compile(r"^([ \t]*)\.\. deprecated:: *(\S+)", re.M), r"\1**Deprecated since version \2**"),
    (re.compile(r"^([ \t]*)\.\. seealso::", re.M), r"\1.. admonition:: See also"),
    (re.compile(r"^([ \t]*)\.\. code-cell::", re.M), r"\1.. code-block::"),
    (re.compile(r":doc:`([^`<>]{1,300}?)\s*<([^`<>]{1,300})>`"), r"`\1 <\2>`__"),
    (re.compile(r":doc:`((?:[^`<>]{0,300}/)?([^`<>/]{1,300}))`"), r"`\2 <\1>`__"),
    (re.compile(r":(?:doc|ref|term|numref|any):`([^`<>]{1,300}?)\s*<([^`<>]{1,300})>`"), r"*\1*"),
    (re.compile(r":(?:doc|ref|term|numref|any):`([^`]{1,300})`"), r"*\1*"),
    (re.compile(rf":(?:[a-z]+:)?(?:{_CODE_ROLES}):`[~!.]*([^`]{{1,300}})`"), r"``\1``"),
    (re.compile(r":(?:guilabel|menuselection|dfn|abbr):`([^`]{1,300})`"), r"**\1**"),
)

_TITLE = re.compile(r"\A\s*(?:(?:[^\w\s]{3,}\n)?[^\n:]{1,300}\n[^\w\s]{3,}\n+)?")
_FIELD_LIST = re.compile(r"((?::[\w .-]{1,40}:.*\n(?:[ \t]+.*\n)*)+)")
_FIELD = re.compile(r"^:([\w .-]{1,40}):[ \t]*(.*)$", re.M)

_DOCUTILS_SETTINGS: dict[str, Any] = {
    # No other file, and nothing that runs
    "raw_enabled": False,
    "file_insertion_enabled": False,
    "_disable_config": True,
    "line_length_limit": 50_000,
    # Errors in the text are no errors of ours: docutils renders what it can
    "report_level": 5,
    "halt_level": 6,
    "traceback": True,
    "warning_stream": io.StringIO(),
    # The HTML that ``to_article`` expects
    "embed_stylesheet": False,
    "stylesheet_path": None,
    "input_encoding": "unicode",
    "syntax_highlight": "none",
    "smart_quotes": False,
    "math_output": "LaTeX",
    "initial_header_level": 2,
    "sectsubtitle_xform": False,
    "doctitle_xform": True,
}

#: Classes of what docutils adds to the text.
_ADDED_CLASSES = frozenset({"docinfo", "system-message", "topic contents"})


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The document in ``text``. Raises Unreadable when docutils is not installed."""
    parts = split_front_matter(text, context)
    if parts is None:
        return ()
    front_matter, body, line = parts

    # Neither may lift what the other restricts.
    docinfo = _docinfo(body)
    if "audience" in docinfo and any(name.lower() == "audience" for name in front_matter):
        docinfo.pop("audience")
    values = {**front_matter, **docinfo}
    if not may_publish(values, context):
        return ()
    metadata = parse_metadata(values, context, line=line)

    root = parse_html(_to_html(body, context), context)
    for element in list(root.iter("table", "dl", "div", "p")):
        if _ADDED_CLASSES & set((element.get("class") or "").split()):
            drop(element)

    article = to_article(root, context)
    titles, contents = (metadata.title, article.title), listed_contents(body, metadata)
    if not article.has_text and not (any(titles) and contents):
        context.note("no-text")
        return ()
    html = article.html
    return (
        make_document(context, metadata, article.sections, titles=titles, html=html, **contents),
    )


def _docinfo(body: str) -> dict[str, Any]:
    """The field list below the title, which stands for front matter."""
    title = _TITLE.match(body)
    field_list = _FIELD_LIST.match(body, title.end() if title else 0)
    if field_list is None:
        return {}
    return {name.strip().lower(): value.strip() for name, value in _FIELD.findall(field_list[1])}


def _to_html(body: str, context: ReadContext) -> str:
    try:
        from docutils.core import publish_parts
    except ImportError:
        raise Unreadable(
            "missing-package", format="reStructuredText", package="docutils", extra="rst"
        ) from None

    if context.careful:
        return plain_paragraphs(body)
    for pattern, replacement in _SPHINX:
        body = pattern.sub(replacement, body + "\n")

    # docutils raises whatever its directives raise, and would rather exit.
    try:
        parts = publish_parts(body, writer="html5", settings_overrides=dict(_DOCUTILS_SETTINGS))
    except (Exception, SystemExit) as error:
        context.note("rst-failed", reason=type(error).__name__)
        return plain_paragraphs(body)
    title = f"<h1>{parts['title']}</h1>" if parts["title"] else ""
    return f"{title}{parts['body']}"
