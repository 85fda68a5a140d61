"""Errors of PostgreSQL and of the connection to it, as what the people who meet them should read.

The codes are SQLSTATEs (PostgreSQL's manual, appendix A). A connection that fails has none.
"""

from __future__ import annotations

from typing import Final

from kb.database.busy import database_busy
from kb.errors import KbError, Unavailable

_BUSY_CODES = frozenset(
    {
        "55P03",  # no lock before lock_timeout
        "57014",  # no result before statement_timeout
        "40001",  # another transaction was first
        "40P01",  # deadlock
    }
)


def server_error(
    error: BaseException | None, server: str, *, writing: bool = True
) -> KbError | None:
    """The error to show for one of the server or the connection; None for a bug of ours.

    ``server`` is the database's address without its password. If the transaction only reads, the
    error does not say that something may have been saved.
    """
    if error is None or not type(error).__module__.startswith("psycopg"):
        return None

    code = getattr(error, "sqlstate", None)
    if code is None:
        return _connection_error(str(error), server, writing)
    if code in _BUSY_CODES:
        return database_busy()

    message = _MESSAGES.get(code) or _MESSAGES.get(code[:2])
    return _unavailable(message, server, writing) if message else None


def is_timeout(error: BaseException | None) -> bool:
    """Whether the server did not answer at all, instead of refusing or closing the connection."""
    is_of_driver = error is not None and type(error).__module__.startswith("psycopg")
    return is_of_driver and getattr(error, "sqlstate", None) is None and "timeout" in str(error)


def no_answer(server: str, *, writing: bool) -> Unavailable:
    return _unavailable(_NO_ANSWER, server, writing)


def _connection_error(message: str, server: str, writing: bool) -> KbError | None:
    """psycopg has no code for what failed before the server spoke, only libpq's English text."""
    for words, sentence in _CONNECTION_MESSAGES:
        if words in message:
            return _unavailable(sentence, server, writing)
    return None


def _unavailable(message: str, server: str, writing: bool) -> Unavailable:
    if not message.startswith("{server}"):
        server = server[:1].lower() + server[1:]
    uncertain = f" {_UNCERTAIN}" if writing else ""
    return Unavailable(message.format(server=server, uncertain=uncertain), retry_after=60)


#: A commit that was not answered may have been executed.
_UNCERTAIN: Final = "Your last change may have been saved: check before you send it again."
_NO_ANSWER: Final = "{server} does not answer.{uncertain}"

_NO_ACCESS: Final = "{server} does not accept the user name or the password. Check KB_DATABASE."

#: Text in libpq's message -> the sentence. The first that fits is used.
_CONNECTION_MESSAGES: Final = (
    ("password authentication failed", _NO_ACCESS),
    ('role "', _NO_ACCESS),
    (
        "does not exist",
        "{server} does not exist. Create the database, or check the name in KB_DATABASE.",
    ),
    ("no pg_hba.conf entry", "{server} does not accept connections from this machine."),
    ("too many clients", "{server} has no free connection; nothing was saved."),
    ("timeout", _NO_ANSWER),
    ("", "{server} cannot be reached. Check that PostgreSQL is running.{uncertain}"),
)

#: SQLSTATE, or its class -> the sentence.
_MESSAGES: Final = {
    "53100": "The disk of {server} is full; nothing was saved. Free some space and try again.",
    "53300": "{server} has no free connection; nothing was saved.",
    "25006": (
        "{server} is read-only, like a replica. Set KB_DATABASE to the primary server; nothing "
        "was saved."
    ),
    "42P01": "{server} is not a database of Askfirst, or a table was removed from it.",
    "42501": "The user in KB_DATABASE has no access to some tables of {server}.",
    "08": "The connection to {server} was lost.{uncertain}",
    "28": _NO_ACCESS,
    "3D": "{server} does not exist. Create the database, or check the name in KB_DATABASE.",
    "53": "{server} is out of memory or other resources; nothing was saved.",
    "57": "{server} is shutting down or starting.{uncertain}",
    "58": "The disk of {server} reported an error; nothing was saved.",
    "XX": "{server} is damaged or has an internal error; nothing was saved. See its log.",
}
