"""Which part of a page is its content, and how is it cut into Sections and made safe to show?

``content`` takes the chrome off a page: landmarks first, then the blocks that a site repeats. ``cut`` resolves links
and images, gives headings stable anchors, and returns safe HTML with its Sections as plain text. Not for Markdown.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from typing import Any

import nh3
from lxml import etree
from lxml import html as lxml_html

from indexer.visit import ID_PREFIX, Visit
from kb import ids
from kb.search.documents import Section

Element = Any  # lxml's element: its stubs do not tell elements from comments

DEPTH_LIMIT = 200
_HARDLY_ANYTHING = 300  # characters
_HEADINGS = ("h1", "h2", "h3", "h4")
_ALL_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
        "video",
    ]
)
_LEAVES = frozenset(
    [
        "p",
        "li",
        "dt",
        "dd",
        "td",
        "th",
        "div",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "caption",
        "figcaption",
        "summary",
        "span",
        "a",
    ]
)
_GONE = (
    "script", "style", "noscript", "template", "iframe", "object", "embed", "svg", "math", "canvas", "form", "input",
    "button", "select", "textarea", "link", "meta", "base", "audio", "video", "source", "track", "map", "area",
)  # fmt: skip
_CHROME_TAGS = frozenset({"nav", "footer"})
_CHROME_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar"})
_CHROME_NAMES = re.compile(
    r"(?:^|[\s_-])(?:nav(?:bar|header|footer|igation|-content)?|breadcrumbs?|side-?bar\w*|footer|toc(?:tree-wrapper)?|"
    r"table-of-contents|related|skip-?(?:link|nav)|headerlink|prev-?next|pager|pagination|cookie\w*|menu|"
    r"sphinxsidebar|edit-this-page|page-?actions|share|social\w*|feedback|mobile-nav|indexterm)(?:$|[\s_-])",
    re.IGNORECASE,
)
_INLINE_CHROME = re.compile(r"(?:^|[\s_-])(?:headerlink|indexterm|skip-?(?:link|nav)|breadcrumbs?)(?:$|[\s_-])", re.I)
_LANDMARKS = (
    ".//main", ".//*[@role='main']", ".//article",
    ".//*[contains(concat(' ',normalize-space(@class),' '),' document ')]//*[contains(concat(' ',@class,' '),' body ')]",
    ".//div[@itemprop='articleBody']", ".//div[@id='mw-content-text']",
    ".//*[contains(concat(' ',normalize-space(@class),' '),' markdown-body ')]",
    ".//*[contains(concat(' ',normalize-space(@class),' '),' rst-content ')]",
    ".//*[@id='main-content']", ".//*[@id='content']",
)  # fmt: skip
_CALLOUT_NAMES = frozenset({"note", "tip", "important", "warning", "caution", "danger", "hint", "info"})

_TAGS = set(
    [
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "blockquote",
        "br",
        "caption",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "details",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "ins",
        "kbd",
        "li",
        "mark",
        "ol",
        "p",
        "pre",
        "q",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "section",
        "small",
        "span",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "time",
        "tr",
        "tt",
        "u",
        "ul",
        "var",
        "wbr",
    ]
)
_ATTRIBUTES = {
    "*": {"id", "lang", "dir", "title"},
    "a": {"href", "hreflang"},
    "img": {"src", "alt", "width", "height", "loading"},
    "ol": {"start", "reversed"},
    "li": {"value"},
    "td": {"colspan", "rowspan", "headers"},
    "th": {"colspan", "rowspan", "scope", "headers"},
    "pre": {"tabindex"},
    "div": {"tabindex"},
    "details": {"open"},
    "time": {"datetime"},
    "q": {"cite"},
}
_CLASSES = {"blockquote": {"callout", *_CALLOUT_NAMES}, "div": {"table", "post"}}
_SCHEMES = {"http", "https", "mailto", "tel", "ftp", "ftps"}

_EXPLICIT = re.compile(r"\s*\{:?\s*#([\w:.-]{1,100})[^{}]{0,100}\}\s*$")
_CLAUSE = re.compile(r"^(\d{1,3}(?:\.\d{1,3}){1,5})\.?(?=\s)")
_SPACE = re.compile(r"[ \t\r\n\f\v\xa0]+")
_PILCROWS = "¶§#🔗"


@dataclass(frozen=True, slots=True)
class Cut:
    """A page cut up: ``title`` is its first top heading, taken out of ``html``."""

    title: str
    sections: tuple[Section, ...]
    html: str


def tree(markup: str, visit: Visit | None = None) -> Element:
    """The body of ``markup``; nested deeper than the limit it is flattened. Never fails; may be empty."""
    root = _parse(markup)
    if root is not None and not _too_deep(root):
        return _unwrapped(root)
    if visit is not None:
        visit.note("The page nests its elements too deeply; it was flattened.")
    flat = re.sub(r"</?(?!h[1-6]\b|p\b|pre\b|br\b)[a-zA-Z][^<>]*>", "\n", markup)
    root = _parse(flat)
    if root is None or _too_deep(root):
        root = _parse("<p>" + re.sub(r"<[^<>]*>?", "\n", markup).replace("<", " ") + "</p>")
    return _unwrapped(root) if root is not None else lxml_html.Element("div")


def _unwrapped(root: Element) -> Element:
    """The element itself of a fragment; the whole of a page."""
    if root.find("head") is None:
        body = root.find("body")
        if body is not None:
            return body[0] if len(body) == 1 and body[0].tag == "div" and not body[0].attrib else body
    return root


def _parse(markup: str) -> Element | None:
    parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    data = f"<div>{markup}</div>" if "<html" not in markup[:4096].lower() else _undeclared(markup)
    try:
        return lxml_html.document_fromstring(data.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError, AssertionError):
        return None


def _undeclared(markup: str) -> str:
    # What the page declares about its encoding is no longer true: it has been decoded already.
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", markup, count=1)


def _too_deep(root: Element) -> bool:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > DEPTH_LIMIT:
            return True
    # The HTML parser of libxml2 stops at its own limit of 2,048.
    return False


# Content


def content(root: Element, chrome: Set[int]) -> Element:
    """The element of ``root`` that holds the content, with navigation and repeated blocks taken out."""
    body = root.find(".//body")
    body = root if body is None else body
    neighbours = _neighbours(root)
    main = _landmark(body)
    # A site that repeats a landmark's wording around its content says where the content is.
    found = body if main is None else main
    _strip_chrome(found)
    if chrome and main is None:
        _strip_repeated(found, chrome)
    for anchor in found.xpath(".//a[@href]"):
        if anchor.get("href") in neighbours and _alone(anchor):
            _drop(anchor)
    return found


def blocks(root: Element) -> set[int]:
    """The texts of a page's blocks, as numbers, to find out which ones a site repeats."""
    body = root.find(".//body")
    body = root if body is None else body
    _remove(body, _GONE)
    return {_number(text) for _, text in _leaves(body) if text}


