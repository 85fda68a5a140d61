"""The samples in the guide for websites: what they sign is accepted."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kb.programs.host_tokens import HostTokens

GUIDE = Path(__file__).parents[2] / "content/docs/integrators/signed-in-customers.md"
SECRET, PERSON = "s" * 64, "alice@example.com"
#: Language of a sample -> its interpreter, and how to print a token with it.
RUN = {
    "python": (sys.executable, f"print(askfirst_token('{SECRET}', '{PERSON}'))", "-c"),
    "js": ("node", f"console.log(askfirstToken('{SECRET}', '{PERSON}'))", "-e"),
    "php": ("php", f"echo askfirst_token('{SECRET}', '{PERSON}');", "-r"),
}


@pytest.mark.parametrize("language", RUN)
def test_a_token_of_the_sample_is_accepted(language: str) -> None:
    interpreter, call, option = RUN[language]
    if shutil.which(interpreter) is None:
        pytest.skip(f"{interpreter} is not installed")
    sample = re.search(rf"^```{language}\n(.*?)^```", GUIDE.read_text("utf-8"), re.S | re.M)
    assert sample
    answer = subprocess.run(
        [interpreter, option, f"{sample[1]}\n{call}"], capture_output=True, text=True, check=True
    )
    tokens = HostTokens("https://help.example.com", (f"2026a:HS256:{SECRET}",))
    identity = tokens.identity(
        answer.stdout.strip(), "https://www.example.com", now=dt.datetime.now(dt.UTC)
    )
    assert identity
    assert (identity.audience, identity.email) == ("customers", PERSON)
