"""Log reader: the line of a pasted log that says what went wrong, and what to search for.

A log is hundreds of lines of which one matters. Each line is classified by what is in it (the
tables below): an error, a frame of a stack trace, or noise. The deciding line becomes the query,
without time stamps, places in files and addresses, and with the codes of the lines that belong to
it. Text that is not a log is searched as it is. Pure; linear in the length of the text.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LOG_LENGTH = 100_000  # characters; of more, the beginning and the end are read
_MAX_LINE_LENGTH = 500  # characters; longer lines are cut at signs of a new entry, or here
_MAX_LINE_SHOWN = 300  # characters
_FOLLOWING = 12  # lines after the deciding one that may name its code, up to a blank one
_LONG = 200  # characters: a single line of more may be a log that lost its line ends

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TIME_STAMP = re.compile(
    r"^\s*[\[(]?(?:\d{4}[-/]\d\d[-/]\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?"
    r"(?:Z|[+-]\d\d:?\d\d)?[\])]?\s*|"
    r"^\s*\[?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?: \d{4})?\]?\s+(?:[\w.-]+ \S+?(?:\[\d+\])?: )?|"
    r"^##\[\w+\]\s*"
)
#: A place in a file, with the signs that lead to it.
_PLACE = re.compile(
    r"(?:-->\s*)?(?:[A-Za-z]:)?[\w./\\@~+-]*[\w-]\.\w{1,5}(?::\d+(?::\d+)?|\(\d+(?:,\d+)?\)):?|"
    r"(?:[A-Za-z]:)?(?:[\w.@~+-]*[/\\]){2,}[\w.@~+-]*:?|"
    r"\bline \d+(?:, col(?:umn)? \d+)?,?(?=\W|$)|^\s*\d+:\d+(?=\s)"
)
_ADDRESS = re.compile(
    r"\b0x[0-9a-fA-F]{5,}\b|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b|"
    r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b|\b[0-9a-f]{24,}\b|\b\d{7,}\b"
)
_SEVERITY = re.compile(
    r"^\W{0,12}(?:(?:npm )?ERR!|(?:fatal |internal )?error|fatal|panic|exception|failed|failure|"
    r"critical|severe|warning|warn|E)\b[:\]\s-]*",
    re.IGNORECASE,
)

#: What a code looks like, alone in brackets or after the message.
_BRACKETED_CODE = re.compile(r"[\[(`'\"/]([A-Za-z][a-z0-9]*(?:-[a-z0-9]+)+)[\])`'\"]")
_TRAILING_CODE = re.compile(r"\s{2,}((?:@?[\w-]+/)?[a-z][a-z0-9]*(?:-[a-z0-9]+)+)\s*$")
_SCOPED_CODE = re.compile(r"\b\w+::([a-z][\w-]+)")
_NUMBERED_CODE = re.compile(r"\b[A-Z]{1,8}-?\d{2,6}\b")
_EXCEPTION = re.compile(r"\b[\w.]{0,80}[a-z](?:Error|Exception|Warning|Failure)\b")

_FRAME = re.compile(
    r"^\s+at \S|^\s*File \"|^\s*-->|^\s*\|?\s*\^|^\s*\d+\s*\||^\s*=\s|^\s*\.\.\. \d+ more|"
    r"^\s*(?:Traceback|Stack trace|stack backtrace)\b|^\s*[$>+|]\s"
)
_CAUSE = re.compile(r"^\s*Caused by\b", re.IGNORECASE)
_NOTE = re.compile(r"\s*(?:=\s*)?(?:note|help):|\s*\[")
_ANY_CASE = re.IGNORECASE
#: Words that messages use to report an error.
_COMPLAINT = re.compile(
    r"\b(?:cannot|can't|can not|could not|couldn't|unable to|denied|refused|not found|"
    r"undefined|unexpected|invalid|missing|timed? ?out|expected|mismatch|unknown|"
    r"unsupported|not allowed|not supported|must|required|does not|is not|no such|already|"
    r"failed|conflict|forbidden|unauthori[sz]ed|corrupt(?:ed)?|out of memory|exceeded|"
    r"abort(?:ed)?)\b",
    _ANY_CASE,
)
#: Signs that only a line with an error report has, and how much each counts in choosing the line.
_SIGNS = (
    (
        4,
        re.compile(
            r"^\W{0,12}(?:fatal|panic|critical|severe|(?:fatal |internal )?error|err!|"
            r"failure|exception)\b|^\s*\d+:\d+\s+error\b|\[(?:error|crit|alert|emerg|fatal)\]",
            _ANY_CASE,
        ),
    ),
    (3, re.compile(r"^\W{0,12}(?:warning|warn)\b|^\s*\d+:\d+\s+warning\b", _ANY_CASE)),
    (2, re.compile(rf"\berror\s*(?:[:\[-]|{_NUMBERED_CODE.pattern}:)", _ANY_CASE)),
    (3, re.compile(r"^npm err(?:or)?!?\s", _ANY_CASE)),
    (6, _CAUSE),
    (3, _EXCEPTION),
    (2, re.compile(rf"^\W{{0,12}}{_NUMBERED_CODE.pattern}:")),
    (2, re.compile(r":\d+(?::\d+)?:\s")),
    # the name of a program before its message, as Unix programs write it
    (
        2,
        re.compile(
            r"^(?!(?:note|help|hint|see|edit|ps):)[a-z][\w.+-]{0,40}(?:\[\d+\])?: "
            rf".*(?i:{_COMPLAINT.pattern})"
        ),
    ),
)
#: Signs that other texts have, too, and signs against a line.
_HINTS = (
    (3, _BRACKETED_CODE),
    (3, _TRAILING_CODE),
    (2, _NUMBERED_CODE),
    (2, _COMPLAINT),
    # progress
    (
        -8,
        re.compile(
            r"^\W{0,12}(?:info|debug|trace|verbose|notice|npm (?:info|http|notice|verb)|"
            r"npm warn deprecated|downloading|downloaded|collecting|using cached|installing|"
            r"compiling|checking|updating|fetching|resolving|unpacking|preparing|building|"
            r"finished|added \d+|up to date|successfully|running|requirement already|get:\d+|"
            r"hit:\d+|step \d+|\w[\w-]{0,30}: (?:commands|install_deps))",
            _ANY_CASE,
        ),
    ),
    # lines that only say that something failed
    (
        -8,
        re.compile(
            r"\b(?:\d+|one|no) (?:problems?|errors?|warnings?|failures?)\b|process completed with|"
            r"\bexit(?:ed)?(?: with)?(?: code| status)?:? \d|lifecycle script|command failed|"
            r"aborting due to|could not compile|"
            r"npm err(?:or)?!? (?:code|path|command|errno|a complete)|"
            r"for more information|previous errors?|build failed|failed with error:?\s*$|"
            r"non-zero|make(?:\[\d+\])?: \*\*\*|InvocationError|\bFAIL code",
            _ANY_CASE,
        ),
    ),
    (-10, _FRAME),
    # a severity without a message
    (-10, re.compile(r"^\W*\w*\W*$")),
)
_WEIGHTS = (*_SIGNS, *_HINTS)
_DECIDES = 3  # a line of less is not an error
_TRACEBACK = re.compile(r"^\s*Traceback \(most recent call last\)")
_ENTRY_GAP = "   "  # what the title field puts between the lines of a log
_GAP = re.compile(r"\s{3,}")
#: Where an entry may begin in a log that lost its line ends.
_ENTRY = re.compile(
    r"(?=\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d)|(?=\b(?:ERROR|FATAL|error:|Error:|Exception)\b)|"
    r"(?=\s(?:at|in) [\w.$]{1,80}\()|   "
)


@dataclass(frozen=True, slots=True)
class PastedText:
    """What to search for; ``line`` is the line of a log that decided, as it was pasted."""

    query: str
    line: str | None = None


def read_pasted(text: str) -> PastedText:
    """What to search for in ``text``, which may be a log of any length."""
    if "\n" not in text.strip() and len(text) <= _LONG:
        return PastedText(text)
    if len(text) > MAX_LOG_LENGTH:
        text = f"{text[: MAX_LOG_LENGTH // 2]}\n{text[-MAX_LOG_LENGTH // 2 :]}"

    lines = list(_lines(text))
    deciding = _deciding(lines)
    if deciding is None:
        return PastedText(text)
    following = lines[deciding + 1 : deciding + 1 + _FOLLOWING]
    notes = itertools.takewhile(str.strip, following)
    codes = dict.fromkeys(code for line in notes for code in _noted_codes(line))
    query = " ".join([searched(lines[deciding]), *codes])
    return PastedText(query, lines[deciding].strip()[:_MAX_LINE_SHOWN])


def _lines(text: str) -> Iterator[str]:
    for line in _ANSI.sub("", text).splitlines():
        bare = _TIME_STAMP.sub("", line, count=1)
        if len(bare) <= _LONG * 2:
            yield bare
            continue
        for entry in _ENTRY.split(_GAP.sub(_ENTRY_GAP, bare)):
            for start in range(0, len(entry), _MAX_LINE_LENGTH):
                yield entry[start : start + _MAX_LINE_LENGTH]


def _deciding(lines: list[str]) -> int | None:
    """The number of the line that says what went wrong; None when none does.

    Of equal lines the first, as what follows is often a consequence; but the last cause of a cause.
    After a traceback the last line of it, where Python names the exception.
    """
    best, most = None, _DECIDES - 1
    in_traceback = False
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        if _TRACEBACK.match(line):
            in_traceback = True
            continue
        weight = line_weight(line)
        ends_traceback = in_traceback and bool(line[:1].strip()) and weight >= 0
        if ends_traceback:
            in_traceback = False
            weight += 4
        outweighs = weight > most or (weight == most and _CAUSE.match(line))
        if outweighs and (ends_traceback or any(sign.search(line) for _, sign in _SIGNS)):
            best, most = number, weight
    return best


def line_weight(line: str) -> int:
    """How much ``line`` looks like the one that decides; negative for frames and noise."""
    return sum(weight for weight, pattern in _WEIGHTS if pattern.search(line))


def searched(line: str) -> str:
    """The message of a line: without its severity, places in files and addresses; its codes
    stay.

    >>> searched("src/a.py:3:1: error: Name 'x' is not defined [name-defined]")
    "Name 'x' is not defined [name-defined]"
    """
    message = _SEVERITY.sub("", _PLACE.sub(" ", line).strip(), count=1)
    message = _ADDRESS.sub(" ", message)
    return " ".join(message.split()) or line.strip()


def _noted_codes(line: str) -> list[str]:
    """The codes that a note below a message names, as compilers write them."""
    if not _NOTE.match(line):
        return []
    return [code for pattern in (_BRACKETED_CODE, _SCOPED_CODE) for code in pattern.findall(line)]
