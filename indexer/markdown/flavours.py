"""Markdown flavours: what many tools add to Markdown becomes plain CommonMark before rendering.

Line by line and outside code: includes, callouts and containers (DocFX, Docusaurus, MyST, MkDocs),
tabs, shortcodes (Hugo), Liquid (Jekyll), ``xref``, and roles. Callouts become quotes that open with
their name in bold, which every renderer shows. The patterns of each tool are in its module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from indexer.markdown import docfx, hugo_jekyll, mdx, myst
from indexer.readers import frontmatter
from indexer.readers.context import ReadContext

CALLOUTS = {
    "note": "Note",
    "tip": "Tip",
    "important": "Important",
    "warning": "Warning",
    "caution": "Caution",
    "danger": "Danger",
    "hint": "Hint",
    "info": "Info",
    "attention": "Attention",
    "error": "Error",
    "seealso": "See also",
    "admonition": "Note",
    "success": "Tip",
    "question": "Question",
    "example": "Example",
    "versionadded": "New in version",
    "versionchanged": "Changed in version",
    "deprecated": "Deprecated since version",
    "version-removed": "Removed in version",
    "versionremoved": "Removed in version",
}
#: Callouts whose title is a version number, which belongs behind their label.
_VERSION_CALLOUTS = ("version", "deprecated")

#: Without one of these a text is CommonMark already.
_ANY_FLAVOUR = re.compile(
    r":::|\[!|xref:|\{\{[<%]|\{%|```\{|~~~\{|#tab/"
    r"|\{(?:doc|ref|term|kbd|guilabel|menuselection|file)\}"
    r"|<TabItem|^[ \t]*\{/\*|--8<--|^\([\w-]+\)=|^import |^export |\{\{</\*",
    re.MULTILINE,
)
#: Without one of these a line is plain: no rule below applies.
_ANY_MARK = re.compile(r"```|~~~|:::|\{|--8<--|\[!|#tab/|xref:|<TabItem|^\(|^(?:im|ex)port\s")

_FENCE = re.compile(r"^([ \t>]*(?:[-*+] |\d+[.)] )?[ \t]*)(`{3,}|~{3,})(.*)$")
_COLON_FENCE = re.compile(r"^([ \t]*)(:{3,})[ \t]*(.*?)[ \t]*:{0,10}$")
_MKDOCS_SNIPPET = re.compile(r"""^[ \t]*--8<--[ \t]+["']([^"'\n]+)["'][ \t]*$""")
_CODE_SPAN = re.compile(r"(`+)(?!`)[^\n]*?(?<!`)\1(?!`)")
_MAX_SPAN_LINE = 4000  # characters


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a line comes from: the file, and how many includes lead to it."""

    path: str
    depth: int = 0


@dataclass(slots=True)
class _Block:
    """An open container: what closes it, and what becomes of its lines."""

    closer: str
    indent: str
    prefix: str = ""  # before each of its lines
    code: bool = False
    dropped: bool = False
    options: bool = False  # MyST: the first lines may be :option: value


def to_commonmark(text: str, context: ReadContext) -> str:
    """``text`` as plain CommonMark with the included files in it."""
    if not _ANY_FLAVOUR.search(text):
        return text
    preprocessor = FlavourPreprocessor(context)
    return "\n".join(preprocessor.lines(text, _Origin(context.file.absolute)))


