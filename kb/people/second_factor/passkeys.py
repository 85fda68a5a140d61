"""Passkeys and security keys (WebAuthn): what the browser is asked, and whether its answer holds.

The challenge of a ceremony derives from the token of the session. It is as random as the token, and
it is good once, since passing the step replaces the token; so nothing needs to be stored for it.
``fido2`` parses and verifies. It is imported on use: few requests need it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature

from kb.errors import Forbidden, Invalid
from kb.people.credentials import digest
from kb.people.person import Person

if TYPE_CHECKING:
    from fido2.cose import CoseKey
    from fido2.server import Fido2Server

#: COSE algorithms: ES256 (nearly every authenticator), EdDSA, RS256 (Windows Hello).
_ALGORITHMS = (-7, -8, -257)
_NOT_MADE = "The passkey could not be registered. Try again, or use another device."


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The portal as passkeys know it. Passkeys belong to ``host`` and work at ``origin`` only.

    ``address`` also tells portals on one host apart.
    """

    name: str
    host: str
    origin: str
    address: str


@dataclass(frozen=True, slots=True)
class Passkey:
    """A registered passkey. ``credential`` holds its ID and its public key, as WebAuthn has them.

    ``sign_count`` is the authenticator's own counter, and always 0 for passkeys that are synced.
    """

    id: int
    name: str
    credential_id: bytes
    credential: bytes
    sign_count: int
    created: dt.datetime
    used: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class NewPasskey:
    credential_id: bytes
    credential: bytes
    sign_count: int


def relying_party(name: str, base_url: str) -> RelyingParty | None:
    """None where browsers offer no passkeys: at IP addresses, and without https but on localhost.

    >>> relying_party("Help", "http://127.0.0.1:8000") is None
    True
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return None
    if parts.scheme != "https" and host != "localhost":
        return None
    return RelyingParty(name, host, f"{parts.scheme}://{parts.netloc}".lower(), base_url)


def challenge_for(token: str, ceremony: str) -> bytes:
    """``ceremony`` keeps an answer to one question from being one to another."""
    return digest(f"passkey {ceremony} {token}")


def registration_options(
    party: RelyingParty, person: Person, passkeys: Iterable[Passkey], challenge: bytes
) -> dict[str, Any]:
    """The JSON of ``PublicKeyCredentialCreationOptions``."""
    from fido2.webauthn import (
        PublicKeyCredentialUserEntity,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options, _ = _server(party).register_begin(
        PublicKeyCredentialUserEntity(
            name=person.email,
            # Another person, also of another portal on this host, must have another one: a
            # passkey takes the place of an earlier one with the same host and ID.
            id=hashlib.sha256(f"person {person.id} of {party.address}".encode()).digest(),
            display_name=person.name,
        ),
        credentials=_descriptors(passkeys),
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.PREFERRED,
        challenge=challenge,
    )
    return dict(options.public_key)


def verify_registration(
    party: RelyingParty, challenge: bytes, response: Mapping[str, Any]
) -> NewPasskey:
    """Raises Invalid unless a passkey was made for this portal and this challenge.

    Attestation is not asked for: the maker of an authenticator is nobody's business here.
    """
    try:
        data = _server(party).register_complete(_state(challenge), response)
        credential = data.credential_data
        is_usable = credential is not None and _verifies(credential.public_key)
    except Exception as error:  # whatever the library stumbles over came from outside
        raise Invalid(_NOT_MADE) from error
    if credential is None or not is_usable:
        raise Invalid(_NOT_MADE)
    return NewPasskey(credential.credential_id, bytes(credential), data.counter)


def _verifies(public_key: CoseKey) -> bool:
    """Whether the key can tell a signature: one that cannot would lock its owner out.

    Raises ValueError for what is no key, such as a point beside its curve.
    """
    try:
        public_key.verify(b"", b"")
    except InvalidSignature:
        return public_key.get(3) in _ALGORITHMS
    return False


def request_options(
    party: RelyingParty, passkeys: Iterable[Passkey], challenge: bytes
) -> dict[str, Any]:
    """The JSON of ``PublicKeyCredentialRequestOptions``."""
    from fido2.webauthn import UserVerificationRequirement

    options, _ = _server(party).authenticate_begin(
        _descriptors(passkeys),
        user_verification=UserVerificationRequirement.PREFERRED,
        challenge=challenge,
    )
    return dict(options.public_key)


def verify_assertion(
    party: RelyingParty,
    passkeys: Iterable[Passkey],
    challenge: bytes,
    response: Mapping[str, Any],
) -> tuple[Passkey, int]:
    """The passkey that answered, and its new counter. Raises Forbidden.

    A counter that does not grow is that of a copy (WebAuthn, section 6.1.1).
    """
    from fido2.webauthn import AttestedCredentialData, AuthenticationResponse

    by_id = {passkey.credential_id: passkey for passkey in passkeys}
    try:
        credentials = [AttestedCredentialData(passkey.credential) for passkey in by_id.values()]
        used = _server(party).authenticate_complete(_state(challenge), credentials, response)
        answer = AuthenticationResponse.from_dict(response)
        counter = answer.response.authenticator_data.counter
    except Exception as error:  # whatever the library stumbles over came from outside
        raise _refused() from error

    passkey = by_id[used.credential_id]
    if (counter or passkey.sign_count) and counter <= passkey.sign_count:
        raise _refused()
    return passkey, counter


def _server(party: RelyingParty) -> Fido2Server:
    from fido2.server import Fido2Server
    from fido2.webauthn import (
        AttestationConveyancePreference,
        PublicKeyCredentialParameters,
        PublicKeyCredentialRpEntity,
        PublicKeyCredentialType,
    )

    server = Fido2Server(
        PublicKeyCredentialRpEntity(name=party.name, id=party.host),
        attestation=AttestationConveyancePreference.NONE,
        verify_origin=lambda origin: origin == party.origin,  # no other subdomain
    )
    server.allowed_algorithms = [
        PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=algorithm)
        for algorithm in _ALGORITHMS
    ]
    return server


def _descriptors(passkeys: Iterable[Passkey]) -> list[Any]:
    from fido2.webauthn import PublicKeyCredentialDescriptor, PublicKeyCredentialType

    return [
        PublicKeyCredentialDescriptor(
            type=PublicKeyCredentialType.PUBLIC_KEY, id=passkey.credential_id
        )
        for passkey in passkeys
    ]


def _state(challenge: bytes) -> dict[str, Any]:
    """What ``fido2`` remembers of a ceremony between its question and the answer."""
    from fido2.utils import websafe_encode

    return {"challenge": websafe_encode(challenge), "user_verification": None}


def _refused() -> Forbidden:
    return Forbidden(
        "The passkey was not accepted. Try again, with a passkey that you registered here."
    )
