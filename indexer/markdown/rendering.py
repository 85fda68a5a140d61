"""Markdown to HTML, whatever is in it.

Editors' Markdown goes to Python-Markdown with pymdown-extensions, written beforehand so that lists,
tables, quotes and HTML mean what they mean on GitHub. mistune renders what others wrote, and stands
in where a text is too long for Python-Markdown or took too much of the worker's time. What neither
can render is shown as plain paragraphs. The result is not safe: ``indexer.html`` sanitizes it.
"""

from __future__ import annotations

import functools
import html
import re
import string
from collections.abc import Callable
from typing import Any

from indexer.markdown import html_blocks
from indexer.markdown.lists import normalize_lists
from indexer.markdown.tables import normalize_tables
from indexer.readers.context import ReadContext
from kb.search.documents import DocumentKind

_MEGABYTE = 1024 * 1024

#: Characters. A longer text is shown as plain paragraphs.
LIMIT = _MEGABYTE
#: Python-Markdown is quadratic in some inputs, and gets shorter texts only.
PYTHON_MARKDOWN_LIMIT = 64 * 1024

#: The line above footnotes, and what is left of it.
_FOOTNOTES = ('<div class="footnote">\n<hr />', '<div class="footnote">')
_MISTUNE_PLUGINS = ("table", "strikethrough", "footnotes", "def_list", "task_lists", "url")
_PYTHON_MARKDOWN_EXTENSIONS = (
    "tables",
    "footnotes",
    "def_list",
    "attr_list",
    "sane_lists",
    "admonition",
    "abbr",
    "md_in_html",
    "pymdownx.highlight",
    "pymdownx.superfences",
    "pymdownx.magiclink",
    "pymdownx.details",
    "pymdownx.tabbed",
    "pymdownx.tilde",
    "pymdownx.tasklist",
)

#: What the engines raise for texts that their authors did not think of.
_ENGINE_ERRORS = (
    RecursionError,
    MemoryError,
    ValueError,
    IndexError,
    KeyError,
    AttributeError,
    TypeError,
)


def to_html(text: str, context: ReadContext) -> str:
    """HTML of ``text``, not yet safe.

    ``context.careful`` 1 escapes raw HTML and uses the engine without known weaknesses, 2 renders
    plain paragraphs. Forum threads, which visitors wrote, always go to that engine.
    """
    if len(text) > LIMIT:
        context.note("too-long-to-format", limit=LIMIT // _MEGABYTE)
        return plain_paragraphs(text)
    if context.careful > 1:
        return plain_paragraphs(text)

    try:
        if context.careful:
            return _mistune(escape=True)(text)
        if len(text) > PYTHON_MARKDOWN_LIMIT or context.file.kind is DocumentKind.FORUM:
            return _mistune(escape=False)(normalize_tables(text))
        return _python_markdown(text)
    except _ENGINE_ERRORS as error:
        context.note("markdown-failed", reason=type(error).__name__)

    try:
        return _mistune(escape=True)(text)
    except _ENGINE_ERRORS:
        return plain_paragraphs(text)


@functools.cache
def _mistune(*, escape: bool) -> Callable[[str], str]:
    import mistune
    from mistune.plugins.table import table_in_list, table_in_quote

    renderer = mistune.HTMLRenderer(escape=escape, allow_harmful_protocols=["xref:"])
    plugins: list[Any] = [*_MISTUNE_PLUGINS, table_in_list, table_in_quote]
    engine = mistune.create_markdown(escape=escape, renderer=renderer, plugins=plugins)
    return lambda text: str(engine(text))


def _python_markdown(text: str) -> str:
    text, blocks = html_blocks.take_out(html_blocks.name_labels(text))
    engine = _python_markdown_engine()
    html = engine.reset().convert(normalize_tables(normalize_lists(text)))
    return html_blocks.put_back(html.replace(*_FOOTNOTES), blocks)


@functools.cache
def _python_markdown_engine() -> Any:
    import markdown

    configs = {
        "pymdownx.highlight": {"use_pygments": False},
        "pymdownx.tabbed": {"alternate_style": False},
    }
    extensions = list(_PYTHON_MARKDOWN_EXTENSIONS)
    engine = markdown.Markdown(extensions=extensions, extension_configs=configs)
    # As CommonMark has it: a backslash before any punctuation shows that as it is.
    engine.ESCAPED_CHARS = list(string.punctuation)
    return engine


def plain_paragraphs(text: str) -> str:
    """Plain paragraphs and headings, escaped. Linear in time, and cannot fail.

    >>> plain_paragraphs("# A\\n\\nb < c")
    '<h1>A</h1>\\n<p>b &lt; c</p>'
    """
    parts = []
    for block in re.split(r"\n[ \t]*\n", text):
        block = block.strip()
        heading = re.fullmatch(r"(#{1,6}) (.*)", block)
        if heading:
            level = len(heading[1])
            parts.append(f"<h{level}>{html.escape(heading[2].strip())}</h{level}>")
        elif block:
            parts.append(f"<p>{html.escape(block)}</p>")
    return "\n".join(parts)
