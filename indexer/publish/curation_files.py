"""The files in which editors decide about queries: ``golden.toml`` and ``curations.toml``.

Golden queries must find a page; curations pin, hide, and boost documents and declare synonyms.
Each mistake is reported with its line. The golden queries are run in ``gate``, the curations
applied in ``kb.search.query.curations``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kb.errors import Misconfigured
from kb.toml_reader import TomlFile, TomlPath, TomlTable

MAX_FILE_SIZE = 1_000_000  # bytes
_MAX_TOP = 20  # suggestions that can be asked for
_MIN_BOOST, _MAX_BOOST = 0.01, 100.0


@dataclass(frozen=True, slots=True)
class GoldenQuery:
    """``query`` must return one of ``expect`` among the first ``top`` suggestions; without
    ``expect``, nothing at all."""

    query: str
    expect: tuple[str, ...] = ()
    top: int = 3
    audience: str = "public"
    line: int = 0


@dataclass(frozen=True, slots=True)
class CurationRules:
    """Curations as plain values for a generation; ``named`` are the IDs of documents in them, each
    with its line."""

    values: dict[str, Any] = field(default_factory=dict)
    named: tuple[tuple[str, int], ...] = ()


def read_golden_queries(path: Path) -> tuple[GoldenQuery, ...]:
    """The golden queries in ``path``.

    Raises Misconfigured with every mistake as ``file:line: sentence``.
    """
    page = _open(path)
    page.top.only(("queries",))
    queries = [_golden_query(table) for table in page.top.array("queries")]
    page.refuse()
    return tuple(queries)


def _golden_query(table: TomlTable) -> GoldenQuery:
    table.only(("query", "expect", "top", "nothing", "audience"))
    query = table.text("query")
    expect = tuple(text for _, text in _texts(table, "expect"))
    if bool(expect) == table.flag("nothing"):
        table.wrong("A golden query needs either 'expect' or 'nothing = true'.")

    top = table.data.get("top", 3)
    if not isinstance(top, int) or not 1 <= top <= _MAX_TOP:
        table.wrong(f"'top' must be a whole number from 1 to {_MAX_TOP}.", "top")
        top = 3

    audience = table.text("audience", "public")
    line = table.file.line((*table.path, "query"))
    return GoldenQuery(query, expect, top, audience, line)


def read_curations(path: Path) -> CurationRules:
    """The curations in ``path``.

    Raises Misconfigured with every mistake as ``file:line: sentence``.
    """
    page = _open(path)
    top = page.top
    top.only(("queries", "synonyms", "no_synonyms", "stop_phrases"))

    named: list[tuple[str, int]] = []
    values: dict[str, Any] = {
        "queries": [_query_rule(table, named) for table in top.array("queries")],
        "synonyms": [_synonyms(table) for table in top.array("synonyms")],
        "no_synonyms": [text for _, text in _text_list(top, "no_synonyms")],
        "stop_phrases": [text for _, text in _text_list(top, "stop_phrases")],
    }
    page.refuse()
    return CurationRules({name: value for name, value in values.items() if value}, tuple(named))


def _query_rule(table: TomlTable, named: list[tuple[str, int]]) -> dict[str, Any]:
    """One of ``[[queries]]``; the documents in it are added to ``named``."""
    table.only(("query", "match", "pin", "hide", "boost"))
    queries = [text for _, text in _texts(table, "query")]
    if not queries:
        table.wrong(f"{table.name} needs 'query', a text or a list of texts.")

    pin = _text_list(table, "pin")
    hide = _text_list(table, "hide")
    boost = dict(_boosts(table))
    if not (pin or hide or boost):
        table.wrong(f"{table.name} has no effect; add 'pin', 'hide', or 'boost'.")

    for place, id_ in (*pin, *hide):
        named.append((id_, table.file.line(place)))
    for id_ in boost:
        named.append((id_, table.file.line((*table.path, "boost", id_))))

    pinned, hidden = [id_ for _, id_ in pin], [id_ for _, id_ in hide]
    for id_ in sorted({*pinned} & {*hidden}):
        table.wrong(f"{id_} is both pinned and hidden; remove one of them.", "hide")

    return {
        "query": queries,
        "match": table.choice("match", ("is", "contains"), "is"),
        "pin": pinned,
        "hide": hidden,
        "boost": boost,
    }


def _boosts(table: TomlTable) -> Iterator[tuple[str, float]]:
    boosts = table.table("boost")
    for id_, factor in boosts.data.items():
        is_number = isinstance(factor, int | float) and not isinstance(factor, bool)
        if is_number and _MIN_BOOST <= factor <= _MAX_BOOST:
            yield id_, float(factor)
        else:
            allowed = f"a number from {_MIN_BOOST} to {_MAX_BOOST:.0f}"
            boosts.wrong(f"The boost of {id_} must be {allowed}.", id_)


def _synonyms(table: TomlTable) -> dict[str, list[str]]:
    table.only(("words", "from", "to"))
    texts = {
        name: [text for _, text in _text_list(table, name)] for name in ("words", "from", "to")
    }
    is_mutual = len(texts["words"]) > 1 and not (texts["from"] or texts["to"])
    is_directed = bool(texts["from"] and texts["to"]) and not texts["words"]
    if not (is_mutual or is_directed):
        table.wrong(
            f"{table.name} needs either 'words' (at least two with the same meaning) or 'from' "
            "and 'to' (in one direction)."
        )
    return {name: words for name, words in texts.items() if words}


def _text_list(table: TomlTable, key: str) -> list[tuple[TomlPath, str]]:
    """The texts of a list; an empty text is a mistake."""
    texts = list(table.words(key))
    for place, text in texts:
        if not text:
            table.file.wrong(place, f"{key!r} contains an empty text.")
    return texts


def _texts(table: TomlTable, key: str) -> list[tuple[TomlPath, str]]:
    """A text, or a list of texts."""
    value = table.data.get(key)
    if isinstance(value, str) and value.strip():
        return [((*table.path, key), value.strip())]
    return _text_list(table, key)


def _open(path: Path) -> TomlFile:
    try:
        if path.stat().st_size > MAX_FILE_SIZE:
            limit = MAX_FILE_SIZE // 1_000_000
            raise Misconfigured(f"{path}:1: The file is larger than {limit} MB.")
        return TomlFile(str(path), path.read_text("utf-8-sig"))
    except UnicodeDecodeError:
        raise Misconfigured(f"{path}:1: The file is not UTF-8; save it as UTF-8.") from None
    except OSError as error:
        raise Misconfigured(f"{path}: Cannot read the file: {error.strerror or error}.") from None
