"""What the guides for integrators say to paste works as it stands, but for the address."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kb import __version__
from tests.browser.conftest import Door, Site
from tests.browser.embed.conftest import EMBED, Bundle
from tests.browser.embed.foreign_pages import page
from tests.browser.embed.test_foreign_pages import foreign, type_title
from tests.browser.test_pages import check

__all__ = ["foreign"]  # the fixture
pytestmark = pytest.mark.browser

GUIDES = EMBED.parent / "content" / "docs" / "integrators"
PORTAL = "https://help.example.com"


def fences(guide: str, language: str) -> list[str]:
    text = (GUIDES / f"{guide}.md").read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def local(source: str, foreign: Site) -> str:
    """The same for the portal of the test, and with a form that is sent to the test."""
    source = source.replace(PORTAL, foreign.portal)
    source = source.replace(' method="post"', "")
    return re.sub(r'action="[^"]*"', 'action="/sent"', source)


def drive(shop: Page, foreign: Site, field: str) -> dict[str, list[str]]:
    type_title(shop, field)
    check(shop, shop.url)
    shop.keyboard.press("ArrowDown")
    shop.keyboard.press("Enter")
    expect(shop.locator(".askfirst-reader dialog")).to_contain_text("never backwards")
    shop.get_by_role("button", name="Still need help").click()
    shop.keyboard.press("Escape")
    shop.keyboard.press("Enter")
    shop.wait_for_url("**/sent?**")
    [sent] = foreign.sent
    return sent


@pytest.mark.parametrize(
    ("guide", "field", "trail"),
    [
        ("embed-html", "subject", "consulted"),
        ("embed-wordpress", "your-subject", "consulted"),
        ("embed-zendesk", "request[subject]", "request[custom_fields][360001]"),
        ("embed-jira", "summary", ""),
        ("embed-power-pages", "title", "cr1_consulted"),
    ],
)
def test_a_page_of_a_guide(visit: Door, foreign: Site, guide: str, field: str, trail: str) -> None:
    [body] = [text for text in fences(guide, "html") if "<form" in text]
    shop = visit().page
    shop.goto(foreign.put(f"/{guide}", page(local(body, foreign), tag="")))
    sent = drive(shop, foreign, f'[name="{field}"]')
    assert sent[field] == ["paper jam"]
    if trail:
        assert "rejected: Clear a paper jam" in sent[trail][0]


ROOT = '<div id="root"></div><script src="/bundle.js"></script>'


def test_the_component_of_the_guide_for_react(visit: Door, foreign: Site, bundle: Bundle) -> None:
    [source] = fences("embed-react", "jsx")
    start = """
import { createRoot } from "react-dom/client";
createRoot(document.getElementById("root")).render(<ContactForm />);
"""
    code = bundle(local(source, foreign) + start, "contact.jsx")
    foreign.put("/bundle.js", code, "text/javascript")
    shop = visit().page
    shop.goto(foreign.put("/guide-react", page(ROOT, tag="")))
    sent = drive(shop, foreign, "#subject")
    assert sent["subject"] == ["paper jam"]
    assert "rejected: Clear a paper jam" in sent["consulted"][0]

    shop.goto(foreign.address + "/guide-react")
    type_title(shop)
    shop.keyboard.press("ArrowDown")
    shop.keyboard.press("Enter")
    shop.get_by_role("button", name="This solved it").click()
    expect(shop.get_by_role("status")).to_contain_text("Clear a paper jam")
    expect(shop.locator(".askfirst")).to_have_count(0)


def test_the_directive_of_the_guide_for_vue(visit: Door, foreign: Site, bundle: Bundle) -> None:
    [directive] = [text for text in fences("embed-vue", "js") if "vAskfirst" in text]
    [component] = fences("embed-vue", "vue")
    template = component.split("<template>")[1].split("</template>")[0]
    start = f"""
import {{ createApp, ref }} from "vue";
createApp({{ setup: () => ({{ subject: ref("") }}), directives: {{ askfirst: vAskfirst }},
  template: {json.dumps(local(template, foreign))} }}).mount("#root");
"""
    foreign.put("/bundle.js", bundle(directive + start, "contact.js"), "text/javascript")
    shop = visit().page
    shop.goto(foreign.put("/guide-vue", page(ROOT, tag="")))
    assert drive(shop, foreign, "#subject")["subject"] == ["paper jam"]


def test_the_package_holds_what_the_portal_serves(packed: Path) -> None:
    with tarfile.open(packed) as archive:
        names = {member.name.removeprefix("package/") for member in archive}
        served = EMBED.parent / "webapp" / "static" / "embed"
        for name in ("main.js", "companion.js", "pack.js"):
            file = archive.extractfile(f"package/{name}")
            assert file
            assert file.read() == (served / name).read_bytes()
    manifest = json.loads((EMBED / "package.json").read_text("utf-8"))
    for entry in manifest["exports"].values():
        files = entry.values() if isinstance(entry, dict) else [entry]
        assert {name.removeprefix("./") for name in files} <= names
    assert {"README.md", "LICENSE"} <= names
    assert manifest["version"] == __version__
