"""reStructuredText, with what only Sphinx knows."""

from __future__ import annotations

import pytest

from tests.indexer.conftest import Read
from tests.indexer.dangers import find_dangers


def test_rst_becomes_sections_with_its_title_and_docinfo(read: Read) -> None:
    text = (
        "=============\nBack up\n=============\n\n:product: Portal\n:date: 2026-01-02\n\nFirst "
        "*things*.\n\n"
        "Every night\n===========\n\n.. note:: Test it.\n\n.. code-block:: sh\n\n   kb backup\n\n"
        "See :ref:`the other page <other>` and :func:`~kb.open`.\n\n.. versionadded:: 3.1\n   It "
        "is new.\n"
    )
    document = read("doc", "a.rst", text)[0][0]
    assert (document.title, document.product, str(document.updated)) == (
        "Back up",
        "Portal",
        "2026-01-02",
    )
    assert [section.path for section in document.sections] == [(), ("Every night",)]
    assert "kb backup" in document.sections[1].text
    assert "See the other page and kb.open." in document.sections[1].text
    assert "New in version 3.1" in document.text()
    assert ":ref:" not in document.html
    assert "callout note" in document.html


@pytest.mark.parametrize(
    "attack",
    [
        ".. raw:: html\n\n   <script>alert(1)</script>",
        ".. include:: ../secret.md",
        ".. include:: /etc/passwd",
        ".. csv-table::\n   :file: ../secret.md",
        ".. raw:: html\n   :file: ../secret.md",
        "`x <javascript:alert(1)>`_",
        ".. image:: javascript:alert(1)",
        ".. |x| raw:: html\n\n   <b onclick=alert(1)>\n\n|x|",
        ".. role:: raw-html(raw)\n   :format: html\n\n:raw-html:`<script>alert(1)</script>`",
    ],
)
def test_rst_reads_no_other_file_and_nothing_in_it_can_run(read: Read, attack: str) -> None:
    documents, _ = read(
        "doc", "a.rst", f"Title\n=====\n\nText.\n\n{attack}\n\nEnd.\n", **{"../secret.md": "canary"}
    )
    assert "End." in documents[0].text()
    assert "canary" not in documents[0].html
    assert "root:" not in documents[0].html
    assert find_dangers(documents[0].html) == []


def test_broken_rst_keeps_its_words(read: Read) -> None:
    text = (
        "Title\n==\n\n.. unknown:: x\n\n   inside\n\nA `broken link_ and **bold\n\n- list\nnot "
        "indented\n\nEnd."
    )
    document = read("doc", "a.rst", text)[0][0]
    assert "End." in document.text()


def test_the_doc_role_of_sphinx_becomes_a_link(read: Read) -> None:
    pytest.importorskip("docutils")
    text = "Title\n=====\n\nSee :doc:`sub/other` and :doc:`the rest <rest>`.\n"
    others = {"sub/other.rst": "Other\n=====\n\nText.\n", "rest.rst": "Rest\n====\n\nText.\n"}
    html = read("doc", "a.rst", text, **others)[0][0].html
    assert 'href="/help/doc/sub/other"' in html
    assert 'href="/help/doc/rest"' in html
    assert "the rest</a>" in html
