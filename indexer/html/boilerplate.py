"""Boilerplate removal: the part of a page that is its content, without the site around it.

Landmarks first, then what names itself navigation, then the blocks that a site repeats on its
pages. Markdown needs none of this.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Set

from indexer.html.tree import (
    BLOCKS,
    HEADINGS,
    REMOVED_TAGS,
    Element,
    drop,
    remove_tags,
    squeeze_space,
)

#: A page with fewer characters besides its table of contents is nothing but that.
_MIN_TEXT = 300
#: A landmark with fewer characters is not where the content is.
_MIN_LANDMARK = 100

#: A block on more than this share of a site's pages is repeated, and on so many at least.
_REPEATED_SHARE = 0.2
_REPEATED_PAGES = 3

#: Blocks above the first heading among which breadcrumbs may be, and how many characters besides
#: links they may have ("You are here:").
_MAX_BLOCKS_ABOVE = 12
_MAX_BREADCRUMB_TEXT = 15
_BREADCRUMB_ARROW = re.compile(r"[>»›→]|\s/\s|::")
_BREADCRUMB_SIGNS = re.compile(r"[\s>»›→/:|·•-]+")

#: Elements that may be blocks without blocks in them.
_LEAVES = frozenset({
    "p", "li", "dt", "dd", "td", "th", "div", "h1", "h2", "h3", "h4", "h5", "h6", "caption",
    "figcaption", "summary",
})  # fmt: skip

_NAVIGATION_TAGS = frozenset({"nav", "footer"})
_NAVIGATION_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar"}
)
#: Elements whose tag or attributes could say that they are navigation.
_CANDIDATES = "descendant::*[@class or @id or @role or self::nav or self::footer]"
_NAVIGATION_NAMES = re.compile(
    r"(?:^|[\s_-])(?:nav(?:bar|header|footer|igation|-content)?|breadcrumbs?|side-?bar\w*|footer"
    r"|toc(?:tree-wrapper)?|table-of-contents|related|skip-?(?:link|nav)|headerlink|prev-?next"
    r"|pager|pagination|cookie\w*|menu|sphinxsidebar|edit-this-page|page-?actions|share|social\w*"
    r"|feedback|mobile-nav|indexterm)(?:$|[\s_-])",
    re.IGNORECASE,
)
_INLINE_TAGS = ("a", "span", "em", "strong", "code", "p")
_INLINE_NAVIGATION_NAMES = re.compile(
    r"(?:^|[\s_-])(?:headerlink|indexterm|skip-?(?:link|nav)|breadcrumbs?)(?:$|[\s_-])", re.I
)
_CONTENTS_CLASSES = frozenset({"toc", "toctree-wrapper", "contents"})

#: ``<link rel>`` of the pages around this one.
_NEIGHBOUR_RELATIONS = frozenset(
    {"prev", "previous", "next", "up", "home", "contents", "index", "start"}
)

#: (path to the content, a class without which it is not there). Looking through all classes once
#: is cheaper than searching for each path.
_LANDMARKS = (
    (".//main", ""),
    (".//*[@role='main']", ""),
    (".//article", ""),
    (
        ".//*[contains(concat(' ',@class,' '),' document ')]"
        "//*[contains(concat(' ',@class,' '),' body ')]",
        "document",
    ),
    (".//div[@itemprop='articleBody']", ""),
    (".//div[@id='mw-content-text']", ""),
    (
        ".//*[contains(concat(' ',normalize-space(@class),' '),' markdown-body ')]",
        "markdown-body",
    ),
    (".//*[contains(concat(' ',normalize-space(@class),' '),' rst-content ')]", "rst-content"),
    (".//*[@id='main-content']", ""),
    (".//*[@id='content']", ""),
)


def main_content(root: Element, repeated: Set[int]) -> Element:
    """The element of the page ``root`` that holds the content, cleaned of navigation and of the
    blocks that its site repeats (``repeated``: their hashes)."""
    body = root.find(".//body")
    if body is None:
        body = root
    # lxml makes an element anew at each of the passes below unless somebody holds it.
    elements = list(body.iter())

    neighbours = {
        link.get("href")
        for link in root.iter("link")
        if (link.get("rel") or "").lower() in _NEIGHBOUR_RELATIONS
    }
    landmark = _find_landmark(body)
    content = body if landmark is None else landmark

    _remove_navigation(content)
    _remove_breadcrumbs(content)
    if repeated and landmark is None:
        _remove_repeated(content, repeated)
    for anchor in content.xpath(".//a[@href]"):
        is_neighbour = anchor.get("href") in neighbours and _is_alone(anchor)
        if is_neighbour and not any(map(_is_contents, anchor.iterancestors())):
            drop(anchor)

    del elements
    return content


def block_hashes(root: Element) -> set[int]:
    """The hashes of a page's blocks, to find out which ones a site repeats."""
    body = root.find(".//body")
    if body is None:
        body = root
    remove_tags(body, REMOVED_TAGS)
    return {_hash(text) for _, text in _leaves(body)}


def repeated_blocks(pages: Iterable[set[int]]) -> frozenset[int]:
    """The blocks that are on so many of the pages that they are the site's."""
    counts: Counter[int] = Counter()
    total = 0
    for page in pages:
        counts.update(page)
        total += 1
    least = max(_REPEATED_PAGES, total * _REPEATED_SHARE)
    return frozenset(block for block, count in counts.items() if count > least)


