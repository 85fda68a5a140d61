"""Front matter: what a file declares above its text, in YAML (``---``), TOML (``+++``), JSON
(``{``), or as a header of ``Key: value`` lines up to a blank one (MultiMarkdown, Pelican).

Values are strings, lists, and maps of strings: YAML is read without types, so that ``uid: 0123``
stays "0123". Aliases, anchors, and tags are refused. Invalid front matter raises with its line and
the body, so that the body can still be read. What the values mean is decided in ``metadata``.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import yaml

from indexer.readers import access

#: Characters.
LIMIT = 16 * 1024

_ABOVE = r"(?:\ufeff|\s|<!--(?:[^-]|-(?!->)){0,4000}-->)*"
#: Some site generators name the language behind the dashes: ``---json``.
_OPENING = re.compile(
    _ABOVE + r"^(---|\+\+\+)(?:(?<=---)[ \t]?(json|toml|ya?ml))?[ \t]*\r?\n", re.MULTILINE
)
#: An object as Hugo writes it; other braces open shortcodes and macros.
_JSON_OPENING = re.compile(_ABOVE + r"^(?=\{\s*(?:\"|\}))", re.MULTILINE)
_CLOSING = {
    "---": re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.MULTILINE),  # YAML may end in either
    "+++": re.compile(r"^\+\+\+[ \t]*(?:\r?\n|\Z)", re.MULTILINE),
}

#: The first line with content looks like a key; comments and blank lines may precede it.
_FIRST_KEY = re.compile(r"""(?:[ \t]*(?:#[^\n]*)?\n){0,40}["']?[\w.\- ]{1,60}["']?[ \t]*:""")

_HEADER_LINE = re.compile(r"([A-Za-z][\w-]{0,40}):[ \t]*(\S.*)?")
#: Two lines or more, one of which has such a key, are a header and not prose.
_HEADER_KEYS = frozenset(
    {"audience", "author", "authors", "category", "date", "slug", "status", "tags", "title"}
    | {"visibility"}
)

_VISIBILITY_KEYS = frozenset(
    {"audience", "draft", "published", "status", "archived", "expirydate", "expires"}
    | {"unpublishdate", "publishdate", "build"}
)
_ANY_KEY = re.compile(r"""(?m)(?:^|[{,])[ \t]*["']?([\w.\- ]{1,60}?)["']?[ \t]*[:=]""")

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
        return _split_json(text)

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
        values = _parse(raw, opening[2] or ("yaml" if fence == "---" else "toml"))
    except _SyntaxError as error:
        line = first_line + error.line
        raise FrontMatterError(error.reason, line, body, body_line) from None

    if values is None:
        return {}, text, 1
    return values, body, body_line


def restricts_visibility(raw: str) -> bool:
    """Whether invalid front matter mentions an audience or drafts: it must not make a file public
    by accident."""
    keys = (match[1].strip() for match in _ANY_KEY.finditer(raw[:LIMIT]))
    return any(key.lower() in _VISIBILITY_KEYS or access.sounds_like_access(key) for key in keys)


def _parse(raw: str, language: str) -> dict[str, Any] | None:
    if language == "json":
        return _parse_json(raw)
    return _parse_toml(raw) if language == "toml" else _parse_yaml(raw)


def _split_json(text: str) -> tuple[dict[str, Any], str, int]:
    opening = _JSON_OPENING.match(text)
    if opening is None:
        return _split_header(text)

    first_line = text.count("\n", 0, opening.end()) + 1
    try:
        values, end = _JSON.raw_decode(text, opening.end())
    except (ValueError, RecursionError) as error:
        line = first_line + getattr(error, "lineno", 1) - 1
        if isinstance(error, json.JSONDecodeError):
            line = error.lineno
        # Where it ends is unknown: the first line with a brace alone closes most of them.
        closing = re.compile(r"^\}[ \t]*$", re.MULTILINE).search(text, opening.end())
        end = closing.end() if closing else opening.end()
        reason = f"The front matter is not valid JSON: {_shorten(error)}."
        body_line = text.count("\n", 0, end) + 1
        raise FrontMatterError(reason, line, text[end:], body_line) from None

    if end - opening.end() > LIMIT:
        reason = f"The front matter is longer than {LIMIT // 1024} KB."
        raise FrontMatterError(reason, first_line, text[end:], text.count("\n", 0, end) + 1)
    body_line = text.count("\n", 0, end) + 1
    return {name: _to_strings(value) for name, value in values.items()}, text[end:], body_line


def _split_header(text: str) -> tuple[dict[str, Any], str, int]:
    start = re.compile(_ABOVE).match(text)
    position = start.end() if start else 0
    values: dict[str, Any] = {}
    key = ""
    while position < min(len(text), LIMIT):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end].rstrip()
        match = _HEADER_LINE.fullmatch(line)
        if not line:
            break
        if match and match[1].lower() not in values:
            key = match[1].lower()
            values[key] = match[2] or ""
        elif key and line[0] in " \t":
            values[key] = f"{values[key]} {line.strip()}".strip()
        else:
            return {}, text, 1
        position = end + 1

    if len(values) < 2 or not _HEADER_KEYS & set(values):
        return {}, text, 1
    return values, text[position:], text.count("\n", 0, position) + 1


def _parse_json(raw: str) -> dict[str, Any]:
    _check_size(raw)
    try:
        values = _JSON.decode(raw)
    except (ValueError, RecursionError) as error:
        line = error.lineno - 1 if isinstance(error, json.JSONDecodeError) else 0
        raise _SyntaxError(
            f"The front matter is not valid JSON: {_shorten(error)}.", line
        ) from None
    if not isinstance(values, dict):
        raise _SyntaxError("The front matter is not a JSON object.")
    return {name: _to_strings(value) for name, value in values.items()}


def _json_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Which of two values is meant is not ours to guess."""
    names = [name.lower() for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"duplicate key {name!r:.60}")
    return dict(pairs)


_JSON = json.JSONDecoder(object_pairs_hook=_json_object)


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
    if value is None:
        return ""
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
