"""A tree as an article: safe HTML, Sections, anchors that last, and links into the portal.

``to_article`` takes the title out, gives each heading one anchor, resolves links and images, and
sanitizes. Which part of a page is its content is decided in ``boilerplate``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree
from lxml import html as lxml_html

from indexer.html.help_exports import repair_export
from indexer.html.plaintext import to_sections
from indexer.html.sanitizer import CALLOUTS, sanitize
from indexer.html.tree import (
    HEADINGS,
    REMOVED_TAGS,
    Element,
    drop,
    embolden,
    inner_html,
    remove_tags,
    squeeze_space,
)
from indexer.readers.context import ReadContext
from kb import ids
from kb.search.documents import Section

#: ``## Heading {#anchor}``
_EXPLICIT_ANCHOR = re.compile(r"\s*\{:?\s*#([\w:.-]{1,100})[^{}]{0,100}\}\s*$")
#: IDs that a tool counted: they change with every edition.
_COUNTED_ID = re.compile(
    r"(?:id|_?toc|section|sec|autoid)?[-_]?[\d.-]+|id[-_]?\w?\d+", re.IGNORECASE
)
_CLAUSE_NUMBER = re.compile(r"^(\d{1,3}(?:\.\d{1,3}){1,5})\.?(?=\s)")
_PERMALINK_SIGNS = "¶§#🔗"
_ICON_ALT = re.compile(r"\[\w+\]")

#: What stands between a page's title and the name of its site.
_TITLE_SEPARATORS = (" — ", " – ", " | ", " · ", " :: ", " - ")

#: How far above a heading its section's ID may be.
_MAX_OUTER = 4
_MAX_ANCHOR_NUMBER = 10_000


@dataclass(frozen=True, slots=True)
class ArticleBody:
    """``title`` is the first top heading of the page, which is not part of ``html``."""

    title: str
    sections: tuple[Section, ...]
    html: str

    @property
    def has_text(self) -> bool:
        return any(section.text for section in self.sections)


def to_article(
    root: Element,
    context: ReadContext,
    *,
    keep_title: bool = False,
    anchors: bool = True,
    expected_title: str = "",
    given_title: str = "",
) -> ArticleBody:
    """The article in ``root``, which is changed.

    A heading with the words ``expected_title`` is the title even when it is not an ``h1``. With a
    ``given_title``, a heading of other words is no title, and stays. Without ``anchors`` all IDs
    are removed: the posts of a thread share one page.
    """
    # lxml makes an element anew at each of the passes below unless somebody holds it.
    elements = list(root.iter())

    remove_tags(root, REMOVED_TAGS)
    repair_export(root)
    _remove_permalinks(root)
    _convert_callouts(root)
    title = "" if keep_title else _take_title(root, expected_title, given_title)
    _normalize_levels(root)
    if anchors:
        _set_anchors(root)
    else:
        etree.strip_attributes(root, "id")
    _resolve_links(root, context)
    _resolve_images(root, context)
    _set_presentation(root)

    sections = tuple(to_sections(root))
    del elements
    return ArticleBody(title, sections, sanitize(inner_html(root)))


def _remove_permalinks(root: Element) -> None:
    for anchor in list(root.iter("a")):
        words = (anchor.text_content() or "").strip()
        if "headerlink" in (anchor.get("class") or "") or (words and words in _PERMALINK_SIGNS):
            drop(anchor)


# --- callouts


def _convert_callouts(root: Element) -> None:
    """The notes and warnings of DocBook and Sphinx become quotes that open with their name in
    bold."""
    for element in list(root.iter("div", "aside")):
        classes = set((element.get("class") or "").lower().split())
        if not classes & CALLOUTS:
            continue

        element.tag = "blockquote"
        if "admonitionblock" in classes:
            _convert_asciidoctor(element)
        for image in list(element.iter("img")):
            if _ICON_ALT.fullmatch((image.get("alt") or "").strip()):
                image.drop_tree()
        label = next(element.iter(*HEADINGS, "p"), None)
        if label is not None and (label.tag in HEADINGS or "title" in (label.get("class") or "")):
            embolden(label)


def _convert_asciidoctor(element: Element) -> None:
    """A callout of asciidoctor is a table of its label and its text."""
    label = element.find(".//td[@class='icon']")
    content = element.find(".//td[@class='content']")
    if label is None or content is None:
        return

    icon = label.find(".//i")
    icon_title = icon.get("title", "") if icon is not None else ""
    paragraph = lxml_html.Element("p", attrib={"class": "title"})
    paragraph.text = squeeze_space(label.text_content()) or icon_title or "Note"

    for child in list(element):
        element.remove(child)
    content.tag = "div"
    element.text = None
    element.append(paragraph)
    element.append(content)


# --- headings


def _take_title(root: Element, expected: str, given: str) -> str:
    """The page's title, whose heading is taken out: the portal shows the title itself."""
    heading = next(root.iter("h1"), None)
    if heading is None:
        heading = next(root.iter(*HEADINGS), None)
        # Manuals that are cut into pages open each page with the heading of its depth.
        if heading is None or not (
            "title" in (heading.get("class") or "").split()
            or squeeze_space(heading.text_content()) == expected
        ):
            return ""

    title = _EXPLICIT_ANCHOR.sub("", squeeze_space(heading.text_content()))
    if given and ids.slug(title) not in map(ids.slug, (given, *split_title(given))):
        return ""
    has_several = heading.tag == "h1" and len(list(root.iter("h1"))) > 1
    if not (has_several and _has_text_before(root, heading)):
        drop(heading)
    return title


