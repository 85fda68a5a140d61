"""Drawings: which SVG files contain shapes and text, and nothing that could run or be loaded.

Browsers run and load nothing in an SVG that a page shows as an image, and the portal serves each
with a policy that forbids both when somebody opens it by itself. Checking the file when it is
published does not rely on either.
"""

from __future__ import annotations

import re
from xml.parsers import expat

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_XML = "http://www.w3.org/XML/1998/namespace"

_ELEMENTS = frozenset(
    {
        "svg", "g", "defs", "symbol", "use", "title", "desc", "metadata", "style",
        "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "image",
        "text", "tspan", "textPath", "marker", "pattern", "clipPath", "mask",
        "linearGradient", "radialGradient", "stop",
    }
)  # fmt: skip

#: What drawing programs note for themselves, which browsers ignore.
_IGNORED_NAMESPACES = frozenset(
    {
        "http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd",
        "http://www.inkscape.org/namespaces/inkscape",
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "http://creativecommons.org/ns#",
        "http://purl.org/dc/elements/1.1/",
    }
)
_REFERENCES = frozenset({"href", f"{_XLINK} href"})
#: The portal serves drawings as UTF-8, whatever they declare.
_ENCODINGS = frozenset({"utf-8", "us-ascii"})
#: Exactly the id: browsers decode "%61", and remove line breaks.
_OWN_REFERENCE = re.compile(r"#[\w.:-]+")
_OWN_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*")
#: A style sheet could load a file in one of these ways; an escape could hide them.
_LOADING_STYLE = re.compile(
    r"@import|\\|url\((?![ \t\r\n]*[\"']?[ \t\r\n]*#)|\b(?:image|image-set|src)\(", re.IGNORECASE
)


def is_drawing(data: bytes) -> bool:
    """Whether ``data`` is an SVG file without scripts, links, HTML, a document type and addresses
    of other files.

    >>> is_drawing(b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9"/></svg>')
    True
    >>> is_drawing(b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')
    False
    """
    if b"<svg" not in data[:4096]:
        return False

    check = _Check()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.XmlDeclHandler = _check_encoding
    parser.StartElementHandler = check.start
    parser.EndElementHandler = check.end
    parser.CharacterDataHandler = check.text
    # Entities could expand without end, and processing instructions could name a style sheet.
    parser.StartDoctypeDeclHandler = _refuse
    parser.ProcessingInstructionHandler = _refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, _RefusedError):
        return False
    return not (check.uses_nested or _LOADING_STYLE.search("".join(check.styles)))


class _RefusedError(Exception):
    """The file is not a drawing."""


def _refuse(*_: object) -> None:
    raise _RefusedError


def _check_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        _refuse()


def _runs_or_loads(element: str, attribute: str, value: str) -> bool:
    """Whether an attribute could run something or load another file."""
    if attribute in _REFERENCES:
        own = _OWN_PICTURE if element == "image" else _OWN_REFERENCE
        return own.fullmatch(value) is None
    # With a base of its own, "#a" would be in another file.
    is_handler, is_base = attribute.lower().startswith("on"), attribute == f"{_XML} base"
    return is_handler or is_base or _LOADING_STYLE.search(value) is not None


class _Check:
    """What the parser reports; raises _RefusedError. ``styles`` is the text of style sheets."""

    def __init__(self) -> None:
        self.styles: list[str] = []
        self._in_style = False
        self._open: list[str] = []  # ids of the elements around the parser's place; "" without one
        self._used: set[str] = set()
        self._using: set[str] = set()  # ids of the elements that contain a use

    @property
    def uses_nested(self) -> bool:
        """Whether what is used uses something itself: ten levels of ten copies each would be ten
        thousand million shapes.
        """
        return not self._used.isdisjoint(self._using)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self._in_style:  # a style sheet is text
            _refuse()
        self._open.append(attributes.get("id", ""))
        namespace, _, element = name.rpartition(" ")
        if namespace in _IGNORED_NAMESPACES:
            return
        if namespace != _SVG or element not in _ELEMENTS:
            _refuse()

        self._in_style = element == "style"
        for attribute, value in attributes.items():
            if attribute.rpartition(" ")[0] in _IGNORED_NAMESPACES:
                continue
            if _runs_or_loads(element, attribute, value):
                _refuse()
            if element == "use" and attribute in _REFERENCES:
                self._used.add(value.removeprefix("#"))
                self._using.update(filter(None, self._open))

    def end(self, _name: str) -> None:
        self._open.pop()
        self._in_style = False

    def text(self, text: str) -> None:
        if self._in_style:
            self.styles.append(text)
