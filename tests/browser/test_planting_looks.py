"""The values of planting: a long value wraps, its label does not."""

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import override
from playwright.sync_api import Page, expect

from kyc_review.planting.models import PlantingSettings

LINES = "one => { const all = new Range(); all.selectNodeContents(one); return all.getClientRects().length; }"


@pytest.mark.parametrize(("language", "label"), [("en", "Made of"), ("de", "Gemacht aus")])
def test_a_label_stays_on_one_line(page: Page, language: str, label: str) -> None:
    with override(language):
        values = render_to_string("planting/_values.html", {"row": PlantingSettings()})
    css = settings.BASE_DIR / "static" / "css"
    styles = "".join((css / f"{name}.css").read_text() for name in ("tokens", "base", "retraining"))
    page.set_viewport_size({"width": 1280, "height": 720})
    page.set_content(f"<style>{styles}</style><div style='width: 300px'>{values}</div>")
    term = page.get_by_role("term").filter(has_text=label)
    expect(term).to_be_visible()
    assert term.evaluate(LINES) == 1
