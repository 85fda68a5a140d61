"""What an XPath expression finds in a document, as texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from lxml import etree


def texts(root: etree._Element, path: str, names: Mapping[str, str]) -> list[str]:
    """The texts or attributes at ``path``."""
    return [str(each) for each in cast("Iterable[object]", root.xpath(path, namespaces=names))]
