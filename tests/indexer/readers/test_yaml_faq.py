"""YAML pages of questions."""

from __future__ import annotations

import pytest

from tests.indexer.conftest import Read, codes


def test_a_yaml_faq_becomes_questions(read: Read) -> None:
    text = (
        "### YamlMime:FAQ\nmetadata:\n  ms.date: 01/02/2026\n  ms.topic: faq\ntitle: "
        "Updates\nsummary: About updates.\n"
        "sections:\n  - name: General\n    questions:\n      - question: What is it?\n        "
        "answer: |\n"
        "          An **update**, see [b](b.md).\n      - question: 'How: often?'\n        "
        "answer: Monthly\n"
        "      - question: Nothing?\n        answer:\n      - question: What is it?\n        "
        "answer: Twice.\n"
    )
    documents, findings = read(
        "doc", "install/updates.yml", text, **{"install/b.md": "# B\n\nText."}
    )
    assert [(d.id, d.title, d.kind) for d in documents] == [
        ("faq/install/updates/what-is-it", "What is it?", "faq"),
        ("faq/install/updates/how-often", "How: often?", "faq"),
    ]
    assert documents[0].extra == {"type": "faq", "topic": "Updates › General"}
    assert 'href="/help/doc/install/b"' in documents[0].html
    assert str(documents[0].updated) == "2026-01-02"
    assert codes(findings) == ["duplicate-question"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("### YamlMime:FAQ\na: &x 1\nb: *x\n", "yaml-features"),
        ("### YamlMime:FAQ\na: [1\n", "invalid-yaml"),
        ("### YamlMime:FAQ\nsections: 3\n", "yaml-not-faq"),
        ("### YamlMime:FAQ\nsections: []\n", "yaml-no-answers"),
        ("### YamlMime:FAQ\n" + "[" * 5000, "invalid-yaml"),
        (
            "### YamlMime:FAQ\ndraft: true\nsections:\n- questions:\n  - {question: a, answer: "
            "b}\n",
            "draft",
        ),
    ],
)
def test_an_invalid_yaml_faq_is_skipped_with_a_reason(read: Read, text: str, code: str) -> None:
    documents, findings = read("faq", "a.yml", text)
    assert documents == []
    assert codes(findings) == [code]


def test_other_yaml_is_skipped(read: Read) -> None:
    _, findings = read("doc", "toc.yml", "items:\n- name: x\n  href: y.md\n")
    assert codes(findings) == ["unknown-format"]
