"""Aliases in the front matter of a Markdown file, added without touching anything else in it. Pure.

It understands only the forms that editors write by hand: a YAML block with or without a list of
aliases.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_BLOCK = re.compile(r"\ufeff?---[ \t]*\r?\n(?P<inside>.*?)^(?:---|\.\.\.)[ \t]*$", re.M | re.S)
_KEY = re.compile(r"^aliases[ \t]*:[ \t]*(?P<value>[^\r\n]*)\r?$", re.M)
_FLOW = re.compile(r"\[(?P<items>.*?)(?P<comma>,?)\s*\]")
_ITEMS = re.compile(r"(?:^[ \t]*-[ \t][^\r\n]*\r?\n)+", re.M)


def with_aliases(text: str, aliases: Sequence[str]) -> str | None:
    """The file with the aliases added; None if the list has another form.

    >>> with_aliases("---\\ntitle: Pay\\n---\\nText", ["billing"])
    '---\\ntitle: Pay\\naliases:\\n  - "billing"\\n---\\nText'
    >>> with_aliases("---\\naliases: [old name]\\n---\\n", ["billing"])
    '---\\naliases: [old name, "billing"]\\n---\\n'
    """
    quoted = [json.dumps(alias, ensure_ascii=False) for alias in aliases]
    lines = "".join(f"  - {alias}\n" for alias in quoted)
    block = _BLOCK.match(text)
    if block is None:
        has_other = text.lstrip("\ufeff \t\r\n").startswith(("---", "+++", "{", "<!--"))
        return None if has_other else f"---\naliases:\n{lines}---\n\n{text}"
    key = _KEY.search(text, block.start("inside"), block.end("inside"))
    if key is None:
        place = block.end("inside")
        return f"{text[:place]}aliases:\n{lines}{text[place:]}"
    flow = _FLOW.fullmatch(key["value"].strip())
    if flow is not None:
        items = [flow["items"].strip(), *quoted] if flow["items"].strip() else quoted
        written = f"[{', '.join(items)}]"
        return text[: key.start("value")] + written + text[key.end("value") :]
    listed = _ITEMS.match(text, key.end() + 1, block.end("inside"))
    if key["value"].strip() or listed is None:
        return None
    indent = re.match(r"[ \t]*", listed[0])
    lines = lines.replace("  - ", f"{indent[0] if indent else ''}- ")
    return text[: listed.end()] + lines + text[listed.end() :]
