"""What the statements of both databases share.

How they take rows, and INSERT ... ON CONFLICT, which SQLite has taken over from PostgreSQL word for
word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Executable, Table

TableRows: TypeAlias = Sequence[Mapping[str, Any]]


class RowStatement(NamedTuple):
    """A statement that saves many rows.

    ``parameters`` turns rows into what it is executed with; None if it takes them as they are.
    """

    statement: Executable
    parameters: Callable[[TableRows], Mapping[str, Any] | TableRows] | None = None


def or_change(
    statement: Any,
    table: Table,
    keys: tuple[str, ...],
    update: tuple[str, ...],
    add: tuple[str, ...],
) -> Executable:
    """Turns an INSERT of either dialect into an upsert."""
    changed: Executable
    if not update and not add:
        changed = statement.on_conflict_do_nothing(index_elements=keys)
        return changed

    new_values: dict[str, ColumnElement[Any]] = {}
    new_values.update((name, statement.excluded[name]) for name in update)
    new_values.update((name, table.c[name] + statement.excluded[name]) for name in add)
    changed = statement.on_conflict_do_update(index_elements=keys, set_=new_values)
    return changed