def repeated(pages: Iterable[set[int]]) -> frozenset[int]:
    """The blocks on more than 20 % of the pages, and on three at least."""
    counts: Counter[int] = Counter()
    total = 0
    for page in pages:
        counts.update(page)
        total += 1
    least = max(3, total * 0.2)
    return frozenset(block for block, count in counts.items() if count > least)


def _landmark(body: Element) -> Element | None:
    for path in _LANDMARKS:
        found = body.xpath(path)
        if len(found) == 1 and len(found[0].text_content()) > 100:
            return found[0]
    return None


def _neighbours(root: Element) -> set[str]:
    """The addresses of the previous, next, upper and first page, which navigation bars repeat."""
    wanted = {"prev", "previous", "next", "up", "home", "contents", "index", "start"}
    return {link.get("href") for link in root.iter("link") if (link.get("rel") or "").lower() in wanted}


def _alone(anchor: Element) -> bool:
    parent = anchor.getparent()
    return parent is not None and _squeeze(parent.text_content()) == _squeeze(anchor.text_content())


def _strip_chrome(root: Element) -> None:
    kept: set[Element] = set()
    for element in list(root.iter()):
        if not isinstance(element.tag, str) or element is root:
            continue
        if element.getparent() in kept:
            kept.add(element)
        elif _is_contents(element) and _is_all(element, root):
            kept.add(element)  # the first page of a chapter is nothing but its table of contents
        elif _is_chrome(element) and not _holds_most(element, root):
            _drop(element)


def _is_contents(element: Element) -> bool:
    return bool(set((element.get("class") or "").lower().split()) & {"toc", "toctree-wrapper", "contents"})


def _is_all(element: Element, root: Element) -> bool:
    rest = len(_squeeze(root.text_content())) - len(_squeeze(element.text_content()))
    return rest < _HARDLY_ANYTHING


def _is_chrome(element: Element) -> bool:
    if element.tag in _CHROME_TAGS or (element.get("role") or "") in _CHROME_ROLES:
        return True
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    if not names.strip() or element.tag in _ALL_HEADINGS:
        return False
    # A link in a heading that leads back to the table of contents is still the heading.
    pattern = _INLINE_CHROME if element.tag in ("a", "span", "em", "strong", "code", "p") else _CHROME_NAMES
    return bool(pattern.search(names))


