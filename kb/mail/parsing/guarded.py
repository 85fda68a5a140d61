"""Reading a mail: here, or for a large or strange one in a process that ends with its time and
memory.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
import sys
from multiprocessing.connection import Connection
from typing import Any

from kb.mail.parsing.message import ParsedMessage, Unreadable, looks_costly, parse_message

_SECONDS = 20
_MEMORY = 1024 * 1024 * 1024  # bytes of address space
_TOO_COSTLY = f"It could not be read within {_SECONDS} seconds and 1 GB of memory."


def read_message(raw: bytes) -> ParsedMessage:
    """As ``parse_message``, whatever the mail does to the parser. Raises Unreadable."""
    return _read_apart(raw) if looks_costly(raw) else parse_message(raw)


def _read_apart(raw: bytes) -> ParsedMessage:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_read, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    answer: Any = None
    try:
        with contextlib.suppress(EOFError, OSError):  # it has died of its limits
            ours.send_bytes(raw)
            if ours.poll(_SECONDS):
                answer = ours.recv()
    finally:
        process.kill()
        process.join()
        ours.close()
    if isinstance(answer, ParsedMessage):
        return answer
    raise Unreadable(answer if isinstance(answer, str) else _TOO_COSTLY)


def _read(pipe: Connection) -> None:
    if sys.platform == "linux":  # elsewhere the system does not keep to it
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    try:
        answer: ParsedMessage | str = parse_message(pipe.recv_bytes())
    except Unreadable as error:
        answer = error.why
    except MemoryError:
        answer = _TOO_COSTLY
    pipe.send(answer)
