"""How is a database brought to the last revision? Alembic, called from here and never from its own
command line.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def config() -> Config:
    """Alembic's settings: only where the steps lie."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings


def upgrade(connection: Connection) -> None:
    """Runs what is missing inside the caller's transaction."""
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")
