"""MDX (Docusaurus): labels of tabs, and what only concerns its build."""

from __future__ import annotations

import re

TAB = re.compile(
    r"""^[ \t]*<TabItem\b[^>\n]{0,500}?\blabel=["'{]+([^"'\n>}]{1,200})["'}]+"""
    r"""[^>\n]{0,500}>[ \t]*$"""
)
_COMMENT = re.compile(r"^[ \t]*\{/\*.{0,2000}\*/\}[ \t]*$")
_MODULE = re.compile(
    r"""^(?:import\s.{0,300}\sfrom\s+["'][^"'\n]+["'];?|import\s+["'][^"'\n]+["'];?"""
    r"""|export\s+(?:const|default)\s.{0,500})$"""
)


def is_removed(line: str) -> bool:
    """Whether a line is a comment, an import, or an export."""
    return _MODULE.match(line) is not None or _COMMENT.match(line) is not None
