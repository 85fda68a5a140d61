"""The files in a winmail.dat, into which Outlook packs them when it sends rich text (TNEF,
[MS-OXTNEF]).

Only the files are read, because the text of such a mail is also in a separate part. The format does
not compress, so the files are never larger than the winmail.dat itself. Pure.

We parse the format ourselves because the library tnefparse is no longer maintained (its last
release is from 2021), and cuts zero bytes off the end of files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_SIGNATURE = 0x223E9F78
_MOST_FILES = 200
_DEEPEST = 3  # mails in mails

_RENDERING, _TITLE, _DATA, _PROPERTIES = 0x00069002, 0x00018010, 0x0006800F, 0x00069005
_CODE_PAGE = 0x00069007

_LONG_NAME, _NAME, _SHOWN_NAME, _OBJECT = 0x3707, 0x3704, 0x3001, 0x3701
_TEXT, _UNICODE, _EMBEDDED, _BINARY = 0x1E, 0x1F, 0x0D, 0x102
#: Octets of a value by its type, with what fills it up to four.
_SIZES = {0x02: 4, 0x03: 4, 0x04: 4, 0x0A: 4, 0x0B: 4, 0x48: 16}
_SIZES |= dict.fromkeys((0x05, 0x06, 0x07, 0x14, 0x40), 8)
_MULTIPLE, _NAMED = 0x1000, 0x8000
#: Before a mail that is a file of the mail: the id of its interface.
_MESSAGE_ID = bytes.fromhex("0703020000000000c000000000000046")


@dataclass(frozen=True, slots=True)
class PackedFile:
    """``name`` may be empty."""

    name: str
    data: bytes


@dataclass(slots=True)
class _Found:
    """The properties of one file; if it has several names, the best one is used."""

    names: dict[int, str]
    data: bytes = b""
    mail: bytes = b""


class _Reader:
    """Raises struct.error if there are fewer bytes than requested."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    def __bool__(self) -> bool:
        return self._offset < len(self._data)

    def number(self, kind: str) -> int:
        (value,) = struct.unpack_from(f"<{kind}", self._data, self._offset)
        self._offset += struct.calcsize(kind)
        return int(value)

    def octets(self, count: int) -> bytes:
        if count > len(self._data) - self._offset:
            raise struct.error("It ends too early.")
        self._offset += count
        return self._data[self._offset - count : self._offset]


def unpack(data: bytes) -> tuple[tuple[PackedFile, ...], bool]:
    """The files that can be read, and whether these are all of them. They are not if one of them is
    a mail, whose text is not read, or if the end is missing.
    """
    found, is_whole = _found(data)
    files = tuple(_files(found, depth=1))[:_MOST_FILES]
    return files, is_whole and not any(file.mail for file in found)


def _files(found: Iterable[_Found], depth: int) -> Iterator[PackedFile]:
    for file in found:
        if file.mail and depth < _DEEPEST:
            yield from _files(_found(file.mail)[0], depth + 1)
        elif file.data:
            name = file.names[min(file.names)] if file.names else ""
            yield PackedFile(name, file.data)


def _found(data: bytes) -> tuple[list[_Found], bool]:
    """The files, and whether everything could be read."""
    files: list[_Found] = []
    reader, code_page = _Reader(data), "cp1252"
    try:
        if reader.number("I") != _SIGNATURE:
            return [], False
        reader.number("H")
        while reader and len(files) <= _MOST_FILES:
            reader.number("B")
            attribute = reader.number("I")
            value = reader.octets(reader.number("I"))
            reader.number("H")
            if attribute == _CODE_PAGE:
                code_page = f"cp{int.from_bytes(value[:4], 'little')}"
            elif attribute == _RENDERING:
                files.append(_Found({}))
            elif attribute in (_TITLE, _DATA, _PROPERTIES):
                files = files or [_Found({})]
                _learn(files[-1], attribute, value, code_page)
    except struct.error:
        return files, False
    return files, not reader


def _learn(file: _Found, attribute: int, value: bytes, code_page: str) -> None:
    if attribute == _DATA:
        file.data = value
    elif attribute == _TITLE:
        _name(file, 2, _text(value, code_page))
    else:
        for key, kind, content in _properties(value):
            rank = {_LONG_NAME: 0, _NAME: 1, _SHOWN_NAME: 3}.get(key)
            if rank is not None and kind in (_TEXT, _UNICODE):
                _name(file, rank, _text(content, "utf-16-le" if kind == _UNICODE else code_page))
            elif key == _OBJECT and content.startswith(_MESSAGE_ID):
                file.mail = content[len(_MESSAGE_ID) :]
            elif key == _OBJECT and not file.data:
                file.data = content


def _name(file: _Found, rank: int, name: str) -> None:
    if name:
        file.names[rank] = name


def _properties(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Id, type and value of each property, up to what cannot be read."""
    reader = _Reader(data)
    try:
        for _ in range(reader.number("I")):
            kind, key = reader.number("H"), reader.number("H")
            if key >= _NAMED:
                reader.octets(16)
                if reader.number("I"):
                    _padded(reader)
                else:
                    reader.number("I")
            kind, is_multiple = kind & ~_MULTIPLE, bool(kind & _MULTIPLE)
            is_long = kind in (_TEXT, _UNICODE, _EMBEDDED, _BINARY)
            if not is_long and kind not in _SIZES:
                return
            for _ in range(reader.number("I") if is_long or is_multiple else 1):
                yield key, kind, _padded(reader) if is_long else reader.octets(_SIZES[kind])
    except struct.error:
        return


def _padded(reader: _Reader) -> bytes:
    size = reader.number("I")
    value = reader.octets(size)
    reader.octets(-size % 4)
    return value


def _text(value: bytes, encoding: str) -> str:
    try:
        text = value.decode(encoding, "replace")
    except LookupError:
        text = value.decode("cp1252", "replace")
    return text.partition("\0")[0].strip()
