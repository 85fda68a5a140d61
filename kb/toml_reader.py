"""TOML with line numbers: values, the line of each, and all mistakes of a file at once.

``tomllib`` gives values without positions, so a second, smaller pass notes the line of every key
and every array element. It only reads what ``tomllib`` has accepted, and is no parser of its own.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from kb.errors import Misconfigured

#: Keys and array positions from the top, such as ("calendars", "office", "closed", 2).
TomlPath = tuple[str | int, ...]

_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|' r"'''.*?'{3,5}|" r'"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'", re.DOTALL
)
_BLANKS = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_VALUE = re.compile(r"[^,\]}#\n]+")


class _LineFinder:
    """One pass over valid TOML that notes the line of every path."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._offset = 0
        self._lines: dict[TomlPath, int] = {}
        self._array_lengths: dict[TomlPath, int] = {}
        # Offsets only grow, so counting line ends from the last one keeps the pass linear.
        self._line, self._line_offset = 1, 0

    def find(self) -> dict[TomlPath, int]:
        table: TomlPath = ()
        self._skip_blanks()
        while self._offset < len(self._text):
            if self._text[self._offset] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip_blanks()
        return self._lines

    def _skip_blanks(self) -> None:
        if blanks := _BLANKS.match(self._text, self._offset):
            self._offset = blanks.end()

    def _note(self, path: TomlPath) -> None:
        self._line += self._text.count("\n", self._line_offset, self._offset)
        self._line_offset = self._offset
        self._lines.setdefault(path, self._line)

    def _header(self) -> TomlPath:
        is_array = self._text.startswith("[[", self._offset)
        self._offset += 2 if is_array else 1
        path = self._resolve(self._key())
        self._note(path)
        if is_array:
            position = self._array_lengths.get(path, 0)
            self._array_lengths[path] = position + 1
            path = (*path, position)
            self._note(path)
        self._offset += 2 if is_array else 1
        return path

    def _resolve(self, keys: TomlPath) -> TomlPath:
        """A header below an array of tables means its newest table."""
        path: TomlPath = ()
        for n, key in enumerate(keys):
            path = (*path, key)
            if path in self._array_lengths and n < len(keys) - 1:
                path = (*path, self._array_lengths[path] - 1)
        return path

    def _key(self) -> TomlPath:
        keys: list[str] = []
        while True:
            self._skip_blanks()
            match = _STRING.match(self._text, self._offset) or _BARE_KEY.match(
                self._text, self._offset
            )
            if match is None:
                return tuple(keys)
            keys.append(match[0].strip("\"'"))
            self._offset = match.end()
            self._skip_blanks()
            if not self._text.startswith(".", self._offset):
                return tuple(keys)
            self._offset += 1

    def _pair(self, table: TomlPath) -> None:
        start = self._offset
        path = (*table, *self._key())
        end_of_key, self._offset = self._offset, start
        self._note(path)
        self._offset = end_of_key + 1  # behind the equals sign
        self._skip_blanks()
        self._value(path)

    def _value(self, path: TomlPath) -> None:
        self._note(path)
        if self._text[self._offset] in "[{":
            self._elements(path, is_array=self._text[self._offset] == "[")
            return
        match = _STRING.match(self._text, self._offset) or _PLAIN_VALUE.match(
            self._text, self._offset
        )
        self._offset = match.end() if match else self._offset + 1

    def _elements(self, path: TomlPath, *, is_array: bool) -> None:
        self._offset += 1
        self._skip_blanks()
        position = 0
        while self._offset < len(self._text) and self._text[self._offset] not in "]}":
            if is_array:
                self._value((*path, position))
            else:
                self._pair(path)
            position += 1
            self._skip_blanks()
            if self._text.startswith(",", self._offset):
                self._offset += 1
                self._skip_blanks()
        self._offset += 1


