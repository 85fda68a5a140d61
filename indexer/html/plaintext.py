"""Plain text of a tree, Section by Section.

Paragraphs are separated by a blank line, code keeps its lines, pictures are represented by their
alternative text. Quotations of other posts (``QUOTED``) are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from indexer.html.tree import BLOCKS, Element, squeeze_space
from indexer.readers.site_index import ID_PREFIX
from kb.search.documents import Section

#: The attribute of a quotation that is shown, but not indexed a second time.
QUOTED = "data-quoted"

_SECTION_HEADINGS = ("h1", "h2", "h3", "h4")


def to_text(root: Element) -> str:
    """All text of ``root`` as paragraphs."""
    return "\n\n".join(section.text for section in to_sections(root, split=False)).strip()


def to_sections(root: Element, *, split: bool = True) -> Iterator[Section]:
    """Sections in reading order; the whole as one without ``split``.

    A heading without any text below it stays findable through its children's paths.
    """
    writer = _Writer()
    anchor = ""
    path: list[tuple[str, str]] = []  # (tag, heading)
    skipped: Element | None = None
    has_headings = False

    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag
        if event == "start" and skipped is None and element.get(QUOTED) is not None:
            skipped = element
        if skipped is not None:
            if event == "end" and element is skipped:
                skipped = None
                writer.add(element.tail)
            continue

        if event == "start" and split and tag in _SECTION_HEADINGS:
            text = writer.take()
            if text or anchor:
                yield Section(anchor, tuple(heading for _, heading in path), text)
            path = [(level, heading) for level, heading in path if level < tag]
            path.append((tag, squeeze_space(element.text_content())))
            anchor = ID_PREFIX + element.get("id") if element.get("id") else ""
            skipped = element  # its words are the path of the section
            has_headings = True
        elif event == "start":
            writer.open(element)
        else:
            writer.close(element)
            if element is not root:
                writer.add(element.tail)

    text = writer.take()
    if text or has_headings:
        yield Section(anchor, tuple(heading for _, heading in path), text)


class _Writer:
    """Collects text as paragraphs: blank lines between blocks, code line by line."""

    def __init__(self) -> None:
        self._paragraphs: list[str] = []
        self._line: list[str] = []
        self._code_depth = 0

    def open(self, element: Element) -> None:
        if element.tag in BLOCKS:
            self._end_paragraph()
        self._code_depth += element.tag == "pre"
        if element.tag == "br":
            self.add("\n" if self._code_depth else " ")
        elif element.tag == "img":
            self.add(f" {element.get('alt') or ''} {element.get('title') or ''} ")
        self.add(element.text)

    def close(self, element: Element) -> None:
        if element.tag in BLOCKS:
            self._end_paragraph()
        self._code_depth -= element.tag == "pre"

    def add(self, text: str | None) -> None:
        if text:
            self._line.append(text)

    def take(self) -> str:
        """What was written since the last time."""
        self._end_paragraph()
        text = "\n\n".join(self._paragraphs)
        self._paragraphs.clear()
        return text

    def _end_paragraph(self) -> None:
        if not self._line:
            return
        text = "".join(self._line)
        text = text.strip("\n").rstrip() if self._code_depth else squeeze_space(text)
        if text.strip():
            self._paragraphs.append(text)
        self._line.clear()