def split_title(title: str) -> list[str]:
    """What stands between the separators of a title; at least one, perhaps empty, text.

    >>> split_title("Installing — Manual 3.1")
    ['Installing', 'Manual 3.1']
    """
    for separator in _TITLE_SEPARATORS:
        if separator in title:
            parts = [part.strip() for part in title.split(separator)]
            return parts if parts[0] else [title]
    return [title]


def _has_text_before(root: Element, heading: Element) -> bool:
    for element in root.iter():
        if element is heading:
            return False
        if element.tag in ("p", "li", "pre") and squeeze_space(element.text_content()):
            return True
    return False


def _normalize_levels(root: Element) -> None:
    """Headings become h2, h3 ... without gaps, whatever the page began with."""
    headings = list(root.iter(*HEADINGS))
    tags = sorted({heading.tag for heading in headings})
    for heading in headings:
        heading.tag = f"h{min(2 + tags.index(heading.tag), 6)}"


# --- anchors


def _set_anchors(root: Element) -> None:
    """Give every heading one ID of letters, digits, and ``-``; other IDs stay where free."""
    taken: set[str] = set()
    headings = list(root.iter(*HEADINGS))
    for heading in headings:
        preferred = _heading_id(heading, root)
        id_ = preferred
        for number in range(1, _MAX_ANCHOR_NUMBER):
            if id_ not in taken:
                break
            id_ = f"{preferred}-{number}"
        taken.add(id_)
        heading.set("id", id_)

    identities = set(map(id, headings))
    for element in root.iter():
        if isinstance(element.tag, str) and id(element) not in identities:
            _set_other_id(element, taken)


def _heading_id(heading: Element, root: Element) -> str:
    """The anchor that an author chose, else the clause's number, else the words of the heading."""
    words = squeeze_space(heading.text_content())
    explicit = _EXPLICIT_ANCHOR.search(words)
    if explicit:
        _cut_explicit_anchor(heading)
        return ids.slug(explicit[1])

    for chosen in (heading.get("id"), _inner_id(heading), _outer_id(heading, root)):
        if chosen and not _COUNTED_ID.fullmatch(chosen):
            return ids.slug(chosen)
    clause = _CLAUSE_NUMBER.match(words)
    return ids.slug(clause[1] if clause else words)


