"""Reply text: what somebody wrote, apart from the quotation and the signature below it.

Own code, since the libraries for this take quadratic or cubic time on hostile input. Every line is
looked at once, together with at most a few lines below it, and no pattern sees more than a few
hundred characters. Nothing is thrown away: what is not the reply is kept as the other parts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReplyParts:
    """``text`` is what a person wrote for this mail; the others are folded away."""

    text: str
    signature: str = ""
    quoted: str = ""

    @property
    def folded(self) -> str:
        return "\n\n".join(part for part in (self.signature, self.quoted) if part)


#: Verbs of the line above a quotation: "On … wrote:", "Am … schrieb …:", "在…写道：".
_WROTE = (
    "wrote",
    "writes",
    "schrieb",
    "schreibt",
    "geschrieben",
    "a écrit",
    "a ecrit",
    "escribió",
    "escribio",
    "ha scritto",
    "escreveu",
    "schreef",
    "skrev",
    "kirjoitti",
    "napisał",
    "napisała",
    "napisał(a)",
    "napsal",
    "napsal(a)",
    "napísal",
    "írta",
    "a scris",
    "написал",
    "написала",
    "написав",
    "пишет",
    "έγραψε",
    "yazdı",
    "şunu yazdı",
    "viết",
    "menulis",
    "va escriure",
    "kirjutas",
    "rakstīja",
    "rašė",
    "je napisao",
    "je napisal",
    "写道",
    "寫道",
    "写入",
    "のメール",
    "書きました",
    "작성",
    "님이 쓴 글",
    "כתב",
    "كتب",
    "ได้เขียน",
)
_FROM = frozenset(
    {
        "from",
        "von",
        "de",
        "da",
        "van",
        "fra",
        "från",
        "lähettäjä",
        "od",
        "feladó",
        "от",
        "від",
        "από",
        "kimden",
        "gönderen",
        "发件人",
        "寄件者",
        "寄件人",
        "差出人",
        "送信者",
        "보낸 사람",
        "보낸사람",
        "מאת",
        "message du",
        "expéditeur",
        "remitente",
        "remetente",
        "mittente",
        "afzender",
        "avsändare",
        "absender",
        "від кого",
        "отправитель",
        "من",
        "từ",
        "dari",
    }
)
_OTHER_HEADERS = frozenset(
    {
        *("sent", "date", "to", "cc", "subject", "reply-to", "importance"),
        *("gesendet", "datum", "an", "betreff", "kopie"),
        *("envoyé", "envoyé le", "à", "a", "objet", "sujet", "copie à", "cc", "copie"),
        *("enviado", "enviado el", "enviada em", "para", "asunto", "assunto", "fecha", "data"),
        *("inviato", "data", "oggetto", "per conto di"),
        *("verzonden", "aan", "onderwerp"),
        *("sendt", "dato", "til", "emne", "skickat", "till", "ämne", "kopia"),
        *("lähetetty", "päivämäärä", "vastaanottaja", "aihe"),
        *("wysłano", "do", "temat", "wysłane", "odesláno", "komu", "předmět"),
        *("elküldve", "címzett", "tárgy", "дата", "отправлено", "кому", "тема", "копия"),
        *("надіслано", "στάλθηκε", "προς", "θέμα", "gönderildi", "kime", "konu", "tarih"),
        *("发送时间", "收件人", "主题", "日期", "抄送", "寄件日期", "收件者", "主旨", "傳送時間"),
        *("送信日時", "日時", "宛先", "件名", "보낸 날짜", "날짜", "받는 사람", "제목"),
        *("נשלח", "אל", "נושא", "تاريخ", "إلى", "الموضوع"),
    }
)
_ORIGINAL = frozenset(
    {
        *("original message", "original-nachricht", "originalnachricht", "ursprüngliche nachricht"),
        *("ursprungliche nachricht", "message d'origine", "message d’origine", "message original"),
        *("mensaje original", "mensagem original", "messaggio originale", "oorspronkelijk bericht"),
        *("originele bericht", "oprindelig besked", "opprinnelig melding", "originalmeddelande"),
        *("ursprungligt meddelande", "alkuperäinen viesti", "wiadomość oryginalna"),
        *("původní zpráva", "eredeti üzenet", "исходное сообщение", "пересылаемое сообщение"),
        *("αρχικό μήνυμα", "özgün ileti", "原始邮件", "原始郵件", "元のメッセージ", "원본 메시지"),
        *("forwarded message", "forwarded by", "weitergeleitete nachricht", "message transféré"),
        *("message transmis", "mensaje reenviado", "mensagem encaminhada", "messaggio inoltrato"),
        *("doorgestuurd bericht", "videresendt besked", "vidarebefordrat meddelande"),
        *("wiadomość przekazana", "转发邮件", "轉寄郵件", "reply message", "reply above this line"),
    }
)
_ATTRIBUTION_LINES = 4
_HEADER_LINES = 6
_LONGEST_LINE = 400  # characters that a pattern sees
_MOST_SIGNATURE_LINES = 15
_MAX_LINES = 50_000

_BLANK = "\u200b\u200e\u200f\ufeff"
_ADDRESS = re.compile(r"[\w.+%'=-]{1,64}@[\w.-]{1,100}")
_VERB = re.compile(
    rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(_WROTE, key=len, reverse=True)))})(?![\w])"
    r"|写道|寫道|のメール|작성",
    re.IGNORECASE,
)
#: Begins a line above a quotation in some language, or is a date that does.
_BEGINS = re.compile(
    r"(?:on|am|le|el|il|em|op|den|on|w dniu|dne|dňa|dana|в|на|στις|på|tir|man|ons|tor|fre|lør|søn"
    r"|在|於|于|a|ma|ke|to|pe|la|su|de|no|в|пн|вт|ср|чт|пт|сб|вс|\d|\w{2,12}[.,]{0,2}\s+\d|\"|<)",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"[-_=*~•–—\s]{2,}")
_MOBILE = re.compile(
    r"(?:sent from (?!the\b)\S.{0,60}|sent (?:with|via|by) \S.{0,40}|get outlook for .{2,60}"
    r"|(?:von|mit) mein\w* \S.{0,40}gesendet\S{0,10}|gesendet (?:von|mit|über) \S.{0,50}"
    r"|diese nachricht wurde von mein\w* .{2,40}gesendet\S{0,10}"
    r"|holen sie sich outlook für .{2,40}|outlook für .{2,20} herunterladen"
    r"|envoy\w+ (?:de|depuis) \S.{0,50}|télécharger outlook .{2,40}|obtenir outlook .{2,40}"
    r"|envia\w+ (?:desde|do|de|a partir d)\S* \S.{0,50}|obtener outlook .{2,40}"
    r"|inviato da\S* \S.{0,50}|verzonden (?:vanaf|met|vanuit) \S.{0,50}"
    r"|(?:sendt|skickat|skickades) fr[aå]n? \S.{0,50}|lähetetty \S.{0,50}"
    r"|wysłane? z \S.{0,50}|odesláno z \S.{0,50}|отправлено (?:с|из) \S.{0,50}"
    r"|发自我的.{0,30}|從我的.{0,30}|iphoneから送信|나의 iphone.{0,20})[.!]?",
    re.IGNORECASE,
)
_QUOTE = re.compile(r"\s{0,3}(?:>|&gt;)")
_BAR = re.compile(r"\|")
_HEADER = re.compile(r"[\s>*_]{0,8}([^:：*]{1,24}?)[\s\xa0*_]{0,4}[:：][\s\xa0*_]{0,4}(.{0,80})")


def split_reply(text: str) -> ReplyParts:
    """The parts of a text in plain lines.

    >>> split_reply("Thank you.\\n\\nOn 3 May 2027, Bob <b@example.com> wrote:\\n> Hello").text
    'Thank you.'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > _MAX_LINES:
        return ReplyParts(text.strip())
    shown = [line.strip(_BLANK).strip()[:_LONGEST_LINE] for line in lines]
    cut, resumes = _quotation(shown)
    own, quoted = lines[:cut], lines[cut:]
    if not _has_words(shown[:cut]) and resumes < len(lines):
        # Written below the quotation, or between its lines, which then give the answers a sense.
        own, quoted = lines[resumes:], lines[cut:resumes]
        shown = shown[resumes:]
    end = _signature(shown[: len(own)])
    reply = _trimmed(own[:end])
    if not reply and end < len(own) and not quoted:
        return ReplyParts(_trimmed(own))  # nothing but a signature is all that was written
    if not reply and any(line.strip() and not _QUOTE.match(line) for line in quoted[3:]):
        return ReplyParts(_trimmed(lines))  # a mail that was passed on, or quotes in its own way
    return ReplyParts(reply, _trimmed(own[end:]), "\n".join(quoted).strip())


