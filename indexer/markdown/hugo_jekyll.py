"""Hugo shortcodes and Jekyll's Liquid tags: their patterns, and what becomes of them inline.

Blocks of code and includes are lines of their own, which ``flavours`` acts upon.
"""

from __future__ import annotations

import re

INCLUDE = re.compile(
    r"""^[ \t]*\{\{[<%]\s*include(?:-\w+)?\s+(?:file=)?"""
    r"""["']?([^\s"'>%]+)["']?[^}\n]*[%>]\}\}[ \t]*$"""
)

_HUGO_CODE = re.compile(
    r"^[ \t]*\{\{[<%]\s*(/?)\s*(code-toggle|highlight|code)\b[^}\n]*?(/?)\s*[%>]\}\}[ \t]*$"
)
_LIQUID_CODE = re.compile(
    r"^[ \t]*\{%-?\s*(end)?highlight\b\s*([\w+#-]{0,30})[^%\n]{0,100}%\}[ \t]*$"
)
#: Closers of the blocks that ``opened_code`` opens.
HUGO_CLOSER, LIQUID_CLOSER = "{{", "{%"

#: Shortcodes and tags that stand for the address of a page.
_HUGO_REF = re.compile(r"""\{\{[<%]\s*(?:rel)?ref\s+["']?([^"'\s%>]{1,300})["']?\s*[%>]\}\}""")
_LIQUID_LINK = re.compile(r"\{%-?\s*(?:link|post_url)\s+([^\s%]{1,300})\s*-?%\}")

_VERSION = re.compile(r"\{\{[<%]\s*(new-in|deprecated-in)\s+([\w.]+)\s*/?[%>]\}\}")
_TERM = re.compile(
    r"""\{\{[<%]\s*(?:glossary-term|eturl|param|kbd|abbr)\s+"?([^"%>}\n]+?)"?\s*/?[%>]\}\}"""
)
#: ``{{</* name */>}}`` shows a shortcode instead of calling it.
_LITERAL = re.compile(r"\{\{([<%])/\*(.{0,2000}?)\*/([%>])\}\}")
_ANY_SHORTCODE = re.compile(r"\{\{[<%](?!/\*)[^{}\n]{0,1000}[%>]\}\}")
_ANY_LIQUID = re.compile(r"\{%-?[^%{}\n]{0,1000}-?%\}")


def opened_code(line: str) -> tuple[str, str] | None:
    """(closer, language) of the code block that a line opens; closer "" when it opens none after
    all. None for any other line."""
    shortcode = _HUGO_CODE.match(line)
    if shortcode:
        is_closed = shortcode[1] or shortcode[3]
        return ("" if is_closed else HUGO_CLOSER), ""
    tag = _LIQUID_CODE.match(line)
    if tag:
        return ("" if tag[1] else LIQUID_CLOSER), tag[2]
    return None


def closes_code(line: str, closer: str) -> bool:
    if closer == HUGO_CLOSER:
        return _HUGO_CODE.match(line) is not None and "/" in line
    tag = _LIQUID_CODE.match(line)
    return tag is not None and bool(tag[1])


def unescape_literals(text: str) -> str:
    return _LITERAL.sub(r"{{\1\2\3}}", text) if "/*" in text else text


def replace_inline(text: str) -> str:
    """Shortcodes and tags within a line become text or addresses; all others are removed."""
    text = _VERSION.sub(_version_label, text)
    text = _TERM.sub(r"\1", text)
    text = _HUGO_REF.sub(r"\1", text)
    text = _LIQUID_LINK.sub(r"/\1", text)
    text = _ANY_SHORTCODE.sub("", text)
    text = _ANY_LIQUID.sub("", text)
    return unescape_literals(text)


def _version_label(shortcode: re.Match[str]) -> str:
    label = "New in" if shortcode[1] == "new-in" else "Deprecated in"
    return f"*{label} {shortcode[2]}*"
