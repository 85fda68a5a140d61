"""The file ``golden.toml``: queries that must find a page before a generation goes live.

Each mistake is reported with its line. ``gate`` runs the queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kb.search.query.curation_file import open_toml, texts_of
from kb.toml_reader import TomlTable

_MAX_TOP = 20  # suggestions that can be asked for


@dataclass(frozen=True, slots=True)
class GoldenQuery:
    """``query`` must return one of ``expect`` among the first ``top`` suggestions; without
    ``expect``, nothing at all."""

    query: str
    expect: tuple[str, ...] = ()
    top: int = 3
    audience: str = "public"
    line: int = 0


def read_golden_queries(path: Path) -> tuple[GoldenQuery, ...]:
    """The golden queries in ``path``.

    Raises Misconfigured with every mistake as ``file:line: sentence``.
    """
    page = open_toml(path)
    page.top.only(("queries",))
    queries = [_golden_query(table) for table in page.top.array("queries")]
    page.refuse()
    return tuple(queries)


def _golden_query(table: TomlTable) -> GoldenQuery:
    table.only(("query", "expect", "top", "nothing", "audience"))
    query = table.text("query")
    expect = tuple(text for _, text in texts_of(table, "expect"))
    if bool(expect) == table.flag("nothing"):
        table.wrong("A golden query needs either 'expect' or 'nothing = true'.")

    top = table.data.get("top", 3)
    if not isinstance(top, int) or not 1 <= top <= _MAX_TOP:
        table.wrong(f"'top' must be a whole number from 1 to {_MAX_TOP}.", "top")
        top = 3

    audience = table.text("audience", "public")
    line = table.file.line((*table.path, "query"))
    return GoldenQuery(query, expect, top, audience, line)
