"""Which part of a page is its content, and which is the site around it?

Landmarks first, then what names itself navigation, then the blocks that a site repeats on its
pages. Not for Markdown, which has no chrome.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Set

from indexer.html.tree import BLOCKS, GONE, HEADINGS, Element, drop, remove_tags, squeeze_space

_HARDLY_ANYTHING = 300  # characters
#: Breadcrumbs: how many blocks above the first heading may hold them, and how much besides links
#: ("You are here:").
_ABOVE, _HERE = 12, 15
_ARROW = re.compile(r"[>»›→]|\s/\s|::")
_BETWEEN = re.compile(r"[\s>»›→/:|·•-]+")
_LEAVES = frozenset(
    (
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
    )
)
_CHROME_TAGS = frozenset({"nav", "footer"})
#: Elements whose tag or attributes could say that they are chrome.
_NAMED = "descendant::*[@class or @id or @role or self::nav or self::footer]"
_CHROME_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar"}
)
_CHROME_NAMES = re.compile(
    r"(?:^|[\s_-])(?:nav(?:bar|header|footer|igation|-content)?|breadcrumbs?|side-?bar\w*|footer|toc(?:tree-wrapper)?|"
    r"table-of-contents|related|skip-?(?:link|nav)|headerlink|prev-?next|pager|pagination|cookie\w*|menu|"
    r"sphinxsidebar|edit-this-page|page-?actions|share|social\w*|feedback|mobile-nav|indexterm)(?:$|[\s_-])",
    re.IGNORECASE,
)
_INLINE_CHROME = re.compile(
    r"(?:^|[\s_-])(?:headerlink|indexterm|skip-?(?:link|nav)|breadcrumbs?)(?:$|[\s_-])", re.I
)
#: Where the content is, and a class without which it is not there: looking through the names first
#: is cheaper.
_LANDMARKS = (
    (".//main", ""), (".//*[@role='main']", ""), (".//article", ""),
    (".//*[contains(concat(' ',@class,' '),' document ')]//*[contains(concat(' ',@class,' '),' "
     "body ')]", "document"),
    (".//div[@itemprop='articleBody']", ""), (".//div[@id='mw-content-text']", ""),
    (".//*[contains(concat(' ',normalize-space(@class),' '),' markdown-body ')]", "markdown-body"),
    (".//*[contains(concat(' ',normalize-space(@class),' '),' rst-content ')]", "rst-content"),
    (".//*[@id='main-content']", ""), (".//*[@id='content']", ""),
)  # fmt: skip


def main_content(root: Element, boilerplate_blocks: Set[int]) -> Element:
    """The element of ``root`` that holds the content, with navigation and repeated blocks taken
    out.
    """
    body = root.find(".//body")
    body = root if body is None else body
    held = list(
        body.iter()
    )  # lxml makes an element anew at each of the passes below unless somebody holds it
    neighbours = _neighbours(root)
    main = _landmark(body)
    # A site that repeats a landmark's wording around its content says where the content is.
    found = body if main is None else main
    _strip_chrome(found)
    _strip_crumbs(found)
    if boilerplate_blocks and main is None:
        _strip_repeated(found, boilerplate_blocks)
    for anchor in found.xpath(".//a[@href]"):
        if (
            anchor.get("href") in neighbours
            and _alone(anchor)
            and not any(map(_is_contents, anchor.iterancestors()))
        ):
            drop(anchor)
    del held
    return found


def block_hashes(root: Element) -> set[int]:
    """The texts of a page's blocks, as numbers, to find out which ones a site repeats."""
    body = root.find(".//body")
    body = root if body is None else body
    remove_tags(body, GONE)
    return {_number(text) for _, text in _leaves(body) if text}


def repeated_blocks(pages: Iterable[set[int]]) -> frozenset[int]:
    """The blocks on more than 20 % of the pages, and on three at least."""
    counts: Counter[int] = Counter()
    total = 0
    for page in pages:
        counts.update(page)
        total += 1
    least = max(3, total * 0.2)
    return frozenset(block for block, count in counts.items() if count > least)


def _landmark(body: Element) -> Element | None:
    classes = " ".join(body.xpath(".//@class"))
    for path, named in _LANDMARKS:
        found = body.xpath(path) if named in classes else []
        if len(found) == 1 and len(found[0].text_content()) > 100:
            return found[0]
    return None


def _neighbours(root: Element) -> set[str]:
    """The addresses of the previous, next, upper and first page, which navigation bars repeat."""
    wanted = {"prev", "previous", "next", "up", "home", "contents", "index", "start"}
    return {
        link.get("href") for link in root.iter("link") if (link.get("rel") or "").lower() in wanted
    }


