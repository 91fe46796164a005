"""Window sizes that reviewers use, and where pictures of pages go for people to look at."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

PICTURES = Path(__file__).parents[2] / "test-artifacts" / "looks"
SIZES = {"1440x900": {"width": 1440, "height": 900}, "1280x720": {"width": 1280, "height": 720}}

# Each size and each theme once; LONG_TESTS=1 has every pair.
LOOKS = pytest.mark.parametrize(
    ("size", "scheme"),
    [
        ("1440x900", "light"),
        ("1280x720", "dark"),
        pytest.param("1440x900", "dark", marks=pytest.mark.long),
        pytest.param("1280x720", "light", marks=pytest.mark.long),
    ],
)


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
