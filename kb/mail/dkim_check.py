"""The check of DKIM signatures (RFC 6376) here, for sites whose mail server does not judge mails.

Keys are asked of the name server that the operator has set, and of none by default. Requires the
extra ``mail``. SPF is not checked here: only the server that took the mail knows from where.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from typing import Any

from kb.errors import Misconfigured

_MOST_SIGNATURES = 5
_SECONDS = 5.0


def signing_domains(raw: bytes, *, name_server: str) -> Collection[str]:
    """The domains whose signatures of the mail are valid.

    ``name_server`` is an address, or ``system``. Raises Misconfigured without the extra.
    """
    return verified_domains(raw, _lookup(name_server))


def verified_domains(raw: bytes, lookup: Callable[..., bytes | None]) -> frozenset[str]:
    """``lookup`` gives the text record of a name, None for none."""
    try:
        import dkim
    except ImportError:
        raise _missing() from None
    domains = set()
    verifier = dkim.DKIM(raw, minkey=1024)
    signatures = [name for name, _ in verifier.headers if name.lower() == b"dkim-signature"]
    for index in range(min(len(signatures), _MOST_SIGNATURES)):
        # Whatever is wrong with a signature, it proves nothing.
        with contextlib.suppress(Exception):
            verifier = dkim.DKIM(raw, minkey=1024)
            if verifier.verify(idx=index, dnsfunc=lookup) and not _covers_part(verifier):
                domains.add(verifier.domain.decode("ascii").lower())
    return frozenset(domains)


def _covers_part(verifier: Any) -> bool:
    """Whether the signature leaves the end of the body unsigned, where anybody could add to it."""
    return b"l" in verifier.signature_fields


def _lookup(name_server: str) -> Callable[..., bytes | None]:
    try:
        from dns import resolver
    except ImportError:
        raise _missing() from None
    asked = resolver.Resolver(configure=name_server == "system")
    if name_server != "system":
        asked.nameservers = [name_server]
    asked.lifetime = _SECONDS

    def lookup(name: bytes | str, timeout: float = _SECONDS) -> bytes | None:
        text = name.decode("ascii") if isinstance(name, bytes) else name
        try:
            answer = asked.resolve(text, "TXT", lifetime=min(timeout, _SECONDS))
        except Exception:
            return None
        return next((b"".join(record.strings) for record in answer), None)

    return lookup


def _missing() -> Misconfigured:
    return Misconfigured(
        "KB_MAIL_DNS needs the extra `mail`: pip install 'askfirst[mail]'.", field="mail_dns"
    )
