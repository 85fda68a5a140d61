"""The messages that the guides quote are the messages that the product prints."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.content.pages import CONTENT, literals, modules

_TROUBLESHOOTING = CONTENT / "docs" / "operators" / "troubleshooting.md"
_ATTACHMENTS = CONTENT / "docs" / "customers" / "attachments.md"
#: What differs from one message to the next, such as a name or a number.
_VALUE = re.compile(r"'?\.\.\.'?|\b(?:\d+\.)*\d+\b|KB_\w+|\w+\.toml(?::\d+)?")


def quoted_messages() -> list[str]:
    headings = re.findall(r"^### (.+)$", _TROUBLESHOOTING.read_text("utf-8"), re.MULTILINE)
    refusals = re.findall(
        r"^(?:- )?\*(\.\.\. .+?)\*", _ATTACHMENTS.read_text("utf-8"), re.MULTILINE
    )
    return [*headings, *refusals]


@cache
def product_text() -> str:
    text = "\n".join(literal for path in modules() for literal in literals(path))
    return re.sub(r"[ ]+", " ", text)


def test_the_guides_quote_messages() -> None:
    assert len(quoted_messages()) > 20


@pytest.mark.parametrize("message", quoted_messages())
def test_a_quoted_message_is_one_that_the_product_prints(message: str) -> None:
    for part in _VALUE.split(message):
        assert part.strip(" :;") in product_text(), part
