"""The actions of somebody without a mouse."""

from __future__ import annotations

from playwright.sync_api import Page

_FOCUSED = "elements => elements.includes(document.activeElement)"
#: The focus is within the window, and has an outline.
_SEEN = """() => {
  const { top, bottom } = document.activeElement.getBoundingClientRect();
  const outline = getComputedStyle(document.activeElement).outlineStyle;
  return bottom > 0 && top < innerHeight && outline !== "none";
}"""


def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until the focus is there; the focus must be visible."""
    target = page.locator(selector)
    for _ in range(150):
        page.keyboard.press("Tab")
        if target.evaluate_all(_FOCUSED):
            assert page.evaluate(_SEEN), f"nobody sees that {selector} has the focus"
            return
    raise AssertionError(f"{selector} cannot be reached by Tab")
