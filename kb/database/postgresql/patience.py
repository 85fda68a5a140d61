"""How long a client waits for a PostgreSQL server that does not answer.

The server's own limits (``statement_timeout``) work only while the server does. Without limits in
the client, a stopped server or a network that drops every packet would block a request for ever.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

from kb.database.postgresql.errors import is_timeout

#: Seconds after an answer during which a pooled connection is not checked.
_FRESH = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait: ``connect`` for a new connection (at least 2, the minimum of libpq), and the
    same time to resolve the server's host name; ``ping`` to check that a pooled connection still
    works, and ``answer`` for a statement.

    A statement may take long, but a working server accepts connections meanwhile. After each
    ``silence``, we therefore try to open one, and give up if the server does not answer either.
    """

    connect: int = 4
    ping: float = 2.0
    answer: float = 65.0
    silence: float = 3.0


PATIENCE = Patience()


def limit_waiting(engine: Engine, patience: Patience) -> None:
    """Makes the engine's connections give up and close after these times."""
    connection_type = _impatient(patience)
    ping = engine.dialect.do_ping

    def connect(dialect: Any, record: Any, arguments: Any, options: Any) -> Any:
        del dialect, record
        resolved = _resolved(options, patience.connect)
        connection = connection_type.connect(*arguments, **resolved)
        connection.server_answers = lambda: _accepts_connections(arguments, resolved)
        return connection

    def impatient_ping(connection: Any) -> bool:
        if connection.is_fresh():
            return True
        connection.seconds = patience.ping
        try:
            return bool(ping(connection))
        finally:
            connection.seconds = patience.answer

    event.listen(engine, "do_connect", connect)
    engine.dialect.do_ping = impatient_ping  # type: ignore[assignment]


def _resolved(options: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """``options`` with the IP addresses of the server, so that psycopg does not resolve its name.

    The system's resolver waits for the DNS servers as long as it is configured to, often half a
    minute, and cannot be interrupted.
    """
    from psycopg.conninfo import conninfo_attempts
    from psycopg.errors import OperationalError

    answer: Future[Sequence[Mapping[str, Any]]] = Future()

    def resolve() -> None:
        try:
            answer.set_result(conninfo_attempts(options))
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=resolve, daemon=True).start()
    try:
        attempts = answer.result(seconds)
    except TimeoutError:
        raise OperationalError("timeout: no answer from a DNS server") from None

    lists = {
        name: ",".join(str(attempt[name]) for attempt in attempts)
        for name in ("host", "hostaddr", "port")
        if all(attempt.get(name) for attempt in attempts)
    }
    return {**options, **lists}


def _accepts_connections(arguments: Any, options: Any) -> bool:
    """False without any answer. A refusal, such as "too many connections", is an answer."""
    from psycopg import Connection, Error

    try:
        Connection.connect(*arguments, **options).close()
    except Error as error:
        return not is_timeout(error)
    return True


def _impatient(patience: Patience) -> Any:
    """The class of connections that give up."""
    from psycopg import Connection
    from psycopg.errors import OperationalError

    class ImpatientConnection(Connection[Any]):
        seconds = patience.answer
        answered_at = 0.0
        server_answers: Callable[[], bool]

        def wait(self, gen: Any, *arguments: Any) -> Any:
            result = super().wait(self._until(gen), *arguments)
            self.answered_at = time.monotonic()
            return result

        def _until(self, gen: Any) -> Any:
            """Waits for ``gen``, and checks several times a second whether it has an answer."""
            start = time.monotonic()
            end, look = start + self.seconds, start + patience.silence
            try:
                state = next(gen)
                while True:
                    ready = yield state
                    now = time.monotonic()
                    if now > end or (now > look and not (ready or self.server_answers())):
                        self.pgconn.finish()  # a later statement would get this one's answer
                        raise OperationalError("timeout: no answer")
                    if now > look:
                        look = time.monotonic() + patience.silence
                    state = gen.send(ready)
            except StopIteration as result:
                return result.value

        def is_fresh(self) -> bool:
            """Whether the server answered a moment ago and has sent nothing since.

            A server that stops sends a message, or at least closes the connection; either can be
            read from the socket.
            """
            if time.monotonic() - self.answered_at > _FRESH:
                return False
            poll = select.poll()
            poll.register(self.pgconn.socket, select.POLLIN)
            return not poll.poll(0)

    return ImpatientConnection
