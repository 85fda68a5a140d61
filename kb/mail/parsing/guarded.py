"""Reading a mail: here, or for a large or strange one in a process that ends with its time and
memory.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import resource
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

from kb.mail.parsing.message import ParsedMessage, Unreadable, looks_costly, parse_message

LOG = logging.getLogger(__name__)
_SECONDS = 20  # of the processor's time
_MOST_SECONDS = 120  # on a clock, where others use the processor, too
_MEMORY = 1024 * 1024 * 1024  # bytes of address space
_TOO_COSTLY = f"It could not be read within {_SECONDS} seconds and 1 GB of memory."


class ReaderEnded(Exception):
    """The process that read the mail ended, and it is not known whether the mail was the cause."""


def read_message(raw: bytes) -> ParsedMessage:
    """As ``parse_message``, but safe whatever the mail does to the parser. Raises Unreadable, also
    for unexpected errors, because the result depends on the mail alone. Raises ReaderEnded,
    MemoryError and OSError if another try may succeed.
    """
    if looks_costly(raw):
        return _read_apart(raw)
    answer = _answer(raw)
    if isinstance(answer, str):
        raise Unreadable(answer)
    return answer


def _answer(raw: bytes) -> ParsedMessage | str:
    """The message, or why there is none."""
    try:
        return parse_message(raw)
    except Unreadable as error:
        return error.why
    except (MemoryError, OSError):
        raise
    except Exception:
        LOG.exception("An e-mail could not be read.")
        return "It could not be understood."


def _read_apart(raw: bytes) -> ParsedMessage:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_read, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    answer: Any = None
    try:
        with contextlib.suppress(EOFError, ConnectionError):  # it has died of its limits
            ours.send_bytes(raw)
            if ours.poll(_MOST_SECONDS):
                answer = ours.recv()
        if answer is None:
            process.join(1)  # for its exit code
    finally:
        process.kill()
        process.join()
        ours.close()
    if isinstance(answer, ParsedMessage):
        return answer
    if answer is None and process.exitcode != -signal.SIGXCPU:
        raise ReaderEnded(f"The process that read an e-mail ended with {process.exitcode}.")
    raise Unreadable(answer if isinstance(answer, str) else _TOO_COSTLY)


def _read(pipe: Connection) -> None:
    if sys.platform == "linux":  # elsewhere the system does not keep to it
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS + 1))
    try:
        answer = _answer(pipe.recv_bytes())
    except MemoryError:
        answer = _TOO_COSTLY
    pipe.send(answer)
