"""Tables of people: organisations, accounts, sessions, second factors, attempts, coupons, links.

Secrets are stored as hashes, and those of authenticator apps encrypted. Queries live in
``repository`` and ``contacts``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from kb.database.metadata import (
    METADATA,
    Instant,
    flag_column,
    instant_column,
    partial_index,
    reference_column,
    text_column,
)

ORGANISATIONS = Table(
    "organisations",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),
    text_column("category"),
    instant_column("created_at"),
    flag_column("shared_view"),  # contacts see each other's tickets
    Column("licence_addresses", JSON, nullable=False, server_default=text("'[]'")),
    instant_column("contract_from", optional=True),
    instant_column("contract_until", optional=True),
    text_column("location"),
    text_column("phone"),
)

PEOPLE = Table(
    "people",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("email", Text, nullable=False),
    # A guest is an unverified address that somebody typed, never the account of that address.
    flag_column("guest"),
    text_column("name"),
    Column("role", Text, nullable=False),
    reference_column("organisation_id", "organisations.id", optional=True),
    text_column("category"),
    Column("audience", Text, nullable=False, server_default="public"),
    Column("zone", Text, nullable=False, server_default="UTC"),
    Column("password_hash", Text),
    flag_column("active", default=True),
    text_column("deactivated_by"),  # operator or organisation: the side that may reactivate
    flag_column("demo"),  # the password is public: signs in on a demo portal only
    instant_column("created_at"),
    text_column("location"),  # empty: that of the organisation
    text_column("phone"),
    # The account that this one became a part of: what was written before still names this one.
    reference_column("merged_into", "people.id", optional=True),
    UniqueConstraint("email", "guest"),
    Index(None, "organisation_id"),
    partial_index(None, "merged_into", where="merged_into IS NOT NULL"),
)

#: What an organisation bought or tries. Purchases and licences are two views of the same rows.
LICENCES = Table(
    "licences",
    METADATA,
    Column("id", Integer, primary_key=True),
    reference_column("organisation_id", "organisations.id"),
    Column("number", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default="licence"),  # licence, trial
    text_column("product"),
    text_column("order_number"),
    instant_column("bought_at", optional=True),
    instant_column("valid_from", optional=True),
    instant_column("valid_until", optional=True),
    UniqueConstraint("organisation_id", "number"),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("token_hash", LargeBinary, primary_key=True),
    Column(
        "person_id",
        Integer,
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    instant_column("created_at"),
    Column("expires_at", Instant, nullable=False, index=True),
    text_column("client"),  # the browser's own name, so that its owner recognizes it
    text_column("second_step"),  # how it was passed (second_factor.steps), "" for not at all
)


def _owner_column(**options: Any) -> Column[int]:
    owner = ForeignKey("people.id", ondelete="CASCADE")
    return Column("person_id", Integer, owner, nullable=False, **options)


AUTHENTICATOR_APPS = Table(
    "authenticator_apps",
    METADATA,
    _owner_column(primary_key=True),
    Column("secret", LargeBinary, nullable=False),  # sealed with the signing key
    Column("last_step", Integer, nullable=False),  # of the last used code: none is used twice
    instant_column("created_at"),
)

PASSKEYS = Table(
    "passkeys",
    METADATA,
    Column("id", Integer, primary_key=True),
    _owner_column(index=True),
    Column("credential_id", LargeBinary, nullable=False, unique=True),
    Column("credential", LargeBinary, nullable=False),  # with the public key
    Column("sign_count", Integer, nullable=False),
    text_column("name"),
    instant_column("created_at"),
    instant_column("used_at", optional=True),
)

RECOVERY_CODES = Table(
    "recovery_codes",
    METADATA,
    _owner_column(),
    Column("code_hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("person_id", "code_hash"),
)

SIGN_IN_ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("id", Integer, primary_key=True),
    # Hashes: the address of a failed sign-in is often a mistyped password.
    Column("account", LargeBinary, nullable=False),
    Column("address", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False, index=True),
    Index(None, "account", "at"),
    Index(None, "address", "at"),
)

COUPONS = Table(
    "coupons",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("rule", Text, nullable=False),  # the key of the policy's coupon
    reference_column("person_id", "people.id"),
    instant_column("valid_from"),
    instant_column("valid_until"),
    Column("granted", Integer, nullable=False),
    CheckConstraint("granted >= 0", name="granted"),
)

CONTACT_ROLES = Table(
    "contact_roles",
    METADATA,
    reference_column("person_id", "people.id"),
    Column("role", Text, nullable=False),
    PrimaryKeyConstraint("person_id", "role"),
)

# Nothing of the person exists until the link in the mail is used.
INVITATIONS = Table(
    "invitations",
    METADATA,
    Column("id", Integer, primary_key=True),
    reference_column("organisation_id", "organisations.id"),
    Column("email", Text, nullable=False),
    text_column("name"),
    Column("roles", JSON, nullable=False, server_default=text("'[]'")),
    text_column("location"),
    text_column("phone"),
    instant_column("expires_at"),
    UniqueConstraint("organisation_id", "email"),
)

TOKENS = Table(
    "tokens",
    METADATA,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("purpose", Text, nullable=False),  # register, invite, join, reset, address
    Column("email", Text, nullable=False, index=True),
    Column("facts", JSON, nullable=False),
    instant_column("created_at"),
    instant_column("expires_at"),
    instant_column("used_at", optional=True),
)
