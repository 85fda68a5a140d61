"""The parts of transactions that all databases share: joining them, and translating errors.

Each database defines how a transaction that reads or writes begins, and what its errors mean.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TypeAlias

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from kb.database.busy import database_busy
from kb.errors import KbError

Begin: TypeAlias = Callable[[], AbstractContextManager[Connection]]
#: Takes an error, and whether the transaction writes.
Translate: TypeAlias = Callable[[BaseException | None, bool], KbError | None]


class _Joined(threading.local):
    """The transactions that a thread's reads and writes are part of, if it has joined them."""

    connection: Connection | None = None
    reading: Connection | None = None  # of reads only


class Transactions:
    """The transactions of one open database. ``translate`` returns None for a bug in Askfirst."""

    def __init__(self, translate: Translate) -> None:
        self._translate = translate
        self._joined = _Joined()

    @contextlib.contextmanager
    def read(self, begin: Begin) -> Iterator[Connection]:
        joined = self._joined.connection
        with self.translated_errors(writing=joined is not None):
            joined = joined or self._joined.reading
            if joined is not None:
                yield joined
                return
            with begin() as connection:
                yield connection

    @contextlib.contextmanager
    def write(
        self, begin: Begin, joining: Callable[[Connection], object] | None = None
    ) -> Iterator[Connection]:
        """``joining`` takes the locks of this write if it becomes part of a joined transaction."""
        joined = self._joined.connection
        with self.translated_errors():
            if joined is not None:
                with joined.begin_nested():
                    if joining is not None:
                        joining(joined)
                    yield joined
                return
            with begin() as connection:
                yield connection

    @contextlib.contextmanager
    def join(self, begin: Begin) -> Iterator[None]:
        with self.write(begin) as connection:
            self._joined.connection = connection
            try:
                yield
            finally:
                self._joined.connection = None

    @contextlib.contextmanager
    def join_reads(self, begin: Begin) -> Iterator[None]:
        with self.read(begin) as connection:
            self._joined.reading = connection
            try:
                yield
            finally:
                self._joined.reading = None

    @contextlib.contextmanager
    def translated_errors(self, *, writing: bool = True) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            kb_error = self._translate(error.orig, writing)
            if kb_error is None:
                raise
            raise kb_error from error
        except PoolTimeout as error:
            raise database_busy() from error
