"""What does a file say about itself before its text begins?

Splits YAML (``---``) or TOML (``+++``) front matter from the body and gives its values as strings,
lists and maps of strings: YAML is read without types, so ``uid: 0123`` stays "0123". Aliases,
anchors and tags are refused. FrontMatterError front matter raises ``FrontMatterError`` with its line and the body, so
that the body can still be read.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import yaml

LIMIT = 16 * 1024
_OPENING = re.compile(
    r"(?:\ufeff|\s|<!--(?:[^-]|-(?!->)){0,4000}-->)*^(---|\+\+\+)[ \t]*\r?\n", re.MULTILINE
)
_CLOSING = {
    "---": re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.MULTILINE),  # YAML may end in either
    "+++": re.compile(r"^\+\+\+[ \t]*(?:\r?\n|\Z)", re.MULTILINE),
}
# The first line that says something looks like a key; comments and blank lines may stand before it.
_KEY = re.compile(r"""(?:[ \t]*(?:#[^\n]*)?\n){0,40}["']?[\w.\- ]{1,60}["']?[ \t]*:""")
_GUARDED = r"audience|draft|published|status|archived|expirydate|expires|unpublishdate|publishdate"
_GUARD = re.compile(rf"""(?im)^\s*["']?(?:{_GUARDED})["']?\s*[:=]""")
_FORBIDDEN = (yaml.AliasToken, yaml.AnchorToken, yaml.TagToken)


class FrontMatterError(Exception):
    """Front matter that cannot be read: ``line`` counts from 1 in the file, ``body`` is the text
    after it.
    """

    def __init__(self, sentence: str, line: int, body: str, body_line: int) -> None:
        super().__init__(sentence)
        self.sentence, self.line, self.body, self.body_line = sentence, line, body, body_line


def split_front_matter(text: str) -> tuple[dict[str, Any], str, int]:
    """(values, body, line at which the body begins). Without front matter: ({}, text, 1). Raises
    FrontMatterError.
    """
    opening = _OPENING.match(text)
    if opening is None:
        return {}, text, 1
    fence = opening[1]
    first = text.count("\n", 0, opening.end()) + 1
    closing = _CLOSING[fence].search(text, opening.end())
    if closing is None:
        if fence == "---" and not _KEY.match(text, opening.end()):
            return {}, text, 1  # a thematic break, not front matter
        raise FrontMatterError(
            f"The front matter is not closed by a line {fence}.",
            first - 1,
            text[opening.end() :],
            first,
        )
    raw, body = text[opening.end() : closing.start()], text[closing.end() :]
    line = text.count("\n", 0, closing.end()) + 1
    try:
        values = _yaml(raw) if fence == "---" else _toml(raw)
    except _Mistake as mistake:
        raise FrontMatterError(mistake.args[0], first + mistake.args[1], body, line) from None
    if values is None:
        return {}, text, 1
    return values, body, line


class _Mistake(Exception):
    """(sentence, line within the front matter, from 0)."""


def _yaml(raw: str) -> dict[str, Any] | None:
    if len(raw) > LIMIT:
        raise _Mistake(f"The front matter is longer than {LIMIT // 1024} KB.", 0)
    try:
        for token in yaml.scan(raw, Loader=yaml.CBaseLoader):
            if isinstance(token, _FORBIDDEN):
                sentence = (
                    "The front matter uses YAML anchors, aliases or tags, which are not read."
                )
                raise _Mistake(sentence, token.start_mark.line)
        values = yaml.load(raw, Loader=yaml.CBaseLoader)  # noqa: S506 - the base loader makes strings only
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        raise _Mistake(
            f"The front matter is not valid YAML: {error.problem or error.context}.", line
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _Mistake(f"The front matter is not valid YAML: {_short(error)}.", 0) from None
    twin = _twin(raw)
    if twin:
        raise _Mistake(*twin)
    if isinstance(values, dict):
        return {str(key): value for key, value in values.items()}
    if values is None or values == "":
        return {}
    return None  # two thematic breaks around prose


def _twin(raw: str) -> tuple[str, int] | None:
    """A key that is given twice: which of the two is meant is not for us to guess."""
    node = yaml.compose(raw, Loader=yaml.CBaseLoader)
    seen: set[str] = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        name = str(key.value).lower()
        if name in seen:
            return f"The front matter gives {name!r:.60} twice.", key.start_mark.line
        seen.add(name)
    return None


def restricts_visibility(raw: str) -> bool:
    """Whether broken front matter speaks of an audience or of drafts: it must not make a file
    public by accident.
    """
    return bool(_GUARD.search(raw[:LIMIT]))


def _toml(raw: str) -> dict[str, Any]:
    if len(raw) > LIMIT:
        raise _Mistake(f"The front matter is longer than {LIMIT // 1024} KB.", 0)
    try:
        return {str(key): _texts(value) for key, value in tomllib.loads(raw).items()}
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        raise _Mistake(
            f"The front matter is not valid TOML: {_short(error)}.", int(line[1]) - 1 if line else 0
        ) from None


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160].rstrip(".") or type(error).__name__


def text(values: Mapping[str, Any], *names: str) -> str:
    """The first of ``names`` that holds a non-empty text; names match in any case."""
    lowered = {key.lower(): value for key, value in values.items()}
    for name in names:
        value = lowered.get(name.lower())
        if isinstance(value, str) and value.strip():
            return " ".join(value.split())
    return ""


def text_list(values: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    """All of ``names`` as one list: a YAML list, or a text separated by commas."""
    lowered = {key.lower(): value for key, value in values.items()}
    found: dict[str, None] = {}
    for name in names:
        value = lowered.get(name.lower())
        items = (
            value if isinstance(value, list) else value.split(",") if isinstance(value, str) else []
        )
        found |= {
            " ".join(item.split()): None for item in items if isinstance(item, str) and item.strip()
        }
    return tuple(found)


def is_true(values: Mapping[str, Any], name: str) -> bool:
    return text(values, name).lower() in ("true", "yes", "on", "1", "y")


def is_false(values: Mapping[str, Any], name: str) -> bool:
    return text(values, name).lower() in ("false", "no", "off", "0", "n")


_DATES = (
    (re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?"), (1, 2, 3)),
    (re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})"), (3, 1, 2)),
    (re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})"), (1, 2, 3)),
    (re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})"), (3, 2, 1)),
)


def parse_date(written: str) -> dt.date | None:
    """YYYY-MM-DD (with or without a time), MM/DD/YYYY or DD.MM.YYYY; raises ValueError for any
    other text.

    >>> parse_date("06/09/2017")
    datetime.date(2017, 6, 9)
    """
    if not written.strip():
        return None
    for pattern, (year, month, day) in _DATES:
        match = pattern.fullmatch(written.strip())
        if match:
            return dt.date(int(match[year]), int(match[month]), int(match[day]))
    raise ValueError(written)
