"""The messages of the indexer: one code and one sentence for everything it reports about a file.

Code, sentence, and advice stand together in ``MESSAGES``, so that the words can be read and changed
in one place. Readers report a code and its values; `kb check` sorts findings by the rule of their
code, and tests assert the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from kb.search.generations.findings import Finding as Finding

#: Characters of a value that a sentence quotes.
_MAX_VALUE = 200

_FIX_FILE = "Correct or remove the file."
_FIX_LINK = "Correct the address, or remove the link."
_RESTRICTED_LINK = "Remove the link, or write its text yourself: [text](xref:uid)."
_FIX_IMAGE = (
    "Correct the path. PNG, JPEG, GIF and WebP images are shown, and SVG images that contain only "
    "shapes and text."
)
_FIX_DRAWING = (
    "Correct or remove that, or save the picture as PNG. SVG images are shown if they contain only "
    "shapes, text and styles."
)
_FIX_INCLUDE = "Correct the path of the included file."
_FIX_FRONT_MATTER = "Correct the front matter."
_NAME_AUDIENCE = (
    "Remove the key, and write audience: with public, customers, partners, staff, or a group."
)
_ADD_TEXT = "Add the text, or remove the page."
_UNIQUE_ADDRESS = "Give each page its own uid."


class Rule(StrEnum):
    """What `kb check` files a finding under: part of its output, and of annotations on GitHub."""

    ACCESS_MARK = "access-mark"
    ADDRESS = "address"
    EMPTY = "empty"
    ENCODING = "encoding"
    FRONT_MATTER = "front-matter"
    GOLDEN = "golden"
    IMAGE = "image"
    INCLUDE = "include"
    LINK = "link"
    MAIL = "mail"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence with ``{values}``.

    ``skipped``: the file's content is not in the index. ``intended``: the editor asked for that, by
    a draft's front matter for example, so that there is nothing to correct.
    """

    sentence: str
    rule: Rule = Rule.UNREADABLE
    advice: str = _FIX_FILE
    skipped: bool = False
    intended: bool = False


def _skip(sentence: str, rule: Rule = Rule.UNREADABLE, advice: str = _FIX_FILE) -> Message:
    return Message(sentence, rule, advice, skipped=True)


def _intended(sentence: str) -> Message:
    return Message(sentence, skipped=True, intended=True)


