"""The file ``curations.toml``, in which editors decide about queries, as plain values.

They are published with a generation, or tried on live typing. Each mistake is reported with its
line. ``curations`` applies them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kb.errors import Misconfigured
from kb.search import weights
from kb.toml_reader import TomlFile, TomlPath, TomlTable

MAX_FILE_SIZE = 1_000_000  # bytes
_MIN_BOOST, _MAX_BOOST = 0.01, 100.0
_MAX_WEIGHT = 10.0


@dataclass(frozen=True, slots=True)
class CurationFile:
    """Curations as plain values for a generation; ``named`` are the IDs of documents in them, each
    with its line."""

    values: dict[str, Any] = field(default_factory=dict)
    named: tuple[tuple[str, int], ...] = ()


def read_curations(path: Path) -> CurationFile:
    """The curations in ``path``.

    Raises Misconfigured with every mistake as ``file:line: sentence``.
    """
    page = open_toml(path)
    top = page.top
    top.only(("queries", "aliases", "synonyms", "no_synonyms", "stop_phrases", "weights"))

    named: list[tuple[str, int]] = []
    values: dict[str, Any] = {
        "queries": [_query_rule(table, named) for table in top.array("queries")],
        "aliases": [_aliases(table, named) for table in top.array("aliases")],
        "synonyms": [_synonyms(table) for table in top.array("synonyms")],
        "no_synonyms": [text for _, text in text_list(top, "no_synonyms")],
        "stop_phrases": [text for _, text in text_list(top, "stop_phrases")],
        "weights": dict(_weight_factors(top)),
    }
    page.refuse()
    return CurationFile({name: value for name, value in values.items() if value}, tuple(named))


def aliases_of(curations: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Document -> the titles that published curations add to it."""
    titles: dict[str, tuple[str, ...]] = {}
    for row in curations.get("aliases", ()):
        titles[row["document"]] = (*titles.get(row["document"], ()), *row["titles"])
    return titles


def _query_rule(table: TomlTable, named: list[tuple[str, int]]) -> dict[str, Any]:
    """One of ``[[queries]]``; the documents in it are added to ``named``."""
    table.only(("query", "match", "pin", "hide", "boost"))
    queries = [text for _, text in texts_of(table, "query")]
    if not queries:
        table.wrong(f"{table.name} needs 'query', a text or a list of texts.")

    pin = text_list(table, "pin")
    hide = text_list(table, "hide")
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


def _aliases(table: TomlTable, named: list[tuple[str, int]]) -> dict[str, Any]:
    """One of ``[[aliases]]``: more titles of a document, which become part of the index."""
    table.only(("document", "titles"))
    document = table.text("document")
    titles = [text for _, text in texts_of(table, "titles")]
    if not titles:
        table.wrong(f"{table.name} needs 'titles', a text or a list of texts.")
    named.append((document, table.file.line((*table.path, "document"))))
    return {"document": document, "titles": titles}


def _boosts(table: TomlTable) -> Iterator[tuple[str, float]]:
    boosts = table.table("boost")
    for id_, factor in boosts.data.items():
        is_number = isinstance(factor, int | float) and not isinstance(factor, bool)
        if is_number and _MIN_BOOST <= factor <= _MAX_BOOST:
            yield id_, float(factor)
        else:
            allowed = f"a number from {_MIN_BOOST} to {_MAX_BOOST:.0f}"
            boosts.wrong(f"The boost of {id_} must be {allowed}.", id_)


def _weight_factors(top: TomlTable) -> Iterator[tuple[str, float]]:
    """What the weight of each part of a score is multiplied by."""
    table = top.table("weights")
    for name, factor in table.data.items():
        is_number = isinstance(factor, int | float) and not isinstance(factor, bool)
        if name not in weights.MIX:
            table.wrong(f"Unknown part {name!r}. Available: {', '.join(weights.MIX)}.", name)
        elif is_number and 0 <= factor <= _MAX_WEIGHT:
            yield name, float(factor)
        else:
            table.wrong(f"The factor of {name} must be a number from 0 to {_MAX_WEIGHT:.0f}.", name)


def _synonyms(table: TomlTable) -> dict[str, list[str]]:
    table.only(("words", "from", "to"))
    texts = {name: [text for _, text in text_list(table, name)] for name in ("words", "from", "to")}
    is_mutual = len(texts["words"]) > 1 and not (texts["from"] or texts["to"])
    is_directed = bool(texts["from"] and texts["to"]) and not texts["words"]
    if not (is_mutual or is_directed):
        table.wrong(
            f"{table.name} needs either 'words' (at least two with the same meaning) or 'from' "
            "and 'to' (in one direction)."
        )
    return {name: words for name, words in texts.items() if words}


def text_list(table: TomlTable, key: str) -> list[tuple[TomlPath, str]]:
    """The texts of a list; an empty text is a mistake."""
    texts = list(table.words(key))
    for place, text in texts:
        if not text:
            table.file.wrong(place, f"{key!r} contains an empty text.")
    return texts


def texts_of(table: TomlTable, key: str) -> list[tuple[TomlPath, str]]:
    """A text, or a list of texts."""
    value = table.data.get(key)
    if isinstance(value, str) and value.strip():
        return [((*table.path, key), value.strip())]
    return text_list(table, key)


def open_toml(path: Path) -> TomlFile:
    """Raises Misconfigured for a file that cannot be read."""
    try:
        if path.stat().st_size > MAX_FILE_SIZE:
            limit = MAX_FILE_SIZE // 1_000_000
            raise Misconfigured(f"{path}:1: The file is larger than {limit} MB.")
        return TomlFile(str(path), path.read_text("utf-8-sig"))
    except UnicodeDecodeError:
        raise Misconfigured(f"{path}:1: The file is not UTF-8; save it as UTF-8.") from None
    except OSError as error:
        raise Misconfigured(f"{path}: Cannot read the file: {error.strerror or error}.") from None
