"""How does Markdown become HTML, whatever is in it?

The engine follows the dialect: CommonMark and GitHub text goes to mistune, text with
Python-Markdown's own marks (``!!!``, ``???``, ``===``, ``{: }``) to Python-Markdown. Both are
bounded here by size and by the worker's clock; what they cannot do is shown as plain paragraphs.
The result is raw: ``cleaning`` makes it safe.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Callable
from typing import Any

from indexer.markdown import tables
from indexer.readers.context import ReadContext

#: Characters. Beyond it a text is shown as plain paragraphs.
LIMIT = 1024 * 1024
#: Python-Markdown is quadratic in some inputs, so that it is given shorter texts.
PYTHON_MARKDOWN_LIMIT = 64 * 1024
_OWN_MARKS = re.compile(
    r"^(?:!!! ?\w|\?\?\?\+? ?\w|=== \"|\*\[[^\]\n]+\]: )|^\{: ?[#.\w]"
    r"|\{: ?[#.][\w-]+ ?\}$|^\[TOC\]$|<\w+[^>\n]* markdown(?:=|>)",
    re.M,
)
_PLUGINS = ("table", "strikethrough", "footnotes", "def_list", "task_lists", "url")
_EXTENSIONS = (
    "tables", "footnotes", "def_list", "attr_list", "sane_lists", "admonition", "abbr", "md_in_html",
    "pymdownx.superfences", "pymdownx.details", "pymdownx.tabbed", "pymdownx.tilde", "pymdownx.tasklist",
)  # fmt: skip


def to_html(text: str, context: ReadContext) -> str:
    """HTML of ``text``, not yet safe. ``context.careful`` 1 escapes raw HTML, 2 renders plain
    paragraphs.
    """
    if len(text) > LIMIT:
        context.note(
            f"The text is longer than {LIMIT // 1024**2} MB, so it is shown without its formatting."
        )
        return plain_paragraphs(text)
    if context.careful > 1:
        return plain_paragraphs(text)
    try:
        return _engine(text, context)(text if context.careful else tables.normalize_tables(text))
    except (
        RecursionError,
        MemoryError,
        ValueError,
        IndexError,
        KeyError,
        AttributeError,
        TypeError,
    ) as error:
        context.note(
            f"It could not be rendered as Markdown ({type(error).__name__}); a simpler rendering "
            f"is shown."
        )
    try:
        return _mistune(escape=True)(text)
    except (
        RecursionError,
        MemoryError,
        ValueError,
        IndexError,
        KeyError,
        AttributeError,
        TypeError,
    ):
        return plain_paragraphs(text)


def _engine(text: str, context: ReadContext) -> Callable[[str], str]:
    if context.careful:
        return _mistune(escape=True)
    if len(text) <= PYTHON_MARKDOWN_LIMIT and _OWN_MARKS.search(text):
        return _python_markdown()
    return _mistune(escape=False)


@functools.cache
def _mistune(*, escape: bool) -> Callable[[str], str]:
    import mistune
    from mistune.plugins.table import table_in_list, table_in_quote

    renderer = mistune.HTMLRenderer(escape=escape, allow_harmful_protocols=["xref:"])
    plugins: list[Any] = [*_PLUGINS, table_in_list, table_in_quote]
    engine = mistune.create_markdown(escape=escape, renderer=renderer, plugins=plugins)
    return lambda text: str(engine(text))


@functools.cache
def _python_markdown() -> Callable[[str], str]:
    import markdown

    configs = {
        "pymdownx.highlight": {"use_pygments": False},
        "pymdownx.tabbed": {"alternate_style": False},
    }
    engine = markdown.Markdown(extensions=list(_EXTENSIONS), extension_configs=configs)
    return lambda text: engine.reset().convert(text)


def plain_paragraphs(text: str) -> str:
    """Plain paragraphs and headings, each escaped: linear, and cannot fail.

    >>> plain_paragraphs("# A\\n\\nb < c")
    '<h1>A</h1>\\n<p>b &lt; c</p>'
    """
    parts = []
    for block in re.split(r"\n[ \t]*\n", text):
        block = block.strip()
        marks = len(block) - len(block.lstrip("#"))
        if 1 <= marks <= 6 and block[marks : marks + 1] == " " and "\n" not in block:
            parts.append(f"<h{marks}>{html.escape(block[marks:].strip())}</h{marks}>")
        elif block:
            parts.append(f"<p>{html.escape(block)}</p>")
    return "\n".join(parts)