def _quotation(lines: Sequence[str]) -> tuple[int, int]:
    """Where the quotation begins, and where lines of one's own go on below it (or the end)."""
    for position in range(len(lines)):
        begins = _begins_quotation(lines, position)
        if begins:
            return position, _behind(lines, position + begins)
    first = len(lines)
    while first and (not lines[first - 1] or _QUOTE.match(lines[first - 1])):
        first -= 1
    if any(_QUOTE.match(line) for line in lines[first:]):
        return first, len(lines)
    leading = _first_block(lines)
    return (0, leading) if leading else (len(lines), len(lines))


def _first_block(lines: Sequence[str]) -> int:
    """The end of a quotation without a header at the very top, 0 without one."""
    position = 0
    while position < len(lines) and (not lines[position] or _QUOTE.match(lines[position])):
        position += 1
    quotes = any(_QUOTE.match(line) for line in lines[:position])
    again = any(_QUOTE.match(line) for line in lines[position:])
    return position if quotes and not again else 0


def _behind(lines: Sequence[str], start: int) -> int:
    """The end of the quoted lines below a header; without any, all that follows is quoted."""
    position = start
    while position < len(lines) and not lines[position]:
        position += 1
    if position == len(lines):
        return position
    # Some people's editors quote with a bar.
    mark = _BAR if lines[position].startswith("|") else _QUOTE
    if not mark.match(lines[position]):
        return len(lines)
    last = max(n for n in range(position, len(lines)) if mark.match(lines[n]))
    between = lines[position:last]
    if any(line and not mark.match(line) for line in between):
        return position  # answers between the lines
    return last + 1 if _has_words(lines[last + 1 :]) else len(lines)