def _alone(anchor: Element) -> bool:
    parent = anchor.getparent()
    return parent is not None and squeeze_space(parent.text_content()) == squeeze_space(
        anchor.text_content()
    )


def _strip_chrome(root: Element) -> None:
    kept: set[Element] = set()
    for element in root.xpath(_NAMED):
        if kept and any(ancestor in kept for ancestor in element.iterancestors()):
            continue
        if _is_contents(element) and _is_all(element, root):
            kept.add(element)  # the first page of a chapter is nothing but its table of contents
        elif _is_chrome(element) and not _holds_most(element, root):
            drop(element)


def _strip_crumbs(root: Element) -> None:
    """The way to the page, above its first heading: links between arrows, perhaps with the page's
    own title.
    """
    before: list[Element] = []
    for element, _ in _leaves(root):
        if element.tag in HEADINGS:
            own = squeeze_space(element.text_content())
            for crumbs in before:
                if _is_way(crumbs, own):
                    drop(crumbs)
            return
        before.append(element)
        if len(before) > _ABOVE:
            return


def _is_way(element: Element, own: str) -> bool:
    text, links = squeeze_space(element.text_content()), element.findall(".//a[@href]")
    if not links or not _ARROW.search(text):
        return False
    for words in sorted(
        (own, *(squeeze_space(link.text_content()) for link in links)), key=len, reverse=True
    ):
        text = text.replace(words, " ", 1) if words else text
    return len(_BETWEEN.sub("", text)) <= _HERE


def _is_contents(element: Element) -> bool:
    return bool(
        set((element.get("class") or "").lower().split()) & {"toc", "toctree-wrapper", "contents"}
    )


def _is_all(element: Element, root: Element) -> bool:
    rest = len(squeeze_space(root.text_content())) - len(squeeze_space(element.text_content()))
    return rest < _HARDLY_ANYTHING


def _is_chrome(element: Element) -> bool:
    if element.tag in _CHROME_TAGS or (element.get("role") or "") in _CHROME_ROLES:
        return True
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    if not names.strip() or element.tag in HEADINGS:
        return False
    # A link in a heading that leads back to the table of contents is still the heading.
    pattern = (
        _INLINE_CHROME
        if element.tag in ("a", "span", "em", "strong", "code", "p")
        else _CHROME_NAMES
    )
    return bool(pattern.search(names))


def _holds_most(element: Element, root: Element) -> bool:
    """A wrapper named "content-with-sidebar" is not a sidebar."""
    if element.find(".//h1") is None and element.find(".//p") is None:
        return False
    return len(element.text_content()) * 2 > len(root.text_content()) > 0


def _strip_repeated(root: Element, boilerplate_blocks: Set[int]) -> None:
    """The page's own text stands between the site's repeated blocks: what is repeated before and
    after it goes, with the links among it; within it goes only what is repeated and leads
    somewhere."""
    leaves = list(_leaves(root))
    known = [_number(text) in boilerplate_blocks for _, text in leaves]
    strangers = [index for index, is_known in enumerate(known) if not is_known]
    # A list of links may be a menu that names this page; a heading or a sentence is the page's own.
    own = [
        i for i in strangers if leaves[i][0].tag in HEADINGS or not _only_links(*leaves[i])
    ] or strangers
    first, last = (own[0], own[-1]) if own else (len(leaves), -1)
    before = max((index for index in range(first) if known[index]), default=-1)
    after = min(
        (index for index in range(last + 1, len(leaves)) if known[index]), default=len(leaves)
    )
    for index, (element, _) in enumerate(leaves):
        outside = not before < index < after
        linked = element.tag == "a" or element.find(".//a[@href]") is not None
        leading = known[index] and linked and element.tag not in HEADINGS
        if leading or (outside and element.tag != "h1"):
            drop(element)


def _only_links(element: Element, text: str) -> bool:
    links = [element] if element.tag == "a" else element.findall(".//a[@href]")
    return bool(links) and squeeze_space("".join(link.text_content() for link in links)).replace(
        " ", ""
    ) == text.replace(" ", "")


def _leaves(root: Element) -> Iterator[tuple[Element, str]]:
    """Blocks that hold no block, with their text."""
    for element in root.iter():
        if element.tag in _LEAVES and not any(
            child.tag in BLOCKS for child in element.iterchildren()
        ):
            text = squeeze_space(element.text_content())
            if text:
                yield element, text


def _number(text: str) -> int:
    return zlib.crc32(text.lower().encode("utf-8", "replace"))
