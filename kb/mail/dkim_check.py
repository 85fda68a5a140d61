"""The check of DKIM signatures (RFC 6376) here, for sites whose mail server does not judge mails.

Keys are asked of the name server that the operator has set, and of none by default. Requires the
extra ``mail``. SPF is not checked here: only the server that took the mail knows from where.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kb.errors import Misconfigured
from kb.mail.rules.evidence import Signatures

_MOST_SIGNATURES = 5
_SECONDS = 5.0  # for all keys of a mail


class KeyUnavailable(Exception):
    """The name server does not answer whether there is a key. It may answer later."""


def check_signatures(raw: bytes, *, name_server: str, port: int = 53) -> Signatures:
    """``name_server`` is an address, or ``system``. Raises Misconfigured without the extra."""
    return verify_signatures(raw, _lookup(name_server, port))


def verify_signatures(raw: bytes, lookup: Callable[..., bytes | None]) -> Signatures:
    """``lookup`` returns the text record of a name, or None; it may raise KeyUnavailable."""
    try:
        import dkim
    except ImportError:
        raise _missing() from None
    valid, unchecked = set(), set()
    verifier = dkim.DKIM(raw, minkey=1024)
    signatures = [name for name, _ in verifier.headers if name.lower() == b"dkim-signature"]
    for index in range(min(len(signatures), _MOST_SIGNATURES)):
        verifier = dkim.DKIM(raw, minkey=1024)
        try:
            if verifier.verify(idx=index, dnsfunc=lookup) and not _covers_part(verifier):
                valid.add(verifier.domain.decode("ascii").lower())
        except KeyUnavailable:
            unchecked.add(verifier.domain.decode("ascii", "replace").lower())
        except Exception:  # noqa: S112 - whatever is wrong with a signature, it proves nothing
            continue
    return Signatures(frozenset(valid), frozenset(unchecked))


def _covers_part(verifier: Any) -> bool:
    """Whether the signature leaves the end of the body unsigned, where anybody could add to it."""
    return b"l" in verifier.signature_fields


def _lookup(name_server: str, port: int) -> Callable[..., bytes | None]:
    try:
        from dns import exception, resolver
    except ImportError:
        raise _missing() from None
    deadline = time.monotonic() + _SECONDS

    def lookup(name: bytes | str, timeout: float = _SECONDS) -> bytes | None:
        text = name.decode("ascii") if isinstance(name, bytes) else name
        seconds = min(timeout, deadline - time.monotonic())
        try:
            if seconds <= 0:
                raise KeyUnavailable
            asked = resolver.Resolver(configure=name_server == "system")
            if name_server != "system":
                asked.nameservers, asked.port = [name_server], port
            answer = asked.resolve(text, "TXT", lifetime=seconds)
        except (resolver.NXDOMAIN, resolver.NoAnswer, resolver.YXDOMAIN):
            return None
        except (
            exception.Timeout,
            resolver.NoNameservers,
            resolver.NoResolverConfiguration,
            OSError,
        ):
            raise KeyUnavailable from None
        return next((b"".join(record.strings) for record in answer), None)

    return lookup


def _missing() -> Misconfigured:
    return Misconfigured(
        "KB_MAIL_DNS needs the extra `mail`: pip install 'askfirst[mail]'.", field="mail_dns"
    )
