"""Markdown to HTML, whatever is in it.

The engine follows the flavour: CommonMark and GitHub text goes to mistune, text with
Python-Markdown's own marks (``!!!``, ``???``, ``===``, ``{: }``) to Python-Markdown. Both are
bounded by size here and by the worker's clock; what they cannot render is shown as plain
paragraphs. The result is not safe: ``indexer.html`` sanitizes it.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Callable
from typing import Any

from indexer.markdown.tables import normalize_tables
from indexer.readers.context import ReadContext

_MEGABYTE = 1024 * 1024

#: Characters. A longer text is shown as plain paragraphs.
LIMIT = _MEGABYTE
#: Python-Markdown is quadratic in some inputs, and gets shorter texts only.
PYTHON_MARKDOWN_LIMIT = 64 * 1024

_PYTHON_MARKDOWN_MARKS = re.compile(
    r"^(?:!!! ?\w|\?\?\?\+? ?\w|=== \"|\*\[[^\]\n]+\]: )|^\{: ?[#.\w]"
    r"|\{: ?[#.][\w-]+ ?\}$|^\[TOC\]$|<\w+[^>\n]* markdown(?:=|>)",
    re.M,
)
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
    "pymdownx.superfences",
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
    plain paragraphs.
    """
    if len(text) > LIMIT:
        context.note("too-long-to-format", limit=LIMIT // _MEGABYTE)
        return plain_paragraphs(text)
    if context.careful > 1:
        return plain_paragraphs(text)

    try:
        if context.careful:
            return _mistune(escape=True)(text)
        if len(text) <= PYTHON_MARKDOWN_LIMIT and _PYTHON_MARKDOWN_MARKS.search(text):
            return _python_markdown()(normalize_tables(text))
        return _mistune(escape=False)(normalize_tables(text))
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


@functools.cache
def _python_markdown() -> Callable[[str], str]:
    import markdown

    configs = {
        "pymdownx.highlight": {"use_pygments": False},
        "pymdownx.tabbed": {"alternate_style": False},
    }
    extensions = list(_PYTHON_MARKDOWN_EXTENSIONS)
    engine = markdown.Markdown(extensions=extensions, extension_configs=configs)
    return lambda text: engine.reset().convert(text)


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
