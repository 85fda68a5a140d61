"""Errors that may reach a person.

Each is a ``KbError``: a stable ``code`` for machines, one ``sentence`` for people (what is wrong,
where, what to do) and the HTTP ``status`` of the answer. Bugs stay ordinary exceptions, whose text
never reaches a person.
"""

from __future__ import annotations


class KbError(Exception):
    """An expected failure. ``field`` names the wrong input, ``retry_after`` is in seconds."""

    code = "error"
    status = 500

    def __init__(
        self, sentence: str, *, field: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field
        self.retry_after = retry_after


class Invalid(KbError):
    """Wrong input. ``fields`` maps each wrong input to its message, for forms that show all."""

    code, status = "invalid", 422

    def __init__(
        self, sentence: str, *, field: str | None = None, fields: dict[str, str] | None = None
    ) -> None:
        super().__init__(sentence, field=field)
        self.fields = fields if fields is not None else ({field: sentence} if field else {})


class Unauthorized(KbError):
    """Nobody is signed in, or the key of the request is not valid."""

    code, status = "unauthorized", 401


class NotFound(KbError):
    code, status = "not-found", 404


class Forbidden(KbError):
    code, status = "forbidden", 403


class ScopeMissing(KbError):
    """The API key may not do this; any one of ``scopes`` would do."""

    code, status = "insufficient-scope", 403

    def __init__(self, sentence: str, *, scopes: tuple[str, ...]) -> None:
        super().__init__(sentence)
        self.scopes = scopes


class Conflict(KbError):
    code, status = "conflict", 409


class PreconditionFailed(KbError):
    """The resource has changed since the client read it (RFC 9110, 15.5.13)."""

    code, status = "precondition-failed", 412


class TooLarge(KbError):
    code, status = "too-large", 413


class UnknownFormat(KbError):
    """The media type of the request is not one that is accepted here."""

    code, status = "unsupported-media-type", 415


class TooMany(KbError):
    code, status = "too-many-requests", 429


class Unavailable(KbError):
    """A part is missing or busy at the moment; trying again later may help."""

    code, status = "unavailable", 503


class Misconfigured(KbError):
    """A setting or a policy file is wrong, so nothing starts. Exit code 2 on the command line."""

    code, status = "misconfigured", 500