def _holds_most(element: Element, root: Element) -> bool:
    """A wrapper named "content-with-sidebar" is not a sidebar."""
    if element.find(".//h1") is None and element.find(".//p") is None:
        return False
    return len(element.text_content()) * 2 > len(root.text_content()) > 0


def _strip_repeated(root: Element, chrome: Set[int]) -> None:
    """Repeated blocks go when they lead somewhere, or stand before or after all of the page's own text."""
    leaves = list(_leaves(root))
    known = [_number(text) in chrome for _, text in leaves]
    own = [index for index, is_known in enumerate(known) if not is_known]
    first, last = (own[0], own[-1]) if own else (len(leaves), -1)
    for index, (element, _) in enumerate(leaves):
        outside = not first <= index <= last
        linked = element.tag == "a" or element.find(".//a[@href]") is not None
        if known[index] and (outside or linked) and element.tag not in _ALL_HEADINGS:
            _drop(element)


def _leaves(root: Element) -> Iterator[tuple[Element, str]]:
    """Blocks that hold no block, with their text."""
    for element in root.iter():
        if element.tag in _LEAVES and element.tag not in ("a", "span"):
            if not any(child.tag in _BLOCKS for child in element.iterchildren()):
                text = _squeeze(element.text_content())
                if text:
                    yield element, text


def _number(text: str) -> int:
    return zlib.crc32(text.lower().encode("utf-8", "replace"))


# Cutting


def cut(root: Element, visit: Visit, *, keep_title: bool = False, anchors: bool = True, expected: str = "") -> Cut:
    """Safe HTML and Sections of ``root``; links, images and anchors resolved; the title heading taken out."""
    _remove(root, _GONE)
    _unlink_headers(root)
    _callouts(root)
    title = "" if keep_title else _take_title(root, expected)
    _level(root)
    if anchors:
        _anchor(root)
    else:
        _nameless(root)
    _resolve(root, visit)
    _dress(root)
    sections = tuple(_sections(root))
    return Cut(title, sections, sanitised(_inner(root)))


def sanitised(markup: str) -> str:
    """``markup`` through the allow-list: nothing in it can run, load from elsewhere, or take the portal's ids."""
    return nh3.clean(
        markup, tags=_TAGS, attributes=_ATTRIBUTES, allowed_classes=_CLASSES, url_schemes=_SCHEMES, id_prefix=ID_PREFIX,
        link_rel="noopener noreferrer",
    )  # fmt: skip


def text_of(root: Element) -> str:
    """All text of ``root`` as paragraphs."""
    return "\n\n".join(section.text for section in _sections(root, cutting=False)).strip()


def _inner(root: Element) -> str:
    inner = [_escape(root.text or "")] + [
        etree.tostring(child, encoding="unicode", method="html", with_tail=True) for child in root
    ]
    return "".join(inner).strip()


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _remove(root: Element, tags: tuple[str, ...]) -> None:
    for element in list(root.iter(*tags)):
        if element is not root:
            _drop(element)


def _drop(element: Element) -> None:
    if element.getparent() is not None:
        element.drop_tree()


def _unlink_headers(root: Element) -> None:
    for anchor in list(root.iter("a")):
        words = (anchor.text_content() or "").strip()
        if "headerlink" in (anchor.get("class") or "") or (words and words in _PILCROWS):
            _drop(anchor)


def _callouts(root: Element) -> None:
    """The notes and warnings of DocBook and Sphinx become quotes that open with their name in bold."""
    for element in list(root.iter("div", "aside")):
        names = set((element.get("class") or "").lower().split())
        if not names & _CALLOUT_NAMES:
            continue
        element.tag = "blockquote"
        for image in list(element.iter("img")):
            if re.fullmatch(r"\[\w+\]", (image.get("alt") or "").strip()):
                image.drop_tree()
        for label in list(element.iter(*_ALL_HEADINGS, "p"))[:1]:
            if label.tag in _ALL_HEADINGS or "title" in (label.get("class") or ""):
                embolden(label)


def embolden(element: Element) -> None:
    """Turn a heading into a bold line."""
    element.tag = "p"
    element.attrib.clear()
    strong = lxml_html.Element("strong")
    strong.text, element.text = element.text, None
    for child in list(element):
        strong.append(child)
    element.append(strong)


