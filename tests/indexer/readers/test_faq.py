"""Files of questions, in Markdown and on pages."""

from __future__ import annotations

import pytest

from tests.indexer.conftest import Read, codes


@pytest.mark.parametrize(
    "page",
    [
        '<script type="application/ld+json">{"@type": "FAQPage", "mainEntity": [{"@type": '
        '"Question", "name": "Why?", '
        '"acceptedAnswer": {"text": "<p>Because.</p>"}}, {"@type": "Question", "name": "How so?", '
        '"acceptedAnswer": {"@type": "Answer", "text": "So."}}]}</script>',
        "<dl><dt>Why?</dt><dd>Because.</dd><dt>How so?</dt><dd>So.</dd></dl>",
        "<h1>FAQ</h1><div><h2>1. Why?¶</h2><p>Because.</p></div><div><h2>2. How "
        "so?</h2><p>So.</p></div>",
    ],
)
def test_each_question_of_a_faq_page_is_a_document(read: Read, page: str) -> None:
    documents, _ = read(
        "faq", "faq.html", f"<html><head><title>FAQ</title></head><body>{page}</body></html>"
    )
    assert [(d.id, d.kind, d.title, d.text().strip()) for d in documents] == [
        ("faq/faq/why", "faq", "Why?", "Because."),
        ("faq/faq/how-so", "faq", "How so?", "So."),
    ]


def test_a_faq_file_holds_many_questions(read: Read) -> None:
    text = (
        "---\nproduct: portal\naudience: customers\n---\n# FAQ\n\nIntro.\n\n## Billing\n\n### "
        "How do I pay?\n\nBy card.\n\n"
        "#### Which?\n\nAny.\n\n### How do I pay?\n\nTwice.\n\n## Accounts\n\n### Can I "
        "leave?\n\nYes, see [pay](#how-do-i-pay).\n"
    )
    documents, findings = read("faq", "billing.md", text)
    assert [document.id for document in documents] == [
        "faq/billing/how-do-i-pay",
        "faq/billing/can-i-leave",
    ]
    assert {(document.product, document.audience) for document in documents} == {
        ("portal", "customers")
    }
    assert documents[0].extra["topic"] == "FAQ › Billing"
    assert "By card." in documents[0].text()
    assert codes(findings) == ["duplicate-question"]


def test_a_faq_file_may_be_one_question(read: Read) -> None:
    documents, _ = read(
        "faq",
        "why.md",
        "# Why is it slow?\n\nIt is not.\n\n## Measure\n\nSo.\n\n## Compare\n\nAnd so.",
    )
    assert [(document.id, document.title) for document in documents] == [
        ("faq/why", "Why is it slow?")
    ]


def test_questions_that_are_only_in_json_ld_are_read(read: Read) -> None:
    page = (
        '<html><head><script type="application/ld+json">{"@type": "FAQPage", "mainEntity": '
        '[{"@type": "Question", '
        '"name": "How?", "acceptedAnswer": {"text": '
        '"<p>So.</p>"}}]}</script></head><body><h1>FAQ</h1></body></html>'
    )
    documents, findings = read("doc", "a.html", page)
    assert [(one.kind, one.title, one.text().split()[-1]) for one in documents] == [
        ("faq", "How?", "So.")
    ]
    assert findings == []
