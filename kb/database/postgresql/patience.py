"""How long a client waits for a PostgreSQL server that does not answer.

The server's own limits (``statement_timeout``) work only while the server does. Without limits in
the client, a stopped server or a network that drops every packet would block a request for ever.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait: ``connect`` for a new connection (at least 2, the minimum of libpq),
    ``ping`` to check that a pooled connection still works, and ``answer`` for a statement.
    """

    connect: int = 4
    ping: float = 2.0
    answer: float = 65.0


PATIENCE = Patience()


def limit_waiting(engine: Engine, patience: Patience) -> None:
    """Makes the engine's connections give up and close after these times."""
    from psycopg import Connection
    from psycopg.errors import OperationalError

    class ImpatientConnection(Connection[Any]):
        seconds = patience.answer

        def wait(self, gen: Any, *arguments: Any) -> Any:
            return super().wait(self._until(gen, time.monotonic() + self.seconds), *arguments)

        def _until(self, gen: Any, end: float) -> Any:
            """Waits for ``gen``, and checks several times a second whether it has an answer."""
            try:
                state = next(gen)
                while True:
                    ready = yield state
                    if time.monotonic() > end:
                        self.pgconn.finish()  # a later statement would get this one's answer
                        raise OperationalError("timeout: no answer")
                    state = gen.send(ready)
            except StopIteration as result:
                return result.value

    def connect(dialect: Any, record: Any, arguments: Any, options: Any) -> Any:
        del dialect, record
        return ImpatientConnection.connect(*arguments, **options)

    ping = engine.dialect.do_ping

    def impatient_ping(connection: Any) -> bool:
        connection.seconds = patience.ping
        try:
            return bool(ping(connection))
        finally:
            connection.seconds = patience.answer

    event.listen(engine, "do_connect", connect)
    engine.dialect.do_ping = impatient_ping  # type: ignore[assignment]
