"""Public validators: schema-dts (Google's types of schema.org) for JSON-LD, redocly and
openapi-spec-validator for the API, TypeScript for the types of @askfirst/embed.

The other tests here check Atom and sitemaps with the grammars of RFC 4287 and sitemaps.org.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from tests.browser.embed.conftest import EMBED, npm
from tests.webapp.world import DOCUMENTS, THREAD, Portal, build, publish, settings_of

PACKAGES = ("@redocly/cli@2", "typescript@5", "schema-dts@2", "@types/react@19")
PAGES = ("/", "/docs", "/help/doc/jam", "/help/faq/password", "/help/forum/noisy")
USE = """
import { attach, configure, detach, type AskfirstOptions } from "./index";
import { AskfirstInput } from "./react";
const field = document.createElement("input");
configure({ portal: "https://help.example.com" });
const box = attach(field, (): AskfirstOptions => ({ limit: 3, token: async () => "a.b.c" }));
box.submitted();
document.addEventListener("askfirst:solved", ({ detail }) => detail.title.trim());
export const input = AskfirstInput({ askfirst: { onShown: (told) => told.suggestions[0] } });
detach(field);
configure({ portals: box.trail() });
"""


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with programs that are not part of this repository."""
    folder = tmp_path_factory.mktemp("tools")
    flags = ("--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0")
    order = [npm(), "install", *flags, "--fetch-timeout=20000", *PACKAGES]
    if subprocess.run(order, cwd=folder, capture_output=True, check=False).returncode:
        pytest.skip("npm could not load the validators.")
    return folder


@pytest.fixture
def portal(folder: Path) -> Portal:
    publish(folder / "data", (*DOCUMENTS, THREAD))
    return build(settings_of(folder, base_url="https://help.vendor.example"))


def run(tools: Path, program: str, *arguments: str) -> list[str]:
    """The lines in which a program reports errors; none if it finds none."""
    order = [str(tools / "node_modules" / ".bin" / program), *arguments]
    done = subprocess.run(order, cwd=tools, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines() if done.returncode else []


def compiled(tools: Path, file: str) -> list[str]:
    flags = ("--strict", "--skipLibCheck", "--jsx", "react-jsx", "--target", "es2022")
    return run(tools, "tsc", "--noEmit", *flags, "--moduleResolution", "bundler", file)


def test_structured_data_is_of_schema_org(portal: Portal, tools: Path) -> None:
    lines = ['import type { Graph, SearchAction, WithActionConstraints } from "schema-dts";']
    for number, path in enumerate((*PAGES, "/help/forum/answered")):
        page = portal.browser().page(path)
        [block] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)
        graph = json.loads(block)
        # The types know the inputs of an action only where it stands alone.
        actions = [thing.pop("potentialAction", None) for thing in graph["@graph"]]
        lines.append(f"export const page{number}: Graph = {json.dumps(graph)};")
        for action in filter(None, actions):
            kind = "WithActionConstraints<SearchAction>"
            lines.append(f"export const action{number}: {kind} = {json.dumps(action)};")
    (tools / "pages.ts").write_text("\n".join(lines), "utf-8")
    assert compiled(tools, "pages.ts") == []
    assert "WithActionConstraints<SearchAction> = " in "\n".join(lines)


def test_the_api_is_described_as_openapi_says(portal: Portal) -> None:
    description: dict[str, Any] = portal.browser().get("/openapi.json").json or {}
    validate(description)
    assert description["openapi"].startswith("3.1")


def test_redocly_finds_no_error_in_the_description(portal: Portal, tools: Path) -> None:
    (tools / "openapi.json").write_bytes(portal.browser().get("/openapi.json").get_data())
    assert run(tools, "redocly", "lint", "openapi.json") == []


def test_the_types_of_the_package_take_what_it_takes_and_nothing_else(tools: Path) -> None:
    for name in ("index.d.ts", "react.d.ts"):
        (tools / name).write_bytes((EMBED / name).read_bytes())
    (tools / "use.tsx").write_text(USE, "utf-8")
    [complaint] = compiled(tools, "use.tsx")
    assert "'portals' does not exist in type 'AskfirstOptions'" in complaint
