"""How does a tree become safe HTML with Sections, stable anchors and links into the portal?

``cut`` takes the title out, gives each heading one anchor that lasts, resolves links and images,
and sanitises. Not for finding the content of a page (``cleaning``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree
from lxml import html as lxml_html

from indexer.html.plaintext import to_sections
from indexer.html.sanitizer import CALLOUTS, sanitize
from indexer.html.tree import (
    GONE,
    HEADINGS,
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

_EXPLICIT = re.compile(r"\s*\{:?\s*#([\w:.-]{1,100})[^{}]{0,100}\}\s*$")
_CLAUSE = re.compile(r"^(\d{1,3}(?:\.\d{1,3}){1,5})\.?(?=\s)")
_PILCROWS = "¶§#🔗"


@dataclass(frozen=True, slots=True)
class ArticleBody:
    """A page cut up: ``title`` is its first top heading, taken out of ``html``."""

    title: str
    sections: tuple[Section, ...]
    html: str


def to_article(
    root: Element,
    context: ReadContext,
    *,
    keep_title: bool = False,
    anchors: bool = True,
    expected: str = "",
) -> ArticleBody:
    """Safe HTML and Sections of ``root``; links, images and anchors resolved; the title heading
    taken out.
    """
    held = list(
        root.iter()
    )  # lxml makes an element anew at each of the passes below unless somebody holds it
    remove_tags(root, GONE)
    _unlink_headers(root)
    _callouts(root)
    title = "" if keep_title else _take_title(root, expected)
    _level(root)
    if anchors:
        _anchor(root)
    else:
        _nameless(root)
    _resolve(root, context)
    _dress(root)
    found = tuple(to_sections(root))
    del held
    return ArticleBody(title, found, sanitize(inner_html(root)))


def _unlink_headers(root: Element) -> None:
    for anchor in list(root.iter("a")):
        words = (anchor.text_content() or "").strip()
        if "headerlink" in (anchor.get("class") or "") or (words and words in _PILCROWS):
            drop(anchor)


def _callouts(root: Element) -> None:
    """The notes and warnings of DocBook and Sphinx become quotes that open with their name in bold."""
    for element in list(root.iter("div", "aside")):
        names = set((element.get("class") or "").lower().split())
        if not names & CALLOUTS:
            continue
        element.tag = "blockquote"
        if "admonitionblock" in names:
            _asciidoctor(element)
        for image in list(element.iter("img")):
            if re.fullmatch(r"\[\w+\]", (image.get("alt") or "").strip()):
                image.drop_tree()
        for label in list(element.iter(*HEADINGS, "p"))[:1]:
            if label.tag in HEADINGS or "title" in (label.get("class") or ""):
                embolden(label)


def _asciidoctor(element: Element) -> None:
    """A callout of asciidoctor is a table of its label and its text."""
    label, content = element.find(".//td[@class='icon']"), element.find(".//td[@class='content']")
    if label is None or content is None:
        return
    icon = label.find(".//i")
    words = (
        squeeze_space(label.text_content())
        or (icon.get("title", "") if icon is not None else "")
        or "Note"
    )
    for child in list(element):
        element.remove(child)
    paragraph = lxml_html.Element("p", attrib={"class": "title"})
    paragraph.text = words
    content.tag = "div"
    element.text = None
    element.append(paragraph)
    element.append(content)


def _take_title(root: Element, expected: str) -> str:
    """The page's title heading, taken out: the portal shows the title itself."""
    heading = next(iter(root.iter("h1")), None)
    if heading is None:
        first = next((element for element in root.iter(*HEADINGS)), None)
        # Manuals cut into pages open each page with the heading of its depth.
        if first is not None and (
            "title" in (first.get("class") or "").split()
            or squeeze_space(first.text_content()) == expected
        ):
            heading = first
    if heading is None:
        return ""
    title = _EXPLICIT.sub("", squeeze_space(heading.text_content()))
    if heading.tag == "h1" and len(list(root.iter("h1"))) > 1 and _text_before(root, heading):
        return title
    drop(heading)
    return title


def _text_before(root: Element, heading: Element) -> bool:
    for element in root.iter():
        if element is heading:
            return False
        if element.tag in ("p", "li", "pre") and squeeze_space(element.text_content()):
            return True
    return False


def _level(root: Element) -> None:
    """Headings become h2, h3 ... without gaps, whatever the page began with."""
    headings = [element for element in root.iter(*HEADINGS)]
    levels = sorted({element.tag for element in headings})
    for element in headings:
        element.tag = f"h{min(2 + levels.index(element.tag), 6)}"


def _anchor(root: Element) -> None:
    """Every heading gets one id, made of letters, digits and ``-``; other ids are kept where they
    are free.
    """
    taken: set[str] = set()
    headings = list(root.iter(*HEADINGS))
    for heading in headings:
        wanted = _wanted_id(heading, root)
        name = wanted
        for number in range(1, 10000):
            if name not in taken:
                break
            name = f"{wanted}-{number}"
        taken.add(name)
        heading.set("id", name)
    done = set(map(id, headings))
    for element in root.iter():
        if isinstance(element.tag, str) and id(element) not in done:
            _other_id(element, taken)


