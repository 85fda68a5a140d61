"""A reStructuredText file becomes one Document.

docutils renders it without raw HTML and without reading other files; what only Sphinx knows (roles,
its directives) is brought to plain reStructuredText before. Needs the extra ``rst``.
"""

from __future__ import annotations

import io
import re
from typing import Any

from indexer.html import sections, tree
from indexer.markdown.rendering import plain_paragraphs
from indexer.readers import metadata
from indexer.readers.context import ReadContext
from indexer.sources.format_detection import Unreadable
from kb.search.documents import Document

_DROPPED = "toctree|contents|index|highlight|only|automodule|autoclass|autofunction|raw|include|literalinclude|meta"
_SPHINX = (
    (re.compile(rf"^([ \t]*)\.\. (?:{_DROPPED})::.*\n(?:\1[ \t]+\S.*\n|[ \t]*\n(?=\1[ \t]+\S))*", re.M), ""),
    (re.compile(r"^([ \t]*)\.\. versionadded:: *(\S+)", re.M), r"\1**New in version \2**"),
    (re.compile(r"^([ \t]*)\.\. versionchanged:: *(\S+)", re.M), r"\1**Changed in version \2**"),
    (re.compile(r"^([ \t]*)\.\. deprecated:: *(\S+)", re.M), r"\1**Deprecated since version \2**"),
    (re.compile(r"^([ \t]*)\.\. seealso::", re.M), r"\1.. admonition:: See also"),
    (re.compile(r"^([ \t]*)\.\. code-cell::", re.M), r"\1.. code-block::"),
    (re.compile(r":doc:`([^`<>]{1,300}?)\s*<([^`<>]{1,300})>`"), r"`\1 <\2>`__"),
    (re.compile(r":doc:`((?:[^`<>]{0,300}/)?([^`<>/]{1,300}))`"), r"`\2 <\1>`__"),
    (re.compile(r":(?:doc|ref|term|numref|any):`([^`<>]{1,300}?)\s*<([^`<>]{1,300})>`"), r"*\1*"),
    (re.compile(r":(?:doc|ref|term|numref|any):`([^`]{1,300})`"), r"*\1*"),
    (re.compile(r":(?:[a-z]+:)?(?:func|class|mod|meth|attr|data|file|command|option|envvar|kbd|program|exc|samp|pep|rfc)"
                r":`[~!.]*([^`]{1,300})`"), r"``\1``"),
    (re.compile(r":(?:guilabel|menuselection|dfn|abbr):`([^`]{1,300})`"), r"**\1**"),
)  # fmt: skip
_HEAD = re.compile(r"\A\s*(?:(?:[^\w\s]{3,}\n)?[^\n:]{1,300}\n[^\w\s]{3,}\n+)?")
_DOCINFO = re.compile(r"((?::[\w .-]{1,40}:.*\n(?:[ \t]+.*\n)*)+)")
_FIELD = re.compile(r"^:([\w .-]{1,40}):[ \t]*(.*)$", re.M)
_SETTINGS: dict[str, Any] = {
    "raw_enabled": False, "file_insertion_enabled": False, "_disable_config": True, "embed_stylesheet": False,
    "stylesheet_path": None, "report_level": 5, "halt_level": 6, "input_encoding": "unicode",
    "syntax_highlight": "none", "smart_quotes": False, "math_output": "LaTeX", "initial_header_level": 2,
    "line_length_limit": 50_000, "traceback": True, "sectsubtitle_xform": False, "doctitle_xform": True,
    "warning_stream": io.StringIO(),
}  # fmt: skip


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The document in ``text``. Raises Unreadable when docutils is not installed."""
    found = metadata.split_metadata(text, context)
    if found is None:
        return ()
    facts, body = found
    values = _fields(body)
    if values:
        if not metadata.may_publish(values, context):
            return ()
        facts = metadata.parse_metadata(values, context, line=facts.line)
    root = tree.parse_html(_html(body, context), context)
    for element in list(root.iter("table", "dl", "div", "p")):
        if set((element.get("class") or "").split()) & {
            "docinfo",
            "system-message",
            "topic contents",
        }:
            tree.drop(element)
    cut = sections.to_article(root, context)
    if not any(section.text for section in cut.sections):
        context.note("It holds no text.", skipped=True)
        return ()
    return (
        metadata.make_document(
            context, facts, cut.sections, titles=(facts.title, cut.title), html=cut.html
        ),
    )


def _fields(body: str) -> dict[str, Any]:
    """The field list at the top, below the title, which stands for front matter."""
    head = _HEAD.match(body)
    top = _DOCINFO.match(body, head.end() if head else 0)
    return (
        {name.strip().lower(): value.strip() for name, value in _FIELD.findall(top[1])}
        if top
        else {}
    )


def _html(body: str, context: ReadContext) -> str:
    try:
        from docutils.core import publish_parts
    except ImportError:
        raise Unreadable(
            "reStructuredText is read with docutils: pip install 'askfirst[rst]'."
        ) from None
    if context.careful:
        return plain_paragraphs(body)
    for pattern, replacement in _SPHINX:
        body = pattern.sub(replacement, body + "\n")
    try:
        parts = publish_parts(body, writer="html5", settings_overrides=dict(_SETTINGS))
    except (
        Exception,
        SystemExit,
    ) as error:  # docutils raises whatever its directives raise, and would rather exit
        context.note(
            f"It could not be read as reStructuredText ({type(error).__name__}); its plain text "
            f"is shown."
        )
        return plain_paragraphs(body)
    return f"<h1>{parts['title']}</h1>{parts['body']}" if parts["title"] else str(parts["body"])