def _begins_quotation(lines: Sequence[str], position: int) -> int:
    """How many lines the header of a quotation has here, 0 if none begins."""
    line = lines[position]
    if not line:
        return 0
    bare = line.lstrip("> ").strip("-_=*~ •\t\xa0").rstrip(":：").strip().lower()
    if bare in _ORIGINAL and (line[0] in "-_=*~>" or line.endswith((":", "："))):
        return 1
    header = _header_block(lines, position)
    if header:
        return header
    return _attribution(lines, position)


def _header_block(lines: Sequence[str], position: int) -> int:
    """The header lines that mail programs of offices copy: From, Sent, To, Subject."""
    name = _header_name(lines[position])
    if name not in _FROM and name not in _OTHER_HEADERS:
        return 0
    names, end = {name}, position + 1
    for line in lines[position + 1 : position + 1 + _HEADER_LINES]:
        name = _header_name(line)
        if name in _FROM or name in _OTHER_HEADERS:
            names.add(name)
        elif len(names) >= 3 or not (not line or _is_continuation(line)):
            break
        end += 1
    has_sender = not names.isdisjoint(_FROM)
    return end - position if has_sender and len(names) >= 3 else 0


def _header_name(line: str) -> str:
    header = _HEADER.match(line)
    return header[1].strip().lower() if header else ""


def _is_continuation(line: str) -> bool:
    return bool(_ADDRESS.search(line)) or len(line) < 60


def _attribution(lines: Sequence[str], position: int) -> int:
    """A line such as "On … wrote:", which clients wrap into up to four."""
    first = lines[position].lstrip(">-–* ")
    if not _BEGINS.match(first):
        ends = first.endswith((":", "：")) and bool(_VERB.search(first[-40:]))
        return int(ends and _quote_follows(lines, position + 1))
    joined = ""
    for count, line in enumerate(lines[position : position + _ATTRIBUTION_LINES], 1):
        if not line or (count > 1 and _is_quoted(line) and not lines[position].startswith(">")):
            break
        joined = f"{joined} {line}".strip()[: 2 * _LONGEST_LINE]
        if _is_attribution(joined, quote_follows=_quote_follows(lines, position + count)):
            return count
    return 0


def _quote_follows(lines: Sequence[str], position: int) -> bool:
    return any(_QUOTE.match(line) for line in lines[position : position + 2])


def _is_quoted(line: str) -> bool:
    """But for the end of an address that a client has wrapped: ``>:``."""
    return bool(_QUOTE.match(line)) and line.strip("> :") != ""


def _is_attribution(text: str, *, quote_follows: bool) -> bool:
    """A date, and an address or a verb; a person may begin a sentence like this, too."""
    if len(text) > _LONGEST_LINE:
        return False
    digits = sum(c.isdigit() for c in text)
    has_address = bool(_ADDRESS.search(text))
    verb = _VERB.search(text)
    if verb is not None and digits:
        behind = text[verb.end() :].strip(" :：")
        if not behind:
            return has_address or quote_follows or (digits >= 4 and text.endswith((":", "：")))
        return text.endswith((":", "：")) and (has_address or quote_follows) and len(behind) < 100
    return text.endswith((":", "：")) and digits >= 4 and has_address


def _signature(lines: Sequence[str]) -> int:
    """Where the signature begins, else the end."""
    below = sum(map(bool, lines))
    any_words = False
    for position, line in enumerate(lines):
        below -= bool(line)
        is_ruler = line == "--" or (line.startswith("__") and not line.strip("_"))
        if is_ruler and below <= _MOST_SIGNATURE_LINES:
            return position
        if any_words and _MOBILE.fullmatch(line):
            return position
        any_words = any_words or bool(line and not _SEPARATOR.fullmatch(line))
    return len(lines)


def _has_words(lines: Sequence[str]) -> bool:
    return any(line and not _SEPARATOR.fullmatch(line) for line in lines)


def _trimmed(lines: Sequence[str]) -> str:
    """Without blank lines and rulers at the ends."""
    kept = list(lines)
    while kept and (not kept[-1].strip() or _SEPARATOR.fullmatch(kept[-1].strip())):
        kept.pop()
    while kept and not kept[0].strip():
        kept.pop(0)
    return "\n".join(line.rstrip() for line in kept)