MESSAGES: Mapping[str, Message] = MappingProxyType({
    # Links, images, and includes
    "link-not-found": Message(
        "Link target not found: {target}. The link was removed.", Rule.LINK, _FIX_LINK
    ),
    "uid-not-found": Message(
        "Link target not found: no article has the uid {target}. The link was removed.",
        Rule.LINK,
        _FIX_LINK,
    ),
    "reference-restricted": Message(
        "The title of {target} is hidden: not everyone who can see this page can see that one.",
        Rule.LINK,
        _RESTRICTED_LINK,
    ),
    "mail-without-mailto": Message(
        "The link {target} is a mail address without mailto:, which was added.",
        Rule.MAIL,
        "Write mailto: before the address.",
    ),
    "image-not-found": Message(
        "Image skipped: target not found inside {root}: {target}.", Rule.IMAGE, _FIX_IMAGE
    ),
    "image-format": Message(
        "Image skipped: {target} is not a PNG, JPEG, GIF, WebP or SVG image.",
        Rule.IMAGE,
        _FIX_IMAGE,
    ),
    "drawing-refused": Message(
        "Image skipped: the SVG file {target} contains {found}.", Rule.IMAGE, _FIX_DRAWING
    ),
    "include-not-found": Message(
        "Include skipped: target not found inside {root}: {target}.", Rule.INCLUDE, _FIX_INCLUDE
    ),
    "include-nesting": Message(
        "Include skipped: {target} is nested too deeply, or the page has too many includes.",
        Rule.INCLUDE,
        _FIX_INCLUDE,
    ),
    "include-restricted": Message(
        "Include skipped: {target} is a draft or has a narrower audience than this page.",
        Rule.INCLUDE,
        _FIX_INCLUDE,
        intended=True,
    ),
    # Addresses
    "address-taken": Message(
        "{reason} gives the same address as {other}; this page is at /help/{id}.",
        Rule.ADDRESS,
        _UNIQUE_ADDRESS,
    ),
    "address-of-another-document": Message(
        "“{title}” has the address of another document; it is at /help/{id}.",
        Rule.ADDRESS,
        _UNIQUE_ADDRESS,
    ),
    "duplicate-question": Message(
        "Duplicate question: “{question}”. The first answer is kept.",
        Rule.ADDRESS,
        "Change or remove one of the questions.",
    ),
    # Front matter
    "invalid-front-matter": Message(
        "{reason} The text below it was read without it.", Rule.FRONT_MATTER, _FIX_FRONT_MATTER
    ),
    "unclear-visibility": _intended(
        "The front matter may restrict who can read the file, so the file is not published until "
        "it is corrected."
    ),
    "invalid-date": Message(
        "{name}: {value} is not a valid date; use YYYY-MM-DD.",
        Rule.FRONT_MATTER,
        _FIX_FRONT_MATTER,
    ),
    "invalid-order": Message(
        "{name}: {value} is not a number; the page is listed by its title.",
        Rule.FRONT_MATTER,
        _FIX_FRONT_MATTER,
    ),
    "audience-typo": Message(
        "audience: {value} is a group of its own, not {suggestion}; nobody else can see the page.",
        Rule.FRONT_MATTER,
        _FIX_FRONT_MATTER,
    ),
    "invalid-audience": Message(
        "audience: {value} is not a valid audience; only staff can see the page.",
        Rule.ACCESS_MARK,
        _NAME_AUDIENCE,
    ),
    "access-mark": Message(
        "{name}: {value} may restrict who can read the page; only staff can see it.",
        Rule.ACCESS_MARK,
        _NAME_AUDIENCE,
    ),
    # Not published on purpose
    "draft": _intended("It is a draft."),
    "unpublished-status": _intended("Its front matter says that it is not published."),
    "expired": _intended("It expired on {day}."),
    "scheduled": _intended("It is scheduled for {day}."),
    "never-rendered": _intended("Its front matter says that it is never rendered as a page."),
    "redirect-page": _intended("The page only redirects to {target}."),
    "unpublished-folder": _intended("The folder is named {name}, so its files are not published."),
    "folder-of-parts": _intended("The folder contains parts of pages, not pages."),
    "part-of-pages": _intended("Its name begins with _, so it is a part of other pages."),
    # Files that are not opened
    "folder-unreadable": _skip("Cannot open the folder: {reason}."),
    "symbolic-link": _skip("It is a symbolic link. To publish the file, copy it here."),
    "hard-link": _skip(
        "It is also a file outside of the source (a hard link). To publish it, copy it here."
    ),
    "special-file": _skip("It is not a regular file."),
    "too-large": _skip("The file is larger than {limit} MB ({size} MB). Split it."),
    "empty-file": _skip("The file is empty."),
    # Files that cannot be read
    "file-unreadable": _skip("Cannot read the file: {reason}."),
    "too-complex": _skip("The file is nested too deeply, or needs too much memory to read."),
    "reader-failed": _skip("Cannot read the file ({reason}). Please report this."),
    "limits-exceeded": _skip("Cannot read the file: it takes too much time or memory."),
    "reading-stopped": Message(
        "Reading stopped after {count} documents: it takes too much time or memory."
    ),
    "damaged-gzip": _skip("The gzip file is damaged."),
    "too-large-unpacked": _skip("The unpacked file is larger than {limit} MB."),
    "binary-file": _skip("It is a binary file, not text."),
    "template": _skip("It is a template, not a page."),
    "unknown-xml": _skip("The XML is neither a page nor a Stack Exchange Posts.xml."),
    "unknown-format": _skip("It is not Markdown, HTML, or a forum export: {reason}."),
    "convert-asciidoc": _skip(
        "AsciiDoc is read as HTML. Convert the file (asciidoctor {example}) and publish the result."
    ),
    "convert-doc": _skip("The old Word format is not supported. Save the file as DOCX."),
    "convert-chm": _skip(
        "Compiled help is not supported. Unpack the file (7z x) and publish its HTML."
    ),
    "missing-package": _skip("{format} requires {package}: pip install 'askfirst[{extra}]'."),
    "invalid-json": _skip("Invalid JSON: {reason}."),
    "invalid-yaml": _skip("Invalid YAML: {reason}."),
    "yaml-features": _skip("YAML anchors, aliases, and tags are not supported."),
    "yaml-too-large": _skip("The file is larger than {limit} MB. Split it."),
    "yaml-not-faq": _skip("The YAML contains no FAQ (sections with questions)."),
    "yaml-no-answers": _skip("The file contains no question with an answer."),
    "locked-pdf": _skip("The PDF is password-protected."),
    "damaged-pdf": _skip("The PDF is damaged ({reason})."),
    "damaged-docx": _skip("The Word document is damaged{reason}."),
    "docx-document-type": _skip("The Word document declares a document type; it is not read."),
    "dump-document-type": _skip("The dump declares a document type; it is not read."),
    # Forum exports
    "not-discourse": _skip("The JSON is not a Discourse topic."),
    "topic-deleted": _skip("The topic was deleted."),
    "topic-private": _skip("The topic is a private message or a banner."),
    "topic-unlisted": _skip("The topic is unlisted."),
    "first-post-hidden": _skip("The first post of the topic is hidden or deleted."),
    "mailbox-empty": _skip("The mailbox contains no message with text."),
    "too-many-messages": Message("Only the first {limit} of {count} messages were read."),
    "several-accepted": Message(
        "More than one answer is marked as accepted; the first one is used."
    ),
    "xml-truncated": Message("The XML is damaged from this line on: {reason}."),
    "xml-damaged": Message("The XML is damaged; the valid part was read: {reason}."),
    # What a file contains
    "no-text": _skip("The file contains no text.", Rule.EMPTY, _ADD_TEXT),
    "no-text-title-only": Message(
        "The file contains no text; only its title and summary are searchable.",
        Rule.EMPTY,
        _ADD_TEXT,
    ),
    "pdf-without-text": _skip(
        "The PDF contains images, but no text. Add a text layer (OCR).", Rule.EMPTY, _ADD_TEXT
    ),
    "only-navigation": _skip("The page contains nothing but navigation."),
    "no-answers": _skip("The file contains no answers.", Rule.EMPTY, _ADD_TEXT),
    "unanswered-question": Message(
        "The question “{question}” has no answer.", Rule.EMPTY, _ADD_TEXT
    ),
    "too-many-pages": Message("Only the first {limit} of {count} pages were read."),
    "not-utf8": Message(
        "The file is not UTF-8; it was read as {encoding}.", Rule.ENCODING, "Save it as UTF-8."
    ),
    "nesting-flattened": Message("The elements are nested too deeply; the page was flattened."),
    "too-long-to-format": Message(
        "The text is longer than {limit} MB; it is shown without formatting."
    ),
    "markdown-failed": Message(
        "The Markdown could not be rendered ({reason}); a simpler rendering is shown."
    ),
    "rst-failed": Message(
        "The reStructuredText could not be rendered ({reason}); plain text is shown."
    ),
    "simpler-rendering": Message(
        "Rendering took too much time or memory; a simpler rendering is shown."
    ),
    # Search
    "golden-missing": Message(
        "“{query}” must return {expected} in the first {top} results; it returns {results}.",
        Rule.GOLDEN,
        "Use the words that people type in the page's title, or pin the page.",
    ),
    "golden-not-empty": Message(
        "“{query}” must return nothing; it returns {results}.",
        Rule.GOLDEN,
        "Use the words that people type in the page's title, or pin the page.",
    ),
    "curated-document-not-found": Message(
        "Document not found: {id}.", advice="Correct the ID, or remove the line."
    ),
})  # fmt: skip


def describe(code: str, **values: object) -> str:
    """The sentence of ``code`` with its ``values``, each cut to a readable length."""
    quoted = {name: str(value)[:_MAX_VALUE] for name, value in values.items()}
    return MESSAGES[code].sentence.format_map(quoted)


def make_finding(code: str, source: str, *, line: int = 0, **values: object) -> Finding:
    """A finding about ``source``, the name of a file; ``target`` among the values is what to look
    for in its text."""
    target = str(values.get("target", ""))
    sentence = describe(code, **values)
    return Finding(source, line, sentence, MESSAGES[code].skipped, code, target)
