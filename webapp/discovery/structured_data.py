"""What a page is, for search engines: schema.org in JSON-LD.

Guides are a TechArticle, FAQ entries a FAQPage and threads a QAPage; each has the trail that leads
to it. Everything here is on the page, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from flask import Flask, url_for
from markupsafe import Markup

from kb.search.display.sections import ArticleLocation, GuideSection
from kb.search.documents import Document, DocumentKind
from webapp.context import centre
from webapp.discovery.addresses import whole_address
from webapp.discovery.feeds import url_for_place
from webapp.formatting import KINDS, section_path
from webapp.sub_path import portal_path

_Data = dict[str, Any]


def register(app: Flask) -> None:
    for function in (json_ld, home_data, section_data, article_data):
        app.add_template_global(function)


def json_ld(things: Iterable[_Data]) -> Markup:
    """A data block; browsers run nothing in it, so that no policy for scripts is about it."""
    graph = {"@context": "https://schema.org", "@graph": list(things)}
    text = json.dumps(graph, ensure_ascii=False, separators=(",", ":"))
    # Nothing in it may end the block or begin a comment (HTML, 4.12.1.3).
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup('<script type="application/ld+json">{}</script>').format(Markup(safe))  # noqa: S704 - escaped above


def home_data() -> list[_Data]:
    home = whole_address(url_for("help_centre.home"))
    target = whole_address(url_for("help_centre.search")) + "?q={query}"
    action = {
        "@type": "SearchAction",
        "target": {"@type": "EntryPoint", "urlTemplate": target},
        "query-input": "required name=query",
    }
    site = {"@type": "WebSite", "name": centre().site.name, "url": home, "potentialAction": action}
    return [site]


def section_data(trail: Sequence[GuideSection], section: GuideSection) -> list[_Data]:
    way = [*trail, section] if section.path else []
    return [_breadcrumbs(DocumentKind.DOC, way)]


def article_data(document: Document, location: ArticleLocation) -> list[_Data]:
    address = whole_address(portal_path(document.url))
    page = (document.title, address)
    return [
        _present({**_MAKERS[document.kind](document), "@id": address, "url": address}),
        _breadcrumbs(document.kind, location.trail, page),
    ]


def _tech_article(document: Document) -> _Data:
    return {
        "@type": "TechArticle",
        "headline": document.title,
        "description": document.summary,
        "dateModified": str(document.updated or ""),
        "inLanguage": document.language,
        "keywords": list(document.tags),
        "mainEntityOfPage": whole_address(portal_path(document.url)),
        "publisher": _publisher(),
    }


def _faq_page(document: Document) -> _Data:
    question = {
        "@type": "Question",
        "name": document.title,
        "acceptedAnswer": {"@type": "Answer", "text": document.text()},
    }
    return {
        "@type": "FAQPage",
        "name": document.title,
        "dateModified": str(document.updated or ""),
        "inLanguage": document.language,
        "mainEntity": [question],
    }


def _qa_page(document: Document) -> _Data:
    """The text before all headings asks; what follows a heading of the first level replies."""
    address = whole_address(portal_path(document.url))
    answers = {
        position: {"@type": "Answer", "text": reply.text, "url": f"{address}#{reply.anchor}"}
        for position, reply in enumerate(document.sections)
        if len(reply.path) == 1 and reply.text
    }
    asked = next((part.text for part in document.sections if not part.path), "")
    question = {
        "@type": "Question",
        "name": document.title,
        "text": asked or document.title,
        "answerCount": len(answers),
        "acceptedAnswer": answers.pop(-1 if document.answer is None else document.answer, None),
        "suggestedAnswer": list(answers.values()),
    }
    return {
        "@type": "QAPage",
        "dateModified": str(document.updated or ""),
        "inLanguage": document.language,
        "mainEntity": _present(question),
    }


_MAKERS = {
    DocumentKind.DOC: _tech_article,
    DocumentKind.FAQ: _faq_page,
    DocumentKind.FORUM: _qa_page,
}


def _publisher() -> _Data:
    home = whole_address(url_for("help_centre.home"))
    return {"@type": "Organization", "name": centre().site.name, "url": home}


def _breadcrumbs(
    kind: DocumentKind, trail: Iterable[GuideSection], *page: tuple[str, str]
) -> _Data:
    row = KINDS[kind]
    steps = [
        ("Help centre", whole_address(url_for("help_centre.home"))),
        (row.list_title, whole_address(url_for_place(row.path))),
        *((section.title, whole_address(section_path(section))) for section in trail),
        *page,
    ]
    items = [
        {"@type": "ListItem", "position": position, "name": name, "item": address}
        for position, (name, address) in enumerate(steps, 1)
    ]
    return {"@type": "BreadcrumbList", "itemListElement": items}


def _present(data: _Data) -> _Data:
    """Without what is not known; a count of 0 is known."""
    return {name: value for name, value in data.items() if value or value == 0}
