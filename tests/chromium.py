"""Chromium for the tests that need one: a real one, opened once in each process.

The fixture belongs to all tests. Two fixtures in two folders would be two event loops, of which
Playwright allows one in a process.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

#: The shell comes first: it has no windows, and uses half as much CPU time.
NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
#: A whole Chromium opens windows that nobody sees; without these features, it at least opens no
#: pages for the address bar. It uses only the last list, so this one also contains what Playwright
#: turns off.
WITHOUT = (
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup,AvoidUnnecessaryBeforeUnloadCheckSync,"
    "DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,LensOverlay,"
    "MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,AvoidCorsURLLoaderRestartOnRedirect,"
    "OptimizationHints,NetworkTimeServiceQuerying,AimEnabled,PreconnectToSearch"
)


def executable() -> str:
    named = os.environ.get("CHROMIUM", "")
    found = named or next(filter(None, map(shutil.which, NAMES)), "")
    if not found:
        pytest.skip("No Chromium was found; install one, or name it in CHROMIUM.")
    assert Path(found).exists(), f"CHROMIUM={found} does not exist."
    return found


def _until_loaded(click: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(click)
    def click_and_load(place: Page | Locator, *arguments: Any, **options: Any) -> None:
        click(place, *arguments, **options)
        page = place if isinstance(place, Page) else place.page
        page.wait_for_load_state()

    return click_and_load


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A click that opens a page ends when that page has loaded, and so when its scripts have run.

    Playwright's own ends with the first bytes of the page. What a test does next would then
    sometimes meet a page without its scripts.
    """
    path = executable()
    arguments = ["--disable-gpu", "--disable-dev-shm-usage", f"--disable-features={WITHOUT}"]
    if sys.platform == "linux" and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's sandbox refuses root
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        for place in (Page, Locator):
            patch.setattr(place, "click", _until_loaded(place.click))
        browser = playwright.chromium.launch(executable_path=path, args=arguments, headless=True)
        yield browser
        browser.close()
