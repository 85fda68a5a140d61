"""What do editors say about queries: golden queries that must find a page, and curations?

Reads ``golden.toml`` and ``curations.toml`` of the content folder, each mistake with its line. Not
for asking the queries (``selfcheck``) nor for ranking by the decisions
(``kb.search.query.parser.curations``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kb.errors import Misconfigured
from kb.toml_reader import TomlFile, TomlTable

LARGEST = 1_000_000  # bytes of a file
_HIGHEST = 20  # suggestions that can be asked for
_FACTORS = (0.01, 100.0)


@dataclass(frozen=True, slots=True)
class GoldenQuery:
    """``query`` must show one of ``expect`` among the first ``top`` suggestions; without
    ``expect``, nothing at all.
    """

    query: str
    expect: tuple[str, ...] = ()
    top: int = 3
    audience: str = "public"
    line: int = 0


@dataclass(frozen=True, slots=True)
class CurationRules:
    """Curations as plain values for a generation; ``named`` are the ids of documents in them, each
    with its line.
    """

    values: dict[str, Any] = field(default_factory=dict)
    named: tuple[tuple[str, int], ...] = ()


def read_golden_queries(path: Path) -> tuple[GoldenQuery, ...]:
    """The golden queries in ``path``. Raises Misconfigured with every mistake as ``file:line:
    sentence``.
    """
    page = _page(path)
    page.top.only(("queries",))
    found = [_golden(table) for table in page.top.array("queries")]
    page.refuse()
    return tuple(found)


def _golden(table: TomlTable) -> GoldenQuery:
    table.only(("query", "expect", "top", "nothing", "audience"))
    query, expect = table.text("query"), tuple(text for _, text in _texts(table, "expect"))
    top = table.data.get("top", 3)
    if not isinstance(top, int) or not 1 <= top <= _HIGHEST:
        table.wrong(f"'top' is a whole number from 1 to {_HIGHEST}.", "top")
        top = 3
    if bool(expect) == table.flag("nothing"):
        table.wrong("A golden query says either 'expect' or 'nothing = true'.")
    return GoldenQuery(
        query,
        expect,
        top,
        table.text("audience", "public"),
        table.file.line((*table.path, "query")),
    )


def read_curations(path: Path) -> CurationRules:
    """The decisions in ``path``. Raises Misconfigured with every mistake as ``file:line:
    sentence``.
    """
    page = _page(path)
    top = page.top
    top.only(("queries", "synonyms", "stop_phrases"))
    named: list[tuple[str, int]] = []
    values: dict[str, Any] = {
        "queries": [_rule(table, named) for table in top.array("queries")],
        "synonyms": [_synonyms(table) for table in top.array("synonyms")],
        "stop_phrases": [text for _, text in _filled(top, "stop_phrases")],
    }
    page.refuse()
    return CurationRules({name: value for name, value in values.items() if value}, tuple(named))


def _rule(table: TomlTable, named: list[tuple[str, int]]) -> dict[str, Any]:
    table.only(("query", "match", "pin", "hide", "boost"))
    queries = [text for _, text in _texts(table, "query")]
    if not queries:
        table.wrong(f"{table.name} needs 'query', a text or a list of texts.")
    pin, hide, boost = (
        list(_filled(table, "pin")),
        list(_filled(table, "hide")),
        dict(_boosts(table)),
    )
    if not (pin or hide or boost):
        table.wrong(f"{table.name} decides nothing; give 'pin', 'hide' or 'boost'.")
    for place, id_ in (*pin, *hide, *(((*table.path, "boost", id_), id_) for id_ in boost)):
        named.append((id_, table.file.line(place)))
    both = {id_ for _, id_ in pin} & {id_ for _, id_ in hide}
    for id_ in sorted(both):
        table.wrong(f"{id_} is both pinned and hidden; decide for one.", "hide")
    rule: dict[str, Any] = {
        "query": queries,
        "match": table.choice("match", ("is", "contains"), "is"),
    }
    return rule | {"pin": [id_ for _, id_ in pin], "hide": [id_ for _, id_ in hide], "boost": boost}


def _boosts(table: TomlTable) -> Iterator[tuple[str, float]]:
    low, high = _FACTORS
    boosts = table.table("boost")
    for id_, factor in boosts.data.items():
        if (
            isinstance(factor, int | float)
            and not isinstance(factor, bool)
            and low <= factor <= high
        ):
            yield id_, float(factor)
        else:
            boosts.wrong(f"The boost of {id_} is a number from {low} to {high:.0f}.", id_)


def _synonyms(table: TomlTable) -> dict[str, list[str]]:
    table.only(("words", "from", "to"))
    found = {name: [text for _, text in _filled(table, name)] for name in ("words", "from", "to")}
    both_ways, one_way = len(found["words"]) > 1, bool(found["from"] and found["to"])
    if both_ways == one_way or (found["words"] and (found["from"] or found["to"])):
        table.wrong(
            f"{table.name} needs either 'words' (two or more that mean the same) or 'from' and "
            f"'to' (one way)."
        )
    return {name: texts for name, texts in found.items() if texts}


def _filled(table: TomlTable, key: str) -> list[tuple[tuple[str | int, ...], str]]:
    """The texts of a list; an empty one is a mistake."""
    found = list(table.words(key))
    for place, text in found:
        if not text:
            table.file.wrong(place, f"{key!r} holds an empty text.")
    return found


def _texts(table: TomlTable, key: str) -> list[tuple[tuple[str | int, ...], str]]:
    """A text or a list of texts."""
    value = table.data.get(key)
    return (
        [((*table.path, key), value.strip())]
        if isinstance(value, str) and value.strip()
        else _filled(table, key)
    )


def _page(path: Path) -> TomlFile:
    try:
        if path.stat().st_size > LARGEST:
            raise Misconfigured(f"{path}:1: This file is larger than {LARGEST // 1_000_000} MB.")
        return TomlFile(str(path), path.read_text("utf-8-sig"))
    except UnicodeDecodeError:
        raise Misconfigured(f"{path}:1: This is not UTF-8 text; save the file as UTF-8.") from None
    except OSError as error:
        raise Misconfigured(f"{path}: Cannot read the file: {error.strerror or error}.") from None
