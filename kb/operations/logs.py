"""Logs: one record a line, as text or as JSON, to standard error.

``set_up`` is called once by each program that runs for long (server, worker). Everything that a
record carries is escaped before it is written: control characters, line separators and the marks
that reverse the direction of text, so that nobody can forge a line or colour a terminal (CWE-117).
Secrets never get here: callers log names, numbers and routes, and never what somebody typed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from typing import IO, Any

#: The id of the request that is being answered; empty outside of one.
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")

#: Loggers whose records are ours; the records of libraries are written from WARNING on.
OURS = ("askfirst", "kb", "indexer", "webapp")

#: C0 and C1 controls, the separators that JavaScript and editors take for line ends, surrogates,
#: and the marks that reorder text (Unicode Technical Report 36, 2.5).
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def escaped(text: str) -> str:
    r"""``text`` on one line, with everything unsafe spelled out.

    >>> escaped("a\x1b[31mb\r\nc")
    'a\\x1b[31mb\\x0d\\x0ac'
    """
    if text.isascii() and text.isprintable():  # as nearly all is
        return text
    return _UNSAFE.sub(_spelled_out, text)


def _spelled_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class TextFormatter(logging.Formatter):
    """``2026-11-29T18:40:23Z INFO askfirst.access "GET /" status=200``."""

    def format(self, record: logging.LogRecord) -> str:
        message = escaped(record.getMessage())
        words = [_time(record), record.levelname, record.name, message]
        words += [f"{name}={_as_word(value)}" for name, value in _facts(record).items()]

        if record.exc_info:
            # The traceback stays readable; each of its lines is escaped for itself.
            trace = self.formatException(record.exc_info).splitlines()
            words.append("\n" + "\n".join(f"    {escaped(line)}" for line in trace))
        return " ".join(words)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id, and the record's facts."""

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            document["traceback"] = self.formatException(record.exc_info)
        # JSON escapes controls itself; ensure_ascii spells out what else is unsafe.
        return json.dumps(document, ensure_ascii=True, default=str)


def set_up(level: str, log_format: str, stream: IO[str] | None = None) -> None:
    """Send all records to ``stream`` (default: standard error). Safe to repeat."""
    # What no record shows need not be collected: Python's logging HOWTO, "Optimization".
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(level)


@contextlib.contextmanager
def in_request(request_id: str) -> Iterator[None]:
    """Mark every record of the block with the id of a request."""
    token = REQUEST_ID.set(request_id)
    try:
        yield
    finally:
        REQUEST_ID.reset(token)


def facts(**values: Any) -> dict[str, dict[str, Any]]:
    """Named values for a record: ``LOG.info("signed in", extra=facts(person=7))``."""
    return {"facts": values}


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    request_id = REQUEST_ID.get()
    given: dict[str, Any] = getattr(record, "facts", {})
    return {**given, **({"request_id": request_id} if request_id else {})}


def _as_word(value: Any) -> str:
    text = escaped(str(value))
    return json.dumps(text) if " " in text or '"' in text or not text else text


def _time(record: logging.LogRecord) -> str:
    return f"{_second(int(record.created))}.{int(record.msecs):03d}Z"


@functools.lru_cache(2)
def _second(second: int) -> str:
    return f"{dt.datetime.fromtimestamp(second, tz=dt.UTC):%Y-%m-%dT%H:%M:%S}"
