"""What the index pages of Sphinx and MyST list, in their order."""

from __future__ import annotations

import pytest

from tests.indexer.conftest import Read

RST = """Handbook
========

.. toctree::
   :maxdepth: 2
   :caption: Contents

   install
   Use it <usage/index>

   https://example.org

.. toctree::

   faq
   pages/*
"""
MYST = """# Handbook

```{toctree}
:maxdepth: 2

install
Use it <usage/index>
https://example.org
```

:::{toctree}
faq
pages/*
:::
"""


@pytest.mark.parametrize(("name", "text"), [("index.rst", RST), ("index.md", MYST)])
def test_a_toctree_is_the_order_of_the_section(read: Read, name: str, text: str) -> None:
    document = read("doc", f"guide/{name}", text)[0][0]
    assert document.title == "Handbook"
    assert document.place.contents == ("install", "usage/index", "faq")


def test_contents_in_the_front_matter_come_before_a_toctree(read: Read) -> None:
    document = read("doc", "index.md", f"---\ncontents: [b]\norder: 3\n---\n{MYST}")[0][0]
    assert (document.place.contents, document.place.order) == (("b",), 3)


def test_a_toctree_keeps_what_else_the_front_matter_says(read: Read) -> None:
    document = read("doc", "index.md", f"---\norder: 3\n---\n{MYST}")[0][0]
    assert (document.place.contents[0], document.place.order) == ("install", 3)


@pytest.mark.parametrize("text", ["```{toctree}\n" + "a\n" * 50_000, ".. toctree::\n" * 20_000])
def test_a_toctree_without_an_end_is_read_in_time(read: Read, text: str) -> None:
    read("doc", "index.md", "# A\n\nText.\n\n" + text)
