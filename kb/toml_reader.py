"""On which line of a TOML file does each value stand, and what is wrong there?

``tomllib`` gives values without places, so a small second reading notes the line of every key and
every element of an array. A ``Page`` collects all mistakes, each with its line, so that a person
repairs a file in one go. Not a parser of its own: it only reads what ``tomllib`` has accepted.
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
Place = tuple[str | int, ...]

_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|' r"'''.*?'{3,5}|" r'"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'", re.DOTALL
)
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN = re.compile(r"[^,\]}#\n]+")


class _Places:
    """One pass over valid TOML that notes the line of every path."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Place, int] = {}
        self.counts: dict[Place, int] = {}
        # Places only grow, so counting line ends from the last place asked for keeps the pass
        # linear.
        self._line, self._counted = 1, 0

    def read(self) -> dict[Place, int]:
        table: Place = ()
        self.skip()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.skip()
        return self.lines

    def skip(self) -> None:
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def note(self, path: Place) -> None:
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        self.lines.setdefault(path, self._line)

    def header(self) -> Place:
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        path = self.resolve(self.key())
        self.note(path)
        if array:
            number = self.counts.get(path, 0)
            self.counts[path] = number + 1
            path = (*path, number)
            self.note(path)
        self.at += 2 if array else 1
        return path

    def resolve(self, keys: Place) -> Place:
        """A header below an array of tables means its newest table."""
        path: Place = ()
        for n, key in enumerate(keys):
            path = (*path, key)
            if path in self.counts and n < len(keys) - 1:
                path = (*path, self.counts[path] - 1)
        return path

    def key(self) -> Place:
        keys: list[str] = []
        while True:
            self.skip()
            found = _STRING.match(self.text, self.at) or _BARE.match(self.text, self.at)
            if found is None:
                return tuple(keys)
            keys.append(found[0].strip("\"'"))
            self.at = found.end()
            self.skip()
            if not self.text.startswith(".", self.at):
                return tuple(keys)
            self.at += 1

    def pair(self, table: Place) -> None:
        start = self.at
        path = (*table, *self.key())
        end, self.at = self.at, start
        self.note(path)
        self.at = end + 1
        self.skip()
        self.value(path)

    def value(self, path: Place) -> None:
        self.note(path)
        if self.text[self.at] in "[{":
            self.many(path, array=self.text[self.at] == "[")
            return
        found = _STRING.match(self.text, self.at) or _PLAIN.match(self.text, self.at)
        self.at = found.end() if found else self.at + 1

    def many(self, path: Place, *, array: bool) -> None:
        self.at += 1
        self.skip()
        number = 0
        while self.at < len(self.text) and self.text[self.at] not in "]}":
            if array:
                self.value((*path, number))
            else:
                self.pair(path)
            number += 1
            self.skip()
            if self.text.startswith(",", self.at):
                self.at += 1
                self.skip()
        self.at += 1


class Page:
    """A TOML file under examination. Raises Misconfigured at once when it is no TOML at all."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.mistakes: list[tuple[int, str]] = []
        try:
            self.data = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise Misconfigured(_syntax(name, str(error))) from None
        self.lines = _Places(text.replace("\r\n", "\n")).read()

    @property
    def top(self) -> Table:
        return Table(self, (), self.data)

    def line(self, path: Place) -> int:
        """The line of ``path``, or of what contains it when it is missing."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def wrong(self, path: Place, sentence: str) -> None:
        self.mistakes.append((self.line(path), sentence))

    def refuse(self) -> None:
        """Raises Misconfigured with every mistake as ``file:line: sentence``, in order of lines."""
        if self.mistakes:
            found = dict.fromkeys(sorted(self.mistakes, key=lambda mistake: mistake[0]))
            raise Misconfigured(
                "\n".join(f"{self.name}:{line}: {sentence}" for line, sentence in found)
            )


def _syntax(name: str, message: str) -> str:
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    line = place[1] if place and place[1] else "1"
    reason = message[: place.start()] if place else message
    return f"{name}:{line}: This is not valid TOML: {reason[:200]}."


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a page. Getters return a harmless value after noting a mistake, so that reading
    goes on.
    """

    page: Page
    path: Place
    data: dict[str, Any]

    def wrong(self, sentence: str, *keys: str | int) -> None:
        self.page.wrong((*self.path, *keys), sentence)

    def only(self, known: Collection[str]) -> None:
        """Anything else is a mistake: most often a typing error that would silently change a
        promise.
        """
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

    def words(self, key: str) -> tuple[tuple[Place, str], ...]:
        """The texts of an array, each with its path; missing is empty."""
        values = self.data.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            self.wrong(f"{key!r} must be a list of texts in quotes.", key)
            return ()
        return tuple(((*self.path, key, n), value.strip()) for n, value in enumerate(values))

    def table(self, key: str) -> Table:
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            self.wrong(f"{key!r} must be a table.", key)
            value = {}
        return Table(self.page, (*self.path, key), value)

    def tables(self, key: str) -> Iterator[tuple[str, Table]]:
        """The named tables below ``key``."""
        group = self.table(key)
        for name in group.data:
            yield name, group.table(name)

    def array(self, key: str) -> tuple[Table, ...]:
        """The tables written as ``[[key]]``."""
        values = self.data.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            self.wrong(f"{key!r} must be written as [[{key}]], once for each.", key)
            return ()
        return tuple(
            Table(self.page, (*self.path, key, n), value) for n, value in enumerate(values)
        )

    @property
    def name(self) -> str:
        return (
            "["
            + ".".join(str(part + 1 if isinstance(part, int) else part) for part in self.path)
            + "]"
        )


def nearest(word: str, known: Collection[str]) -> str:
    """The end of a sentence about an unknown word: the likely one, or all that there are."""
    if not known:
        return "there is none to choose from."
    found = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {found[0]!r}?" if found else f"known are {', '.join(map(repr, known))}."
