"""Front matter: what a file declares above its text, in YAML (``---``) or TOML (``+++``).

Values are strings, lists, and maps of strings: YAML is read without types, so that ``uid: 0123``
stays "0123". Aliases, anchors, and tags are refused. Invalid front matter raises with its line and
the body, so that the body can still be read. What the values mean is decided in ``metadata``.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import yaml

#: Characters.
LIMIT = 16 * 1024

_OPENING = re.compile(
    r"(?:\ufeff|\s|<!--(?:[^-]|-(?!->)){0,4000}-->)*^(---|\+\+\+)[ \t]*\r?\n", re.MULTILINE
)
_CLOSING = {
    "---": re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.MULTILINE),  # YAML may end in either
    "+++": re.compile(r"^\+\+\+[ \t]*(?:\r?\n|\Z)", re.MULTILINE),
}

#: The first line with content looks like a key; comments and blank lines may precede it.
_FIRST_KEY = re.compile(r"""(?:[ \t]*(?:#[^\n]*)?\n){0,40}["']?[\w.\- ]{1,60}["']?[ \t]*:""")

_VISIBILITY_KEYS = (
    r"audience|draft|published|status|archived|expirydate|expires|unpublishdate|publishdate"
)
_VISIBILITY = re.compile(rf"""(?im)^\s*["']?(?:{_VISIBILITY_KEYS})["']?\s*[:=]""")

#: YAML that makes more of a document than stands in it, or other types than strings.
FORBIDDEN_YAML = (yaml.AliasToken, yaml.AnchorToken, yaml.TagToken)

#: Formats of dates, with the groups of year, month, and day.
_DATE_FORMATS = (
    (re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?"), (1, 2, 3)),
    (re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})"), (3, 1, 2)),
    (re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})"), (1, 2, 3)),
    (re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})"), (3, 2, 1)),
)


class FrontMatterError(Exception):
    """Invalid front matter. ``line`` counts from 1 in the file; ``body`` is the text after it."""

    def __init__(self, reason: str, line: int, body: str, body_line: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.body = body
        self.body_line = body_line


class _SyntaxError(Exception):
    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line  # within the front matter, from 0


def split_front_matter(text: str) -> tuple[dict[str, Any], str, int]:
    """(values, body, line at which the body begins); ({}, text, 1) without front matter.

    Raises FrontMatterError.
    """
    opening = _OPENING.match(text)
    if opening is None:
        return {}, text, 1

    fence = opening[1]
    first_line = text.count("\n", 0, opening.end()) + 1
    closing = _CLOSING[fence].search(text, opening.end())
    if closing is None:
        if fence == "---" and not _FIRST_KEY.match(text, opening.end()):
            return {}, text, 1  # a thematic break
        reason = f"The front matter is not closed by a line {fence}."
        raise FrontMatterError(reason, first_line - 1, text[opening.end() :], first_line)

    raw, body = text[opening.end() : closing.start()], text[closing.end() :]
    body_line = text.count("\n", 0, closing.end()) + 1
    try:
        values = _parse_yaml(raw) if fence == "---" else _parse_toml(raw)
    except _SyntaxError as error:
        line = first_line + error.line
        raise FrontMatterError(error.reason, line, body, body_line) from None

    if values is None:
        return {}, text, 1
    return values, body, body_line


def restricts_visibility(raw: str) -> bool:
    """Whether invalid front matter mentions an audience or drafts: it must not make a file public
    by accident."""
    return bool(_VISIBILITY.search(raw[:LIMIT]))


def _parse_yaml(raw: str) -> dict[str, Any] | None:
    """The values; None for prose between two thematic breaks."""
    _check_size(raw)
    try:
        for token in yaml.scan(raw, Loader=yaml.CBaseLoader):
            if isinstance(token, FORBIDDEN_YAML):
                reason = "YAML anchors, aliases, and tags are not supported in front matter."
                raise _SyntaxError(reason, token.start_mark.line)
        values = yaml.load(raw, Loader=yaml.CBaseLoader)  # noqa: S506 - it makes strings only
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        reason = f"The front matter is not valid YAML: {error.problem or error.context}."
        raise _SyntaxError(reason, line) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _SyntaxError(f"The front matter is not valid YAML: {_shorten(error)}.") from None

    _check_duplicate_keys(raw)
    if isinstance(values, dict):
        return {str(key): value for key, value in values.items()}
    return {} if values in (None, "") else None


def _check_duplicate_keys(raw: str) -> None:
    """Which of two values is meant is not ours to guess."""
    node = yaml.compose(raw, Loader=yaml.CBaseLoader)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, _ in node.value:
        name = str(key.value).lower()
        if name in seen:
            reason = f"Duplicate key {name!r:.60} in the front matter."
            raise _SyntaxError(reason, key.start_mark.line)
        seen.add(name)


def _parse_toml(raw: str) -> dict[str, Any]:
    _check_size(raw)
    try:
        return {str(key): _to_strings(value) for key, value in tomllib.loads(raw).items()}
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        position = re.search(r"at line (\d+)", str(error))
        line = int(position[1]) - 1 if position else 0
        reason = f"The front matter is not valid TOML: {_shorten(error)}."
        raise _SyntaxError(reason, line) from None


def _to_strings(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _to_strings(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_to_strings(item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _check_size(raw: str) -> None:
    if len(raw) > LIMIT:
        raise _SyntaxError(f"The front matter is longer than {LIMIT // 1024} KB.")


def _shorten(error: Exception) -> str:
    return " ".join(str(error).split())[:160].rstrip(".") or type(error).__name__


# --- values


def text(values: Mapping[str, Any], *names: str) -> str:
    """The first of ``names`` that holds a non-empty text; names match in any case."""
    lowered = {key.lower(): value for key, value in values.items()}
    for name in names:
        value = lowered.get(name.lower())
        if isinstance(value, str) and value.strip():
            return " ".join(value.split())
    return ""


def text_list(values: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    """All of ``names`` as one list: YAML lists, and texts separated by commas."""
    lowered = {key.lower(): value for key, value in values.items()}
    texts: dict[str, None] = {}
    for name in names:
        items = lowered.get(name.lower())
        if isinstance(items, str):
            items = items.split(",")
        for item in items if isinstance(items, list) else ():
            if isinstance(item, str) and item.strip():
                texts[" ".join(item.split())] = None
    return tuple(texts)


def is_true(values: Mapping[str, Any], name: str) -> bool:
    return text(values, name).lower() in ("true", "yes", "on", "1", "y")


def is_false(values: Mapping[str, Any], name: str) -> bool:
    return text(values, name).lower() in ("false", "no", "off", "0", "n")


def parse_date(written: str) -> dt.date | None:
    """YYYY-MM-DD (with or without a time), MM/DD/YYYY, or DD.MM.YYYY; None for no text.

    Raises ValueError for any other text.

    >>> parse_date("06/09/2017")
    datetime.date(2017, 6, 9)
    """
    written = written.strip()
    if not written:
        return None
    for pattern, (year, month, day) in _DATE_FORMATS:
        match = pattern.fullmatch(written)
        if match:
            return dt.date(int(match[year]), int(match[month]), int(match[day]))
    raise ValueError(written)
