"""Plain text of a tree, Section by Section.

Paragraphs are separated by a blank line, code keeps its lines, pictures are represented by their
alternative text. What is a list, a code sample or a table is told beside the text. Quotations of
other posts (``QUOTED``) and struck-through text are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from indexer.html.tree import BLOCKS, Element, squeeze_space
from indexer.readers.site_index import ID_PREFIX
from kb.search.documents import Region, RegionKind, Section

#: The attribute of a quotation that is shown, but not indexed a second time.
QUOTED = "data-quoted"

#: What no longer holds: quoted as plain text, it would say the opposite.
_STRUCK_THROUGH = frozenset({"del", "s"})
_BLANK_LINE = "\n\n"
_SECTION_HEADINGS = ("h1", "h2", "h3", "h4")
_REGION_KINDS = {
    "ol": RegionKind.LIST,
    "ul": RegionKind.LIST,
    "pre": RegionKind.CODE,
    "table": RegionKind.TABLE,
}


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
        if event == "start" and skipped is None and _is_left_out(element):
            skipped = element
        if skipped is not None:
            if event == "end" and element is skipped:
                skipped = None
                writer.add(element.tail)
            continue

        if event == "start" and split and tag in _SECTION_HEADINGS:
            text, regions = writer.take()
            if text or anchor:
                yield Section(anchor, tuple(heading for _, heading in path), text, regions)
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

    text, regions = writer.take()
    if text or has_headings:
        yield Section(anchor, tuple(heading for _, heading in path), text, regions)


def _is_left_out(element: Element) -> bool:
    return element.tag in _STRUCK_THROUGH or element.get(QUOTED) is not None


class _Writer:
    """Collects text as paragraphs: blank lines between blocks, code line by line."""

    def __init__(self) -> None:
        self._paragraphs: list[str] = []
        self._length = 0  # of the paragraphs with a blank line behind each
        self._line: list[str] = []
        self._code_depth = 0
        self._regions: list[Region] = []
        self._open_regions: list[tuple[RegionKind, int]] = []  # and where each begins

    def open(self, element: Element) -> None:
        if element.tag in BLOCKS:
            self._end_paragraph()
        if element.tag in _REGION_KINDS:
            self._open_regions.append((_REGION_KINDS[element.tag], self._length))
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
        if element.tag in _REGION_KINDS:
            self._end_region(*self._open_regions.pop())

    def add(self, text: str | None) -> None:
        if text:
            self._line.append(text)

    def take(self) -> tuple[str, tuple[Region, ...]]:
        """What was written since the last time, and what of it is not prose."""
        self._end_paragraph()
        for kind, start in self._open_regions:  # a heading within a list ends a section
            self._end_region(kind, start)
        self._open_regions = [(kind, 0) for kind, _ in self._open_regions]

        text = _BLANK_LINE.join(self._paragraphs)
        regions = tuple(sorted(self._regions, key=lambda region: (region.start, -region.end)))
        self._paragraphs.clear()
        self._regions.clear()
        self._length = 0
        return text, regions

    def _end_region(self, kind: RegionKind, start: int) -> None:
        if self._length > start:
            self._regions.append(Region(kind, start, self._length - len(_BLANK_LINE)))

    def _end_paragraph(self) -> None:
        if not self._line:
            return
        text = "".join(self._line)
        text = text.strip("\n").rstrip() if self._code_depth else squeeze_space(text)
        if text.strip():
            self._paragraphs.append(text)
            self._length += len(text) + len(_BLANK_LINE)
        self._line.clear()
