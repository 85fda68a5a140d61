"""INSERT ... ON CONFLICT, which SQLite has taken over from PostgreSQL word for word."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Executable, Table


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
