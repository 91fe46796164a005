"""Window sizes that reviewers use, and where pictures of pages go for people to look at."""

from pathlib import Path

from playwright.sync_api import Page, expect

PICTURES = Path(__file__).parents[2] / "test-artifacts" / "looks"
SIZES = {"1440x900": {"width": 1440, "height": 900}, "1280x720": {"width": 1280, "height": 720}}


def fits(page: Page) -> bool:
    """Neither the page nor the panel needs scrolling."""
    return bool(
        page.evaluate(
            """() => [document.documentElement, document.querySelector('.panel')].every(
                 box => box.scrollHeight <= box.clientHeight && box.scrollWidth <= box.clientWidth)"""
        )
    )


def claim(page: Page) -> None:
    page.get_by_role("button", name="Claim next").click()
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