def _cut_explicit_anchor(heading: Element) -> None:
    last = heading[-1] if len(heading) else None
    if last is not None and last.tail:
        last.tail = _EXPLICIT_ANCHOR.sub("", last.tail)
    elif heading.text:
        heading.text = _EXPLICIT_ANCHOR.sub("", heading.text)


def _inner_id(heading: Element) -> str | None:
    for anchor in heading.iter("a", "span"):
        name = anchor.get("id") or anchor.get("name")
        if name:
            return str(name)
    return None


def _outer_id(heading: Element, root: Element) -> str | None:
    """The ID of the section that this heading opens (Sphinx, DocBook)."""
    element = heading
    for _ in range(_MAX_OUTER):
        parent = element.getparent()
        if parent is None or parent is root or parent.tag not in ("div", "section", "article"):
            return None
        if parent[0] is not element or (parent.text or "").strip():
            return None
        if parent.get("id"):
            return str(parent.attrib.pop("id"))
        element = parent
    return None


def _set_other_id(element: Element, taken: set[str]) -> None:
    name = element.attrib.pop("id", None)
    if not name and element.tag == "a":
        name = element.get("name")
    if not name and element.tag in ("p", "li", "dt") and element.text:
        clause = _CLAUSE_NUMBER.match(element.text.lstrip()[:40])
        name = clause[1] if clause else None
    if not name:
        return

    id_ = ids.slug(name)
    if id_ not in taken:
        taken.add(id_)
        element.set("id", id_)


# --- links and images


def _resolve_links(root: Element, context: ReadContext) -> None:
    for anchor in list(root.iter("a")):
        href = anchor.get("href")
        target = context.link(href) if href else None
        if target:
            anchor.set("href", target)
        elif anchor.get("id"):
            anchor.attrib.pop("href", None)
        else:
            anchor.drop_tag()


def _resolve_images(root: Element, context: ReadContext) -> None:
    for image in list(root.iter("img")):
        src = (image.get("src") or "").strip()
        alt = squeeze_space(image.get("alt") or "")
        lowered = src.lower()
        if lowered.startswith(("http://", "https://", "//")):
            _link_to_image(image, src, alt)
            continue

        address = None
        if src and not lowered.startswith(("data:", "javascript:")):
            address = context.image(src)
        if address is None:
            _replace_by_text(image, alt)
        else:
            image.set("src", address)
            image.set("alt", alt)
            image.set("loading", "lazy")


def _link_to_image(image: Element, src: str, alt: str) -> None:
    """A visitor's browser asks no other site for anything: the picture is one click away."""
    alt = alt or "(picture)"
    if any(ancestor.tag == "a" for ancestor in image.iterancestors()):
        _replace_by_text(image, alt)
        return
    parent = image.getparent()
    if parent is not None:
        link = lxml_html.Element("a", href=f"https:{src}" if src.startswith("//") else src)
        link.text, link.tail = alt, image.tail
        parent.replace(image, link)


def _replace_by_text(image: Element, alt: str) -> None:
    image.tag = "span"
    image.attrib.clear()
    image.text = alt


def _set_presentation(root: Element) -> None:
    """Code and tables can be scrolled by keyboard; callouts are marked; all other classes go."""
    etree.strip_attributes(root, "class")
    for pre in root.iter("pre"):
        pre.set("tabindex", "0")

    for quote in root.iter("blockquote"):
        strong = next(quote.iter("strong"), None)
        label = squeeze_space(strong.text_content()).lower() if strong is not None else ""
        if label in CALLOUTS:
            quote.set("class", f"callout {label}")

    for table in list(root.iter("table")):
        parent = table.getparent()
        if parent is not None and not any(a.tag == "table" for a in table.iterancestors()):
            wrapper = lxml_html.Element("div", attrib={"class": "table", "tabindex": "0"})
            wrapper.tail, table.tail = table.tail, None
            parent.replace(table, wrapper)
            wrapper.append(table)
