"""SQL that is compiled once for all databases of a test process.

SQLAlchemy keeps compiled statements for each engine, and nearly every test opens a database of its
own: compiling the same statements again was a quarter of the CPU time of such tests.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event


class CompiledStatements(dict[Any, Any]):
    """The cache of all engines. The dialects of two engines of one kind compile the same SQL."""

    def get(self, key: Any, default: Any = None) -> Any:
        dialect, *statement = key
        return super().get((dialect.name, *statement), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        dialect, *statement = key
        super().__setitem__((dialect.name, *statement), compiled)


COMPILED = CompiledStatements()


def share_compiled_statements() -> None:
    """For all engines that this process opens from now on."""
    event.listen(Engine, "engine_connect", _share)


def _share(connection: Connection) -> None:
    connection.execution_options(compiled_cache=COMPILED)