def _take_title(root: Element, expected: str) -> str:
    """The page's title heading, taken out: the portal shows the title itself."""
    heading = next(iter(root.iter("h1")), None)
    if heading is None:
        first = next((element for element in root.iter(*_ALL_HEADINGS)), None)
        # Manuals cut into pages open each page with the heading of its depth.
        if first is not None and (
            "title" in (first.get("class") or "").split() or _squeeze(first.text_content()) == expected
        ):
            heading = first
    if heading is None:
        return ""
    title = _EXPLICIT.sub("", _squeeze(heading.text_content()))
    if heading.tag == "h1" and len(list(root.iter("h1"))) > 1 and _text_before(root, heading):
        return title
    _drop(heading)
    return title


def _text_before(root: Element, heading: Element) -> bool:
    for element in root.iter():
        if element is heading:
            return False
        if element.tag in ("p", "li", "pre") and _squeeze(element.text_content()):
            return True
    return False


def _level(root: Element) -> None:
    """Headings become h2, h3 ... without gaps, whatever the page began with."""
    headings = [element for element in root.iter(*_ALL_HEADINGS)]
    levels = sorted({element.tag for element in headings})
    for element in headings:
        element.tag = f"h{min(2 + levels.index(element.tag), 6)}"


def _anchor(root: Element) -> None:
    """Every heading gets one id, made of letters, digits and ``-``; other ids are kept where they are free."""
    taken: set[str] = set()
    headings = list(root.iter(*_ALL_HEADINGS))
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
    for element in root.iter():
        if isinstance(element.tag, str):
            element.attrib.pop("id", None)


def _other_id(element: Element, taken: set[str]) -> None:
    given = element.attrib.pop("id", None) or (element.get("name") if element.tag == "a" else None)
    if not given and element.tag in ("p", "li", "dt") and element.text:
        clause = _CLAUSE.match(element.text.lstrip()[:40])
        given = clause[1] if clause else None
    if given:
        name = ids.slug(given)
        if name not in taken:
            taken.add(name)
            element.set("id", name)


def _wanted_id(heading: Element, root: Element) -> str:
    words = _squeeze(heading.text_content())
    explicit = _EXPLICIT.search(words)
    if explicit:
        _cut_explicit(heading)
        return ids.slug(explicit[1])
    given = next(
        (name for name in (heading.get("id"), _inner_id(heading), _outer_id(heading, root)) if _said(name)), ""
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


def _resolve(root: Element, visit: Visit) -> None:
    for anchor in list(root.iter("a")):
        href = anchor.get("href")
        found = visit.link(href) if href else None
        if found:
            anchor.set("href", found)
        elif anchor.get("id"):
            anchor.attrib.pop("href", None)
        else:
            anchor.drop_tag()
    for image in list(root.iter("img")):
        _picture(image, visit)


def _picture(image: Element, visit: Visit) -> None:
    src, alt = (image.get("src") or "").strip(), _squeeze(image.get("alt") or "")
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
    found = None if not src or lowered.startswith(("data:", "javascript:")) else visit.image(src)
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
    for element in root.iter():
        if isinstance(element.tag, str):
            element.attrib.pop("class", None)
    for pre in root.iter("pre"):
        pre.set("tabindex", "0")
    for quote in root.iter("blockquote"):
        first = next(iter(quote.iter("strong")), None)
        label = _squeeze(first.text_content()).lower() if first is not None else ""
        if label in _CALLOUT_NAMES:
            quote.set("class", f"callout {label}")
    for table in list(root.iter("table")):
        parent = table.getparent()
        if parent is not None and not any(a.tag == "table" for a in table.iterancestors()):
            wrapper = lxml_html.Element("div", attrib={"class": "table", "tabindex": "0"})
            wrapper.tail, table.tail = table.tail, None
            parent.replace(table, wrapper)
            wrapper.append(table)


# Text


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
        text = text.strip("\n").rstrip() if self.code else _squeeze(text)
        if text.strip():
            self.paragraphs.append(text)
        self._line.clear()

    def take(self) -> str:
        self.end()
        text = "\n\n".join(self.paragraphs)
        self.paragraphs.clear()
        return text


def _sections(root: Element, *, cutting: bool = True) -> Iterator[Section]:
    """Sections in reading order; a heading without any text below it stays findable through its children's paths."""
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
        if event == "start" and cutting and tag in _HEADINGS:
            text = writer.take()
            if text or anchor:
                yield Section(anchor, tuple(heading for _, heading in path), text)
            words = _squeeze(element.text_content())
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
        if tag in _BLOCKS:
            writer.end()
        writer.code += tag == "pre"
        if tag == "br":
            writer.add("\n" if writer.code else " ")
        if tag == "img":
            writer.add(f" {element.get('alt') or ''} {element.get('title') or ''} ")
        writer.add(element.text)
        return
    if tag in _BLOCKS:
        writer.end()
    writer.code -= tag == "pre"
    if element is not root:
        writer.add(element.tail)


def _squeeze(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