def _find_landmark(body: Element) -> Element | None:
    classes = " ".join(body.xpath(".//@class"))
    for path, required_class in _LANDMARKS:
        elements = body.xpath(path) if required_class in classes else []
        if len(elements) == 1 and len(elements[0].text_content()) > _MIN_LANDMARK:
            return elements[0]
    return None


# --- navigation


def _remove_navigation(root: Element) -> None:
    kept: set[Element] = set()
    for element in root.xpath(_CANDIDATES):
        if kept and any(ancestor in kept for ancestor in element.iterancestors()):
            continue
        if _is_contents(element) and _is_everything(element, root):
            kept.add(element)  # the first page of a chapter is nothing but its table of contents
        elif _is_navigation(element) and not _holds_most(element, root):
            drop(element)


def _is_contents(element: Element) -> bool:
    return bool(_CONTENTS_CLASSES & set((element.get("class") or "").lower().split()))


def _is_everything(element: Element, root: Element) -> bool:
    total = len(squeeze_space(root.text_content()))
    return total - len(squeeze_space(element.text_content())) < _MIN_TEXT


def _is_navigation(element: Element) -> bool:
    if element.tag in _NAVIGATION_TAGS or (element.get("role") or "") in _NAVIGATION_ROLES:
        return True
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    # A link in a heading that leads back to the table of contents is still the heading.
    if not names.strip() or element.tag in HEADINGS:
        return False
    if element.tag in _INLINE_TAGS:
        return bool(_INLINE_NAVIGATION_NAMES.search(names))
    return bool(_NAVIGATION_NAMES.search(names))


def _holds_most(element: Element, root: Element) -> bool:
    """A wrapper named "content-with-sidebar" is not a sidebar."""
    if element.find(".//h1") is None and element.find(".//p") is None:
        return False
    return len(element.text_content()) * 2 > len(root.text_content()) > 0


def _is_alone(anchor: Element) -> bool:
    """Whether there is nothing beside the link in its block."""
    parent = anchor.getparent()
    if parent is None:
        return False
    return squeeze_space(parent.text_content()) == squeeze_space(anchor.text_content())


# --- breadcrumbs


def _remove_breadcrumbs(root: Element) -> None:
    """Remove links between arrows above the first heading, perhaps with the page's own title."""
    above: list[Element] = []
    for element, _ in _leaves(root):
        if element.tag in HEADINGS:
            title = squeeze_space(element.text_content())
            for block in above:
                if _is_breadcrumb(block, title):
                    drop(block)
            return
        above.append(element)
        if len(above) > _MAX_BLOCKS_ABOVE:
            return


def _is_breadcrumb(element: Element, title: str) -> bool:
    text = squeeze_space(element.text_content())
    links = element.findall(".//a[@href]")
    if not links or not _BREADCRUMB_ARROW.search(text):
        return False

    # What is left besides the links and the title? The longest go first: they may contain others.
    labels = [title, *(squeeze_space(link.text_content()) for link in links)]
    for label in sorted(filter(None, labels), key=len, reverse=True):
        text = text.replace(label, " ", 1)
    return len(_BREADCRUMB_SIGNS.sub("", text)) <= _MAX_BREADCRUMB_TEXT


# --- repeated blocks


def _remove_repeated(root: Element, repeated: Set[int]) -> None:
    """Remove what stands around the page's own text, between blocks that the site repeats.

    Within the own text only what is repeated and leads somewhere is removed.
    """
    leaves = list(_leaves(root))
    is_repeated = [_hash(text) in repeated for _, text in leaves]

    # A list of links may be a menu that names this page; a heading or a sentence is the page's own.
    unique = [index for index in range(len(leaves)) if not is_repeated[index]]
    own = [
        index
        for index in unique
        if leaves[index][0].tag in HEADINGS or not _is_only_links(*leaves[index])
    ]
    own = own or unique
    first, last = (own[0], own[-1]) if own else (len(leaves), -1)

    start = max((index for index in range(first) if is_repeated[index]), default=-1)
    behind = range(last + 1, len(leaves))
    end = min((index for index in behind if is_repeated[index]), default=len(leaves))

    for index, (element, _) in enumerate(leaves):
        is_outside = not start < index < end
        is_link = element.tag == "a" or element.find(".//a[@href]") is not None
        is_menu = is_repeated[index] and is_link and element.tag not in HEADINGS
        if is_menu or (is_outside and element.tag != "h1"):
            drop(element)


def _is_only_links(element: Element, text: str) -> bool:
    links = [element] if element.tag == "a" else element.findall(".//a[@href]")
    linked = squeeze_space("".join(link.text_content() for link in links))
    return bool(links) and linked.replace(" ", "") == text.replace(" ", "")


def _leaves(root: Element) -> Iterator[tuple[Element, str]]:
    """Blocks that contain no block, with their text."""
    for element in root.iter():
        if element.tag not in _LEAVES:
            continue
        if any(child.tag in BLOCKS for child in element.iterchildren()):
            continue
        text = squeeze_space(element.text_content())
        if text:
            yield element, text


def _hash(text: str) -> int:
    return zlib.crc32(text.lower().encode("utf-8", "replace"))
