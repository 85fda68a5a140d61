"""What does a tree say, as plain text, Section by Section?

Paragraphs are separated by a blank line, code keeps its lines, pictures speak by their alternative
text. Quotes of other posts (``data-quoted``) are left out. Not for HTML.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from indexer.html.tree import BLOCKS, Element, squeeze_space
from indexer.readers.site_index import ID_PREFIX
from kb.search.documents import Section

_CUTTING = ("h1", "h2", "h3", "h4")


def to_text(root: Element) -> str:
    """All text of ``root`` as paragraphs."""
    return "\n\n".join(section.text for section in to_sections(root, cutting=False)).strip()


def to_sections(root: Element, *, cutting: bool = True) -> Iterator[Section]:
    """Sections in reading order; a heading without any text below it stays findable through its
    children's paths.
    """
    writer, anchor = _Writer(), ""
    path: list[tuple[str, str]] = []  # (level, heading)
    skipping: Element | None = None
    headings: list[tuple[str, str]] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag
        if event == "start" and skipping is None and element.get("data-quoted") is not None:
            skipping = element
        if skipping is not None:
            if event == "end" and element is skipping:
                skipping = None
                writer.add(element.tail)
            continue
        if event == "start" and cutting and tag in _CUTTING:
            text = writer.take()
            if text or anchor:
                yield Section(anchor, tuple(heading for _, heading in path), text)
            words = squeeze_space(element.text_content())
            path = [step for step in path if step[0] < tag] + [(tag, words)]
            anchor = ID_PREFIX + element.get("id", "") if element.get("id") else ""
            skipping = element
            headings = path
        else:
            _write(event, element, root, writer)
    text = writer.take()
    if text or headings:
        yield Section(anchor, tuple(heading for _, heading in path), text)


def _write(event: str, element: Element, root: Element, writer: _Writer) -> None:
    tag = element.tag
    if event == "start":
        if tag in BLOCKS:
            writer.end()
        writer.code += tag == "pre"
        if tag == "br":
            writer.add("\n" if writer.code else " ")
        if tag == "img":
            writer.add(f" {element.get('alt') or ''} {element.get('title') or ''} ")
        writer.add(element.text)
        return
    if tag in BLOCKS:
        writer.end()
    writer.code -= tag == "pre"
    if element is not root:
        writer.add(element.tail)


class _Writer:
    """Collects text as paragraphs: blank lines between blocks, code line by line."""

    def __init__(self) -> None:
        self.paragraphs: list[str] = []
        self._line: list[str] = []
        self.code = 0

    def add(self, text: str | None) -> None:
        if text:
            self._line.append(text)

    def end(self) -> None:
        if not self._line:
            return
        text = "".join(self._line)
        text = text.strip("\n").rstrip() if self.code else squeeze_space(text)
        if text.strip():
            self.paragraphs.append(text)
        self._line.clear()

    def take(self) -> str:
        self.end()
        text = "\n\n".join(self.paragraphs)
        self.paragraphs.clear()
        return text