class FlavourPreprocessor:
    """One pass over the lines of a file and of what it includes.

    A rule takes a line and returns the lines that replace it, or None when it does not apply.
    """

    def __init__(self, context: ReadContext) -> None:
        self._context = context
        self._blocks: list[_Block] = []

    def lines(self, text: str, origin: _Origin) -> Iterator[str]:
        outer = len(self._blocks)  # an included file cannot close the blocks around it
        for line in text.split("\n"):
            block = self._blocks[-1] if len(self._blocks) > outer else None
            if block is None and _ANY_MARK.search(line) is None:
                yield self._prefixed(line)
            elif block and (block.code or block.dropped):
                yield from self._code_line(line, block)
            else:
                yield from self._text_line(line, block, origin)
        del self._blocks[outer:]

    def _prefixed(self, line: str, indent: str = "") -> str:
        """``line`` within the open containers, whose ``indent`` stays before their prefix."""
        prefix = "".join(block.prefix for block in self._blocks)
        if not prefix:
            return line
        return f"{indent}{prefix}{line.removeprefix(indent)}"

    def _code_line(self, line: str, block: _Block) -> Iterator[str]:
        is_shortcode = block.closer in (hugo_jekyll.HUGO_CLOSER, hugo_jekyll.LIQUID_CLOSER)
        if is_shortcode:
            is_closed = hugo_jekyll.closes_code(line, block.closer)
        else:
            bare = line.strip().lstrip("> ")
            is_closed = bare.startswith(block.closer) and not bare.strip(block.closer[0])

        if is_closed:
            self._blocks.pop()
            if not block.dropped:
                yield self._prefixed("```" if is_shortcode else line, block.indent)
        elif not block.dropped:
            block.options = block.options and myst.OPTION.match(line) is not None
            if not block.options:
                yield self._prefixed(hugo_jekyll.unescape_literals(line), block.indent)

    def _text_line(self, line: str, block: _Block | None, origin: _Origin) -> Iterator[str]:
        if block and block.options:
            if myst.OPTION.match(line):
                return
            block.options = False
        if block and _closes(line, block):
            self._blocks.pop()
            yield self._prefixed("")
            return

        for rule in (self._fence, self._colon_fence, self._whole_line):
            replacement = rule(line, origin)
            if replacement is not None:
                yield from replacement
                return
        yield self._prefixed(self._inline(line), block.indent if block else "")

    # --- containers

    def _fence(self, line: str, origin: _Origin) -> list[str] | None:
        """Code, or a directive of MyST."""
        fence = _FENCE.match(line)
        if fence is None or ("`" in fence[3] and fence[2][0] == "`"):
            return None
        indent = "" if fence[1].strip() else fence[1]
        directive = myst.DIRECTIVE.match(fence[3].strip())
        if directive:
            return self._directive(directive, fence[2], indent, origin)
        opening = self._prefixed(line, indent)
        self._blocks.append(_Block(fence[2], indent, code=True))
        return [opening]

    def _colon_fence(self, line: str, origin: _Origin) -> list[str] | None:
        """``:::name title``: a directive of MyST, a callout, or a container of DocFX."""
        colons = _COLON_FENCE.match(line)
        if colons is None:
            return None
        indent, fence, info = colons[1], colons[2], colons[3]
        directive = myst.DIRECTIVE.match(info)
        if directive:
            return self._directive(directive, fence, indent, origin)

        name, _, title = info.partition(" ")
        name = name.split("[")[0].split("{")[0].lower()
        if "[" in info and not title:  # :::note[Title]
            title = info.partition("[")[2].rstrip("]")
        if name in CALLOUTS:
            return self._callout(name, title.strip('[]"'), fence, indent)
        if name == "image":
            image = docfx.attributes(info)
            return [self._prefixed(f"![{image.get('alt-text', '')}]({image.get('source', '')})")]
        if name == "code":
            return self._code_file(info, origin)
        # Monikers, zones, rows, columns, and fences that close nothing: their content counts, the
        # line does not.
        return []

    def _directive(
        self, directive: re.Match[str], fence: str, indent: str, origin: _Origin
    ) -> list[str]:
        name, argument = directive[1].lower(), directive[2]
        if name in CALLOUTS:
            return self._callout(name, argument, fence, indent)
        if name == "include":
            self._blocks.append(_Block(fence, indent, dropped=True))
            return self._include(argument, origin)
        if myst.is_removed(name):
            self._blocks.append(_Block(fence, indent, dropped=True))
            return []
        if name in myst.CODE_DIRECTIVES:
            language = argument if name != "math" else ""
            opening = self._prefixed(f"{indent}{fence.replace(':', '`')}{language}", indent)
            self._blocks.append(_Block(fence, indent, code=True, options=True))
            return [opening]

        title = self._prefixed("")
        if name in myst.PICTURE_DIRECTIVES:
            title = self._prefixed(f"{indent}![]({argument.strip()})", indent)
        elif argument.strip() and name not in myst.LAYOUT_DIRECTIVES:
            title = self._prefixed(f"{indent}**{argument.strip()}**", indent)
        self._blocks.append(_Block(fence, indent, options=True))
        return [title, self._prefixed("")]

    def _callout(self, name: str, title: str, fence: str, indent: str) -> list[str]:
        label, title = CALLOUTS[name], title.strip()
        if title and name.startswith(_VERSION_CALLOUTS):
            label = f"{label} {title}"
        elif title:
            label = title

        before = self._prefixed("")
        self._blocks.append(_Block(fence, indent, prefix="> ", options=True))
        return [before, self._prefixed(f"{indent}**{label}**", indent), self._prefixed("", indent)]

    # --- lines of their own

    def _whole_line(self, line: str, origin: _Origin) -> list[str] | None:
        include = hugo_jekyll.INCLUDE.match(line) or _MKDOCS_SNIPPET.match(line)
        if include:
            return self._include(include[1], origin)

        code = hugo_jekyll.opened_code(line)
        if code:
            return self._open_code(*code)
        snippet = docfx.CODE.match(line)
        if snippet:
            return self._snippet(snippet[1] or "", snippet[2], origin)

        tab = mdx.TAB.match(line)
        if tab:
            return [self._prefixed(part) for part in ("", f"**{tab[1]}**", "")]
        tab = docfx.TAB.match(line)
        if tab:
            return [self._prefixed(f"**{tab[1]}**")]
        label = myst.LABEL.match(line)
        if label:
            return [f'<a id="{label[1]}"></a>', ""]

        if mdx.is_removed(line) or docfx.is_removed(line):
            return []
        include = docfx.INCLUDE.search(line)
        return self._splice_include(line, include, origin) if include else None

    def _open_code(self, closer: str, language: str) -> list[str]:
        if not closer:
            return []
        opening = self._prefixed(f"```{language}")
        self._blocks.append(_Block(closer, "", code=True))
        return [opening]

    def _code_file(self, info: str, origin: _Origin) -> list[str]:
        """``:::code source="file" language="x":::``"""
        code = docfx.attributes(info)
        source = code.get("source", "")
        if not source:
            return []
        included = self._context.include(source, beside=origin.path)
        lines = included[0].split("\n") if included else []
        fenced = docfx.fenced(code.get("language", ""), lines)
        return [self._prefixed(part) for part in fenced]

    def _snippet(self, language: str, source: str, origin: _Origin) -> list[str]:
        included = self._context.include(docfx.file_of(source), beside=origin.path)
        if included is None:
            return []
        fenced = docfx.fenced(language, docfx.select_lines(source, included[0]))
        return [self._prefixed(part) for part in fenced]

    # --- includes

    def _include(self, path: str, origin: _Origin) -> list[str]:
        included = self._context.include(path.strip(), beside=origin.path, depth=origin.depth)
        if included is None:
            return []
        text, absolute = included
        try:
            _, text, _ = frontmatter.split_front_matter(text)
        except frontmatter.FrontMatterError as error:
            text = error.body

        # Within the file only what its lines begin with counts of the blocks around it.
        blocks = self._blocks
        self._blocks = [block for block in blocks if block.prefix]
        lines = list(self.lines(text.strip("\n"), _Origin(absolute, origin.depth + 1)))
        self._blocks = blocks
        return lines

    def _splice_include(self, line: str, include: re.Match[str], origin: _Origin) -> list[str]:
        """An include within a line: the first and the last line of the file join what is beside
        it."""
        before, after = line[: include.start()], line[include.end() :]
        included = self._include(include[1], origin)
        while included and not included[-1].strip():
            included.pop()
        if "[!" in after:  # another include
            line_end, *further = [*self._text_line(after, None, origin)] or [""]
        else:
            line_end, further = self._inline(after), []

        if not included:
            remaining = before + line_end
            return [remaining, *further] if remaining.strip() else further

        if len(included) > 1:
            # The lines after the first belong to the same list item or quote.
            indent = " " * (len(before) - len(before.lstrip()))
            included[1:] = [indent + part if part.strip() else part for part in included[1:]]
        included[0] = before + included[0]
        included[-1] += line_end
        return included + further

    # --- within a line

    def _inline(self, line: str) -> str:
        alert = docfx.ALERT.match(line)
        if alert and alert[2].lower() in CALLOUTS:
            quote, label, text = alert[1], CALLOUTS[alert[2].lower()], alert[3]
            line = f"{quote}**{label}**\n{quote}"
            if text:
                line += f"\n{quote}{text}"

        if "{" not in line and "xref:" not in line:
            return line
        # A role is written with backticks, but is not code.
        if "`" in line and "{" in line and not myst.has_role(line):
            return _between_code(line, self._spans)
        return self._spans(line)

    def _spans(self, text: str) -> str:
        text = docfx.XREF.sub(self._reference, text)
        if "{" not in text:
            return text
        return hugo_jekyll.replace_inline(myst.replace_roles(text))

    def _reference(self, xref: re.Match[str]) -> str:
        title = self._context.title(xref[1])
        return f"[{title}](xref:{xref[1]})" if title else ""


def _closes(line: str, block: _Block) -> bool:
    fence = line.strip()
    return len(fence) >= len(block.closer) and fence == block.closer[0] * len(fence)


def _between_code(line: str, replace: Callable[[str], str]) -> str:
    """``line`` with its text replaced and its code spans kept."""
    parts = []
    end = 0
    for span in _CODE_SPAN.finditer(line[:_MAX_SPAN_LINE]):
        parts += [replace(line[end : span.start()]), hugo_jekyll.unescape_literals(span[0])]
        end = span.end()
    return "".join(parts) + replace(line[end:])
