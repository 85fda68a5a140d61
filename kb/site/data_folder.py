"""Whose data a data folder holds, so that two sites of one name never share tickets."""

from __future__ import annotations

from pathlib import Path

from kb.errors import Misconfigured
from kb.settings import OWNER_FILE


def claim_data_folder(data: Path, site: Path) -> None:
    """Remembers the site in ``data``, which is created for its owner only.

    Raises Misconfigured when it holds the data of another site, unless that one is gone: a site may
    move.
    """
    owner, folder = data / OWNER_FILE, site.resolve()
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = Path(owner.read_text("utf-8").strip()) if owner.exists() else folder
        if known != folder and known.is_dir():
            raise Misconfigured(
                f"{data} holds the data of the site in {known}. Set KB_DATA to another folder for "
                f"the site in {folder}.",
                field="data",
            )
        if known != folder or not owner.exists():
            owner.write_text(f"{folder}\n", "utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Misconfigured(
            f"KB_DATA: {owner} cannot be used ({reason}). Choose a writable folder.", field="data"
        ) from None
