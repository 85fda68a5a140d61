"""The table of API keys. Queries are in ``kb.programs.repository``."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Integer, LargeBinary, Table, Text

from kb.database.metadata import METADATA, instant_column

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("key_hash", LargeBinary, nullable=False, unique=True),
    Column("hint", Text, nullable=False),  # the last characters, to tell keys apart
    Column("scopes", JSON, nullable=False),
    # NULL: a key without a person, which sees what is public and what its scopes say.
    Column(
        "person_id", Integer, ForeignKey("people.id", ondelete="CASCADE"), nullable=True, index=True
    ),
    instant_column("created_at"),
    instant_column("expires_at"),
    instant_column("revoked_at", optional=True),
    instant_column("used_at", optional=True),  # at most a minute old
)
