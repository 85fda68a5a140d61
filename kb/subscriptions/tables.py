"""Table of subscriptions: one row for each topic and address."""

from __future__ import annotations

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, Text

from kb.database.metadata import METADATA, instant_column, text_column

SUBSCRIPTIONS = Table(
    "subscriptions",
    METADATA,
    Column("topic", Text, nullable=False),
    Column("address", Text, nullable=False),
    # Not a hash: the same link stands in every mail, and it opens nothing.
    Column("token", Text, nullable=False, unique=True),
    text_column("choice"),  # empty while nothing was confirmed; confirmed, left
    text_column("seen"),  # what was told last, in the words of the topic's kind
    instant_column("at"),
    PrimaryKeyConstraint("topic", "address"),
    Index(None, "address"),
)