class TomlFile:
    """A TOML file and the mistakes in it. Raises Misconfigured at once for what is not TOML."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.mistakes: list[tuple[int, str]] = []
        try:
            self.data = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise Misconfigured(_syntax_error(name, str(error))) from None
        self._lines = _LineFinder(text.replace("\r\n", "\n")).find()

    @property
    def top(self) -> TomlTable:
        return TomlTable(self, (), self.data)

    def line(self, path: TomlPath) -> int:
        """The line of ``path``, or of what contains it when it is missing."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def wrong(self, path: TomlPath, sentence: str) -> None:
        self.mistakes.append((self.line(path), sentence))

    def refuse(self) -> None:
        """Raises Misconfigured with every mistake as ``file:line: message``, ordered by line."""
        if self.mistakes:
            mistakes = dict.fromkeys(sorted(self.mistakes, key=lambda mistake: mistake[0]))
            raise Misconfigured(
                "\n".join(f"{self.name}:{line}: {message}" for line, message in mistakes)
            )


def _syntax_error(name: str, message: str) -> str:
    position = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    line = position[1] if position and position[1] else "1"
    reason = message[: position.start()] if position else message
    return f"{name}:{line}: This is not valid TOML: {reason[:200]}."


@dataclass(frozen=True, slots=True)
class TomlTable:
    """One table of a file. A getter that notes a mistake returns a harmless value, so that reading
    goes on.
    """

    file: TomlFile
    path: TomlPath
    data: dict[str, Any]

    def wrong(self, sentence: str, *keys: str | int) -> None:
        self.file.wrong((*self.path, *keys), sentence)

    def only(self, known: Collection[str]) -> None:
        """Notes every other key as a mistake: a typing error would silently change an SLA."""
        for key in self.data:
            if key not in known:
                self.wrong(f"{key!r} is not known here; {nearest(key, known)}", key)

    def text(self, key: str, default: str | None = None) -> str:
        value = self.data.get(key, default)
        if value is None:
            self.wrong(f"{self.name} needs {key!r}.")
        elif not isinstance(value, str):
            self.wrong(f"{key!r} must be text in quotes.", key)
        else:
            return value.strip()
        return default or ""

    def flag(self, key: str) -> bool:
        value = self.data.get(key, False)
        if not isinstance(value, bool):
            self.wrong(f"{key!r} must be true or false.", key)
            return False
        return value

    def choice(self, key: str, choices: Collection[str], default: str) -> str:
        value = self.text(key, default)
        if value not in choices:
            self.wrong(f"{key!r} is {value!r}; {nearest(value, choices)}", key)
            return default
        return value

    def words(self, key: str) -> tuple[tuple[TomlPath, str], ...]:
        """The texts of an array, each with its path; a missing array is empty."""
        values = self.data.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            self.wrong(f"{key!r} must be a list of texts in quotes.", key)
            return ()
        return tuple(((*self.path, key, n), value.strip()) for n, value in enumerate(values))

    def table(self, key: str) -> TomlTable:
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            self.wrong(f"{key!r} must be a table.", key)
            value = {}
        return TomlTable(self.file, (*self.path, key), value)

    def tables(self, key: str) -> Iterator[tuple[str, TomlTable]]:
        """The named tables below ``key``."""
        group = self.table(key)
        for name in group.data:
            yield name, group.table(name)

    def array(self, key: str) -> tuple[TomlTable, ...]:
        """The tables written as ``[[key]]``."""
        values = self.data.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            self.wrong(f"{key!r} must be written as [[{key}]], once for each.", key)
            return ()
        return tuple(
            TomlTable(self.file, (*self.path, key, n), value) for n, value in enumerate(values)
        )

    @property
    def name(self) -> str:
        parts = (str(part + 1 if isinstance(part, int) else part) for part in self.path)
        return f"[{'.'.join(parts)}]"


def nearest(word: str, known: Collection[str]) -> str:
    """The end of a message about an unknown word: the likely one, or all that exist."""
    if not known:
        return "none exist."
    matches = difflib.get_close_matches(word, known, n=1)
    return (
        f"did you mean {matches[0]!r}?" if matches else f"known are {', '.join(map(repr, known))}."
    )
