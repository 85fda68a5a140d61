"""winmail.dat: the files in it, whatever else is, and what a broken one does."""

from __future__ import annotations

import struct
from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st

from kb.mail.parsing.message import parse_message
from kb.mail.parsing.tnef import PackedFile, unpack

_HEAD = struct.pack("<IH", 0x223E9F78, 1)


def attribute(name: int, value: bytes, level: int = 2) -> bytes:
    checksum = struct.pack("<H", sum(value) & 0xFFFF)
    return struct.pack("<BII", level, name, len(value)) + value + checksum


def long_value(key: int, kind: int, value: bytes) -> bytes:
    padding = b"\0" * (-len(value) % 4)
    return struct.pack("<HHII", kind, key, 1, len(value)) + value + padding


def file(title: bytes, data: bytes, *properties: bytes) -> bytes:
    listed = struct.pack("<I", len(properties)) + b"".join(properties)
    return b"".join(
        (
            attribute(0x00069002, b"\1" + b"\0" * 13),
            attribute(0x00018010, title + b"\0"),
            attribute(0x0006800F, data),
            attribute(0x00069005, listed),
        )
    )


_LONG_NAME = long_value(0x3707, 0x1F, "Überlauf der Halle 4.log\0".encode("utf-16-le"))
_NUMBER = struct.pack("<HHI", 0x03, 0x370B, 7)
_NAMED = struct.pack("<HH", 0x03, 0x8005) + b"g" * 16 + struct.pack("<III", 0, 9, 7)
_OF_A_KIND = struct.pack("<HHIII", 0x1003, 0x1234, 2, 5, 6)
LOG = file(b"BERLA~1.LOG", b"It failed.\0\0", _NUMBER, _NAMED, _OF_A_KIND, _LONG_NAME)
WINMAIL = _HEAD + attribute(0x00069007, struct.pack("<II", 850, 0), 1) + LOG


def test_files_have_their_long_names_and_every_octet() -> None:
    two = WINMAIL + file(b"b\x81ro.txt", b"second")
    files = (PackedFile("Überlauf der Halle 4.log", b"It failed.\0\0"),)
    assert unpack(WINMAIL) == (files, True)
    assert unpack(two) == ((*files, PackedFile("büro.txt", b"second")), True)


def test_a_mail_within_gives_its_files_and_is_kept_itself() -> None:
    interface = bytes.fromhex("0703020000000000c000000000000046")
    inner = long_value(0x3701, 0x0D, interface + WINMAIL)
    files, is_whole = unpack(_HEAD + file(b"", b"", inner))
    assert [each.name for each in files] == ["Überlauf der Halle 4.log"]
    assert not is_whole


@given(st.integers(0, len(WINMAIL)), st.binary(max_size=40))
def test_a_broken_one_is_read_as_far_as_it_goes(cut: int, more: bytes) -> None:
    files, _ = unpack(WINMAIL[:cut] + more)
    assert sum(len(each.data) for each in files) <= cut + len(more)


@given(st.binary(max_size=300))
def test_anything_else_holds_no_files(data: bytes) -> None:
    assert not unpack(data)[1]


def message(data: bytes) -> bytes:
    mail = EmailMessage()
    mail["From"] = "alice@example.com"
    mail.set_content("See the log.")
    mail.add_attachment(data, "application", "ms-tnef", filename="winmail.dat")
    return mail.as_bytes()


def test_a_mail_has_the_files_instead_of_winmail_dat() -> None:
    parsed = parse_message(message(WINMAIL))
    assert [(each.name, each.data) for each in parsed.files] == [
        ("Überlauf der Halle 4.log", b"It failed.\0\0")
    ]
    assert parsed.notes == ()


def test_what_cannot_be_unpacked_is_kept_and_said() -> None:
    parsed = parse_message(message(WINMAIL[:-40]))
    assert [each.name for each in parsed.files][-1] == "winmail.dat"
    assert len(parsed.notes) == 1
