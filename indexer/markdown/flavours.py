"""How is the Markdown of many houses brought to one?

Before rendering, line by line and outside code: includes, callouts and containers (DocFX,
Docusaurus, MyST, MkDocs), tabs, shortcodes (Hugo), Liquid (Jekyll), ``xref`` and roles become plain
CommonMark. Callouts become quotes that open with their name in bold, which every renderer knows.
Not for rendering.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from indexer.readers import frontmatter
from indexer.readers.context import ReadContext

CALLOUTS = {
    "note": "Note", "tip": "Tip", "important": "Important", "warning": "Warning", "caution": "Caution",
    "danger": "Danger", "hint": "Hint", "info": "Info", "attention": "Attention", "error": "Error",
    "seealso": "See also", "admonition": "Note", "success": "Tip", "question": "Question", "example": "Example",
    "versionadded": "New in version", "versionchanged": "Changed in version", "deprecated": "Deprecated since version",
    "version-removed": "Removed in version", "versionremoved": "Removed in version",
}  # fmt: skip
#: MyST directives that show code or pictures, or that only matter to the builder.
_CODE = frozenset(
    {"code", "code-block", "code-cell", "sourcecode", "prompt", "parsed-literal", "math", "mermaid"}
)
_PICTURES = frozenset({"image", "figure"})
_DROPPED = frozenset(
    {"toctree", "contents", "eval-rst", "highlight", "index", "jsonschema", "only", "automodule"}
)
_MARKS = re.compile(
    r":::|\[!|xref:|\{\{[<%]|\{%|```\{|~~~\{|#tab/|\{(?:doc|ref|term|kbd|guilabel|menuselection|file)\}"
    r"|<TabItem|^[ \t]*\{/\*|--8<--|^\([\w-]+\)=|^import |^export |\{\{</\*",
    re.MULTILINE,
)
#: Without one of these a line is what it says: no rule below takes it up.
_TELLING = re.compile(r"```|~~~|:::|\{|--8<--|\[!|#tab/|xref:|<TabItem|^\(|^(?:im|ex)port\s")
_FENCE = re.compile(r"^([ \t>]*(?:[-*+] |\d+[.)] )?[ \t]*)(`{3,}|~{3,})(.*)$")
_COLON = re.compile(r"^([ \t]*)(:{3,})[ \t]*(.*?)[ \t]*:{0,10}$")
_DIRECTIVE = re.compile(r"^\{([\w:-]+)\}[ \t]*(.*)$")
_DOCFX_INCLUDE = re.compile(r"\[!include\s*\[[^\]\n]*\]\(([^)\n]+)\)\]", re.IGNORECASE)
_DOCFX_CALLOUT = re.compile(r"^([ \t>]*>[ \t]*)\[!([A-Za-z]+)\][ \t]*(.*)$")
_DOCFX_OTHER = re.compile(
    r"^[ \t>]*>[ \t]*\[!(?:div|TABZONE|VIDEO|SELECTOR)[^\]\n]*\][ \t]*$", re.IGNORECASE
)
_DOCFX_CODE = re.compile(
    r"^[ \t]*\[!code(?:-([\w#+-]{1,30}))?\s*\[[^\]\n]*\]\(([^)\s]+)\)\][ \t]*$", re.IGNORECASE
)
_LINES = re.compile(r"#L(\d{1,6})(?:-L?(\d{1,6}))?$")
_MDX_COMMENT = re.compile(r"^[ \t]*\{/\*.{0,2000}\*/\}[ \t]*$")
_MDX_TAB = re.compile(
    r"""^[ \t]*<TabItem\b[^>\n]{0,500}?\blabel=["'{]+([^"'\n>}]{1,200})["'}]+[^>\n]{0,500}>[ \t]*$"""
)
_LIQUID_CODE = re.compile(
    r"^[ \t]*\{%-?\s*(end)?highlight\b\s*([\w+#-]{0,30})[^%\n]{0,100}%\}[ \t]*$"
)
#: Shortcodes and tags that stand for the address of a page.
_HUGO_REF = re.compile(r"""\{\{[<%]\s*(?:rel)?ref\s+["']?([^"'\s%>]{1,300})["']?\s*[%>]\}\}""")
_LIQUID_LINK = re.compile(r"\{%-?\s*(?:link|post_url)\s+([^\s%]{1,300})\s*-?%\}")
_TAB = re.compile(r"^#{1,6}[ \t]*\[([^\]\n]+)\]\(#tab/[^)\n]*\)[ \t]*$")
_XREF = re.compile(r"<xref:([^<>\s]+)>")
_HUGO_INCLUDE = re.compile(
    r"""^[ \t]*\{\{[<%]\s*include(?:-\w+)?\s+(?:file=)?["']?([^\s"'>%]+)["']?[^}\n]*[%>]\}\}[ \t]*$"""
)
_HUGO_VERSION = re.compile(r"\{\{[<%]\s*(new-in|deprecated-in)\s+([\w.]+)\s*/?[%>]\}\}")
_HUGO_TERM = re.compile(
    r"""\{\{[<%]\s*(?:glossary-term|eturl|param|kbd|abbr)\s+"?([^"%>}\n]+?)"?\s*/?[%>]\}\}"""
)
_HUGO_CODE = re.compile(
    r"^[ \t]*\{\{[<%]\s*(/?)\s*(code-toggle|highlight|code)\b[^}\n]*?(/?)\s*[%>]\}\}[ \t]*$"
)
_HUGO_LITERAL = re.compile(r"\{\{([<%])/\*(.{0,2000}?)\*/([%>])\}\}")
_HUGO = re.compile(r"\{\{[<%](?!/\*)[^{}\n]{0,1000}[%>]\}\}")
_LIQUID = re.compile(r"\{%-?[^%{}\n]{0,1000}-?%\}")
_ROLE = re.compile(
    r"\{(doc|ref|term|kbd|guilabel|menuselection|file|numref|abbr|sup|sub)\}`([^`\n]{1,300})`"
)
_ROLE_TARGET = re.compile(r"(.+?)\s*<([^<>]+)>")
_SNIPPET = re.compile(r"""^[ \t]*--8<--[ \t]+["']([^"'\n]+)["'][ \t]*$""")
_LABEL = re.compile(r"^\(([\w:. -]{1,100})\)=[ \t]*$")
_ESM = re.compile(
    r"""^(?:import\s.{0,300}\sfrom\s+["'][^"'\n]+["'];?|import\s+["'][^"'\n]+["'];?|export\s+(?:const|default)\s.{0,500})$"""
)
_ATTRIBUTE = re.compile(r"""([\w-]+)=["']([^"'\n]*)["']""")
_CODE_SPAN = re.compile(r"(`+)(?!`)[^\n]*?(?<!`)\1(?!`)")


