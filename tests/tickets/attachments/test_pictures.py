"""Pictures as they are shown: encoded again, whatever the file holds besides its pixels."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from kb.errors import NotFound
from kb.tickets.attachments.files import Attachments
from kb.tickets.ticket import Attachment, Upload

SCRIPT = b"<script>alert(1)</script>"


def picture(
    format_: str, size: tuple[int, int] = (40, 30), *, mode: str = "RGB", **about: object
) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, format_, **about)
    return stream.getvalue()


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as shown:
        return shown.size


def shown_picture(attachments: Attachments, attachment: Attachment) -> tuple[bytes, str]:
    file, media_type = attachments.picture(attachment)
    with file:
        return file.read(), media_type


@pytest.mark.parametrize("kind", ["PNG", "GIF", "JPEG"])
def test_nothing_but_the_pixels_is_shown(tmp_path: Path, kind: str) -> None:
    attachments = Attachments(tmp_path)
    sent = picture(kind, comment=SCRIPT) + SCRIPT
    [attachment] = attachments.put([Upload(f"a.{kind.lower()}", sent)])
    shown, media_type = shown_picture(attachments, attachment)
    assert SCRIPT not in shown
    assert media_type == ("image/jpeg" if kind == "JPEG" else "image/png")
    assert size_of(shown) == (40, 30)
    with attachments.open(attachment) as file:
        assert file.read() == sent, "the download stays as it was sent"
    assert shown_picture(attachments, attachment)[0] == shown
    attachments.erase([attachment.key])
    with pytest.raises(NotFound):
        attachments.picture(attachment)


def test_large_pictures_are_shown_smaller(tmp_path: Path) -> None:
    attachments = Attachments(tmp_path)
    [attachment] = attachments.put([Upload("a.png", picture("PNG", (4000, 500)))])
    assert size_of(shown_picture(attachments, attachment)[0]) == (1600, 200)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b"<svg>no"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + SCRIPT),
        ("a.png", picture("PNG")[:60]),
        ("a.jpg", b"\xff\xd8\xff" + SCRIPT),
        ("a.gif", b"GIF89a" + SCRIPT),
        ("a.png", picture("PNG", (8_000, 5_001), mode="1")),  # a pixel row too many
    ],
)
def test_what_is_no_picture_is_not_shown(tmp_path: Path, name: str, data: bytes) -> None:
    attachments = Attachments(tmp_path)
    [attachment] = attachments.put([Upload(name, data)])
    with pytest.raises(NotFound):
        attachments.picture(attachment)
