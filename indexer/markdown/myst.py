"""MyST (Sphinx): directives, roles, and labels."""

from __future__ import annotations

import re

#: ``{name} argument`` behind a fence.
DIRECTIVE = re.compile(r"^\{([\w:-]+)\}[ \t]*(.*)$")
#: ``:name: value``, in the first lines of a directive.
OPTION = re.compile(r"\s*:[\w-]+:")
#: ``(name)=`` above a heading.
LABEL = re.compile(r"^\(([\w:. -]{1,100})\)=[ \t]*$")

CODE_DIRECTIVES = frozenset(
    {"code", "code-block", "code-cell", "sourcecode", "prompt", "parsed-literal", "math", "mermaid"}
)
PICTURE_DIRECTIVES = frozenset({"image", "figure"})
#: Directives that lay out what is in them; their arguments are no titles.
LAYOUT_DIRECTIVES = frozenset({"list-table", "tab-set", "grid", "div"})
_BUILD_DIRECTIVES = frozenset(
    {"toctree", "contents", "eval-rst", "highlight", "index", "jsonschema", "only", "automodule"}
)

_ROLE = re.compile(
    r"\{(doc|ref|term|kbd|guilabel|menuselection|file|numref|abbr|sup|sub)\}`([^`\n]{1,300})`"
)
#: ``text <target>``
_ROLE_TARGET = re.compile(r"(.+?)\s*<([^<>]+)>")


def is_removed(directive: str) -> bool:
    """Whether a directive only concerns the build."""
    return directive in _BUILD_DIRECTIVES or directive.startswith("auto")


def has_role(text: str) -> bool:
    return _ROLE.search(text) is not None


def replace_roles(text: str) -> str:
    return _ROLE.sub(_to_commonmark, text)


def _to_commonmark(role: re.Match[str]) -> str:
    name, content = role[1], role[2]
    explicit = _ROLE_TARGET.fullmatch(content)
    text, target = (explicit[1], explicit[2]) if explicit else (content, content)

    if name == "doc":
        title = text if explicit else text.rsplit("/", 1)[-1]
        return f"[{title}]({target if '.' in target else target + '.md'})"
    if name == "ref":
        return f"[{text}](#{target})" if explicit else text
    if name == "term":
        return f"*{text}*"
    if name in ("kbd", "file"):
        return f"`{text}`"
    return f"**{text}**"
