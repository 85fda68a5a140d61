"""Text that people type into tickets, as safe HTML: the Markdown that they commonly write, and the
rest as typed.

Code fences, lists, quotes, links, emphasis and code in a line. Not CommonMark: logs and stack
traces are pasted without thinking of any markup, so that line ends and indentation stay, nothing
becomes a heading or a picture, and HTML is text. Each line is read once; every text is escaped
before markup is added.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})[ \t]*([\w+#.-]{0,30})[ \t]*")
_ITEM = re.compile(r"\s{0,3}(?:([-*+])|(\d{1,3})[.)])[ \t]+(?=\S)")
_QUOTE = re.compile(r">[ ]?")
_WEB_ADDRESS = r"https?://[^\s<>\"'`]*[^\s<>\"'`.,;:!?)\]}]"
#: Bounded, so that no text takes long: each part ends in its line.
_INLINE = re.compile(
    r"`(?P<code>[^`\n]{1,500})`"
    rf"|\[(?P<label>[^\[\]\n]{{1,300}})\]\((?P<target>https?://[^\s()<>\"'`]{{1,1000}})\)"
    rf"|(?P<url>{_WEB_ADDRESS})"
    r"|\*\*(?P<strong>[^\s*](?:[^*\n]{0,500}[^\s*])?)\*\*"
    r"|(?<![\w*])\*(?P<em>[^\s*](?:[^*\n]{0,500}[^\s*])?)\*(?![\w*])"
)
_REL = Markup('rel="nofollow noopener ugc"')


def ticket_text(text: str) -> Markup:
    """
    >>> ticket_text("Run `kb doctor`:\\n- **first**")
    Markup('<p>Run <code>kb doctor</code>:</p><ul><li><strong>first</strong></li></ul>')
    """
    return Markup("").join(_blocks(text.split("\n"), quotes=True))


def linked(text: str) -> Markup:
    """Plain text with its web addresses as links."""
    pieces, offset = [], 0
    for match in re.finditer(_WEB_ADDRESS, text):
        pieces += [escape(text[offset : match.start()]), _link(match[0], match[0])]
        offset = match.end()
    pieces.append(escape(text[offset:]))
    return Markup("").join(pieces)


def _blocks(lines: Sequence[str], *, quotes: bool) -> list[Markup]:
    blocks: list[Markup] = []
    paragraph: list[str] = []
    position = 0

    def end_paragraph() -> None:
        if paragraph:
            blocks.append(Markup("<p>{}</p>").format(_inline("\n".join(paragraph))))
            paragraph.clear()

    while position < len(lines):
        line = lines[position]
        if not line.strip():
            end_paragraph()
            position += 1
        elif fence := _FENCE.fullmatch(line):
            end_paragraph()
            end = _closing_fence(lines, position + 1, fence[1])
            code = "\n".join(lines[position + 1 : end])
            blocks.append(Markup("<pre><code>{}</code></pre>").format(code))
            position = end + 1
        elif quotes and _QUOTE.match(line):
            end_paragraph()
            end = _end_of(lines, position, _QUOTE)
            inner = [_QUOTE.sub("", quoted, count=1) for quoted in lines[position:end]]
            quoted_blocks = Markup("").join(_blocks(inner, quotes=False))
            blocks.append(Markup("<blockquote>{}</blockquote>").format(quoted_blocks))
            position = end
        elif _ITEM.match(line):
            end_paragraph()
            position = _add_list(blocks, lines, position)
        else:
            paragraph.append(line)
            position += 1
    end_paragraph()
    return blocks


def _closing_fence(lines: Sequence[str], position: int, fence: str) -> int:
    """The line of the closing fence, or the end: without it, all the rest is code."""
    for number in range(position, len(lines)):
        line = lines[number].strip()
        if line.startswith(fence) and not line.strip(fence[0]):
            return number
    return len(lines)


def _end_of(lines: Sequence[str], position: int, pattern: re.Pattern[str]) -> int:
    while position < len(lines) and pattern.match(lines[position]):
        position += 1
    return position


def _add_list(blocks: list[Markup], lines: Sequence[str], position: int) -> int:
    """Adds the list that begins here; the line after it. Indented lines belong to their item."""
    first = _ITEM.match(lines[position])
    is_numbered = first is not None and first[2] is not None
    items: list[list[str]] = []
    while position < len(lines):
        line = lines[position]
        item = _ITEM.match(line)
        if item is not None and (item[2] is not None) == is_numbered:
            items.append([line[item.end() :]])
        elif items and line.strip() and line.startswith(("  ", "\t")):
            items[-1].append(line.strip())
        else:
            break
        position += 1

    entries = Markup("").join(
        Markup("<li>{}</li>").format(_inline("\n".join(item))) for item in items
    )
    if not is_numbered:
        blocks.append(Markup("<ul>{}</ul>").format(entries))
    else:
        start = int(first[2]) if first else 1
        attribute = Markup(' start="{}"').format(start) if start != 1 else ""
        blocks.append(Markup("<ol{}>{}</ol>").format(attribute, entries))
    return position


def _inline(text: str) -> Markup:
    pieces: list[Markup] = []
    offset = 0
    for match in _INLINE.finditer(text):
        pieces += [escape(text[offset : match.start()]), _marked_up(match)]
        offset = match.end()
    pieces.append(escape(text[offset:]))
    return Markup("").join(pieces)


def _marked_up(match: re.Match[str]) -> Markup:
    if match["url"]:
        return _link(match["url"], match["url"])
    if match["target"]:
        return _link(match["target"], match["label"])
    if match["code"]:
        return Markup("<code>{}</code>").format(match["code"])
    # A web address in emphasised text stays a link.
    if match["strong"]:
        return Markup("<strong>{}</strong>").format(linked(match["strong"]))
    return Markup("<em>{}</em>").format(linked(match["em"]))


def _link(address: str, label: str) -> Markup:
    return Markup('<a href="{}" {}>{}</a>').format(address, _REL, label)
