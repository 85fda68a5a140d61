"""Links, images, and includes of one file into others."""

from __future__ import annotations

import re

import pytest

from tests.indexer.conftest import Read, codes


def test_links_lead_to_the_portal(read: Read) -> None:
    text = (
        "[a](other.md#Second-part) [b](../docs/Other.md) [c](#first) [d](https://example.com/) "
        "[e](gone.md) "
        "[f](xref:reset) <xref:reset> [g](javascript:alert(1)) [h](../../../etc/passwd) "
        "[i](mailto:a@example.com)\n\n"
        "## First\n\nx"
    )
    others = {"docs/other.md": "Other.", "deep/uid.md": "---\nuid: reset\ntitle: Reset it\n---\nx"}
    documents, findings = read("doc", "docs/a.md", text, **others)
    html = documents[0].html
    assert 'href="/help/doc/docs/other#s-second-part"' in html
    assert html.count('href="/help/doc/docs/other') == 2
    assert 'href="#s-first"' in html
    assert 'href="https://example.com/"' in html
    assert html.count('href="/help/doc/reset"') == 2
    assert ">Reset it</a>" in html
    assert "javascript" not in html
    assert "passwd" not in html
    assert [(finding.code, finding.target) for finding in findings] == [
        ("link-not-found", "gone.md")
    ]


def test_images_are_copied_under_the_name_of_their_content(read: Read, tmp_path: object) -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"0" * 20
    text = (
        '![A dialog](img/a.png "Title")\n\n![x](img/b.svg) ![y](https://example.com/c.png) '
        "![z](../../x.png)"
    )
    others = {"img/a.png": png, "img/b.svg": b"<svg onload=alert(1)>"}
    documents, findings = read("doc", "a.md", text, **others)
    html = documents[0].html
    assert html.count("<img") == 1
    assert 'src="/media/' in html
    assert 'alt="A dialog"' in html
    assert "A dialog Title" in documents[0].text()
    assert 'href="https://example.com/c.png"' in html
    assert codes(findings) == ["drawing-refused", "image-not-found"]


def test_includes_are_put_in_and_never_leave_the_root(read: Read, root: object) -> None:
    others = {
        "includes/a.md": "---\ntitle: part\n---\nIncluded **text**.",
        "includes/loop.md": "[!INCLUDE [x](loop.md)]",
        "../secret.md": "secret",
    }
    text = (
        "Before.\n\n[!INCLUDE [x](includes/a.md)]\n\n[!INCLUDE [x](../secret.md)]\n\n[!INCLUDE "
        "[y](includes/loop.md)]\n\nAfter."
    )
    documents, findings = read("doc", "a.md", text, **others)
    assert documents[0].text() == "Before.\n\nIncluded text.\n\nAfter."
    includes = [code for code in codes(findings) if code.startswith("include-")]
    assert sorted(includes) == ["include-nesting", "include-not-found"]


def test_addresses_of_the_portal_stay_as_they_are(read: Read) -> None:
    html = read(
        "doc",
        "a.md",
        "[file](/tickets/new) [b](/help/doc/b#s-c) [r](/other/site) [h](/) [s](/search?q=x)",
    )[0][0].html
    assert re.findall(r'href="([^"]*)"', html) == [
        "/tickets/new",
        "/help/doc/b#s-c",
        "/",
        "/search?q=x",
    ]


def test_a_staff_page_may_include_a_staff_page(read: Read) -> None:
    outer = "---\naudience: staff\n---\n# Staff\n\nBefore.\n\n[!INCLUDE [x](inner.md)]\n"
    ((document,), _) = read(
        "doc", "a.md", outer, **{"inner.md": "---\naudience: staff\n---\nSecret words.\n"}
    )
    assert "Secret words" in document.text()


@pytest.mark.parametrize(
    "inner",
    [
        "---\naudience: staff\n---\nSecret words.\n",
        "---\ndraft: true\n---\nSecret words.\n",
        "---\ntitle: S\naudience: staff\n\n# S\n\nSecret words.\n",
    ],
)
def test_a_public_page_does_not_include_a_restricted_one(read: Read, inner: str) -> None:
    outer = "# Public\n\nBefore.\n\n[!INCLUDE [x](inner.md)]\n"
    ((document,), findings) = read("doc", "a.md", outer, **{"inner.md": inner})
    assert "Secret" not in document.text() + document.html
    assert codes(findings) == ["include-restricted"]


def test_a_uid_that_no_file_declares_means_a_page_of_that_name_in_that_folder(read: Read) -> None:
    text = "# A\n\n<xref:Shop.Orders.Get-Order>, [all](xref:shop.orders.about_orders) and "
    text += "<xref:Shop.Orders.Twice>."
    others = {
        "Shop.Orders/Get-Order.md": "# Get an order\n\nText.",
        "Shop.Orders/About/about_Orders.md": "# Orders\n\nText.",
        "1/Shop.Orders/Twice.md": "# Once\n\nText.",
        "2/Shop.Orders/Twice.md": "# Twice\n\nText.",
    }
    documents, findings = read("doc", "a.md", text, **others)
    assert '<a href="/help/doc/shop-orders/get-order"' in documents[0].html
    assert ">Get an order</a>" in documents[0].html
    assert '<a href="/help/doc/shop-orders/about/about_orders"' in documents[0].html
    assert codes(findings) == ["uid-not-found"]
