"""XML documents for machines, as bytes."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from flask import Response, make_response

#: What XML 1.0 (2.2) does not allow, even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def add(parent: Element, tag: str, text: str = "", /, **attributes: str) -> Element:
    """A new element in ``parent``."""
    element = SubElement(parent, tag, {name: xml_text(each) for name, each in attributes.items()})
    element.text = xml_text(text) or None
    return element


def xml_text(text: str) -> str:
    """``text`` without the characters that no XML document may contain."""
    return _FORBIDDEN.sub("", text)


def xml_response(root: Element, media_type: str, cache: str) -> Response:
    indent(root)
    response = make_response(tostring(root, "utf-8", xml_declaration=True))
    response.headers["Content-Type"] = f"{media_type}; charset=utf-8"
    response.headers["Cache-Control"] = cache
    return response
