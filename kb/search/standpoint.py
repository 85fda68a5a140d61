"""Standpoint: what is known of a reader besides the query, by which some documents fit better."""

from __future__ import annotations

from typing import NamedTuple


class Standpoint(NamedTuple):
    """The reader's language, the names of the product in question, and its version; all optional.

    Documents in another language or about other versions only come later. Those about other
    products are not suggested.
    """

    language: str = ""
    products: tuple[str, ...] = ()
    version: str = ""


ANYWHERE = Standpoint()
