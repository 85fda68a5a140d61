"""Blocks of HTML within Markdown, and labels with code, as CommonMark reads them.

A block of HTML ends at a blank line, and Markdown goes on behind it, even within a ``<div>``;
Python-Markdown would take everything up to the closing tag for HTML. ``take_out`` puts a mark in
its place, which ``put_back`` replaces in the rendered page.
"""

from __future__ import annotations

import re

_FENCE = re.compile(r"^[ \t>]*(?:[-*+] |\d+[.)] )?[ \t]*(`{3,}|~{3,})")
_BLOCK = re.compile(
    r"^([ \t>]*)(?:</?(?:address|article|aside|blockquote|center|dd|details|dialog|div|dl|dt"
    r"|fieldset|figcaption|figure|footer|form|h[1-6]|header|hr|iframe|legend|li|main|menu|nav"
    r"|ol|p|search|section|source|summary|table|tbody|td|tfoot|th|thead|tr|ul|video)"
    r"(?=[\s/>]|$)|<!--)",
    re.IGNORECASE,
)
#: Python-Markdown's own way to have Markdown within HTML.
_MARKDOWN_ATTRIBUTE = re.compile(r"<\w[^<>\n]* markdown(?:=|>|\s)", re.IGNORECASE)
_MARK = re.compile(r"<p>\s*KBHTML(\d+)MARK\s*</p>|KBHTML(\d+)MARK")

_WITH_CODE = r"([^\[\]\n`]{0,200}`[^\[\]\n]{0,200})"
_DEFINITION = re.compile(rf"^( {{0,3}}\[){_WITH_CODE}(\]:[ \t])", re.MULTILINE)
_USE = re.compile(rf"(^|[^\]])\[{_WITH_CODE}\](?:\[\])?(?![\[(:])", re.MULTILINE)
_FULL_USE = re.compile(rf"\]\[{_WITH_CODE}\]")


def take_out(text: str) -> tuple[str, list[str]]:
    """``text`` with a mark for each block of HTML, and the blocks."""
    if "<" not in text or _MARKDOWN_ATTRIBUTE.search(text):
        return text, []
    blocks: list[str] = []
    lines: list[str] = []
    block: list[str] = []  # that is open
    is_comment = False
    fence = ""
    for line in text.split("\n"):
        if block and not is_comment and not line.strip(" \t>"):
            _end_block(block, blocks, lines)
            block = []
        if block:
            block.append(line)
        else:
            mark = _FENCE.match(line)
            if mark and not fence:
                fence = mark[1]
            elif mark and mark[1].startswith(fence) and not line.strip(" \t>`~"):
                fence = ""
            if fence or mark or not _BLOCK.match(line):
                lines.append(line)
                continue
            block = [line]
            is_comment = line.lstrip(" \t>").startswith("<!--")
        if is_comment and "-->" in line:
            _end_block(block, blocks, lines)
            block = []
    if block:
        _end_block(block, blocks, lines)
    return "\n".join(lines), blocks


def _end_block(block: list[str], blocks: list[str], lines: list[str]) -> None:
    start = _BLOCK.match(block[0])
    margin = start[1] if start else ""
    if lines and lines[-1].strip(" \t>"):
        lines.append(margin.rstrip(" \t"))
    lines += [f"{margin}KBHTML{len(blocks)}MARK", margin.rstrip(" \t")]
    blocks.append("\n".join(line.lstrip("> ") if ">" in margin else line for line in block))


def put_back(html: str, blocks: list[str]) -> str:
    """``html`` with the blocks in the place of their marks."""
    if not blocks:
        return html

    def block(mark: re.Match[str]) -> str:
        number = int(mark[1] or mark[2])
        return blocks[number] if number < len(blocks) else mark[0]

    return _MARK.sub(block, html)


def name_labels(text: str) -> str:
    """``text`` without code in the labels of its link definitions, where Python-Markdown would not
    find them: ``[`if`][]`` becomes ``[`if`][kb-label-0]``."""
    labels = dict.fromkeys(match[2].lower() for match in _DEFINITION.finditer(text))
    if not labels:
        return text
    names = {label: f"kb-label-{number}" for number, label in enumerate(labels)}

    def definition(match: re.Match[str]) -> str:
        return f"{match[1]}{names[match[2].lower()]}{match[3]}"

    def use(match: re.Match[str]) -> str:
        name = names.get(match[2].lower())
        return f"{match[1]}[{match[2]}][{name}]" if name else match[0]

    def full_use(match: re.Match[str]) -> str:
        return f"][{names.get(match[1].lower(), match[1])}]"

    return _FULL_USE.sub(full_use, _USE.sub(use, _DEFINITION.sub(definition, text)))
