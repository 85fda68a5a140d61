"""Attached files where the settings want them."""

from __future__ import annotations

from kb.blobs import open_store
from kb.settings import Settings
from kb.tickets.attachments.files import Attachments


def configured_attachments(settings: Settings) -> Attachments:
    """In the data folder, or in the store that machines share. Raises Misconfigured."""
    folder = settings.data / "attachments"
    if not settings.shares_blobs:
        return Attachments(folder)
    return Attachments(folder, open_store(settings.blob_address))
