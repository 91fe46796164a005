"""Window sizes that reviewers use, and where pictures of pages go for people to look at."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

PICTURES = Path(__file__).parents[2] / "test-artifacts" / "looks"
SIZES: dict[str, ViewportSize] = {
    "1440x900": {"width": 1440, "height": 900},
    "1280x720": {"width": 1280, "height": 720},
}

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


def cut_off(page: Page) -> list[str]:
    """What is not wholly inside the window and its card, or whose text is larger than it; in words."""
    return list(
        page.evaluate(
            """() => (document.documentElement.scrollWidth > innerWidth ? ['the page is wider than the window'] : [])
              .concat([...document.querySelectorAll(
                'main :is(button, .button, input, select, table, .call, .result, .choice, .actions, '
                + '.card label, figcaption)')]
              .filter(one => one.checkVisibility({visibilityProperty: true, opacityProperty: true})
                 && !one.closest('.only-heard') && one.getBoundingClientRect().width > 1)
              .flatMap(one => {
                const box = one.getBoundingClientRect(), card = one.closest('.card, .panel')?.getBoundingClientRect()
                const name = `${one.tagName} ${one.className} "${(one.innerText || one.name || '').slice(0, 40)}"`
                const isOut = box.left < -1 || box.right > innerWidth + 1
                const isOver = card && (box.right > card.right + 1 || box.left < card.left - 1)
                const holdsText = one.matches('button, .button, .call, .choice, .actions, figcaption')
                const isSmall = holdsText && (one.scrollWidth > one.clientWidth + 1
                  || one.scrollHeight > one.clientHeight + 1)
                return isOut || isOver || isSmall ? [`${name} ${isOut ? 'window' : isOver ? 'card' : 'text'}`] : []
              }))"""
        )
    )
