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
_FIRST_BYTES = 4096  # where an SVG file begins, after comments
_SVG_TYPE = "-//W3C//DTD SVG"
_STYLE_THAT_LOADS = "a style that could load a file: @import, url(), image(), or a backslash"
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
    """Whether ``data`` is an SVG file without scripts, links, HTML, declarations and addresses of
    other files.

    >>> is_drawing(b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9"/></svg>')
    True
    >>> is_drawing(b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')
    False
    """
    return b"<svg" in data[:_FIRST_BYTES] and what_is_refused(data) is None


def what_is_refused(data: bytes) -> str | None:
    """The first thing in an SVG file that is no part of a drawing, in words; None in a drawing.

    >>> what_is_refused(b'<svg xmlns="http://www.w3.org/2000/svg">\\n<script/></svg>')
    '<script> (line 2)'
    """
    check = _Check()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.XmlDeclHandler = _check_encoding
    parser.StartElementHandler = check.start
    parser.EndElementHandler = check.end
    parser.CharacterDataHandler = check.text
    parser.StartDoctypeDeclHandler = _check_document_type
    parser.ProcessingInstructionHandler = _refuse_instruction
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        return f"an XML error ({error})"
    except _RefusedError as error:
        return f"{error} (line {parser.CurrentLineNumber})"
    if check.uses_nested:
        return "<use> of something that contains <use>"
    return _STYLE_THAT_LOADS if _LOADING_STYLE.search("".join(check.styles)) else None


def has_dark_colours(data: bytes) -> bool:
    """Whether a drawing looks different on dark pages, by a style sheet of its own."""
    return b"prefers-color-scheme" in data


class _RefusedError(Exception):
    """The file is not a drawing: it has what the message names."""


def _check_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        raise _RefusedError("an encoding other than UTF-8")


def _check_document_type(
    _name: str, _system: str | None, public: str | None, has_declarations: int
) -> None:
    # Many programs name the document type of SVG, which nobody loads. Declared entities could
    # expand without end, and browsers know those of some other types.
    if has_declarations:
        raise _RefusedError("a document type with declarations")
    if not (public or "").startswith(_SVG_TYPE):
        raise _RefusedError("a document type other than that of SVG")


def _check_element(namespace: str, element: str) -> None:
    if not namespace and element in _ELEMENTS:
        raise _RefusedError(f'no xmlns="{_SVG}"')
    if namespace != _SVG or element not in _ELEMENTS:
        raise _RefusedError(f"<{element}>")


def _check_attribute(element: str, attribute: str, value: str) -> None:
    """No attribute could run something or load another file."""
    if attribute in _REFERENCES:
        own = _OWN_PICTURE if element == "image" else _OWN_REFERENCE
        if not own.fullmatch(value):
            raise _RefusedError(f"the address of another file in <{element}>")
    # With a base of its own, "#a" would be in another file.
    elif attribute.lower().startswith("on") or attribute == f"{_XML} base":
        raise _RefusedError(f"the attribute {attribute.rpartition(' ')[2]}")
    elif _LOADING_STYLE.search(value):
        raise _RefusedError(_STYLE_THAT_LOADS)


def _refuse_instruction(target: str, _data: str) -> None:
    raise _RefusedError(f"<?{target}?>")  # could name a style sheet


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
        if self._in_style:
            raise _RefusedError("an element in <style>")
        self._open.append(attributes.get("id", ""))
        namespace, _, element = name.rpartition(" ")
        if namespace in _IGNORED_NAMESPACES:
            return
        _check_element(namespace, element)

        self._in_style = element == "style"
        for attribute, value in attributes.items():
            if attribute.rpartition(" ")[0] in _IGNORED_NAMESPACES:
                continue
            _check_attribute(element, attribute, value)
            if element == "use" and attribute in _REFERENCES:
                self._used.add(value.removeprefix("#"))
                self._using.update(filter(None, self._open))

    def end(self, _name: str) -> None:
        self._open.pop()
        self._in_style = False

    def text(self, text: str) -> None:
        if self._in_style:
            self.styles.append(text)
