"""Articles as trees: their published HTML, whose tags the indexer's sanitiser limits, as elements.

Pages of other sites may forbid that HTML is parsed (Trusted Types); they build an article of the
nodes of ``article_nodes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

_VOID = frozenset({"br", "col", "hr", "img", "wbr"})
#: Attributes that mean something without a style sheet.
_KEPT = frozenset({"id", "href", "lang", "dir", "title", "start", "colspan", "rowspan", "scope"})
_DEEPEST = 60  # elements in each other; the text of deeper ones is kept


@dataclass(slots=True)
class ArticleElement:
    """An element and what it contains."""

    tag: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: list[ArticleElement | str] = field(default_factory=list)

    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text() for child in self.children)


def article_tree(html: str) -> ArticleElement:
    """The published HTML of an article, in one element."""
    tree = _Tree()
    tree.feed(html)
    tree.close()
    return tree.root


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = ArticleElement("div")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = ArticleElement(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        depth = next((i for i in range(len(self._open) - 1, 0, -1) if self._open[i].tag == tag), 0)
        if depth:
            del self._open[depth:]

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def article_nodes(html: str) -> list[Any]:
    """An article as JSON: each node is a text or ``[tag, attributes, *children]``.

    Of a picture it has the description, since the page that shows the article may forbid pictures.

    >>> article_nodes('<p>See <a href="/help/doc/ink" class="x">ink</a>.</p>')
    [['p', {}, 'See ', ['a', {'href': '/help/doc/ink'}, 'ink'], '.']]
    """
    return [_node(child, 1) for child in article_tree(html).children]


def _node(node: ArticleElement | str, depth: int) -> Any:
    if isinstance(node, str):
        return node
    if node.tag == "img":
        description = node.attributes.get("alt", "").strip()
        return ["em", {}, f"[{description}]"] if description else ""
    attributes = {name: value for name, value in node.attributes.items() if name in _KEPT}
    if depth == _DEEPEST:
        return [node.tag, attributes, node.text()]
    return [node.tag, attributes, *(_node(child, depth + 1) for child in node.children)]
