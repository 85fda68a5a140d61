"""Two portals with data folders of their own serve one index and share the tickets."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from tests.databases import SERVER, location_of
from tests.stories.conftest import SITES, answering
from tests.webapp.test_cli import PATIENCE

pytestmark = pytest.mark.skipif(not SERVER, reason="no PostgreSQL: see .ci/services")

KB = [sys.executable, "-c", "from kb.cli import main; main()"]


@pytest.fixture
def shared(tmp_path: Path, s3_address: str) -> dict[str, str]:
    """The settings that both machines have, of the object store too."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    return kept | {
        "KB_SITE": str(SITES.parent),  # our own help centre
        "KB_DATABASE": str(location_of(tmp_path / "database", "postgresql")),
        "KB_BLOBS": s3_address,
        "KB_SECRET_KEY": "a key that both machines have in common",
        "KB_MEANING": "no",
        "KB_SUGGEST_BUDGET_MS": "5000",
        "KB_WORKERS": "1",
    }


def kb(machine: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [*KB, *arguments], env=machine, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    return done.stdout


def get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=PATIENCE) as response:
        return str(response.read().decode())


class Visitor:
    """A browser without scripts, with cookies of its own."""

    def __init__(self) -> None:
        cookies = urllib.request.HTTPCookieProcessor()
        self._opener = urllib.request.build_opener(cookies)

    def get(self, address: str) -> bytes:
        with self._opener.open(address, timeout=PATIENCE) as response:
            return bytes(response.read())

    def file(self, portal: str, fields: Mapping[str, object]) -> str:
        """Files a ticket with the form and returns the address of its page."""
        form = self.get(f"{portal}/tickets/new")
        (token,) = set(re.findall(rb'name="csrf_token" value="([^"]+)"', form))
        boundary, body = encode_multipart({"csrf_token": token.decode(), **fields})
        headers = {"Content-Type": f'multipart/form-data; boundary="{boundary}"'}
        request = urllib.request.Request(f"{portal}/tickets", body, headers)
        with self._opener.open(request, timeout=PATIENCE) as response:
            return str(response.url)


def test_what_is_filed_at_one_machine_is_read_at_the_other(
    shared: dict[str, str], tmp_path: Path
) -> None:
    first = shared | {"KB_DATA": str(tmp_path / "first")}
    second = shared | {"KB_DATA": str(tmp_path / "second")}
    kb(first, "index")
    pushed = json.loads(kb(first, "index", "push", "--json"))
    pulled = json.loads(kb(second, "index", "pull", "--json"))
    assert pulled["generation"] == pushed["generation"]

    with (
        answering((), first, tmp_path / "1.log") as one,
        answering((), second, tmp_path / "2.log") as two,
    ):
        path = "/api/v1/suggest?q=cannot+sign+in"
        suggested = json.loads(get(one + path))["suggestions"]
        assert json.loads(get(two + path))["suggestions"] == suggested != []

        ticket = {
            "title": "The backup stopped",
            "description": "It stopped at half past three.",
            "type": "problem",
            "severity": "question",
            "name": "Gina",
            "email": "gina@example.com",
        }
        request = urllib.request.Request(
            f"{one}/api/v1/tickets",
            json.dumps(ticket).encode(),
            {"Content-Type": "application/json", "Idempotency-Key": "one and only"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            filed = json.loads(response.read())
        link = f"{two}/tickets/{filed['url'].partition('/tickets/')[2]}"
        assert filed["number"] in get(link)
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(f"{link}x")  # another key opens nothing
        refused.value.close()

        log = bytes(range(32, 127)) * 1000
        file: dict[str, object] = {
            "attachments": FileStorage(io.BytesIO(log), "backup.log"),
            "key": "another",
        }
        gina = Visitor()
        page = gina.file(one, {**ticket, **file})
        (path,) = set(re.findall(rb'href="(/attachments/[^"]+)"', gina.get(page)))
        assert path in gina.get(page.replace(one, two))
        assert gina.get(two + path.decode()) == log
        with pytest.raises(urllib.error.HTTPError) as refused:
            Visitor().get(two + path.decode())
        assert refused.value.code == HTTPStatus.NOT_FOUND
        refused.value.close()
    assert not list(tmp_path.glob("*/attachments/**/*")), "it is in the store only"