@dataclass(slots=True)
class _Block:
    """An open container: what closes it, what its lines begin with, and whether they are code or
    left out.
    """

    closer: str
    indent: str
    prefix: str = ""
    code: bool = False
    dropped: bool = False
    options: bool = False  # MyST: the first lines may be :option: value


def to_commonmark(text: str, context: ReadContext) -> str:
    """``text`` as plain CommonMark with the includes put in."""
    if not _MARKS.search(text):
        return text
    return "\n".join(_Walk(context).lines(text, context.file.absolute, 0))


class _Walk:
    """One pass over the lines of a file and of what it includes."""

    def __init__(self, context: ReadContext) -> None:
        self.context = context
        self.blocks: list[_Block] = []

    def lines(self, text: str, beside: str, depth: int) -> Iterator[str]:
        floor = len(self.blocks)
        for line in text.split("\n"):
            top = self.blocks[-1] if len(self.blocks) > floor else None
            if top is None and _TELLING.search(line) is None:
                yield self._prefixed(line, "")
            elif top and (top.code or top.dropped):
                yield from self._in_code(line, top)
            else:
                yield from self._outside(line, top, beside, depth)
        del self.blocks[floor:]

    def _in_code(self, line: str, top: _Block) -> Iterator[str]:
        closed = line.strip().lstrip("> ").startswith(top.closer) and not line.strip().lstrip(
            "> "
        ).strip(top.closer[0])
        if top.closer == "{{":
            closed = bool(_HUGO_CODE.match(line)) and "/" in line
        elif top.closer == "{%":
            end = _LIQUID_CODE.match(line)
            closed = end is not None and bool(end[1])
        if closed:
            self.blocks.pop()
            if not top.dropped:
                yield self._prefixed(("```" if top.closer in ("{{", "{%") else line), top.indent)
        elif not top.dropped:
            option = top.options and re.match(r"\s*:[\w-]+:", line)
            top.options = bool(option)
            if not option:
                yield self._prefixed(
                    _HUGO_LITERAL.sub(r"{{\1\2\3}}", line) if "/*" in line else line, top.indent
                )

    def _outside(self, line: str, top: _Block | None, beside: str, depth: int) -> Iterator[str]:
        if top and top.options:
            if re.match(r"\s*:[\w-]+:", line):
                return
            top.options = False
        if top and self._closes(line, top):
            self.blocks.pop()
            yield self._prefixed("", "")
            return
        for rule in (self._fence, self._colon, self._whole):
            made = rule(line, beside, depth)
            if made is not None:
                yield from made
                return
        yield self._prefixed(self._inline(line), top.indent if top else "")

    @staticmethod
    def _closes(line: str, top: _Block) -> bool:
        stripped = line.strip()
        return len(stripped) >= len(top.closer) and stripped == top.closer[0] * len(stripped)

    def _prefixed(self, line: str, indent: str) -> str:
        prefix = "".join(block.prefix for block in self.blocks)
        if not prefix:
            return line
        if indent and line.startswith(indent):
            line = line[len(indent) :]
        return f"{indent}{prefix}{line}"

    def _fence(self, line: str, beside: str, depth: int) -> Iterator[str] | None:
        fence = _FENCE.match(line)
        if fence is None or ("`" in fence[3] and fence[2][0] == "`"):
            return None
        indent = fence[1] if not fence[1].strip() else ""
        directive = _DIRECTIVE.match(fence[3].strip())
        if directive is None:
            opened = self._prefixed(line, indent)
            self.blocks.append(_Block(fence[2], indent, code=True))
            return iter((opened,))
        return self._directive(
            directive[1].lower(), directive[2], fence[2], indent, (beside, depth)
        )

    def _colon(self, line: str, beside: str, depth: int) -> Iterator[str] | None:
        colons = _COLON.match(line)
        if colons is None:
            return None
        indent, fence, rest = colons[1], colons[2], colons[3]
        if not rest:
            return iter(())  # closes nothing that is open
        directive = _DIRECTIVE.match(rest)
        if directive:
            return self._directive(
                directive[1].lower(), directive[2], fence, indent, (beside, depth)
            )
        name, _, title = rest.partition(" ")
        name = name.split("[")[0].split("{")[0].lower()
        if "[" in rest and not title:
            title = rest.partition("[")[2].rstrip("]")
        if name in ("image", "code", "video"):
            return self._docfx(name, rest, beside)
        if name in CALLOUTS:
            return self._callout(name, title.strip('[]"'), fence, indent)
        if (line.rstrip().endswith(":::") and name.endswith("-end")) or name in (
            "row-end",
            "column-end",
        ):
            return iter(())
        return iter(())  # moniker, zone, row, column: their content counts, the fence does not

    def _directive(
        self, name: str, argument: str, fence: str, indent: str, place: tuple[str, int]
    ) -> Iterator[str]:
        if name == "include":
            self.blocks.append(_Block(fence, indent, dropped=True))
            return self._included(argument, *place)
        if name in CALLOUTS:
            return self._callout(name, argument, fence, indent)
        if name in _CODE:
            opened = self._prefixed(
                f"{indent}{fence.replace(':', '`')}{argument if name != 'math' else ''}", indent
            )
            self.blocks.append(_Block(fence, indent, code=True, options=True))
            return iter((opened,))
        if name in _DROPPED or name.startswith("auto"):
            self.blocks.append(_Block(fence, indent, dropped=True))
            return iter(())
        made = self._prefixed("", "")
        if name in _PICTURES:
            made = self._prefixed(f"{indent}![]({argument.strip()})", indent)
        elif argument.strip() and name not in ("list-table", "tab-set", "grid", "div"):
            made = self._prefixed(f"{indent}**{argument.strip()}**", indent)
        self.blocks.append(_Block(fence, indent, options=True))
        return iter((made, self._prefixed("", "")))

    def _callout(self, name: str, title: str, fence: str, indent: str) -> Iterator[str]:
        before = self._prefixed("", "")
        self.blocks.append(_Block(fence, indent, prefix="> ", options=True))
        label = CALLOUTS[name]
        if title.strip():
            label = (
                f"{label} {title.strip()}"
                if name.startswith(("version", "deprecated"))
                else title.strip()
            )
        return iter(
            (before, self._prefixed(f"{indent}**{label}**", indent), self._prefixed("", indent))
        )

    def _docfx(self, name: str, rest: str, beside: str) -> Iterator[str]:
        values = {key.lower(): value for key, value in _ATTRIBUTE.findall(rest)}
        source = values.get("source", "")
        if name == "image":
            return iter((self._prefixed(f"![{values.get('alt-text', '')}]({source})", ""),))
        if name == "code" and source:
            found = self.context.include(source, beside=beside)
            lines = found[0].split("\n") if found else []
            return iter(
                [
                    self._prefixed(part, "")
                    for part in ("~~~~" + values.get("language", ""), *lines, "~~~~")
                ]
            )
        return iter(())

    def _whole(self, line: str, beside: str, depth: int) -> Iterator[str] | None:
        """Rules that take a whole line."""
        for pattern in (_HUGO_INCLUDE, _SNIPPET):
            match = pattern.match(line)
            if match:
                return self._included(match[1], beside, depth)
        code = _HUGO_CODE.match(line)
        if code:
            return self._shortcode(bool(code[1]), bool(code[3]))
        liquid = _LIQUID_CODE.match(line)
        if liquid:
            return self._shortcode(bool(liquid[1]), False, closer="{%", language=liquid[2])
        snippet = _DOCFX_CODE.match(line)
        if snippet:
            return self._snippet(snippet[1] or "", snippet[2], beside)
        label = _MDX_TAB.match(line)
        if label:
            return iter(
                (
                    self._prefixed("", ""),
                    self._prefixed(f"**{label[1]}**", ""),
                    self._prefixed("", ""),
                )
            )
        tab = _TAB.match(line)
        if tab:
            return iter((self._prefixed(f"**{tab[1]}**", ""),))
        label = _LABEL.match(line)
        if label:
            return iter((f'<a id="{label[1]}"></a>', ""))
        if any(pattern.match(line) for pattern in (_ESM, _DOCFX_OTHER, _MDX_COMMENT)):
            return iter(())
        include = _DOCFX_INCLUDE.search(line)
        return self._spliced(line, include, beside, depth) if include else None

    def _shortcode(
        self, closing: bool, single: bool, *, closer: str = "{{", language: str = ""
    ) -> Iterator[str]:
        if closing or single:
            return iter(())
        opened = self._prefixed(f"```{language}", "")
        self.blocks.append(_Block(closer, "", code=True))
        return iter((opened,))

    def _snippet(self, language: str, source: str, beside: str) -> Iterator[str]:
        """A part of a file with code (DocFX): the lines it names, or the whole."""
        found = self.context.include(
            source.split("#")[0].split("?")[0].removeprefix("~/"), beside=beside
        )
        if found is None:
            return iter(())
        named = _LINES.search(source)
        lines = found[0].rstrip("\n").split("\n")
        if named:
            lines = lines[int(named[1]) - 1 if int(named[1]) else 0 : int(named[2] or named[1])]
        return iter([self._prefixed(part, "") for part in (f"~~~~{language}", *lines, "~~~~")])

    def _spliced(self, line: str, match: re.Match[str], beside: str, depth: int) -> Iterator[str]:
        before, after = line[: match.start()], line[match.end() :]
        made = [part for part in self._included(match[1], beside, depth)]
        while made and not made[-1].strip():
            made.pop()
        rest = (
            list(self._outside(after, None, beside, depth))
            if "[!" in after
            else [self._inline(after)]
        )
        if not made:
            return (
                iter((before + rest[0], *rest[1:]))
                if (before + rest[0]).strip()
                else iter(rest[1:])
            )
        made[0] = before + made[0]
        if len(made) > 1:  # the lines after the first belong to the same list item or quote
            pad = " " * (len(before) - len(before.lstrip()))
            made[1:] = [pad + part if part.strip() else part for part in made[1:]]
        made[-1] += rest[0]
        return iter(made + rest[1:])

    def _included(self, path: str, beside: str, depth: int) -> Iterator[str]:
        found = self.context.include(path.strip(), beside=beside, depth=depth)
        if found is None:
            return
        text, absolute = found
        try:
            text = frontmatter.split_front_matter(text)[1]
        except frontmatter.FrontMatterError as broken:
            text = broken.body
        outer, self.blocks = self.blocks, [block for block in self.blocks if block.prefix]
        yield from self.lines(text.strip("\n"), absolute, depth + 1)
        self.blocks = outer

    def _inline(self, line: str) -> str:
        callout = _DOCFX_CALLOUT.match(line)
        if callout and callout[2].lower() in CALLOUTS:
            first = f"{callout[1]}**{CALLOUTS[callout[2].lower()]}**"
            line = (
                f"{first}\n{callout[1]}\n{callout[1]}{callout[3]}"
                if callout[3]
                else f"{first}\n{callout[1]}"
            )
        if not any(mark in line for mark in ("{", "xref:")):
            return line
        if "{doc}`" not in line and "`" in line and "{" in line and not _ROLE.search(line):
            return _between_code(line, self._spans)
        return self._spans(line)

    def _spans(self, text: str) -> str:
        text = _XREF.sub(lambda m: f"[{self.context.title(m[1])}](xref:{m[1]})", text)
        if "{" not in text:
            return text
        text = _ROLE.sub(_role, text)
        text = _HUGO_VERSION.sub(
            lambda m: f"*{'New in' if m[1] == 'new-in' else 'Deprecated in'} {m[2]}*", text
        )
        text = _HUGO_TERM.sub(r"\1", text)
        text = _LIQUID_LINK.sub(r"/\1", _HUGO_REF.sub(r"\1", text))
        text = _LIQUID.sub("", _HUGO.sub("", text))
        return _HUGO_LITERAL.sub(r"{{\1\2\3}}", text)


def _role(match: re.Match[str]) -> str:
    kind, content = match[1], match[2]
    target = _ROLE_TARGET.fullmatch(content)
    text, where = (target[1], target[2]) if target else (content, content)
    if kind == "doc":
        return f"[{text.rsplit('/', 1)[-1] if not target else text}]({where if '.' in where else where + '.md'})"
    if kind == "ref":
        return f"[{text}](#{where})" if target else text
    return (
        f"*{text}*" if kind == "term" else f"`{text}`" if kind in ("kbd", "file") else f"**{text}**"
    )


def _between_code(line: str, change: Callable[[str], str]) -> str:
    parts, last = [], 0
    for span in _CODE_SPAN.finditer(line[:4000]):
        parts += [change(line[last : span.start()]), _HUGO_LITERAL.sub(r"{{\1\2\3}}", span[0])]
        last = span.end()
    return "".join(parts) + change(line[last:])
