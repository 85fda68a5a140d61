"""Texts of mails in the languages of a site: what they replace, and mistakes with their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.errors import Misconfigured
from kb.site.mail_file import BUILT_IN_MAIL_TEXTS, load_mail_languages

GERMAN = """
[notices.replied]
subject = "Neue Antwort"
text = "Der Support hat Ihr Ticket {number} beantwortet."

[phrases]
wrote = "{author} schrieb:"
"""


def write(folder: Path, name: str, text: str) -> Path:
    (folder / "mail").mkdir(exist_ok=True)
    (folder / "mail" / name).write_text(text, "utf-8")
    return folder


def test_a_site_without_texts_has_the_built_in_ones(tmp_path: Path) -> None:
    assert load_mail_languages(tmp_path).of("de") is BUILT_IN_MAIL_TEXTS


def test_a_language_replaces_what_it_has_and_keeps_the_rest(tmp_path: Path) -> None:
    languages = load_mail_languages(write(tmp_path, "de.toml", GERMAN))

    german = languages.of("de-AT")
    assert german.language == "de"
    assert german.phrases["wrote"].format(author="Bob") == "Bob schrieb:"
    assert german.notices["replied"][0] == "Neue Antwort"
    assert german.notices["solved"] == BUILT_IN_MAIL_TEXTS.notices["solved"]
    assert languages.of("fr") is languages.of("") is BUILT_IN_MAIL_TEXTS


def test_texts_in_english_are_those_of_mails_without_a_language(tmp_path: Path) -> None:
    languages = load_mail_languages(write(tmp_path, "en.toml", '[phrases]\nstop = "Leave"'))
    assert languages.of("").phrases["stop"] == "Leave"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[notices.repleid]\ntext = "x"', 1),
        ('[notices.replied]\ntext = "{secret}"', 2),
        ('[notices.replied]\ntext = "{number.__class__}"', 2),
        ('[notices.replied]\ntext = "{number"', 2),
        ('[notices.replied]\nsubject = "{number}"', 2),
        ('[phrases]\nwrote = "{author} {body}"', 2),
        ('[phrases]\nwrites = "x"', 2),
        ("[phrases]\nwrote = 3", 2),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(Misconfigured) as refused:
        load_mail_languages(write(tmp_path, "de.toml", text))
    assert f"de.toml:{line}:" in refused.value.sentence


def test_a_file_that_names_no_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        load_mail_languages(write(tmp_path, "german texts.toml", GERMAN))
