# ruff: noqa: E501 - samples are easier to read in one line
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.readers.language import _identifier, detect_language
from tests.indexer.conftest import Read

_SAID = {
    "en": "If you have lost the password, open the page and follow the link that is sent to you, and it can be set again.",
    "de": "Wenn Sie das Passwort nicht mehr wissen, öffnen Sie die Seite und folgen dem Link, der an Sie geschickt wird.",
    "fr": "Si vous avez perdu le mot de passe, ouvrez la page et suivez le lien qui est envoyé par le portail pour vous.",
    "es": "Si ha perdido la contraseña, abra la página y siga el enlace que se envía por correo para el usuario del portal.",
    "it": "Se non si ricorda la password, aprire la pagina e seguire il link che è inviato per posta con il nome della persona.",
    "pt": "Se não se lembra da senha, abra a página e siga o link que é enviado para você com os dados do seu acesso.",
    "nl": "Als u het wachtwoord niet meer weet, open de pagina en volg de link die aan u wordt gestuurd met het bericht van ons.",
    "pl": "Jeśli nie pamiętasz hasła, otwórz stronę i kliknij link, który jest wysłany do ciebie na adres z konta, lub napisz, że go nie ma.",
    "ru": "Если вы забыли пароль, откройте страницу и перейдите по ссылке, которая была отправлена вам по почте.",
    "uk": "Якщо ви забули пароль, відкрийте сторінку та перейдіть за посиланням, яке надіслано вам поштою.",
    "ja": "パスワードを忘れた場合は、ページを開いて、送信されたリンクをクリックしてください。",
    "zh": "如果您忘记了密码，请打开该页面并点击发送给您的链接，然后重新设置密码即可。",
    "ko": "비밀번호를 잊으셨다면 페이지를 열고 보내 드린 링크를 눌러 새로 설정하십시오.",
    "el": "Αν ξεχάσατε τον κωδικό, ανοίξτε τη σελίδα και ακολουθήστε τον σύνδεσμο που σας στάλθηκε.",
    "he": "אם שכחתם את הסיסמה, פתחו את הדף ולחצו על הקישור שנשלח אליכם בדואר.",
    "ar": "إذا نسيت كلمة المرور فافتح الصفحة واتبع الرابط الذي أرسل إليك بالبريد.",
    "fa": "اگر گذرواژه را فراموش کرده‌اید، صفحه را باز کنید و پیوندی را که برای شما پست شده دنبال کنید.",
    "th": "หากคุณลืมรหัสผ่าน ให้เปิดหน้านี้แล้วคลิกลิงก์ที่ส่งถึงคุณทางอีเมล",
    "tr": "Parolayı unuttuysanız bu sayfayı açın ve size gönderilen bir bağlantı için gibi ne var ise onu izleyin, çok kolay ve hızlı olarak.",
    "sv": "Om du har glömt lösenordet, öppna sidan och följ länken som är skickad till dig, och det kan inte ta en lång tid för att få den.",
}


@pytest.mark.parametrize("language", sorted(_SAID))
def test_twenty_languages_are_told_apart(language: str) -> None:
    assert detect_language(_SAID[language]) == language


@pytest.mark.parametrize(
    "text", ["", "Reset", "kb index --full", "x" * 5000, "42 " * 100, "der the le la het"]
)
def test_what_is_not_clear_has_no_language(text: str) -> None:
    assert detect_language(text) == ""


def test_a_language_without_a_code_of_two_letters_has_that_of_its_group_or_none() -> None:
    cantonese = "唔該你幫我睇吓呢個密碼點解用唔到，我哋嘅同事話佢哋都係咁。"
    assert _identifier().classify(cantonese)[0] == "yue"
    assert detect_language(cantonese) == "zh"
    assert _identifier().classify("uìÒ")[0] == "lij"
    assert detect_language("uìÒ") == ""


@given(st.text(max_size=300))
def test_any_text_is_looked_at(text: str) -> None:
    assert len(detect_language(text)) in (0, 2)


def test_what_a_file_says_wins_then_its_name_then_its_words(read: Read) -> None:
    german = f"# Passwort\n\n{_SAID['de']}"
    assert read("doc", "a.md", f"---\nlang: nl\n---\n{german}")[0][0].language == "nl"
    assert read("doc", "fr/a.md", german)[0][0].language == "fr"
    assert read("doc", "a.md", german)[0][0].language == "de"


def test_a_language_is_detected_by_script_or_function_words() -> None:
    assert detect_language("紙が詰まったときはカバーを開けて紙を取り除いてください。") == "ja"
    assert (
        detect_language(
            "This is what you do when it will not print and the paper is stuck in the tray of the "
            "printer."
        )
        == "en"
    )
    assert detect_language("print paper tray") == ""
