"""What help authoring tools and word processors export in place of HTML's own elements.

Their lists are paragraphs that begin with a sign (``•``, ``o``, ``§``); they become lists again.
Links that only open the frame of a table of contents are removed.
"""

from __future__ import annotations

import re

from lxml import html as lxml_html

from indexer.html.tree import BLOCKS, Element, drop, squeeze_space

_CONTENTS_LINK = re.compile(r"[<«\s]*click to display table of contents[>»\s]*", re.IGNORECASE)

#: Signs that mean a list wherever a paragraph begins with them: bullets, and what Wingdings and
#: Symbol show for others.
_SIGNS = "•·▪▫◦●○■□‣⁃\uf0b7\uf0a7\uf0d8"
#: Letters that mean a list only in an element of their own, as "o" is also a word.
_LETTERS = ("o", "§", "-", "–")
_MARGIN = re.compile(r"(?:margin-left|padding-left)\s*:\s*(\d+(?:\.\d+)?)", re.IGNORECASE)


def repair_export(root: Element) -> None:
    """Change ``root`` so that exported pages look as if they had been written in HTML."""
    _drop_contents_links(root)
    for parent in {id(element): element for element in _parents(root)}.values():
        _restore_lists(parent)


def _drop_contents_links(root: Element) -> None:
    for link in list(root.iter("a")):
        if not _CONTENTS_LINK.fullmatch(link.text_content() or ""):
            continue
        block = link.getparent()
        drop(link)
        if block is not None and block is not root and not squeeze_space(block.text_content()):
            drop(block)


def _parents(root: Element) -> list[Element]:
    """The elements that contain paragraphs with a sign."""
    paragraphs = (element for element in root.iter("p", "div") if _sign(element))
    return [paragraph.getparent() for paragraph in paragraphs if paragraph is not root]


def _sign(paragraph: Element) -> str:
    """The sign that a paragraph begins with; "" for any other paragraph."""
    if paragraph.tag == "div" and any(child.tag in BLOCKS for child in paragraph):
        return ""
    text = (paragraph.text or "").lstrip()
    if text:
        return text[0] if text[0] in _SIGNS else ""
    first = _first_inline(paragraph)
    if first is None:
        return ""
    sign = squeeze_space(first.text_content())
    return sign if len(sign) == 1 and (sign in _SIGNS or sign in _LETTERS) else ""


def _first_inline(paragraph: Element) -> Element | None:
    """The innermost element that a paragraph begins with."""
    element = paragraph[0] if len(paragraph) and isinstance(paragraph[0].tag, str) else None
    while element is not None and not (element.text or "").strip() and len(element):
        element = element[0]
    return element


def _restore_lists(parent: Element) -> None:
    """Paragraphs with a sign that follow each other become one list."""
    run: list[tuple[Element, str]] = []
    for child in [*parent, None]:
        sign = _sign(child) if child is not None and child.tag in ("p", "div") else ""
        if sign and child is not None:
            run.append((child, sign))
            if not (child.tail or "").strip():
                continue
        if run:
            _to_list(run)
        run = []


def _to_list(run: list[tuple[Element, str]]) -> None:
    """``run`` as a list; deeper items are lists within it."""
    outer = lxml_html.Element("ul")
    first, last = run[0][0], run[-1][0]
    first.addprevious(outer)
    outer.tail, last.tail = last.tail, None

    levels: list[tuple[float, Element]] = []  # (indentation, list), outermost first
    for (paragraph, sign), indent in zip(run, _indents(run), strict=True):
        while len(levels) > 1 and indent < levels[-1][0]:
            levels.pop()
        if not levels:
            levels.append((indent, outer))
        elif indent > levels[-1][0]:
            nested = lxml_html.Element("ul")
            levels[-1][1][-1].append(nested)
            levels.append((indent, nested))

        _remove_sign(paragraph, sign)
        paragraph.tag, paragraph.tail = "li", None
        levels[-1][1].append(paragraph)


def _indents(run: list[tuple[Element, str]]) -> list[float]:
    """How far each paragraph is indented: by its margin, else in the order of the signs."""
    margins = [_MARGIN.search(paragraph.get("style") or "") for paragraph, _ in run]
    if all(margins):
        return [float(margin[1]) for margin in margins if margin]
    signs = list(dict.fromkeys(sign for _, sign in run))
    return [float(signs.index(sign)) for _, sign in run]


def _remove_sign(paragraph: Element, sign: str) -> None:
    if (paragraph.text or "").strip():
        paragraph.text = (paragraph.text or "").lstrip().removeprefix(sign).lstrip("\xa0 \t")
        return
    first = _first_inline(paragraph)
    if first is not None:
        first.text = ""
        if first.tail:
            first.tail = first.tail.lstrip("\xa0 \t")
