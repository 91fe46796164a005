"""A model card is shown as formatted text, and can carry nothing into the page."""

import pytest

from kyc_review.core.markdown import markdown_html

CARD = """# Card

Made for **selfies**.

| set | recall |
|---|--:|
| one | 0.9 |

- first
"""


def test_headings_follow_the_pages_and_tables_are_tables() -> None:
    html = markdown_html(CARD, below=2)
    for part in (
        "<h3>Card</h3>",
        "<strong>selfies</strong>",
        "<th>set</th>",
        "<td>0.9</td>",
        "<li>first</li>",
    ):
        assert part in html
    assert "style=" not in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "text <img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "![a](https://evil.example/pixel.png)",
        "| a |\n|---|\n| <b onclick=x>b</b> |",
    ],
)
def test_nothing_of_a_card_is_run_or_loaded(text: str) -> None:
    html = markdown_html(text, below=2)
    for part in ("<script", "<img", 'href="javascript', "<b "):
        assert part not in html
