"""The table of webhook endpoints. Their deliveries are ``kb.notifications.tables.WEBHOOK_JOBS``."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, LargeBinary, Table, Text

from kb.database.metadata import METADATA, flag_column, instant_column

WEBHOOK_ENDPOINTS = Table(
    "webhook_endpoints",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("url", Text, nullable=False),
    Column("events", JSON, nullable=False),  # types; none means all
    Column("sealed_secret", LargeBinary, nullable=False),  # sealed with the signing key
    flag_column("active", default=True),
    instant_column("created_at"),  # what happened before is not sent
)
