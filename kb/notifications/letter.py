"""Letters: what a mail says, as blocks that are written once and shown as text and as HTML.

The HTML has nothing from elsewhere (no pictures, fonts or style sheets), and inline styles only,
since mail programs drop the rest. It sets no colour for text or paper: with ``color-scheme``, the
program chooses those of its light or dark mode. What people typed goes through the renderer of the
portal's pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from markupsafe import Markup

from kb.ticket_text import linked, ticket_text

#: The colour of buttons where the site has none; white on it has a contrast of more than 6.
DEFAULT_ACCENT = "#0a6b5c"
_RULE = "#80909a"  # visible on white and on black
_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_BLOCK = "margin:0 0 16px"
_SMALL = "margin:0 0 8px;font-size:14px"
_PRE = re.compile(r"<pre><code>(.*?)</code></pre>", re.DOTALL)
#: The text of a signature begins with this line (RFC 3676, section 4.3).
_SIGNATURE = "-- "


@dataclass(frozen=True, slots=True)
class Heading:
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences of ours, or of the site; line ends stay."""

    text: str
    small: bool = False


@dataclass(frozen=True, slots=True)
class Lines:
    """Facts, one a line, each perhaps with the page that it leads to."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TypedMessage:
    """What a person wrote, with the names of the files that came with it."""

    heading: str
    text: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageLink:
    """A page to open: a button, or a line where it is ``quiet``."""

    label: str
    url: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class ArticleLink:
    title: str
    url: str
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Divider:
    """A line between parts that have nothing to do with each other."""


Block = Heading | Paragraph | Lines | TypedMessage | PageLink | ArticleLink | Divider


@dataclass(frozen=True, slots=True)
class Letter:
    """``title`` is the subject of the mail, ``signature`` says who sends it; ``language`` is a tag
    of BCP 47, ``accent`` a colour.
    """

    title: str
    blocks: tuple[Block, ...]
    signature: str
    language: str = "en"
    accent: str = ""


# --- as text


def letter_text(letter: Letter) -> str:
    parts = ["\n".join(_TEXT[type(block)](block)) for block in letter.blocks]
    return "\n\n".join([*parts, f"{_SIGNATURE}\n{letter.signature}"]) + "\n"


def _heading_text(block: Heading) -> Sequence[str]:
    return (block.text,)


def _paragraph_text(block: Paragraph) -> Sequence[str]:
    return (block.text,)


def _lines_text(block: Lines) -> Sequence[str]:
    return [f"{text}\n  {url}" if url else text for text, url in block.rows]


def _message_text(block: TypedMessage) -> Sequence[str]:
    files = ["", *(f"[{name}]" for name in block.files)] if block.files else []
    return [block.heading, "", *block.text.split("\n"), *files]


def _page_text(block: PageLink) -> Sequence[str]:
    return (f"{block.label}:", block.url)


def _article_text(block: ArticleLink) -> Sequence[str]:
    return [f"* {block.title}", f"  {block.url}"]


def _rule_text(_block: Divider) -> Sequence[str]:
    return ("- - -",)


# --- as HTML


def letter_html(letter: Letter) -> str:
    shown = Markup("\n").join(
        _HTML[type(block)](block, letter.accent or DEFAULT_ACCENT) for block in letter.blocks
    )
    return str(
        Markup(
            '<!DOCTYPE html>\n<html lang="{language}" style="color-scheme:light dark">\n<head>\n'
            '<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n'
            '<meta name="supported-color-schemes" content="light dark">\n'
            '<title>{title}</title>\n</head>\n<body style="margin:0;padding:0">\n'
            '<div style="max-width:600px;margin:0 auto;padding:16px;font-family:{font};'
            'font-size:16px;line-height:1.5;overflow-wrap:anywhere">\n{shown}\n'
            '<p style="{small};padding-top:12px;border-top:1px solid {rule}">{signature}</p>\n'
            "</div>\n</body>\n</html>\n"
        ).format(
            language=letter.language,
            title=letter.title,
            font=_FONT,
            shown=shown,
            small=_SMALL,
            rule=_RULE,
            signature=_lined(letter.signature),
        )
    )


def _heading_html(block: Heading, _accent: str) -> Markup:
    return Markup(
        '<h1 dir="auto" style="margin:0 0 16px;font-size:20px;line-height:1.3">{}</h1>'
    ).format(block.text)


def _paragraph_html(block: Paragraph, _accent: str) -> Markup:
    style = _SMALL if block.small else _BLOCK
    return Markup('<p style="{}">{}</p>').format(style, _lined(block.text))


def _lines_html(block: Lines, accent: str) -> Markup:
    del accent
    rows = [
        Markup('<li style="margin:0 0 8px">{}</li>').format(
            Markup('<a href="{}">{}</a>').format(url, text) if url else text
        )
        for text, url in block.rows
    ]
    return Markup('<ul style="{};padding:0 0 0 20px">{}</ul>').format(_BLOCK, Markup("").join(rows))


def _message_html(block: TypedMessage, _accent: str) -> Markup:
    files = Markup("").join(
        Markup('<p style="{}">[{}]</p>').format(_SMALL, name) for name in block.files
    )
    return Markup(
        '<p style="margin:0 0 8px"><strong>{}</strong></p>\n'
        '<div dir="auto" style="{};padding:4px 0 4px 12px;border-left:3px solid {}">{}{}</div>'
    ).format(block.heading, _BLOCK, _RULE, _in_mail(ticket_text(block.text)), files)


def _page_html(block: PageLink, accent: str) -> Markup:
    if block.quiet:
        return Markup('<p style="{}"><a href="{}">{}</a></p>').format(
            _SMALL, block.url, block.label
        )
    return Markup(
        '<p style="{block}"><a href="{url}" style="display:inline-block;padding:10px 18px;'
        "border-radius:6px;background-color:{accent};color:#ffffff;text-decoration:none;"
        'font-weight:600">{label}</a></p>'
    ).format(block=_BLOCK, url=block.url, accent=accent, label=block.label)


def _article_html(block: ArticleLink, _accent: str) -> Markup:
    excerpt = Markup('<br><span style="font-size:14px">{}</span>').format(block.excerpt)
    return Markup('<p dir="auto" style="{}"><a href="{}">{}</a>{}</p>').format(
        _BLOCK, block.url, block.title, excerpt if block.excerpt else ""
    )


def _rule_html(_block: Divider, _accent: str) -> Markup:
    return Markup('<hr style="margin:24px 0;border:0;border-top:1px solid {}">').format(_RULE)


def _lined(text: str) -> Markup:
    return Markup(str(linked(text)).replace("\n", "<br>\n"))  # noqa: S704 - linked() escapes


def _in_mail(rendered: Markup) -> Markup:
    """What a style sheet does on the portal's pages: line ends, and code that wraps."""
    pieces = []
    for position, piece in enumerate(_PRE.split(str(rendered))):
        if position % 2:
            pieces.append(
                '<pre style="margin:0 0 12px;white-space:pre-wrap;font-size:14px">'
                f"<code>{piece}</code></pre>"
            )
        else:
            pieces.append(
                piece.replace("\n", "<br>\n")
                .replace("<p>", '<p style="margin:0 0 12px">')
                .replace(
                    "<blockquote>",
                    '<blockquote style="margin:0 0 12px;padding:0 0 0 12px;'
                    f'border-left:2px solid {_RULE}">',
                )
            )
    return Markup("".join(pieces))  # noqa: S704 - all of it came from ``ticket_text``


_TEXT: Mapping[type, Callable[..., Sequence[str]]] = MappingProxyType(
    {
        Heading: _heading_text,
        Paragraph: _paragraph_text,
        Lines: _lines_text,
        TypedMessage: _message_text,
        PageLink: _page_text,
        ArticleLink: _article_text,
        Divider: _rule_text,
    }
)
_HTML: Mapping[type, Callable[..., Markup]] = MappingProxyType(
    {
        Heading: _heading_html,
        Paragraph: _paragraph_html,
        Lines: _lines_html,
        TypedMessage: _message_html,
        PageLink: _page_html,
        ArticleLink: _article_html,
        Divider: _rule_html,
    }
)