def _nameless(root: Element) -> None:
    """Takes all ids away: the posts of a topic share one page."""
    etree.strip_attributes(root, "id")


def _other_id(element: Element, taken: set[str]) -> None:
    given = element.get("id")
    if given is not None:
        del element.attrib["id"]
    given = given or (element.get("name") if element.tag == "a" else None)
    if not given and element.tag in ("p", "li", "dt") and element.text:
        clause = _CLAUSE.match(element.text.lstrip()[:40])
        given = clause[1] if clause else None
    if given:
        name = ids.slug(given)
        if name not in taken:
            taken.add(name)
            element.set("id", name)


def _wanted_id(heading: Element, root: Element) -> str:
    words = squeeze_space(heading.text_content())
    explicit = _EXPLICIT.search(words)
    if explicit:
        _cut_explicit(heading)
        return ids.slug(explicit[1])
    given = next(
        (
            name
            for name in (heading.get("id"), _inner_id(heading), _outer_id(heading, root))
            if _said(name)
        ),
        "",
    )
    clause = _CLAUSE.match(words)
    return ids.slug(given or (clause[1] if clause else words))


def _said(name: str | None) -> bool:
    """Whether somebody chose this id: numbers that a tool counted change with every edition."""
    return bool(name) and not re.fullmatch(
        r"(?:id|_?toc|section|sec|autoid)?[-_]?[\d.-]+|id[-_]?\w?\d+", name or "", re.I
    )


def _cut_explicit(heading: Element) -> None:
    last = heading[-1] if len(heading) else None
    if last is not None and last.tail:
        last.tail = _EXPLICIT.sub("", last.tail)
    elif heading.text:
        heading.text = _EXPLICIT.sub("", heading.text)


def _inner_id(heading: Element) -> str | None:
    for anchor in heading.iter("a", "span"):
        given = anchor.get("id") or anchor.get("name")
        if given:
            return str(given)
    return None


def _outer_id(heading: Element, root: Element) -> str | None:
    """The id of the section that this heading opens (Sphinx, DocBook)."""
    element = heading
    for _ in range(4):
        parent = element.getparent()
        if parent is None or parent is root or parent.tag not in ("div", "section", "article"):
            return None
        if parent[0] is not element or (parent.text or "").strip():
            return None
        if parent.get("id"):
            return str(parent.attrib.pop("id"))
        element = parent
    return None


def _resolve(root: Element, context: ReadContext) -> None:
    for anchor in list(root.iter("a")):
        href = anchor.get("href")
        found = context.link(href) if href else None
        if found:
            anchor.set("href", found)
        elif anchor.get("id"):
            anchor.attrib.pop("href", None)
        else:
            anchor.drop_tag()
    for image in list(root.iter("img")):
        _picture(image, context)


def _picture(image: Element, context: ReadContext) -> None:
    src, alt = (image.get("src") or "").strip(), squeeze_space(image.get("alt") or "")
    lowered = src.lower()
    if lowered.startswith(("http://", "https://", "//")):
        # A reader's browser asks no other site for anything; the picture is one click away.
        link = lxml_html.Element("a", href=src if not src.startswith("//") else f"https:{src}")
        link.text, link.tail = alt or "(picture)", image.tail
        parent = image.getparent()
        if any(ancestor.tag == "a" for ancestor in image.iterancestors()):
            image.tag, link.tag = "span", "span"
            image.attrib.clear()
            image.text = alt
        elif parent is not None:
            parent.replace(image, link)
        return
    found = None if not src or lowered.startswith(("data:", "javascript:")) else context.image(src)
    if found is None:
        image.tag = "span"
        image.attrib.clear()
        image.text = alt
        return
    image.set("src", found)
    image.set("alt", alt)
    image.set("loading", "lazy")


def _dress(root: Element) -> None:
    """Code and tables can be scrolled by keyboard; callouts are marked; all other classes go."""
    etree.strip_attributes(root, "class")
    for pre in root.iter("pre"):
        pre.set("tabindex", "0")
    for quote in root.iter("blockquote"):
        first = next(iter(quote.iter("strong")), None)
        label = squeeze_space(first.text_content()).lower() if first is not None else ""
        if label in CALLOUTS:
            quote.set("class", f"callout {label}")
    for table in list(root.iter("table")):
        parent = table.getparent()
        if parent is not None and not any(a.tag == "table" for a in table.iterancestors()):
            wrapper = lxml_html.Element("div", attrib={"class": "table", "tabindex": "0"})
            wrapper.tail, table.tail = table.tail, None
            parent.replace(table, wrapper)
            wrapper.append(table)
